"""What the probe worker and its controller say to each other, and how results are packed.

Both ends share this module; it needs only the standard library so that the worker stays small.
Over the control socket go JSON lines. A reply that announces `"count": n` is followed by n probes
as raw columns, in the order of `Columns`.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass

TICK_NS = 1_000_000  # the worker's clock: no probe is sent at a finer grain
STALL_NS = 20_000_000  # a loop later than this is a stall of the probe host
MAX_RATE = 1_000_000_000 // TICK_NS  # packets per second
# How long a server keeps a connection that it hears nothing on. A client gives an attempt up before
# 1 s; what it says then may be lost on the way.
ATTEMPT_IDLE_NS = 1_000_000_000
SESSION_IDLE_NS = 30_000_000_000
FORGET_NS = 100_000_000  # how often a server looks


@dataclass
class Columns:
    """Consecutive probes of one flow, one array a column.

    `sent` is in ns of CLOCK_MONOTONIC. `connected`, `forward` and `round_trip` are µs from then
    until the client's connection stood (TCP), until the server saw the probe and until the client
    had the answer; 0 means never. `peer` numbers the address the server saw, from 1 in order of
    first sight; 0 means that no probe arrived.
    """

    sent: array[int]
    connected: array[int]
    forward: array[int]
    round_trip: array[int]
    peer: array[int]

    @classmethod
    def empty(cls) -> Columns:
        return cls(array("Q"), array("I"), array("I"), array("I"), array("H"))

    def arrays(self) -> tuple[array[int], ...]:
        return self.sent, self.connected, self.forward, self.round_trip, self.peer

    def pack(self, first: int, last: int) -> bytes:
        """The probes with positions in [first, last) as bytes."""
        return b"".join(column[first:last].tobytes() for column in self.arrays())

    @classmethod
    def size(cls, count: int) -> int:
        """How many bytes `count` probes take."""
        return count * sum(column.itemsize for column in cls.empty().arrays())

    @classmethod
    def unpack(cls, data: bytes, count: int) -> Columns:
        columns = cls.empty()
        at = 0
        for column in columns.arrays():
            size = count * column.itemsize
            column.frombytes(data[at : at + size])
            at += size
        return columns


@dataclass(frozen=True)
class Spec:
    """One flow as the controller asks the worker for it; times in ns."""

    name: str
    service: str
    protocol: str
    client: str
    source: str
    target: str
    port: int
    server: str
    server_address: str
    interval_ns: int
    deadline_ns: int
    session_interval_ns: int
    session_dead_ns: int

    @property
    def sessions_files(self) -> int:
        """Those of the sessions among them, new ones while servers still hold the old."""
        return 2 + (SESSION_IDLE_NS + FORGET_NS) // self.session_dead_ns

    @property
    def most_files(self) -> int:
        """How many descriptors its client and its server hold at most on a machine that keeps up.

        That is where every attempt reaches the server, and nothing comes back.
        """
        if self.protocol == "udp":
            return 2 + 2  # one more while its port is renewed
        attempts = (self.deadline_ns + ATTEMPT_IDLE_NS + FORGET_NS) // self.interval_ns + 2
        return 1 + attempts + self.sessions_files


_WORKERS_FILES = 64  # of Python, its event loop and its timer


def most_files(specs: Sequence[Spec]) -> int:
    """How many descriptors the worker holds at most on a machine that keeps up."""
    return _WORKERS_FILES + sum(spec.most_files for spec in specs)


def own_files(specs: Sequence[Spec]) -> int:
    """Descriptors that are not for attempts: the worker's, listeners, sessions."""
    return _WORKERS_FILES + sum(
        1 + spec.sessions_files if spec.protocol == "tcp" else spec.most_files for spec in specs
    )
