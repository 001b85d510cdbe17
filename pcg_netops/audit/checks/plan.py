"""A cutover as the checks see it: its file, its time zone, and when something is changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

from pcg_netops.inventory.workspace import Workspace
from pcg_netops.inventory.yamlfile import YamlFile
from pcg_netops.model.cutover import Cutover, Window


@dataclass(frozen=True)
class Slot:
    """A window in which something is changed: a wave, or a phase that has none."""

    name: str  # "p2", or "p4.3" for the third of several waves
    window: Window
    place: str


@dataclass(frozen=True)
class Plan:
    """A cutover and the file that it was read from."""

    file: YamlFile
    cutover: Cutover

    @cached_property
    def zone(self) -> ZoneInfo:
        """The time zone that every window is written in."""
        return ZoneInfo(self.cutover.timezone)

    def instant(self, local: datetime) -> datetime:
        """A local time in UTC. One that comes twice is the first of the two (PEP 495)."""
        return local.replace(tzinfo=self.zone).astimezone(UTC)

    @cached_property
    def ends(self) -> datetime:
        """The local time at which the last phase ends."""
        return max(phase.window.end for phase in self.cutover.phases.values())

    @cached_property
    def slots(self) -> tuple[Slot, ...]:
        """Every change window, in the file's order."""
        return tuple(self._slots())

    def _slots(self) -> Iterator[Slot]:
        for name, phase in self.cutover.phases.items():
            if not phase.waves:
                yield Slot(name, phase.window, self.file.place("phases", name, "window"))
            for index, wave in enumerate(phase.waves):
                own = f"{name}.{index + 1}" if len(phase.waves) > 1 else name
                place = self.file.place("phases", name, "waves", index, "window")
                yield Slot(own, wave.window, place)

    def exchanges(self) -> Iterator[tuple[str, frozenset[str]]]:
        """Each phase with the exchanges that are up in it."""
        up: frozenset[str] = frozenset()
        for name, phase in self.cutover.phases.items():
            up = frozenset(phase.exchanges) or up
            yield name, up

    def clock_changes(self, start: datetime, end: datetime) -> Iterator[datetime]:
        """The instants (UTC) after `start` and before `end` at which the local clocks change."""
        day = timedelta(days=1)
        before = start
        while before < end:
            after = min(before + day, end)
            if self._offset(before) != self._offset(after):
                change = self._bisect(before, after)
                if start < change < end:
                    yield change
            before = after

    def _offset(self, instant: datetime) -> timedelta:
        offset = instant.astimezone(self.zone).utcoffset()
        assert offset is not None
        return offset

    def _bisect(self, before: datetime, after: datetime) -> datetime:
        """The first second with the later offset."""
        old = self._offset(before)
        while after - before > timedelta(seconds=1):
            middle = before + timedelta(seconds=int((after - before).total_seconds()) // 2)
            if self._offset(middle) == old:
                before = middle
            else:
                after = middle
        return after


@dataclass(frozen=True)
class PlanInWorkspace:
    """A plan together with the network and the services that it is for."""

    plan: Plan
    workspace: Workspace
