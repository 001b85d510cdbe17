"""A push whose journal does not tell any more: what may be done for it all the same.

Devices are asked what they hold, so that of the journal only its beginning is needed. Where even
that is lost, the change set beside it says which devices the push can have been for.
"""

from __future__ import annotations

from pathlib import Path

from pcg_netops.diff import ChangeSet
from pcg_netops.errors import InputError
from pcg_netops.push.engine import Waves
from pcg_netops.push.journal import Beginning
from pcg_netops.push.survey import Holds
from pcg_netops.push.watcher import PushFailed

LOST = "not known: the journal was damaged"


def require_beginning(beginning: Beginning | None, place: Path) -> None:
    """Raise InputError where a push is to go on and it is lost what it was begun with."""
    if beginning is None or beginning.allowed == LOST:
        raise InputError(
            "cannot go on: who approved it, and for which devices, stood in the damaged journal",
            place=str(place),
            remedy="ask the devices what they hold, and put back what is half done:"
            " pcg push --unwind",
        )


def require_named(holds: dict[str, Holds], waves: Waves) -> None:
    """Raise PushFailed where it is lost what a push was for and a device does more than revert.

    What is confirmed may be another push's, and what is neither state may be somebody's own.
    """
    if set(holds.values()) <= {Holds.BASE, Holds.UNCONFIRMED}:
        return
    changed = [name for wave in waves for name in wave if holds[name] is not Holds.BASE]
    limits = " ".join(f"--limit {name}" for name in changed)
    raise PushFailed(
        "the damaged journal does not tell any more which devices this push was for, and not all"
        " are as before or revert by themselves:\n"
        + "\n".join(f"{name}: {held.words}" for name, held in holds.items()),
        place="unwind",
        remedy=f"name those that it is to put back, at most: pcg push --unwind {limits}\n"
        "  or leave all as they are: pcg push --abandon REASON",
        holds=holds,
    )


def whole(change: ChangeSet) -> Waves:
    """Every device that a push of this change set can have been for."""
    return [list(wave) for wave in change.waves if wave]
