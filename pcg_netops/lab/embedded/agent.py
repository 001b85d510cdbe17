"""The agent: builds the lab inside its namespaces and serves the controller's calls.

Each call is a datagram on the control socket that carries one end of a new stream socket; request
and answer go over that, in a thread of the agent. So calls need no lock, and the end of the
control socket, or of the controller however it dies, is the end of the lab.
"""

from __future__ import annotations

import errno
import os
import select
import signal
import socket
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

from pcg_netops.errors import LabError, PcgError
from pcg_netops.lab.embedded import helpers, ipsec, links, wire
from pcg_netops.lab.embedded.build_plan import NodePlan, Plan
from pcg_netops.lab.embedded.node import Node
from pcg_netops.lab.embedded.start_order import Order
from pcg_netops.lab.embedded.syscalls import enter
from pcg_netops.lab.faults.active import Faults
from pcg_netops.lab.protocol import Fault

_KILL_PATIENCE = 2.0


def serve(control: int, controller: int) -> None:
    """Answer calls until the control socket or the controller (a pidfd) ends."""
    agent = Agent()
    channel = socket.socket(fileno=control)
    waiting = select.poll()
    waiting.register(channel, select.POLLIN)
    waiting.register(controller, select.POLLIN)
    while True:
        if any(descriptor == controller for descriptor, _ in waiting.poll()):
            return
        _, received, _, _ = socket.recv_fds(channel, 1, 1)
        if not received:
            return
        call = socket.socket(fileno=received[0])
        threading.Thread(target=agent.answer, args=(call,), daemon=True).start()


def each(act: Callable[[Node], None], nodes: Iterable[Node]) -> None:
    """Act on every node in a thread of its own, a few at once; raise the first error."""
    by_name = {node.plan.name: node for node in nodes}

    def in_turn(plan: NodePlan, order: Order) -> None:
        with order.stage(plan, ""):
            act(by_name[plan.name])

    Order(node.plan for node in by_name.values()).run(in_turn)


class Agent:
    """The lab from inside: one method for each call, named like it."""

    def __init__(self) -> None:
        self._run_dir = Path()
        self._ssh: socket.socket
        self._power = threading.Lock()
        self._breaking = threading.Lock()
        self._take({})
        self._protection: ipsec.Protection | None = None

    def answer(self, call: socket.socket) -> None:
        """Serve one call; an error is an answer too."""
        files: list[int] = []
        with call:
            try:
                request, _ = wire.receive(call)
                operation = getattr(self, "do_" + request.pop("call"))
                value = operation(**request)
                if isinstance(value, socket.socket):
                    files, value = [value.detach()], None
                answer = {"value": value}
            except PcgError as error:
                answer = {"error": [error.message, error.place, error.remedy]}
            except OSError as error:
                if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                    answer = {"defect": traceback.format_exc()}
                else:
                    answer = {"error": [error.strerror, str(error.filename or ""), "make room"]}
            except Exception:
                answer = {"defect": traceback.format_exc()}
            with suppress(OSError):  # the caller has gone
                wire.send(call, answer, files)
            for descriptor in files:
                os.close(descriptor)

    def do_up(self, plan: dict[str, Any]) -> dict[str, Any]:
        """Build and start everything; the answer has each managed node's public host key."""
        lab = Plan.from_json(plan)
        self._run_dir = Path(lab.run_dir)
        self._take({node.name: Node(node, self._log_of(node)) for node in lab.nodes})
        self._protect(lab.nodes)
        own = [node for node in self._nodes.values() if not node.plan.network_of]
        each(Node.create, own)
        each(
            lambda node: node.create(self._nodes[node.plan.network_of].network),
            [node for node in self._nodes.values() if node.plan.network_of],
        )
        managed = {n: node for n, node in self._nodes.items() if node.plan.management}
        ssh = _Task(lambda: self._start_ssh(lab.client_key, managed))
        networks = {name: node.network for name, node in self._nodes.items()}
        if lab.gateway:
            links.connect_management(lab, {name: networks[name] for name in managed})
        links.connect_cables(lab.links, networks)
        failures = self._boot(self._nodes.values(), keep=lab.keep, together=True)
        keys: dict[str, str] = ssh.result()
        self._ask_ssh("open", managed)
        warnings = [f"{n}: {said}" for n, node in self._nodes.items() for said in node.told()]
        warnings += _in_thread(lambda: list(links.shared_addresses(lab.links, networks)))
        return {"keys": keys, "warnings": warnings, "failures": failures}

    def _protect(self, nodes: Sequence[NodePlan]) -> None:
        """Find out who protects packets, and give each tunnel's ends their certificates."""
        ends = [node for node in nodes if node.tunnels]
        if ends:
            self._protection = _in_thread(ipsec.protection)
            ipsec.require(self._protection, ends)
            for name, files in ipsec.credentials(ends).items():
                self._nodes[name].protect(self._protection, files)

    def do_ipsec(self) -> str:
        """Who protects packets."""
        return self._protection or ""

    def do_run(self, node: str, argv: list[str], stdin: str, timeout: float) -> dict[str, Any]:
        """Run a command on a node."""
        return asdict(self._powered(node).run(argv, stdin, timeout))

    def do_connect(self, node: str, port: int, timeout: float) -> socket.socket:
        """Connect over the management network."""
        management = self._node(node).plan.management
        if not management:
            raise LabError("has no management address", place=node)
        address = management.split("/")[0]
        try:
            connection = socket.create_connection((address, port), timeout)
        except OSError as error:
            raise LabError(f"no connection to {address} port {port}: {error}", place=node) from None
        connection.settimeout(None)
        return connection

    def do_socket(self, node: str, family: int, kind: int, proto: int) -> socket.socket:
        """A socket in a node's network."""
        enter([self._powered(node).network])
        return socket.socket(family, kind, proto)

    def do_helper(self, module: str) -> socket.socket:
        """Start a helper process."""
        paths = {name: f"/proc/{node.holder}/ns/net" for name, node in self._nodes.items()}
        return helpers.start(module, {"netns": paths}, self._run_dir)

    def do_power_off(self, nodes: list[str]) -> None:
        """Cut the power of nodes that have it: links first, so that all go dark at one instant."""
        with self._power:
            off = [node for name in dict.fromkeys(nodes) if (node := self._node(name)).powered]
            for node in off:
                node.powered = False
            _in_thread(lambda: links.cut_links([node.network for node in off]))
            _kill(off)
            self._ask_ssh("close", [node.plan.name for node in off if node.plan.management])
            each(lambda node: node.forget(), off)

    def do_power_on(self, nodes: list[str]) -> None:
        """Start nodes that are off."""
        with self._power:
            on = [node for name in dict.fromkeys(nodes) if not (node := self._node(name)).powered]
            self._boot(on)
            for node in on:
                node.powered = True
            self._ask_ssh("open", [node.plan.name for node in on if node.plan.management])

    def do_fault(self, **fault: Any) -> None:
        """Break something."""
        wanted = Fault(**fault)
        self._powered(wanted.node)
        with self._breaking:
            self._faults.begin(wanted)

    def do_heal(self, **fault: Any) -> None:
        """Mend it."""
        with self._breaking:
            self._faults.heal(Fault(**fault))

    def do_faults(self) -> list[dict[str, Any]]:
        """What is broken."""
        return [asdict(fault) for fault in self._faults.active()]

    def do_nodes(self) -> dict[str, Any]:
        """Whether each node has power, and the processes it runs, by number."""
        spaces = {os.fstat(node.namespaces[2]).st_ino: name for name, node in self._nodes.items()}
        holders = {node.holder for node in self._nodes.values()}
        found: dict[str, Any] = {
            name: {"powered": node.powered, "processes": {}} for name, node in self._nodes.items()
        }
        for process in _processes():
            owner = spaces.get(_mounts_of(process) or 0)
            if owner is not None and process not in holders:
                found[owner]["processes"][str(process)] = _name_of(process)
        return found

    def do_processes(self) -> int:
        """How many processes the lab has."""
        return len(self._living())

    def do_memory(self) -> int:
        """Proportional set size of them all, in bytes."""
        return sum(_proportional_size(process) for process in self._living())

    def _take(self, nodes: dict[str, Node]) -> None:
        self._nodes = nodes
        self._faults = Faults(nodes, processes_of, self._reach, self._switch)

    def _living(self) -> list[int]:
        """Every process of the lab."""
        return _processes()

    def _reach(self, node: str, wanted: bool) -> None:
        with self._power:
            self._ask_ssh("open" if wanted else "close", [node])

    def _switch(self, node: str, on: bool) -> None:
        """A node's power."""
        act = self.do_power_on if on else self.do_power_off
        act([node])

    def _boot(
        self, nodes: Iterable[Node], *, keep: bool = False, together: bool = False
    ) -> tuple[str, ...]:
        by_name = {node.plan.name: node for node in nodes}
        plans = (node.plan for node in by_name.values())
        order = Order(plans, keep=keep, together=together)
        return order.run(lambda plan, order: by_name[plan.name].boot(order))

    def _log_of(self, plan: NodePlan) -> BinaryIO:
        """Where a node's own process writes, and the log that people read."""
        name = str(self._run_dir / f"{plan.name}.log") if plan.process else os.devnull
        return Path(name).open("ab")

    def _node(self, name: str) -> Node:
        try:
            return self._nodes[name]
        except KeyError:
            raise LabError(
                "the lab has no such node",
                place=name,
                remedy=f"its nodes: {', '.join(self._nodes)}",
            ) from None

    def _powered(self, name: str) -> Node:
        node = self._node(name)
        if not node.powered:
            raise LabError("is powered off", place=name)
        return node

    def _start_ssh(self, client_key: str, managed: dict[str, Node]) -> dict[str, str]:
        nodes = {
            name: {"process": node.holder, "address": str(node.plan.management).split("/")[0]}
            for name, node in managed.items()
        }
        first = {"client_key": client_key, "nodes": nodes}
        self._ssh = helpers.start("pcg_netops.lab.embedded.ssh_server", first, self._run_dir)
        keys: dict[str, str] = wire.receive(self._ssh)[0]
        return keys

    def _ask_ssh(self, act: str, nodes: Iterable[str]) -> None:
        """Have the SSH servers of nodes opened or closed; called by one thread at a time."""
        wire.send(self._ssh, {act: list(nodes)})
        try:
            answer, _ = wire.receive(self._ssh)
        except EOFError:
            raise LabError("the lab's SSH server has died", remedy="see its log") from None
        if answer:
            raise LabError(answer, place="the lab's SSH server")


class _Task:
    """Something done in a thread of its own meanwhile."""

    def __init__(self, act: Callable[[], Any]) -> None:
        self._act = act
        self._value: Any = None
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._value = self._act()
        except Exception as error:
            self._error = error

    def result(self) -> Any:
        self._thread.join()
        if self._error:
            raise self._error
        return self._value


def _in_thread(act: Callable[[], Any]) -> Any:
    """Do what changes the thread's namespaces in a thread that ends."""
    return _Task(act).result()


def _processes() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def _kill(nodes: Sequence[Node]) -> None:
    """Kill every process of the nodes, also those started meanwhile."""
    holders = {node.holder for node in nodes}
    spaces = {os.fstat(node.namespaces[2]).st_ino for node in nodes}
    deadline = time.monotonic() + _KILL_PATIENCE
    while living := [p for p in _processes() if p not in holders and _mounts_of(p) in spaces]:
        for process in living:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        if time.monotonic() > deadline:
            raise LabError(f"processes survive their end: {living}")
        time.sleep(0.002)


def processes_of(node: Node) -> list[int]:
    space = os.fstat(node.namespaces[2]).st_ino
    return [p for p in _processes() if p != node.holder and _mounts_of(p) == space]


def _mounts_of(process: int) -> int | None:
    try:
        return Path(f"/proc/{process}/ns/mnt").stat().st_ino
    except OSError:
        return None  # has ended


def _name_of(process: int) -> str:
    try:
        return Path(f"/proc/{process}/comm").read_text().strip()
    except OSError:
        return ""  # has ended


def _proportional_size(process: int) -> int:
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0  # has ended
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
