"""A lab that the real containerlab runs, with Docker, as root.

containerlab makes and ends it; all else is as in the embedded lab, since both give the namespaces
of each node. Unlike the embedded lab it outlives a process that is killed.
"""

from __future__ import annotations

import os
import socket as sockets
import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Self

from pcg_netops.errors import InputError, LabError, PcgError
from pcg_netops.lab.containers import program as containerlab
from pcg_netops.lab.containers.program import Container
from pcg_netops.lab.controller import OwnedLab
from pcg_netops.lab.embedded import ipsec, links
from pcg_netops.lab.embedded.agent import Agent, each, processes_of
from pcg_netops.lab.embedded.build_plan import NodePlan
from pcg_netops.lab.embedded.file_view import MEMORY
from pcg_netops.lab.embedded.layout import STARTUP, Layout, make_plan
from pcg_netops.lab.embedded.node import Node
from pcg_netops.lab.embedded.syscalls import enter, open_namespaces
from pcg_netops.lab.topology.support import StandIn

_START_S = 120.0
_POLL_S = 0.2
_STATE = Path("/run/pcg")
# What stays in memory through a power cut, as patterns of find(1).
_KEPT = ("/run/pcg", "/run/pcg/startup*", "/run/pcg/authorized_keys", "/run/pcg/never")
_HOST_KEY = Path("/etc/ssh/ssh_host_ed25519_key.pub")


class ContainerNode(Node):
    """A node in a container. One of our image can be cut from power, and started again."""

    def adopt(self, container: Container) -> None:
        """Take a container for this node. Raises LabError if it is none."""
        if Path(f"/proc/{container.process}/root").samefile("/"):
            raise LabError("has the machine's own files: it is no container", place=self.plan.name)
        self.holder = container.process
        # What is started on the node ends with it, and finds itself in its /proc.
        processes = os.open(f"/proc/{self.holder}/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
        self.namespaces = (*open_namespaces(self.holder), processes)
        # Once a thread is in the node, /proc is the node's.
        self._proc = os.open("/proc", os.O_RDONLY | os.O_CLOEXEC)
        # FRR wants its daemons' user in the group of its sockets.
        self.groups = [int(group) for group in self._status(str(self.holder))["Groups"].split()]

    def close(self) -> None:
        """Let go of the container."""
        for descriptor in (*self.namespaces, self._proc):
            os.close(descriptor)

    def await_start(self) -> None:
        """Return once our image's first process has started it. Moves the calling thread there."""
        enter(self.namespaces)
        deadline = time.monotonic() + _START_S
        while not (_STATE / "started").exists():
            with suppress(FileNotFoundError):
                if words := (_STATE / "failed").read_text().strip():
                    raise LabError(f"did not start:\n{words}", place=self.plan.name)
            if time.monotonic() > deadline:
                raise LabError(f"did not start within {_START_S:g} s", place=self.plan.name)
            time.sleep(_POLL_S)

    def let_in(self, client_key: str) -> str:
        """Let in who has this public key; the answer is the node's own. Moves the thread there."""
        enter(self.namespaces)
        keys = _STATE / "authorized_keys"
        keys.touch(mode=0o600)
        keys.write_text(client_key + "\n")
        return " ".join(_HOST_KEY.read_text().split()[:2])

    def forget(self) -> None:
        """Lose what a power cut loses, when nothing runs. Moves the calling thread there."""
        enter([self.network])
        links.forget_addresses_and_connections()
        enter(self.namespaces)
        self._run(["nft", "flush", "ruleset"], "", _START_S)
        # Nothing that comes from elsewhere, such as a folder that a topology binds.
        own = [folder for folder in MEMORY if os.stat(folder).st_dev == os.stat("/").st_dev]  # noqa: PTH116
        kept = [test for path in _KEPT for test in ("-not", "-path", path)]
        if own:
            self._run(["find", *own, "-xdev", "-mindepth", "1", *kept, "-delete"], "", _START_S)

    def process(self, number: int) -> int:
        """A container counts its processes anew. Raises LabError if it has none of that number."""
        for process in filter(str.isdigit, os.listdir(self._proc)):  # noqa: PTH208
            with suppress(OSError):  # it has ended, or is none of ours
                mounts = os.stat(f"{process}/ns/mnt", dir_fd=self._proc)
                known_as = self._status(process)["NSpid"].split()[-1]
                is_here = os.path.samestat(mounts, os.fstat(self.namespaces[2]))
                if is_here and known_as == str(number):
                    return int(process)
        raise LabError(f"has no process {number}", place=self.plan.name)

    def _status(self, process: str) -> dict[str, str]:
        status = os.open(f"{process}/status", os.O_RDONLY, dir_fd=self._proc)
        with os.fdopen(status) as lines:
            return dict(line.split(":", 1) for line in lines)

    def _start(self) -> None:
        self._run_start(["pcg-node", "start"])


class ContainerAgent(Agent):
    """Serves calls on nodes that are containers."""

    def __init__(self, run_dir: Path) -> None:
        super().__init__()
        self._run_dir = run_dir
        self._nothing = Path(os.devnull).open("ab")  # noqa: SIM115  closed with us
        self._ours: set[str] = set()

    def adopt(
        self, plans: Iterable[NodePlan], found: Mapping[str, Container], ours: set[str]
    ) -> None:
        """Take containers for nodes; those of `ours` run our image."""
        nodes: dict[str, Node] = {}
        for plan in plans:
            # containerlab starts what processes a node has, and Docker keeps what they say.
            node = ContainerNode(plan, self._nothing)
            node.adopt(found[plan.name])
            nodes[plan.name] = node
        self._ours = ours
        self._take(nodes)

    def close(self) -> None:
        """Let go of every container."""
        for node in self._nodes.values():
            assert isinstance(node, ContainerNode)
            node.close()
        self._nothing.close()

    def await_start(self, client_key: str) -> dict[str, str]:
        """Return once nodes of ours serve, with the host keys of those that can be logged in to."""
        keys: dict[str, str] = {}

        def enter_service(node: Node) -> None:
            assert isinstance(node, ContainerNode)
            node.await_start()
            if node.plan.management and node.plan.daemons:
                keys[node.plan.name] = node.let_in(client_key)

        each(enter_service, [self._nodes[name] for name in self._nodes if name in self._ours])
        return keys

    def do_power_off(self, nodes: list[str]) -> None:
        """The same, of nodes of our image: another's first process ends its container."""
        if others := [name for name in nodes if name not in self._ours]:
            raise LabError(
                "not available here: only a node of our own image can lose its power",
                place=", ".join(others),
                remedy="cut its links: pcg lab fault link-down NODE:INTERFACE",
            )
        super().do_power_off(nodes)

    def do_ipsec(self) -> str:
        """Who protects packets, by the words of the first end of a tunnel."""
        for name, node in self._nodes.items():
            if node.plan.tunnels and name in self._ours:
                said = node.run(["cat", str(_STATE / "esp")], "", _START_S).stdout.strip()
                return str(ipsec.Protection[said.upper()])
        return ""

    def _ask_ssh(self, act: str, nodes: Iterable[str]) -> None:
        """Each node has an SSH server of its own, which dies and starts with it."""

    def _living(self) -> list[int]:
        return [process for node in self._nodes.values() for process in processes_of(node)]


class ContainerlabLab(OwnedLab):
    """A lab (`Lab`) of containers."""

    backend = "containerlab"

    def __init__(self, topology: Path, run_dir: Path) -> None:
        super().__init__(run_dir)
        self._topology = topology
        self._agent = ContainerAgent(run_dir)
        self._is_up = True
        self._ends = os.pipe()

    @classmethod
    def start(
        cls,
        layout: Layout,
        topology: Path,
        run_dir: Path,
        *,
        strict: bool = True,
        keep: bool = False,
    ) -> Self:
        """Deploy the topology file; returns when every node of our image serves.

        With `keep` a lab is left up of which a node did not start. `strict` is as in the embedded
        lab, but for commands that containerlab runs itself and only logs. Raises InputErrors,
        EnvironmentLack, LabError.
        """
        containerlab.require()
        plans = make_plan(layout, "", run_dir, strict=strict).nodes
        try:
            run_dir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"cannot use the run folder: {error}", place=str(run_dir)) from None
        lab = cls(topology, run_dir)
        try:
            ipsec.write_startup(plans, STARTUP)
            containerlab.deploy(topology)
            lab._adopt(layout, plans)
            try:
                keys = lab._agent.await_start(lab._public_key())
            except LabError as error:
                if not keep:
                    raise
                keys, lab.failures = {}, (str(error),)
            lab._know({name: lab.addresses[name].split("/")[0] for name in keys}, keys)
        except PcgError as error:
            try:
                lab.down()
            except LabError as left:
                raise LabError(f"{error}\nand it could not be removed: {left}") from None
            raise
        except BaseException:
            lab.down()
            raise
        return lab

    def _adopt(self, layout: Layout, plans: Iterable[NodePlan]) -> None:
        found = containerlab.inspect(self._topology, layout.topology.name)
        self.addresses = {name: one.address for name, one in found.items() if one.address}
        plans = [
            replace(plan, management=self.addresses.get(plan.name))
            for plan in plans
            if not plan.is_bridge
        ]
        if lacking := [plan.name for plan in plans if plan.name not in found]:
            raise LabError(f"containerlab runs no container of {', '.join(lacking)}")
        ours = {plan.name for plan in plans if layout.runs_as(plan.name) is StandIn.OWN}
        self._agent.adopt(plans, found, ours)

    def down(self) -> None:
        """Have containerlab end every node. Idempotent. Raises LabError with its words."""
        if self._is_up:
            self._is_up = False
            self._agent.close()
            containerlab.destroy(self._topology)
            for descriptor in self._ends:
                os.close(descriptor)

    def hand_over(self, call: sockets.socket) -> None:
        """Have the agent serve the call at the other end of this stream socket."""
        if not self._is_up:
            raise self._ended()
        served = sockets.socket(fileno=os.dup(call.fileno()))
        threading.Thread(target=self._agent.answer, args=(served,), daemon=True).start()

    def fileno(self) -> int:
        """Never readable: a lab of containers ends only when it is told to."""
        return self._ends[0]

    def _ended(self) -> PcgError:
        return LabError("the lab is down")
