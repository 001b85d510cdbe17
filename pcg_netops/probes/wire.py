"""What the probe worker and its controller say to each other, and how results are packed.

Both ends share this module; it needs only the standard library so that the worker stays small.
Over the control socket go JSON lines. A reply that announces `"count": n` is followed by n probes
as raw columns, in the order of `Columns`.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass

TICK_NS = 1_000_000  # the worker's clock: no probe is sent at a finer grain
STALL_NS = 20_000_000  # a loop later than this is a stall of the probe host
MAX_RATE = 1_000_000_000 // TICK_NS  # packets per second


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
