"""`Record`: what became of each probe of one flow, for the last ten minutes."""

from __future__ import annotations

from bisect import bisect_left, bisect_right

from pcg_netops.probes.wire import Columns

KEEP_NS = 600 * 1_000_000_000
SLACK_NS = 60 * 1_000_000_000  # trimming moves memory: do it a minute's worth at a time


class Record:
    """Numbered probes of one flow: sequence numbers run on, old probes are forgotten."""

    def __init__(self) -> None:
        self.columns = Columns.empty()
        self.addresses: list[str] = []  # of peers, in order of first sight
        self._peers: dict[str, int] = {}
        self._base = 0  # the sequence number of the oldest probe kept

    def add(self, now: int) -> int:
        """Note a probe that is sent now; gives its sequence number."""
        columns = self.columns
        columns.sent.append(now)
        columns.connected.append(0)
        columns.forward.append(0)
        columns.round_trip.append(0)
        columns.peer.append(0)
        return self._base + len(columns.sent) - 1

    def connected(self, sequence: int, now: int) -> None:
        """The client's connection stands."""
        at = sequence - self._base
        if 0 <= at < len(self.columns.sent):
            self.columns.connected[at] = (now - self.columns.sent[at]) // 1000 or 1

    def seen(self, sequence: int, now: int, address: str) -> None:
        """The server has it, from this address. A duplicate changes nothing."""
        at = sequence - self._base
        columns = self.columns
        if not 0 <= at < len(columns.sent) or columns.forward[at]:
            return
        peer = self._peers.get(address)
        if peer is None:
            self.addresses.append(address)
            peer = self._peers[address] = len(self.addresses)
        columns.peer[at] = peer
        columns.forward[at] = (now - columns.sent[at]) // 1000 or 1

    def answered(self, sequence: int, now: int) -> None:
        """The client has the answer. A duplicate changes nothing."""
        at = sequence - self._base
        columns = self.columns
        if 0 <= at < len(columns.sent) and not columns.round_trip[at]:
            columns.round_trip[at] = (now - columns.sent[at]) // 1000 or 1

    def span(self, since: int, until: int) -> tuple[int, int]:
        """Positions [first, last) of the probes sent from `since` to `until`, both included."""
        sent = self.columns.sent
        return bisect_left(sent, since), bisect_right(sent, until)

    def in_flight(self, until: int, oldest: int) -> bool:
        """Whether a probe sent up to `until`, and not before `oldest`, has no answer yet."""
        first, last = self.span(oldest, until)
        return 0 in self.columns.round_trip[first:last]

    def latest(self, count: int, oldest: int) -> list[tuple[int, bool, str | None]]:
        """The last probes that were answered or were sent before `oldest`, newest last.

        Each is (sent, answered, peer address).
        """
        columns = self.columns
        found: list[tuple[int, bool, str | None]] = []
        at = len(columns.sent)
        while at and len(found) < count:
            at -= 1
            answered = columns.round_trip[at] > 0
            if answered or columns.sent[at] < oldest:
                peer = columns.peer[at]
                address = self.addresses[peer - 1] if peer else None
                found.append((columns.sent[at], answered, address))
        return found[::-1]

    def trim(self, now: int) -> None:
        """Forget probes that are too old."""
        sent = self.columns.sent
        if not sent or now - sent[0] < KEEP_NS + SLACK_NS:
            return
        count = bisect_left(sent, now - KEEP_NS)
        for column in self.columns.arrays():
            del column[:count]
        self._base += count
