"""What probes found out. Times are ns of CLOCK_MONOTONIC; durations carry their unit in the name.

A probe tells only about its own instant. A gap of n lost probes at interval τ lasted between (n-1)τ
and (n+1)τ; no loss means an outage below τ, never none.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a flow's probes are."""

    UDP = "udp"  # a datagram and its echo
    TCP_CONNECT = "tcp-connect"  # a new connection, one request and its answer


class SessionEnd(StrEnum):
    """How a lasting session ended."""

    ALIVE = "alive"
    RESET = "reset"
    TIMEOUT = "timeout"


@dataclass(frozen=True)
class Stall:
    """The probe host itself was held up: nothing was sent or read."""

    start_ns: int
    end_ns: int


@dataclass(frozen=True)
class Gap:
    """Consecutive lost probes.

    It spans from the last probe sent before them to the first one sent after them (at most from the
    window's beginning to its end). The outage lasted at least `shortest_ms`, first to last lost
    probe, and less than `longest_ms`, the whole span. `stalled_ms` is how much longer the span is
    than (n+1)τ: the probe host itself was held up and left out probes that were due, so that
    nothing is known about the network then.
    """

    start_ns: int
    end_ns: int
    lost: int
    shortest_ms: float
    longest_ms: float
    stalled_ms: float


@dataclass(frozen=True)
class Peer:
    """An address from which the server saw the flow: it tells the gateway that carried it."""

    address: str
    count: int
    first_ns: int
    last_ns: int


@dataclass(frozen=True)
class Session:
    """One lasting TCP session; `lost_ns` is when its first unanswered message was sent."""

    opened_ns: int
    last_answer_ns: int
    peer: str | None
    lost_ns: int | None
    how: SessionEnd


@dataclass(frozen=True)
class Probe:
    """One probe whose fate is known; `peer` is None where no server saw it."""

    sent_ns: int
    answered: bool
    peer: str | None


@dataclass(frozen=True)
class Bin:
    """What was sent in one slice of time, for a timeline; `peers` in order of first sight."""

    start_ns: int
    sent: int
    lost: int
    peers: tuple[str, ...]


@dataclass(frozen=True)
class Usage:
    """What the probe worker takes: CPU seconds since its start, and bytes of memory (PSS)."""

    pid: int  # in the lab's PID namespace
    cpu_s: float
    memory: int


@dataclass(frozen=True)
class FlowResult:
    """One flow in one window of time; `sent` is at least 1.

    `broken` attempts connected and were then cut off by a moving path: established sessions that
    were lost just after they were opened. They are not among the `lost`, which found no way to the
    service at all. `lost_forward` never reached the server, the answer to `lost_return` never came
    back; both are None for TCP, where a missing handshake does not tell. `sessions` are those that
    lived in the window. Round trips are None when nothing was answered.
    """

    flow: str
    kind: Kind
    since_ns: int
    until_ns: int
    interval_ms: float
    sent: int
    longest_silence_ms: float
    lost: int
    broken: int
    lost_forward: int | None
    lost_return: int | None
    gaps: tuple[Gap, ...]
    peers: tuple[Peer, ...]
    sessions: tuple[Session, ...]
    round_trip_median_ms: float | None
    round_trip_p99_ms: float | None

    @property
    def sessions_opened(self) -> int:
        """Sessions that were established within the window."""
        return sum(session.opened_ns >= self.since_ns for session in self.sessions)

    @property
    def sessions_lost(self) -> tuple[Session, ...]:
        """Established sessions that broke within the window."""
        return tuple(
            session
            for session in self.sessions
            if session.lost_ns is not None and session.lost_ns <= self.until_ns
        )

    @property
    def outage_ms(self) -> float:
        """An upper bound of the outage, to be compared with a limit.

        It is the larger of two figures: the span of the longest gap, (n+1)τ; and the number of lost
        probes × τ, so that a lucky probe in the middle does not halve an outage. Without loss it is
        the longest time between two probes, τ on a machine that keeps up: the outage was shorter.
        """
        longest = max((gap.longest_ms for gap in self.gaps), default=0.0)
        return max(longest, self.lost * self.interval_ms, self.resolution_ms)

    @property
    def resolution_ms(self) -> float:
        """An outage shorter than this may have met no probe."""
        return max(self.interval_ms, self.longest_silence_ms)

    @property
    def outage_text(self) -> str:
        """The outage as a range for people: "< 10 ms", "190–210 ms"."""
        if not self.lost:
            return f"< {self.resolution_ms:.3g} ms"
        shortest = max(gap.shortest_ms for gap in self.gaps)
        return f"{shortest:.0f}–{self.outage_ms:.0f} ms"

    def within(self, limit_ms: float) -> bool | None:
        """Whether the outage kept the limit; None if the probe host was held up too long to say.

        None is not a pass: the measurement has to be repeated.
        """
        if not self.lost:
            return True if self.resolution_ms <= max(limit_ms, self.interval_ms) else None
        measured = max(gap.longest_ms - gap.stalled_ms for gap in self.gaps)
        if max(measured, self.lost * self.interval_ms) > limit_ms:
            return False
        return True if self.outage_ms <= limit_ms else None
