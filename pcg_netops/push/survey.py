"""What each device of a push holds now, asked of the devices themselves."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from nornir.core.task import Result, Task

from pcg_netops.push.driver import Change
from pcg_netops.push.fleet import Fleet
from pcg_netops.push.tasks import driver_of


class Holds(StrEnum):
    """What a device holds, of a change that it was to be brought."""

    BASE = "base"  # as it was before
    INTENDED = "intended"  # changed, and confirmed
    UNCONFIRMED = "unconfirmed"  # changed or half changed; it puts itself back when its time is up
    UNSAVED = "unsaved"  # changed and confirmed, but it would start without the change
    OTHER = "other"  # neither: somebody else's change, or a part of ours
    UNKNOWN = "unknown"  # it does not answer

    @property
    def words(self) -> str:
        """For people."""
        return _WORDS[self]


_WORDS = {
    Holds.BASE: "as it was before",
    Holds.INTENDED: "changed and confirmed",
    Holds.UNCONFIRMED: "changed, and reverts when its time is up",
    Holds.UNSAVED: "changed, but would start without the change",
    Holds.OTHER: "neither as before nor as intended",
    Holds.UNKNOWN: "not known",
}


def settled(holds: Mapping[str, str]) -> bool:
    """Whether every device is changed, or none."""
    return set(holds.values()) in ({Holds.BASE}, {Holds.INTENDED})


def survey(fleet: Fleet, changes: Mapping[str, Change]) -> dict[str, Holds]:
    """Ask each device what it holds.

    It is `UNKNOWN` of one that does not answer, or whose change does not say what it was made for.
    """

    def one(task: Task) -> Result:
        return Result(host=task.host, result=_of(task, changes[task.host.name]))

    known = [name for name, change in changes.items() if change.base_files or change.from_base]
    found = fleet.everywhere(known, "survey", one).results
    return {name: found.get(name, Holds.UNKNOWN) for name in changes}


def _of(task: Task, change: Change) -> Holds:
    driver = driver_of(task)
    if driver.pending():
        return Holds.UNCONFIRMED
    if not driver.drift(change):
        return Holds.BASE
    return Holds.OTHER if driver.residue(change) else Holds.INTENDED
