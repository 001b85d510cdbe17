"""What a push is about to do and what came of it, on disk before it happens.

JSON Lines. Each record holds the SHA-256 of the line before, so that one that was altered or taken
out is found; that the end was cut off is not. A record is synced before the act that it names
begins. A line that was being written when the controller died is left out as the journal is read,
and written over as it goes on.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import AwareDatetime, Field, ValidationError

from pcg_netops.errors import EnvironmentLack, InputError, PcgError
from pcg_netops.model.base import Model

_NOTHING = "0" * 64  # what the first record holds for the line before


class Act(StrEnum):
    """What is done on devices, or decided of a whole push."""

    BEGIN = "begin"
    PREFLIGHT = "preflight"
    STAGE = "stage"
    ARM = "arm"
    APPLY = "apply"
    GATE = "gate"
    EXTEND = "extend"
    CONFIRM = "confirm"
    REVERT = "revert"
    BACK_OUT = "back-out"
    RESUME = "resume"
    UNWIND = "unwind"
    SURVEY = "survey"
    UNHEARD = "unheard"
    TASK = "task"  # of somebody's playbook; its name is the note
    END = "end"


class Beginning(Model):
    """What a push was begun with: all that a later one needs to go on."""

    network: str
    cutover: str
    before: str
    after: str
    digest: Annotated[str, Field(description="of the change set, which lies beside the journal")]
    waves: tuple[tuple[str, ...], ...]
    allowed: Annotated[str, Field(description="who approved it, or the reason for doing without")]
    user: str
    host: str
    process: int
    timer_s: int


class Record(Model):
    """One line. `done` is false before the act, true after it."""

    number: int
    at: AwareDatetime
    previous: str
    act: Act
    done: bool
    devices: tuple[str, ...] = ()
    failed: Annotated[dict[str, str], Field(default_factory=dict)]
    holds: Annotated[
        dict[str, str], Field(default_factory=dict, description="what each device holds now")
    ]
    note: str = ""
    beginning: Beginning | None = None


class Log:
    """Where the engine writes; this one writes nothing, for pushes that leave no journal."""

    def before(self, act: Act, devices: Collection[str] = (), note: str = "") -> None:
        """What is about to be done; on disk when this returns."""

    def after(
        self,
        act: Act,
        devices: Collection[str] = (),
        failed: Mapping[str, PcgError] | None = None,
        holds: Mapping[str, str] | None = None,
        note: str = "",
    ) -> None:
        """What came of it."""


class Journal(Log):
    """A journal that is being written."""

    def __init__(
        self, path: Path, records: tuple[Record, ...] = (), place: Path | None = None
    ) -> None:
        """Go on after `records`, which are all that is right in the file; none for a new one.

        `place` is where it will be found, if not at `path`. Raises EnvironmentLack if it cannot be
        written.
        """
        self._path = place or path
        self._number = len(records)
        self._previous = _digest(_line(records[-1])) if records else _NOTHING
        self._size = sum(len(_line(record)) for record in records)  # of what is right
        try:
            mode = os.O_RDWR | os.O_CREAT | (0 if records else os.O_EXCL)
            self._file = os.open(path, mode, 0o600)
            os.ftruncate(self._file, self._size)
            synced(path.parent)
        except OSError as error:
            raise self._unwritable(error) from None

    def begin(self, beginning: Beginning, note: str = "") -> None:
        """The first record."""
        self._write(act=Act.BEGIN, done=False, beginning=beginning, note=note)

    def before(self, act: Act, devices: Collection[str] = (), note: str = "") -> None:
        self._write(act=act, done=False, devices=tuple(devices), note=note)

    def after(
        self,
        act: Act,
        devices: Collection[str] = (),
        failed: Mapping[str, PcgError] | None = None,
        holds: Mapping[str, str] | None = None,
        note: str = "",
    ) -> None:
        said = {name: error.message for name, error in (failed or {}).items()}
        self._write(
            act=act,
            done=True,
            devices=tuple(devices),
            failed=said,
            holds=dict(holds or {}),
            note=note,
        )

    def close(self) -> None:
        """Nothing more comes."""
        os.close(self._file)

    def _write(self, **content: object) -> None:
        record = Record.model_validate(
            {
                "number": self._number,
                "at": datetime.now(UTC),
                "previous": self._previous,
                "holds": {},
                "failed": {},
                **content,
            }
        )
        line = _line(record)
        try:
            if os.pwrite(self._file, line, self._size) < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            # Of a record that was interrupted as it was written, more may be there than this.
            os.ftruncate(self._file, self._size + len(line))
            os.fsync(self._file)
        except OSError as error:
            with suppress(OSError):
                os.ftruncate(self._file, self._size)
            raise self._unwritable(error) from None
        self._number, self._previous = self._number + 1, _digest(line)
        self._size += len(line)

    def _unwritable(self, error: OSError) -> EnvironmentLack:
        return EnvironmentLack(
            f"the journal cannot be written: {error.strerror}",
            place=str(self._path),
            remedy="make room or give permission there: no push goes on without its journal",
        )


def synced(folder: Path) -> None:
    """What was made or renamed in a folder is on disk when this returns."""
    file = os.open(folder, os.O_RDONLY)
    os.fsync(file)
    os.close(file)


@dataclass(frozen=True)
class Sound:
    """What is right in a journal, from its first line on, and what is wrong after that."""

    records: tuple[Record, ...]
    wrong: str = ""

    @property
    def beginning(self) -> Beginning | None:
        """What the push was begun with, if that can be believed.

        A line is vouched for by the next one, so of a damaged journal the last is not.
        """
        vouched = self.records[:-1] if self.wrong else self.records
        return vouched[0].beginning if vouched else None


def sound_part(path: Path) -> Sound:
    """Every record that was written whole, up to the first that is not as it was written.

    Raises EnvironmentLack if this user may not read it, which says nothing of what is in it.
    """
    try:
        *lines, _ = path.read_bytes().split(b"\n")
    except PermissionError as error:
        raise EnvironmentLack(
            f"the journal cannot be read: {error.strerror}",
            place=str(path),
            remedy="do this as the user who pushed, or have them let you read it",
        ) from None
    except OSError as error:
        return Sound((), f"cannot be read: {error.strerror}")
    records: list[Record] = []
    previous = _NOTHING
    for number, text in enumerate(lines):
        line = text + b"\n"
        altered = Sound(tuple(records), f"line {number + 1} is not as it was written")
        try:
            record = Record.model_validate_json(line)
        except ValidationError:
            return altered
        if (record.number, record.previous, _line(record)) != (number, previous, line):
            return altered
        records.append(record)
        previous = _digest(line)
    return Sound(tuple(records), "" if records else "has no whole line")


def read_journal(path: Path) -> tuple[Record, ...]:
    """Every record that was written whole. Raises InputError for a journal that was altered."""
    found = sound_part(path)
    if found.wrong:
        raise InputError(
            found.wrong,
            place=str(path),
            remedy="the devices still tell what they hold: pcg push --unwind asks them first",
        )
    return found.records


def _line(record: Record) -> bytes:
    return record.model_dump_json(exclude_defaults=False).encode() + b"\n"


def _digest(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()
