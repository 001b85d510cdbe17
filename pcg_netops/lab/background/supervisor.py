"""A lab that stays up in the background: a process of its own that holds it and serves others.

It owns the lab (which ends when it does), hands connections on its socket to the lab's agent, and
forwards ports of this machine's 127.0.0.1, for nodes have no way out of their namespaces.
"""

from __future__ import annotations

import ctypes
import json
import os
import selectors
import shutil
import signal
import socket as sockets
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pcg_netops.errors import EnvironmentLack, InputError, LabError, PcgError
from pcg_netops.lab import backends
from pcg_netops.lab.backends import Backend
from pcg_netops.lab.background import folders
from pcg_netops.lab.background.folders import KEY, LOG, SOCKET
from pcg_netops.lab.controller import OwnedLab
from pcg_netops.lab.embedded.layout import Layout
from pcg_netops.lab.export import inventories
from pcg_netops.lab.topology.support import BRIDGES

_LOCAL = "127.0.0.1"
_SSH = 22
_PORTS = 65_536
_CHUNK = 1 << 16
_MAKE_ROOM = "make room or give permission there; XDG_RUNTIME_DIR names another run folder"
_PR_SET_PDEATHSIG = 1
_KINDS = {kind.__name__: kind for kind in (EnvironmentLack, InputError, LabError, PcgError)}


@dataclass(frozen=True)
class Started:
    """A lab that is up: how it is known, and what went wrong that did not prevent it."""

    record: folders.Record
    warnings: tuple[str, ...]
    seconds: float


def start(
    layout: Layout,
    topology: Path,
    *,
    strict: bool = False,
    keep: bool = False,
    backend: Backend = "netns",
    settled: Callable[[], object] = lambda: None,
) -> Started:
    """Start a lab in the background. It is up, or nothing of it is left, when this returns.

    `settled` is called as it comes up: from then on an interruption does not take it down.
    `keep` leaves a lab up whose start failed; the record then has a `failure`. Raises InputError
    if a lab of that name runs, EnvironmentLack and LabError.
    """
    begun = time.monotonic()
    topology = topology.resolve()
    folder, alive = folders.claim(layout.topology.name)
    answers, theirs = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        os.close(answers)
        _end_with(parent)
        child_process = _Supervisor(
            layout, topology, folder, strict=strict, keep=keep, backend=backend
        )
        child_process.main(theirs, alive)
    try:
        os.close(theirs)
        os.close(alive)
        with os.fdopen(answers, encoding="utf-8") as lines:
            text = lines.read()
        settled()
    except BaseException:
        os.kill(child, signal.SIGTERM)
        os.waitpid(child, 0)
        shutil.rmtree(folder, ignore_errors=True)  # where it had not begun
        raise
    if not text:
        said = ""
        _, status = os.waitpid(child, 0)
        with suppress(OSError):
            said = (folder / LOG).read_text(errors="replace").strip()
        shutil.rmtree(folder, ignore_errors=True)
        raise LabError(f"the lab's supervisor has died (status {status})\n{said}".rstrip())
    answer = json.loads(text)
    if "error" in answer:
        os.waitpid(child, 0)
        kind, message, place, remedy = answer["error"]
        raise _KINDS.get(kind, PcgError)(message, place=place, remedy=remedy)
    record = folders.read(layout.topology.name)
    if record is None:
        raise LabError("the lab has ended as soon as it was up")
    return Started(record, tuple(answer["warnings"]), time.monotonic() - begun)


class _Supervisor:
    """The background process."""

    def __init__(
        self,
        layout: Layout,
        topology: Path,
        folder: Path,
        *,
        strict: bool,
        keep: bool,
        backend: Backend,
    ) -> None:
        self._layout = layout
        self._topology = topology
        self._folder = folder
        self._strict = strict
        self._keep = keep
        self._backend = backend
        self._lab: OwnedLab

    def main(self, answers: int, alive: int) -> None:
        """Start the lab, say so, serve it to its end. Never returns."""
        status = 0
        try:
            os.setsid()
            signal.signal(signal.SIGTERM, _leave)
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            self._detach(answers, alive)
            with ExitStack() as stack:
                stack.callback(shutil.rmtree, self._folder, ignore_errors=True)
                try:
                    answer = self._start(stack)
                except PcgError as error:
                    kind = type(error).__name__
                    answer = {"error": [kind, error.message, error.place, error.remedy]}
                except OSError as error:
                    said = f"cannot be written: {error.strerror}"
                    place = str(error.filename or self._folder)
                    answer = {"error": ["EnvironmentLack", said, place, _MAKE_ROOM]}
                _outlive_parent()
                with os.fdopen(answers, "w", encoding="utf-8") as lines:
                    lines.write(json.dumps(answer))
                if "error" not in answer:
                    self._serve()
        except SystemExit:
            pass
        except BaseException:
            traceback.print_exc()
            status = 1
        os._exit(status)

    def _detach(self, *kept: int) -> None:
        """Leave the terminal and what else was open; what is printed goes to a file."""
        with Path(os.devnull).open("rb") as nothing, (self._folder / LOG).open("ab") as log:
            os.dup2(nothing.fileno(), 0)
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
        os.chdir("/")
        for name in os.listdir("/proc/self/fd"):  # noqa: PTH208  closed while it is read
            descriptor = int(name)
            if descriptor > 2 and descriptor not in kept:
                with suppress(OSError):
                    os.close(descriptor)

    def _start(self, stack: ExitStack) -> dict[str, Any]:
        layout, folder = self._layout, self._folder
        doors = {
            name: stack.enter_context(sockets.create_server((_LOCAL, 0)))
            for name in layout.addresses
        }
        # Docker publishes the ports of containers itself.
        published = self._publish(stack) if self._backend == "netns" else {}
        ssh_ports = {name: door.getsockname()[1] for name, door in doors.items()}
        record = record_of(layout, self._topology, ssh_ports, self._backend)
        stack.enter_context(inventories.written(record, layout, folder))
        self._lab = backends.start(
            self._backend,
            layout,
            self._topology,
            folder,
            strict=self._strict,
            keep=self._keep,
        )
        stack.callback(self._lab.down)
        key = folder / KEY
        key.touch(0o600)
        key.write_text(self._lab.client_key)
        inventories.write_known_hosts(folder, record)
        server = stack.enter_context(sockets.socket(sockets.AF_UNIX))
        server.bind(str(folder / SOCKET))
        server.listen()
        self._listeners = {
            server: None,
            **{door: (name, _SSH) for name, door in doors.items()},
            **published,
        }
        failure = "\n".join(self._lab.failures)
        nodes = tuple(
            replace(node, ipv4=self._lab.addresses.get(node.name, node.ipv4))
            for node in record.nodes
        )
        folders.write(replace(record, failure=failure, nodes=nodes), folder)
        return {"warnings": self._lab.warnings}

    def _publish(self, stack: ExitStack) -> dict[sockets.socket, tuple[str, int]]:
        """Sockets of this machine for the ports that nodes publish: node and port of each."""
        found = {}
        for name in self._layout.addresses:
            for address, port, inner in published(self._layout, name):
                try:
                    server = stack.enter_context(sockets.create_server((address, port)))
                except OSError as error:
                    raise EnvironmentLack(
                        f"port {port} cannot be published: {error.strerror}",
                        place=name,
                        remedy="end what uses it, or publish another port",
                    ) from None
                found[server] = (name, inner)
        return found

    def _serve(self) -> None:
        """Hand on connections until the lab ends or is to end."""
        selector = selectors.DefaultSelector()
        for server, target in self._listeners.items():
            server.setblocking(False)
            selector.register(server, selectors.EVENT_READ, target)
        selector.register(self._lab, selectors.EVENT_READ)
        while True:
            for ready, _ in selector.select():
                listener: object = ready.fileobj
                if not isinstance(listener, sockets.socket):
                    return  # the lab, which has ended
                with suppress(BlockingIOError, ConnectionError):
                    connection, _ = listener.accept()
                    connection.setblocking(True)
                    self._take(connection, ready.data)

    def _take(self, connection: sockets.socket, target: tuple[str, int] | None) -> None:
        if target is None:
            with connection:
                self._lab.hand_over(connection)
            return
        threading.Thread(target=self._forward, args=(connection, *target), daemon=True).start()

    def _forward(self, connection: sockets.socket, node: str, port: int) -> None:
        """Copy both ways between a connection of this machine and a node's port."""
        with connection:
            try:
                inner = self._lab.connect(node, port)
            except PcgError:
                return  # the node is off, or does not listen: the connection closes
            with inner:
                back = threading.Thread(target=_copy, args=(inner, connection), daemon=True)
                back.start()
                _copy(connection, inner)
                back.join()


def _copy(source: sockets.socket, target: sockets.socket) -> None:
    with suppress(OSError):
        while data := source.recv(_CHUNK):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(sockets.SHUT_WR)


def _leave(number: int, frame: object) -> None:
    raise SystemExit


def _end_with(parent: int) -> None:
    """While the lab is not up yet, it must not outlive the command that starts it."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGTERM))
    if os.getppid() != parent:
        os._exit(1)  # it was gone before


def _outlive_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, ctypes.c_ulong(0))


def published(layout: Layout, name: str) -> Iterator[tuple[str, int, int]]:
    """Address and port of the machine, and the node's port, for each TCP port to publish.

    Raises InputError.
    """
    for text in layout.nodes[name].ports:
        spec, _, protocol = text.partition("/")
        *outer, inner = spec.split(":")
        if protocol in ("", "tcp"):
            address = outer[0] if len(outer) == 2 else _LOCAL
            ports = (outer[-1] if outer else inner, inner)
            if len(outer) > 2 or not all(p.isdecimal() and int(p) < _PORTS for p in ports):
                raise InputError(
                    f"node '{name}': '{text}' is not a port to publish, such as 8080:80"
                )
            yield address, int(ports[0]), int(ports[1])


def record_of(
    layout: Layout, topology: Path, ssh_ports: Mapping[str, int], backend: Backend
) -> folders.Record:
    """How this process's lab is known to others, before it is up."""
    nodes = []
    for name, node in layout.nodes.items():
        address, address6 = layout.addresses.get(name), layout.addresses6.get(name)
        nodes.append(
            folders.NodeRecord(
                name=name,
                long_name=layout.topology.long_name(name),
                kind=node.kind or "",
                image=node.image or "",
                group=node.group or "",
                ipv4=f"{address}/{layout.subnet.prefixlen}" if address else "",
                ipv6=f"{address6}/{layout.subnet6.prefixlen}" if address6 else "",
                ssh_port=ssh_ports.get(name),
                labels=dict(node.labels),
                is_bridge=node.kind in BRIDGES,
            )
        )
    links = [(str(link.ends[0]), str(link.ends[-1])) for link in layout.topology.links]
    return folders.Record(
        name=layout.topology.name,
        topology=str(topology),
        folder=str(layout.folder.resolve()),
        pid=os.getpid(),
        started=time.time(),
        owner=os.environ.get("SUDO_USER") or os.environ.get("USER") or str(os.getuid()),
        nodes=tuple(nodes),
        links=tuple(links),
        backend=backend,
    )
