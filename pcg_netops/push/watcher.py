"""Who follows a push, and may stop it; and how one ends that did not make the change."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pcg_netops.errors import ExitCode, PushError
from pcg_netops.push.survey import Holds, settled

STOPPED = "stopped"  # the place of a push that somebody has stopped
_MOST_NAMES = 12


@dataclass(frozen=True)
class Watcher:
    """Who follows a push: sentences, and what each device is at."""

    say: Callable[[str], None] = lambda _: None
    device: Callable[[str, str], None] = lambda name, state: None
    stop: Callable[[], str] = lambda: ""  # who wants it to stop, such as a signal's name
    lost: Callable[[], str] = lambda: ""  # why something that was said was not heard


class Stopped(PushError):
    """Somebody wanted the push to stop."""


class PushFailed(PushError):
    """A push that did not make the change; `holds` is what each device holds now."""

    def __init__(self, message: str, *, place: str, remedy: str, holds: Mapping[str, Holds]):
        super().__init__(message, place=place, remedy=remedy)
        self.holds = dict(holds)
        if not settled(holds):
            self.exit_code = ExitCode.INCOMPLETE


def listed(names: Sequence[str]) -> str:
    """Names for people, who read no more than a few."""
    rest = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {rest} more" if rest > 0 else "")
