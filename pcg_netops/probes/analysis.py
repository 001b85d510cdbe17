"""From recorded probes to results: pure functions."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from operator import attrgetter
from statistics import median

from pcg_netops.probes.results import Bin, Gap, Peer, Stall
from pcg_netops.probes.wire import Columns

MS = 1_000_000


@dataclass(frozen=True)
class Sample:
    """The probes of one flow that were sent in [since, until], and when its neighbours were sent.

    `before` and `after` are the send times of the last probe before them and the first after them.
    """

    since: int
    until: int
    columns: Columns
    addresses: tuple[str, ...]
    before: int | None
    after: int | None
    stalls: tuple[Stall, ...]

    def settled(self, now: int, deadline_ns: int) -> Sample:
        """The same without probes that may still be answered at `now`."""
        sent = self.columns.sent
        pending = [
            at
            for at in _positions(self.columns.round_trip, 0)
            if now - sent[at] - stalled(self.stalls, sent[at], now) <= deadline_ns
        ]
        columns = [array(column.typecode, column) for column in self.columns.arrays()]
        for column in columns:
            for at in reversed(pending):
                del column[at]
        return replace(self, columns=Columns(*columns))


def stalled(stalls: Sequence[Stall], start: int, end: int) -> int:
    """For how many ns of [start, end] the probe host was held up; `stalls` are in order."""
    total = 0
    for at in range(bisect_right(stalls, start, key=attrgetter("end_ns")), len(stalls)):
        stall = stalls[at]
        if stall.start_ns >= end:
            break
        total += min(end, stall.end_ns) - max(start, stall.start_ns)
    return total


def lost_probes(sample: Sample, deadline_ns: int) -> list[int]:
    """Positions of probes that were not answered in time, in order.

    Time for which the probe host itself was held up does not count against an answer.
    """
    columns = sample.columns
    lost = list(_positions(columns.round_trip, 0))
    deadline_us = deadline_ns // 1000
    if columns.round_trip and max(columns.round_trip) > deadline_us:
        for at, round_trip in enumerate(columns.round_trip):
            if round_trip <= deadline_us:
                continue
            sent = columns.sent[at]
            held = stalled(sample.stalls, sent, sent + round_trip * 1000)
            if round_trip * 1000 - held > deadline_ns:
                lost.append(at)
        lost.sort()
    return lost


def broken_probes(sample: Sample, lost: Sequence[int], straddle_ns: int) -> list[int]:
    """Those lost attempts that had connected, and were opened within `straddle_ns` of each other.

    The path moved under them: what they lost is an established session, not the way to the
    service. Anything longer, or with one attempt in it that could not connect, is an outage.
    """
    sent, connected = sample.columns.sent, sample.columns.connected
    return [
        at
        for first, last in _runs(lost)
        if sent[last] - sent[first] <= straddle_ns and all(connected[first : last + 1])
        for at in range(first, last + 1)
    ]


def gaps(sample: Sample, lost: Sequence[int], interval_ns: int) -> tuple[Gap, ...]:
    """Consecutive lost probes, as gaps in order; probes were due each `interval_ns`."""
    sent = sample.columns.sent
    before = sample.since if sample.before is None else sample.before
    after = sample.until if sample.after is None else sample.after
    found = []
    for first, last in _runs(lost):
        start = sent[first - 1] if first else before
        end = sent[last + 1] if last + 1 < len(sent) else after
        count = last - first + 1
        gap = Gap(
            start_ns=start,
            end_ns=end,
            lost=count,
            shortest_ms=(sent[last] - sent[first]) / MS,
            longest_ms=(end - start) / MS,
            stalled_ms=max(0, end - start - (count + 1) * interval_ns) / MS,
        )
        found.append(gap)
    return tuple(found)


def longest_silence(sample: Sample) -> int:
    """The longest time, in ns, between two probes sent one after the other; nothing is known of it.

    On a machine that keeps up it is the interval.
    """
    sent = [sample.before or sample.since, *sample.columns.sent, sample.after or sample.until]
    return max(after - before for before, after in pairwise(sent))


def peers(sample: Sample) -> tuple[Peer, ...]:
    """The addresses that the server saw, in order of first sight."""
    sent, peer = sample.columns.sent, sample.columns.peer
    backwards = peer[::-1]
    found = []
    for number in sorted(set(peer) - {0}, key=peer.index):
        last = len(peer) - 1 - backwards.index(number)
        address = sample.addresses[number - 1]
        found.append(Peer(address, peer.count(number), sent[peer.index(number)], sent[last]))
    return tuple(found)


def round_trips(sample: Sample) -> tuple[float | None, float | None]:
    """The median and the 99th percentile of answered probes, in ms."""
    answered = sorted(us for us in sample.columns.round_trip if us)
    if not answered:
        return None, None
    return median(answered) / 1000, answered[(len(answered) * 99 - 1) // 100] / 1000


def timeline(sample: Sample, lost: Sequence[int], bin_ns: int) -> tuple[Bin, ...]:
    """Slices of `bin_ns` from `since` on; a slice in which nothing was sent is there with 0."""
    sent, peer = sample.columns.sent, sample.columns.peer
    bins = []
    first, first_lost = 0, 0
    for start in range(sample.since, sample.until, bin_ns):
        last = bisect_left(sent, start + bin_ns, first)
        last_lost = bisect_left(lost, last, first_lost)
        seen = dict.fromkeys(number for number in peer[first:last] if number)
        addresses = tuple(sample.addresses[number - 1] for number in seen)
        bins.append(Bin(start, last - first, last_lost - first_lost, addresses))
        first, first_lost = last, last_lost
    return tuple(bins)


def _positions(values: array[int], wanted: int) -> Iterator[int]:
    at = -1
    while True:
        try:
            at = values.index(wanted, at + 1)
        except ValueError:
            return
        yield at


def _runs(positions: Sequence[int]) -> Iterator[tuple[int, int]]:
    """(first, last) of each run of consecutive numbers."""
    first = 0
    for at in range(len(positions)):
        if at + 1 == len(positions) or positions[at + 1] != positions[at] + 1:
            yield positions[first], positions[at]
            first = at + 1
