"""What a lab backend gives, whatever runs the nodes.

Everything above this line — pushes, probes, faults, the rehearsal — uses only `Lab`.
"""

from __future__ import annotations

import socket as sockets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol


@dataclass(frozen=True)
class Completed:
    """How a command on a node ended."""

    returncode: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class NodeState:
    """A node now. `processes` are the names of what it runs, by number within the lab."""

    powered: bool
    processes: dict[int, str]


FaultKind = Literal[
    "link-down",
    "carrier",
    "silent",
    "loss",
    "delay",
    "rate",
    "mtu",
    "power",
    "freeze",
    "kill",
    "bgp-shut",
    "rekey",
]
Direction = Literal["both", "in", "out"]


@dataclass(frozen=True)
class Fault:
    """Something wrong with a node, or with one interface of it.

    `value` is what the kind needs: per cent of packets lost, a delay in ms, a rate in kbit/s, an
    MTU in bytes, the name of a daemon, the address of a BGP peer, a tunnel's peer. `direction` is
    that of a loss, as the node sees it.
    """

    kind: FaultKind
    node: str
    interface: str = ""
    value: str = ""
    direction: Direction = "both"

    @property
    def target(self) -> str:
        """Node and interface, as people write them."""
        return f"{self.node}:{self.interface}" if self.interface else self.node


class Lab(Protocol):
    """A running virtual network. All methods may be called from any thread."""

    @property
    def known_hosts(self) -> Path:
        """An OpenSSH known_hosts file with the host key of every managed node."""

    @property
    def ipsec(self) -> str:
        """Who protects the packets of the lab's IPsec tunnels, in words; "" if it has none."""

    def run(
        self, node: str, argv: Sequence[str], *, stdin: str = "", timeout: float = 30.0
    ) -> Completed:
        """Run a command on the node. Raises LabError if it cannot be started or overruns."""

    def connect(self, node: str, port: int = 22, timeout: float = 10.0) -> sockets.socket:
        """A TCP connection from the management network to the node's management address."""

    def socket(self, node: str, family: int, kind: int, proto: int = 0) -> sockets.socket:
        """A new socket whose network is the node's; it stays there whoever holds it."""

    def helper(self, module: str) -> sockets.socket:
        """Start `python -m module` where it may enter each node's network namespace.

        It inherits a stream socket as file descriptor 3, whose other end is returned, and reads one
        JSON line first: {"netns": {node: path of its network namespace}}. It ends with the lab, and
        must end by itself when that socket is closed.
        """

    def power_off(self, nodes: Sequence[str]) -> None:
        """Cut the power: every process dies, every link goes dark, its memory is lost."""

    def power_on(self, nodes: Sequence[str]) -> None:
        """Restore the power: links come up and the node starts from its saved configuration."""

    def fault(self, fault: Fault) -> None:
        """Break something. Raises LabError where it cannot be broken so here, or is already."""

    def heal(self, fault: Fault) -> None:
        """End a fault that was begun. Raises LabError if there is none."""

    def faults(self) -> list[Fault]:
        """What is broken and not healed."""

    def processes(self) -> int:
        """How many processes the lab runs now."""

    def memory(self) -> int:
        """Bytes of memory the lab holds now, shared pages counted once (proportional set size)."""

    def down(self) -> None:
        """End every process, namespace, link and mount of the lab. Idempotent."""
