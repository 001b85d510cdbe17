"""When probes are sent, and when the probe host itself was held up.

Send times follow a fixed schedule. After a stall of this process the missed times are left out, not
caught up: a probe that was not sent has no sequence number and so can never look lost.
"""

from __future__ import annotations

import heapq
import time
from collections import deque
from typing import Protocol

from pcg_netops.probes.wire import STALL_NS, TICK_NS

KEEP_STALLS = 10_000

now_ns = time.monotonic_ns


class Periodic(Protocol):
    """Something that acts at fixed times."""

    interval_ns: int

    def fire(self, now: int) -> None: ...


class Schedule:
    """Fires each member in its own interval. `tick` must be called each TICK_NS."""

    def __init__(self) -> None:
        self.stalls: deque[tuple[int, int]] = deque(maxlen=KEEP_STALLS)  # (start, end)
        self._stalled_ns = 0
        self._members: list[tuple[int, int, Periodic]] = []  # a heap: (due, order, member)
        self._last = now_ns()

    def add(self, member: Periodic) -> None:
        """Members are spread over the ticks so that they do not send in bursts."""
        order = len(self._members)
        due = self._last + TICK_NS + order * TICK_NS % member.interval_ns
        heapq.heappush(self._members, (due, order, member))

    def start(self) -> None:
        """What passed until now was set-up, not a stall."""
        self._last = now_ns()

    def unstalled(self, now: int) -> int:
        """A clock that stands still during stalls: deadlines are counted on it."""
        return now - self._stalled_ns

    def stalled_since(self, since: int) -> int:
        """ns of stalls after `since`."""
        total = 0
        for start, end in reversed(self.stalls):
            if end <= since:
                break
            total += end - max(start, since)
        return total

    def tick(self) -> None:
        now = now_ns()
        expected = self._last + TICK_NS
        self._last = now
        if now - expected > STALL_NS:
            self.stalls.append((expected, now))
            self._stalled_ns += now - expected
        members = self._members
        while members and members[0][0] <= now:
            due, order, member = members[0]
            member.fire(now_ns())
            missed = (now - due) // member.interval_ns
            heapq.heapreplace(members, (due + (missed + 1) * member.interval_ns, order, member))
