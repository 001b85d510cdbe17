"""The calls that a lab's agent serves, from whichever process."""

from __future__ import annotations

import socket as sockets
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from pcg_netops.errors import LabError, PcgError
from pcg_netops.lab.embedded import wire
from pcg_netops.lab.protocol import Completed, Fault, NodeState


class Calls(ABC):
    """What can be asked of a running lab's agent. All methods may be called from any thread."""

    def run(
        self, node: str, argv: Sequence[str], *, stdin: str = "", timeout: float = 30.0
    ) -> Completed:
        """Run a command on the node. Raises LabError if it cannot be started or overruns."""
        value, _ = self._call("run", node=node, argv=list(argv), stdin=stdin, timeout=timeout)
        return Completed(**value)

    def connect(self, node: str, port: int = 22, timeout: float = 10.0) -> sockets.socket:
        """A TCP connection from the management network to the node's management address."""
        return self._socket("connect", node=node, port=port, timeout=timeout)

    def socket(self, node: str, family: int, kind: int, proto: int = 0) -> sockets.socket:
        """A new socket whose network is the node's; it stays there whoever holds it."""
        return self._socket("socket", node=node, family=family, kind=kind, proto=proto)

    def helper(self, module: str) -> sockets.socket:
        """Start `python -m module` in the lab (see `Lab`); its last words on a failed start."""
        return self._socket("helper", module=module)

    @property
    def ipsec(self) -> str:
        """Who protects the packets of the lab's IPsec tunnels, in words; "" if it has none."""
        return str(self._call("ipsec")[0])

    def power_off(self, nodes: Sequence[str]) -> None:
        """Cut the power of nodes, all links first; those already off stay so."""
        self._call("power_off", nodes=list(nodes))

    def power_on(self, nodes: Sequence[str]) -> None:
        """Start nodes that are off from their saved configuration, /var/lib/pcg."""
        self._call("power_on", nodes=list(nodes))

    def fault(self, fault: Fault) -> None:
        """Break something. Raises LabError where it cannot be broken so here, or is already."""
        self._call("fault", **asdict(fault))

    def heal(self, fault: Fault) -> None:
        """End a fault that was begun. Raises LabError if there is none."""
        self._call("heal", **asdict(fault))

    def faults(self) -> list[Fault]:
        """What is broken and not healed."""
        return [Fault(**fault) for fault in self._call("faults")[0]]

    def nodes(self) -> dict[str, NodeState]:
        """Each node's power and processes now."""
        value, _ = self._call("nodes")
        return {
            name: NodeState(node["powered"], {int(k): v for k, v in node["processes"].items() if v})
            for name, node in value.items()
        }

    def processes(self) -> int:
        """How many processes the lab runs now."""
        return int(self._call("processes")[0])

    def memory(self) -> int:
        """Bytes of memory the lab holds now, shared pages counted once."""
        return int(self._call("memory")[0])

    @abstractmethod
    def _dial(self) -> sockets.socket:
        """A stream socket whose other end the agent serves."""

    @abstractmethod
    def _ended(self) -> PcgError:
        """Why the agent does not answer."""

    def _socket(self, call: str, **arguments: Any) -> sockets.socket:
        _, (descriptor,) = self._call(call, **arguments)
        return sockets.socket(fileno=descriptor)

    def _call(self, call: str, **arguments: Any) -> tuple[Any, list[int]]:
        try:
            with self._dial() as ours:
                wire.send(ours, {"call": call, **arguments})
                answer, files = wire.receive(ours)
        except (OSError, EOFError):
            raise self._ended() from None
        if "error" in answer:
            message, place, remedy = answer["error"]
            raise LabError(message, place=place, remedy=remedy)
        if "defect" in answer:
            raise PcgError(f"the lab's agent failed in `{call}`:\n{answer['defect']}")
        return answer["value"], files
