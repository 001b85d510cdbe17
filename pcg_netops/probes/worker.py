"""The probe worker: a process of its own, so that a busy controller does not disturb the probes.

It is started by `Lab.helper`, which gives it a stream socket as descriptor 3, and serves `engine`
over it. Its event loop carries the clients and the servers of all flows. It ends when that socket
is closed.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import resource
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pcg_netops.probes.echo import SESSION, Files, Seen, TcpEcho, UdpEcho
from pcg_netops.probes.namespaces import Namespaces, ticker
from pcg_netops.probes.schedule import Schedule, now_ns
from pcg_netops.probes.session import SessionClient
from pcg_netops.probes.tcp import Dialler, TcpFlow
from pcg_netops.probes.udp import UdpFlow
from pcg_netops.probes.wire import FORGET_NS, TICK_NS, Spec, own_files

CONTROL = 3
LINE_LIMIT = 64 * 2**20
SWEEP_NS = 20_000_000
BACKLOG = 1024


class CannotStart(Exception):
    """A flow's socket could not be made; the message is for the user."""

    def __init__(self, flow: str, message: str) -> None:
        super().__init__(message)
        self.flow = flow


class Traffic:
    """All flows: their clients, their servers, and what they recorded."""

    def __init__(self, specs: list[Spec], netns: Mapping[str, str], most_files: int) -> None:
        self.specs = specs
        self._files = Files(most_files - own_files(specs))
        self.schedule = Schedule()
        self.flows: list[UdpFlow | TcpFlow] = []
        self.sessions: dict[int, SessionClient] = {}  # by flow number
        self._spaces = Namespaces(netns)
        self._sightings: dict[int, Seen] = {}
        self._listeners: dict[tuple[str, str, int, str], UdpEcho | TcpEcho] = {}
        for spec in specs:
            self._listen(spec)
        for spec in specs:
            self._add(spec)
        self.schedule.add(Sweeper(self.flows, list(self._listeners.values()), self.schedule))

    def _bound(self, spec: Spec, node: str, address: str, port: int) -> socket.socket:
        kind = socket.SOCK_DGRAM if spec.protocol == "udp" else socket.SOCK_STREAM
        try:
            sock = self._spaces.socket(node, kind)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, kind == socket.SOCK_STREAM)
            sock.bind((address, port))
        except KeyError:
            raise CannotStart(spec.name, f"the lab has no node {node}") from None
        except OSError as error:
            what = f"{spec.protocol} port {port}" if port else "a source"
            why = f"cannot use {address} as {what} on {node}: {error.strerror}"
            raise CannotStart(spec.name, why) from None
        return sock

    def _listen(self, spec: Spec) -> None:
        """Flows that end on the same address and port share a server."""
        key = (spec.server, spec.server_address, spec.port, spec.protocol)
        if key in self._listeners:
            return
        sock = self._bound(spec, spec.server, spec.server_address, spec.port)
        if spec.protocol == "udp":
            self._listeners[key] = UdpEcho(sock, self._sightings)
        else:
            sock.listen(BACKLOG)
            self._listeners[key] = TcpEcho(sock, self._sightings, self._files)

    def _source(self, spec: Spec) -> socket.socket:
        """A socket of a UDP flow's client, on a fresh port."""
        sock = self._bound(spec, spec.client, spec.source, 0)
        try:
            sock.connect((spec.target, spec.port))
        except OSError as error:
            why = f"{spec.client} cannot send to {spec.target}: {error.strerror}"
            raise CannotStart(spec.name, why) from None
        return sock

    def renew(self) -> None:
        """Give every UDP flow a fresh port."""
        for flow, spec in zip(self.flows, self.specs, strict=True):
            if isinstance(flow, UdpFlow):
                flow.renew(self._source(spec), spec.deadline_ns / 1e9)

    def _add(self, spec: Spec) -> None:
        number = len(self.flows)
        flow: UdpFlow | TcpFlow
        if spec.protocol == "udp":
            flow = UdpFlow(number, spec.interval_ns, self._source(spec))
        else:
            # This only shows that the source address is there.
            self._bound(spec, spec.client, spec.source, 0).close()
            dialler = Dialler(spec, self._spaces, self._files)
            flow = TcpFlow(number, spec, dialler, self.schedule)
            session = SessionClient(number, spec, dialler, self.schedule)
            self.sessions[number] = self._sightings[number | SESSION] = session
            self.schedule.add(session)
        self._sightings[number] = flow.record
        self.flows.append(flow)
        self.schedule.add(flow)


class Sweeper:
    """Housekeeping: deadlines, and memory."""

    interval_ns = SWEEP_NS

    def __init__(
        self,
        flows: list[UdpFlow | TcpFlow],
        listeners: list[UdpEcho | TcpEcho],
        schedule: Schedule,
    ) -> None:
        self._flows = flows
        self._tcp_flows = [flow for flow in flows if isinstance(flow, TcpFlow)]
        self._tcp_servers = [server for server in listeners if isinstance(server, TcpEcho)]
        self._schedule = schedule
        self._turn = 0

    def fire(self, now: int) -> None:
        for flow in self._tcp_flows:
            flow.sweep(now)
        self._turn += 1
        if self._turn % (FORGET_NS // SWEEP_NS) == 0:
            for server in self._tcp_servers:
                server.sweep(now, self._schedule)
        if self._turn % 50 == 0:
            for each in self._flows:
                each.record.trim(now)


class Control:
    """Answers the controller: one JSON line each, for some followed by raw columns."""

    def __init__(self, traffic: Traffic) -> None:
        self._traffic = traffic

    def answer(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        match request["op"]:
            case "window":
                return self._window(request["flow"], request["since"], request["until"])
            case "in_flight":
                return {"in_flight": self._in_flight(request["until"])}, b""
            case "latest":
                return {"latest": self._latest(request["count"])}, b""
            case "rate":
                return {"flows": self._rate(request["service"], request["interval_ns"])}, b""
            case "renew":
                self._traffic.renew()
                return {"renewed": True}, b""
            case "stalls":
                return {"stalls": self._stalls(request["since"], request["until"])}, b""
            case "usage":
                return self._usage(), b""
            case other:
                raise AssertionError(f"unknown request {other}")

    def _window(self, number: int, since: int, until: int) -> tuple[dict[str, Any], bytes]:
        record = self._traffic.flows[number].record
        sent = record.columns.sent
        first, last = record.span(since, until)
        session = self._traffic.sessions.get(number)
        lives = [
            vars(life)
            for life in (session.lives if session else ())
            if life.opened <= until and (life.lost is None or life.lost >= since)
        ]
        return {
            "now": now_ns(),
            "count": last - first,
            "before": sent[first - 1] if first else None,
            "after": sent[last] if last < len(sent) else None,
            "addresses": record.addresses,
            "sessions": lives,
            "stalls": self._stalls(since, until),
        }, record.columns.pack(first, last)

    def _stalls(self, since: int, until: int) -> list[tuple[int, int]]:
        stalls = self._traffic.schedule.stalls
        return [(start, end) for start, end in stalls if end >= since and start <= until]

    def _in_flight(self, until: int) -> bool:
        pairs = zip(self._traffic.flows, self._traffic.specs, strict=True)
        return any(
            flow.record.in_flight(until, self._overdue(spec)) for flow, spec in pairs
        ) or any(session.in_flight(until) for session in self._traffic.sessions.values())

    def _overdue(self, spec: Spec) -> int:
        """Probes that were sent before this instant have passed their deadline."""
        since = now_ns() - spec.deadline_ns
        return since - self._traffic.schedule.stalled_since(since)

    def _latest(self, count: int) -> list[list[tuple[int, bool, str | None]]]:
        pairs = zip(self._traffic.flows, self._traffic.specs, strict=True)
        return [flow.record.latest(count, self._overdue(spec)) for flow, spec in pairs]

    def _rate(self, service: str, interval_ns: int) -> list[str]:
        """The names of the UDP flows whose rate was changed."""
        changed = []
        for flow, spec in zip(self._traffic.flows, self._traffic.specs, strict=True):
            if spec.service == service and isinstance(flow, UdpFlow):
                flow.interval_ns = interval_ns
                changed.append(spec.name)
        return changed

    def _usage(self) -> dict[str, Any]:
        used = resource.getrusage(resource.RUSAGE_SELF)
        with Path("/proc/self/smaps_rollup").open() as lines:
            kib = next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
        cpu_s = used.ru_utime + used.ru_stime
        return {"pid": os.getpid(), "cpu_s": cpu_s, "memory": kib * 1024}


def give_up(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """A defect here must end the worker: left alone, it would look like loss on the network."""
    loop.default_exception_handler(context)
    os._exit(1)


async def serve(sock: socket.socket) -> None:
    """Serve the controller until it closes the socket."""
    asyncio.get_running_loop().set_exception_handler(give_up)
    reader, writer = await asyncio.open_connection(sock=sock, limit=LINE_LIMIT)
    netns = json.loads(await reader.readline())["netns"]
    wanted = json.loads(await reader.readline())
    try:
        most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        traffic = Traffic([Spec(**spec) for spec in wanted["flows"]], netns, most)
    except CannotStart as failure:
        _say(writer, {"error": str(failure), "flow": failure.flow})
        await writer.drain()
        return
    gc.freeze()  # what is here now stays: no collection needs to walk it while probes are due
    timer = ticker(TICK_NS)

    def tick() -> None:
        os.read(timer, 8)
        traffic.schedule.tick()

    traffic.schedule.start()
    asyncio.get_running_loop().add_reader(timer, tick)
    control = Control(traffic)
    _say(writer, {"started": now_ns()})
    while line := await reader.readline():
        reply, columns = control.answer(json.loads(line))
        _say(writer, reply, columns)
        await writer.drain()


def _say(writer: asyncio.StreamWriter, reply: dict[str, Any], columns: bytes = b"") -> None:
    writer.write(json.dumps(reply).encode() + b"\n" + columns)


def main() -> None:
    """Run until the controller closes descriptor 3."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    try:
        asyncio.run(serve(socket.socket(fileno=CONTROL)))
    except ConnectionError:
        sys.exit(0)  # the controller is gone


if __name__ == "__main__":
    main()
