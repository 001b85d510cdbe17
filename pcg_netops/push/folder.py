"""The folder of one push: its change set and its journal, which appear together or not at all.

A journal that was damaged stays there under another name, beside the one that takes its place.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from pcg_netops.diff import ChangeSet, load, save
from pcg_netops.errors import EnvironmentLack, InputError
from pcg_netops.push.journal import Beginning, Journal, Sound, sound_part, synced

CHANGE, JOURNAL = "change.json", "journal.jsonl"


@contextmanager
def begun(folder: Path, change: ChangeSet) -> Iterator[Journal]:
    """The journal of a new push; its folder appears by `shown`, or at the end if it has a record.

    Raises EnvironmentLack if it cannot be written.
    """
    making = _unseen(folder)
    try:
        making.mkdir(parents=True)
        save(change, making / CHANGE)
    except OSError as error:
        raise _unwritable(folder, error) from None
    journal = Journal(making / JOURNAL, place=folder / JOURNAL)
    try:
        yield journal
    finally:
        journal.close()
        if making.exists():
            if sound_part(making / JOURNAL).records:
                shown(folder)
            else:
                shutil.rmtree(making, ignore_errors=True)


def shown(folder: Path) -> None:
    """Let a new push's folder appear, now that its journal has a record: no device knows of it yet.

    Raises EnvironmentLack if it cannot be written.
    """
    try:
        _unseen(folder).rename(folder)
        synced(folder.parent)
    except OSError as error:
        raise _unwritable(folder, error) from None


def _unseen(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}")


def _unwritable(folder: Path, error: OSError) -> EnvironmentLack:
    return EnvironmentLack(
        f"cannot be written: {error.strerror}",
        place=str(folder),
        remedy="make room or give permission there: no push goes on without its journal",
    )


def reopened(path: Path, found: Sound, beginning: Beginning | None) -> Journal:
    """A journal to go on with; a new one where that was damaged."""
    if found.wrong:
        return _renewed(path, found.wrong, beginning)
    return Journal(path, found.records)


def change_of(folder: Path) -> ChangeSet:
    """What was pushed. Raises InputError if that is lost."""
    try:
        return load(folder / CHANGE)
    except InputError as error:
        raise lost(folder, error.message) from None


def lost(folder: Path, wrong: str) -> InputError:
    """That the change set is not what was pushed, with the way out."""
    return InputError(
        wrong,
        place=str(folder / CHANGE),
        remedy="put back the very file that was pushed. If it is lost: look at each device, as soon"
        " as its timer must have ended, by pcg diff --running, then: pcg push --abandon REASON",
    )


def _renewed(path: Path, wrong: str, beginning: Beginning | None) -> Journal:
    """A new journal at `path`; what was there stays beside it under another name.

    Raises EnvironmentLack if that cannot be written.
    """
    aside = path.with_name(f"damaged-{datetime.now(UTC):%Y%m%dT%H%M%S-%fZ}-{path.name}")
    try:
        with suppress(FileNotFoundError):
            path.rename(aside)
    except OSError as error:
        raise EnvironmentLack(
            f"cannot be put aside: {error.strerror}",
            place=str(path),
            remedy="make room or give permission there",
        ) from None
    journal = Journal(path)
    if beginning is not None:
        journal.begin(beginning, f"the journal before this one, {aside.name}: {wrong}")
    return journal
