"""`Probes`: traffic of every service while something happens to the network, and what came of it.

The traffic itself is made by `worker`, a process of its own inside the lab; this is its controller.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from types import TracebackType
from typing import Any, Protocol, Self

from pcg_netops.errors import InputError, LabError
from pcg_netops.model import flow as model
from pcg_netops.probes import analysis
from pcg_netops.probes.analysis import Sample
from pcg_netops.probes.record import KEEP_NS
from pcg_netops.probes.results import (
    Bin,
    FlowResult,
    Kind,
    Probe,
    Session,
    SessionEnd,
    Stall,
    Usage,
)
from pcg_netops.probes.settings import ProbeSettings, interval_of, require_files, spec_of
from pcg_netops.probes.wire import Columns, Spec

MS = 1_000_000
S = 1_000_000_000
WORKER = "pcg_netops.probes.worker"
ANSWER_S = 15.0  # the worker answers in milliseconds; it may have been stopped for seconds
POLL_S = 0.02
STRADDLE_MS = 50  # connections opened within this may be under way at one move of the path
EVER = 2**63 - 1


class StartsHelpers(Protocol):
    """What probes need of a lab: see `lab.protocol.Lab.helper`."""

    def helper(self, module: str) -> socket.socket: ...


class Probes:
    """Probes of many flows at once. Methods may be called from any thread; all may raise LabError.

    The worker keeps the last ten minutes.
    """

    def __init__(
        self, lab: StartsHelpers, flows: Sequence[model.Flow], settings: ProbeSettings | None = None
    ) -> None:
        counts = Counter(flow.name for flow in flows)
        if twice := [name for name, count in counts.items() if count > 1]:
            raise InputError(f"flows share a name: {', '.join(twice)}")
        self._lab = lab
        self._settings = settings or ProbeSettings()
        self._specs = [spec_of(flow, self._settings) for flow in flows]
        self._intervals = {spec.name: [(0, spec.interval_ns)] for spec in self._specs}
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._started = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start all traffic. Raises LabError naming the flow whose sockets cannot be made.

        Raises EnvironmentLack where the worker might run out of files before it ends.
        """
        require_files(self._specs)
        self._socket = self._lab.helper(WORKER)
        self._socket.settimeout(ANSWER_S)
        self._stream = self._socket.makefile("rwb")
        try:
            reply, _ = self._ask({"flows": [asdict(spec) for spec in self._specs]})
        except LabError:
            self.stop()
            raise
        self._started = reply["started"]

    def stop(self) -> None:
        """End all traffic and the worker. Idempotent."""
        with self._lock:
            self._close()

    def mark(self) -> int:
        """Now, on the clock of all results."""
        return time.monotonic_ns()

    def window(
        self, since_ns: int, until_ns: int | None = None, settle: bool = True
    ) -> dict[str, FlowResult]:
        """By flow name, what became of the probes sent from `since_ns` to `until_ns` (or now).

        A flow that sent nothing then is not in it. With `settle` this waits until every such probe
        and session message is answered or past its deadline; without, those in flight are left out.
        """
        until = self.mark() if until_ns is None else until_ns
        if settle:
            self._settle(until)
        results = {}
        for number, spec in enumerate(self._specs):
            sample, sessions = self._sample(number, since_ns, until)
            if sample.columns.sent:
                results[spec.name] = self._result(spec, sample, sessions)
        return results

    def latest(self, count: int = 1) -> dict[str, tuple[Probe, ...]]:
        """By flow name, the last probes whose fate is known: at most `count`, newest last."""
        reply, _ = self._ask({"op": "latest", "count": count})
        return {
            spec.name: tuple(Probe(*probe) for probe in probes)
            for spec, probes in zip(self._specs, reply["latest"], strict=True)
        }

    def set_rate(self, service: str, packets_per_second: int) -> None:
        """Change the rate of a service's UDP flows. Raises InputError if it has none."""
        interval = interval_of(packets_per_second)
        reply, _ = self._ask({"op": "rate", "service": service, "interval_ns": interval})
        if not reply["flows"]:
            raise InputError(f"service {service} has no UDP flow whose rate could be set")
        now = self.mark()
        for name in reply["flows"]:
            self._intervals[name].append((now, interval))

    def renew(self) -> None:
        """Let every UDP flow go on from a fresh port.

        A firewall that still knows the old flow lets it pass whatever its rules say by now; TCP
        needs no such care, as every connection is new.
        """
        self._ask({"op": "renew"})

    def timeline(self, bin_ms: int) -> dict[str, tuple[Bin, ...]]:
        """By flow name, sent and lost probes and peers in slices of time: the last ten minutes.

        Probes in flight are left out. All flows have the same slices.
        """
        until = self.mark()
        since = max(self._started, until - KEEP_NS)
        timelines = {}
        for number, spec in enumerate(self._specs):
            sample, _ = self._sample(number, since, until)
            lost, _ = _lost_and_broken(sample, spec)
            timelines[spec.name] = analysis.timeline(sample, lost, bin_ms * MS)
        return timelines

    def stalls(self, since_ns: int = 0, until_ns: int | None = None) -> tuple[Stall, ...]:
        """When the probe host itself was held up."""
        until = EVER if until_ns is None else until_ns
        reply, _ = self._ask({"op": "stalls", "since": since_ns, "until": until})
        return tuple(Stall(*stall) for stall in reply["stalls"])

    def usage(self) -> Usage:
        """What the worker takes of the machine."""
        reply, _ = self._ask({"op": "usage"})
        return Usage(**reply)

    def _settle(self, until: int) -> None:
        """Wait for what is in flight. A session is given up after `session_dead_ms`."""
        settings = self._settings
        slowest = max(settings.udp_deadline_ms, settings.session_dead_ms) * 2
        give_up = max(until, self.mark()) + slowest * MS
        request = {"op": "in_flight", "until": until}
        while self.mark() <= until or self._ask(request)[0]["in_flight"]:
            if self.mark() > give_up:
                raise LabError("the probe worker does not come to an end with its probes")
            time.sleep(POLL_S)

    def _sample(self, number: int, since: int, until: int) -> tuple[Sample, tuple[Session, ...]]:
        request = {"op": "window", "flow": number, "since": since, "until": until}
        reply, data = self._ask(request)
        sample = Sample(
            since=since,
            until=until,
            columns=Columns.unpack(data, reply["count"]),
            addresses=tuple(reply["addresses"]),
            before=reply["before"],
            after=reply["after"],
            stalls=tuple(Stall(*stall) for stall in reply["stalls"]),
        )
        sessions = tuple(_session(life) for life in reply["sessions"])
        return sample.settled(reply["now"], self._specs[number].deadline_ns), sessions

    def _result(self, spec: Spec, sample: Sample, sessions: tuple[Session, ...]) -> FlowResult:
        lost, broken = _lost_and_broken(sample, spec)
        forward = sum(not sample.columns.forward[at] for at in lost)
        interval = self._interval_ns(spec.name, sample.since, sample.until)
        median, p99 = analysis.round_trips(sample)
        udp = spec.protocol == model.Protocol.UDP
        return FlowResult(
            flow=spec.name,
            kind=Kind.UDP if udp else Kind.TCP_CONNECT,
            since_ns=sample.since,
            until_ns=sample.until,
            interval_ms=interval / MS,
            sent=len(sample.columns.sent),
            longest_silence_ms=analysis.longest_silence(sample) / MS,
            lost=len(lost),
            broken=len(broken),
            lost_forward=forward if udp else None,
            lost_return=len(lost) - forward if udp else None,
            gaps=analysis.gaps(sample, lost, interval),
            peers=analysis.peers(sample),
            sessions=sessions,
            round_trip_median_ms=median,
            round_trip_p99_ms=p99,
        )

    def _interval_ns(self, name: str, since: int, until: int) -> int:
        """The longest interval in force within the window: the coarsest it can tell."""
        changes = self._intervals[name]
        ends = [start for start, _ in changes[1:]] + [EVER]
        return max(
            interval
            for (start, interval), end in zip(changes, ends, strict=True)
            if start <= until and end >= since
        )

    def _ask(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        with self._lock:
            if self._socket is None:
                raise LabError("the probes are not running")
            try:
                reply, data = self._exchange(request)
            except (OSError, EOFError) as error:
                self._close()  # a late answer would be taken for that to a later question
                raise LabError(
                    f"the probe worker does not answer: {error}",
                    remedy=f"its last words are in {WORKER}.log in the lab's run folder",
                ) from error
            except BaseException:  # Ctrl-C: the same of the answer that is on its way
                self._close()
                raise
        if "error" in reply:
            raise LabError(
                reply["error"],
                place=f"flow {reply['flow']}",
                remedy="check that the address is on that node and that nothing else uses the port",
            )
        return reply, data

    def _exchange(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        self._stream.write(json.dumps(request).encode() + b"\n")
        self._stream.flush()
        line = self._stream.readline()
        if not line:
            raise EOFError("it has ended")
        reply: dict[str, Any] = json.loads(line)
        size = Columns.size(reply.get("count", 0))
        data = self._stream.read(size)
        if len(data) < size:
            raise EOFError("it has ended")
        return reply, data

    def _close(self) -> None:
        if self._socket is not None:
            with suppress(OSError):  # unsent bytes, when the worker has ended already
                self._stream.close()
            self._socket.close()
            self._socket = None


def _lost_and_broken(sample: Sample, spec: Spec) -> tuple[list[int], list[int]]:
    """Positions of probes without an answer, and of connections that broke as the path moved."""
    unanswered = analysis.lost_probes(sample, spec.deadline_ns)
    broken = analysis.broken_probes(sample, unanswered, STRADDLE_MS * MS)
    return [at for at in unanswered if at not in broken], broken


def _session(life: Mapping[str, Any]) -> Session:
    return Session(
        opened_ns=life["opened"],
        last_answer_ns=life["answered"],
        peer=life["peer"],
        lost_ns=life["lost"],
        how=SessionEnd(life["how"]),
    )
