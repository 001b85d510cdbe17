"""Every error a user can meet, as one small tree.

    PcgError                5  a defect of ours
    ├── InputError          2  what the user wrote: a file, a name, an option
    ├── EnvironmentLack     3  what the machine lacks: a package, a permission, a kernel feature
    ├── PushError           1  a device refused, or holds something other than what was sent
    └── LabError            3  the lab did not come up or a node stopped answering

Each says what is wrong, where, and what to do next. The number is the process's exit code.
What the user wrote wrongly also has a stable code, which `pcg explain` tells more about.
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What the `pcg` command tells the shell."""

    PASS = 0
    FAIL = 1
    INPUT = 2
    ENVIRONMENT = 3
    INCOMPLETE = 4
    INTERNAL = 5


class PcgError(Exception):
    """Base of all errors: `message` says what is wrong, `place` where, `remedy` what to do."""

    exit_code = ExitCode.INTERNAL

    def __init__(self, message: str, *, place: str = "", remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.place = place
        self.remedy = remedy

    def __str__(self) -> str:
        where = f"{self.place}: " if self.place else ""
        then = f"\n  remedy: {self.remedy}" if self.remedy else ""
        return f"{where}{self.message}{then}"


class InputError(PcgError):
    """Something the user wrote cannot be used. `code` says which kind of mistake it is."""

    exit_code = ExitCode.INPUT

    def __init__(
        self, message: str, *, place: str = "", remedy: str = "", code: str = "PCG000"
    ) -> None:
        super().__init__(message, place=place, remedy=remedy)
        self.code = code


class InputErrors(InputError):
    """Several input errors found in one reading, none hidden behind another."""

    def __init__(self, errors: list[InputError]) -> None:
        super().__init__("\n".join(str(error) for error in errors))
        self.errors = tuple(errors)


class EnvironmentLack(PcgError):
    """The machine lacks something the command needs."""

    exit_code = ExitCode.ENVIRONMENT


class LabError(PcgError):
    """The lab did not come up, or a node stopped answering."""

    exit_code = ExitCode.ENVIRONMENT


class PushError(PcgError):
    """A device refused a change or does not hold what was sent to it."""

    exit_code = ExitCode.FAIL
