"""Waivers: what they turn into notes, and what is wrong with them.

A waiver holds at a stage whose window closes before it expires. The day on which somebody asks does
not matter: the same workspace gives the same findings on every day.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from pcg_netops.audit.finding import Check, Example, Finding, Problem, Rule, Severity
from pcg_netops.design.steering import Stage
from pcg_netops.inventory.yamlfile import YamlFile
from pcg_netops.model.waivers import Waiver, Waivers


@dataclass(frozen=True)
class Occurrence:
    """A finding on a device at one stage. `label` is how the stage is called in messages."""

    finding: Finding
    device: str
    stage: Stage
    label: str


@dataclass(frozen=True)
class Waiving:
    """The waivers with their file, and everything that was found at the stages asked about."""

    file: YamlFile
    waivers: Waivers
    found: tuple[Occurrence, ...]
    all_stages: bool  # whether those are all that there are

    def of(self, name: str) -> Iterator[Occurrence]:
        """What a waiver is for, whether it still holds or not."""
        waiver = self.waivers.waivers[name]
        return (occurrence for occurrence in self.found if _is_for(waiver, occurrence))


def _is_for(waiver: Waiver, occurrence: Occurrence) -> bool:
    file = occurrence.finding.place.partition(":")[0]
    return (
        waiver.rule == occurrence.finding.code
        and _matches(occurrence.device, waiver.devices)
        and _matches(occurrence.stage.name, waiver.stages)
        and _matches(file, waiver.places)
    )


def _matches(text: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(text, pattern) for pattern in patterns)


def _holds(waiver: Waiver, stage: Stage) -> bool:
    return stage.window.end.date() <= waiver.expires


def waived(subject: Waiving) -> Iterator[Occurrence]:
    """Everything that was found; what a waiver is for and still holds becomes a note."""
    for occurrence in subject.found:
        name = next(
            (
                name
                for name, waiver in subject.waivers.waivers.items()
                if _is_for(waiver, occurrence) and _holds(waiver, occurrence.stage)
            ),
            None,
        )
        yield (
            replace(occurrence, finding=_noted(occurrence.finding, name, subject.waivers))
            if (name)
            else occurrence
        )


def _noted(finding: Finding, name: str, waivers: Waivers) -> Finding:
    waiver = waivers.waivers[name]
    return replace(
        finding,
        severity=Severity.NOTE,
        message=f"{finding.message} (waived by {waiver.owner} until {waiver.expires}: '{name}')",
        remedy="none is needed while the waiver holds",
    )


def _expired(subject: Waiving) -> Iterator[Problem]:
    for name, waiver in subject.waivers.waivers.items():
        late = [o for o in subject.of(name) if not _holds(waiver, o.stage)]
        if late:
            first = min(late, key=lambda occurrence: occurrence.stage.window.end)
            yield Problem(
                subject.file.place("waivers", name, "expires"),
                f"waiver '{name}' expired on {waiver.expires}, before stage '{first.label}' ends on"
                f" {first.stage.window.end:%Y-%m-%d}: from there on it waives nothing",
                f"mend what it is for, or have {waiver.owner} extend it",
            )


def _unused(subject: Waiving) -> Iterator[Problem]:
    if not subject.all_stages:
        return
    for name, waiver in subject.waivers.waivers.items():
        if not any(subject.of(name)):
            yield Problem(
                subject.file.place("waivers", name),
                f"waiver '{name}' is for {waiver.rule}, which nothing in its scope has",
                "remove it, or correct its rule and scope: it would hide a later finding",
            )


_WAIVER = (
    "waivers:\n"
    "  no-tacacs:\n"
    "    rule: PCG403\n"
    "    devices: [%s]\n"
    "    owner: Head of Networks\n"
    "    reason: The log-in servers come with the new data centre\n"
    "    expires: %s\n"
)

EXPIRED: Check[Waiving] = Check(
    Rule(
        "PCG601",
        "A waiver has expired",
        Severity.ERROR,
        "Somebody answered for a finding until a day, and stages of the cutover come after it. It"
        " is measured against those stages, not against today. What it was for counts in full.",
        "NIST SP 800-37 revision 2 (time-limited acceptance of risk)",
        Example(
            "waivers.yaml",
            _WAIVER % ("hospital", "2030-01-01"),
            _WAIVER % ("hospital", "2030-12-31"),
        ),
    ),
    _expired,
)
UNUSED: Check[Waiving] = Check(
    Rule(
        "PCG602",
        "A waiver is for nothing that was found",
        Severity.WARNING,
        "Its rule or scope may be mistyped, or what it was for is mended. Left in place, it would"
        " hide a finding that nobody has looked at.",
        "general engineering practice",
        Example(
            "waivers.yaml",
            _WAIVER % ("hospitle", "2030-12-31"),
            _WAIVER % ("hospital", "2030-12-31"),
        ),
    ),
    _unused,
)
