"""Both directions of a change of an IOS-XE configuration, and the proof that they are safe."""

from __future__ import annotations

from collections.abc import Sequence

from pcg_netops.diff.iosxe.orders import commands
from pcg_netops.diff.iosxe.router import Router
from pcg_netops.diff.iosxe.safety import hazards


def standard(text: str) -> str:
    """The configuration in the standard form, which is the same where the meaning is."""
    return Router(text.splitlines()).text()


def both_ways(old: str, new: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The commands from one configuration to the other, and back."""
    before, after = Router(old.splitlines()), Router(new.splitlines())
    return commands(before, after), commands(after, before)


def unsafe(old: str, new: str, there: Sequence[str], back: Sequence[str]) -> list[str]:
    """Everything wrong with a change: a moment that is not safe, or an end that is not as meant."""
    before, after = Router(old.splitlines()), Router(new.splitlines())
    walked = Router(old.splitlines(), before.negatives | after.negatives)
    found: list[str] = []
    for way, lines, end in (("remediation", there, after), ("back-out", back, before)):
        found += [f"{way}, {hazard}" for hazard in hazards(walked, end, lines)]
        if walked.text() != end.text():
            found.append(f"{way}: does not end where it should")
    return found
