"""A finding, and a check that makes findings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, NamedTuple, TypeVar

SubjectT = TypeVar("SubjectT")


class Severity(StrEnum):
    """How bad a finding is, the worst first."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"

    @property
    def rank(self) -> int:
        """0 for the worst."""
        return list(Severity).index(self)


@dataclass(frozen=True)
class Finding:
    """One thing that somebody should know or mend. `place` is `file:line:column`."""

    code: str
    severity: Severity
    place: str
    message: str
    remedy: str


class Problem(NamedTuple):
    """What a check's function yields; the check adds its code, and its severity if none is here."""

    place: str
    message: str
    remedy: str
    severity: Severity | None = None


@dataclass(frozen=True)
class Example:
    """A part of a file that has the finding, and the same part mended."""

    file: str  # of the inventory, such as "cutovers/<name>.yaml", or rendered, such as "frr.conf"
    wrong: str
    right: str
    given: tuple[tuple[str, str], ...] = ()  # other files, with a part that holds for both


@dataclass(frozen=True)
class Rule:
    """What a code means, for people. `source` names where the rule comes from."""

    code: str
    title: str
    severity: Severity  # the worst that it gives
    rationale: str
    source: str
    example: Example
    further_examples: tuple[Example, ...] = ()  # where other files say it in other words


@dataclass(frozen=True)
class Check(Generic[SubjectT]):
    """A rule with the function that finds where it is broken."""

    rule: Rule
    problems: Callable[[SubjectT], Iterator[Problem]]

    def findings(self, subject: SubjectT) -> Iterator[Finding]:
        """Every place where the subject breaks the rule."""
        for place, message, remedy, severity in self.problems(subject):
            yield Finding(self.rule.code, severity or self.rule.severity, place, message, remedy)
