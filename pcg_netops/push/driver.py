"""What a push needs of a device, whatever its maker, and what a push brings to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Protocol

from pcg_netops.diff import DeviceChange, residue, stale
from pcg_netops.errors import PushError
from pcg_netops.render import Artifact

# The texts that a device prints of what it runs, by the names of the files that they correspond to.
Running = Mapping[str, str]
# What still differs, for people; "" for nothing.
Difference = Callable[[Running], str]


class Unreachable(PushError):
    """The device did not let us in, or said nothing any more: what it holds is not known."""


class Stale(PushError):
    """The device does not run what the change was planned on."""


class Lapsed(PushError):
    """The time was up before the confirmation: the device has put back what ran before."""


class Unsaved(PushError):
    """The change runs and is confirmed, and the device would start without it."""


@dataclass(frozen=True)
class Change:
    """What one device is brought.

    A platform takes whole `files`, or the `lines` of a change set, which may be indented by what
    they stand below. `base_files` are those that `files` take the place of. `from_intended` and
    `from_base` tell how a running configuration differs from what lines lead to and from what they
    were made for; what a device adds by itself is none of their business. `secrets` are the digests
    of those that the change names, as they were when it was planned (`pcg_netops.push.digests`).
    `label` tells this push from others: letters, digits and hyphens. `back` undoes the change once
    it was confirmed.
    """

    files: Mapping[str, Artifact] = field(default_factory=dict)
    lines: tuple[str, ...] = ()
    base_files: Mapping[str, Artifact] = field(default_factory=dict)
    from_intended: Difference | None = None
    from_base: Difference | None = None
    label: str = "push"
    secrets: Mapping[str, str] = field(default_factory=dict)
    back: Change | None = None

    def drift(self, running: Callable[[], Running]) -> str:
        """What `from_base` says of what runs, which is only read if it is there; "" without."""
        return self.from_base(running()) if self.from_base else ""

    def residue(self, running: Callable[[], Running]) -> str:
        """What `from_intended` says of what runs, in the same way."""
        return self.from_intended(running()) if self.from_intended else ""

    def arrived(self, running: Callable[[], Running]) -> bool:
        """Whether it is certain that what runs is what was intended."""
        return self.from_intended is not None and not self.residue(running)


def planned(change: DeviceChange, label: str) -> Change:
    """The change that was planned for a device, and what undoes it."""
    undone = change.model_copy(
        update={
            "base": change.intended,
            "intended": change.base,
            "remediation": change.back_out,
            "back_out": change.remediation,
        }
    )
    return replace(_one_way(change, label), back=_one_way(undone, label))


def _one_way(change: DeviceChange, label: str) -> Change:
    def artifacts(texts: Mapping[str, str]) -> Mapping[str, Artifact]:
        return {
            name: Artifact(change.device, name, texts[name])
            for name in change.replaced
            if name in texts
        }

    if change.replaced:  # the device's own programs compare files
        return Change(
            files=artifacts(change.intended),
            base_files=artifacts(change.base),
            label=label,
            secrets=change.secrets,
        )
    return Change(
        lines=change.remediation,
        from_intended=partial(residue, change),
        from_base=partial(stale, change),
        label=label,
        secrets=change.secrets,
    )


@dataclass(frozen=True)
class Facts:
    """What a device says of itself. `clock` is None where it does not keep UTC."""

    version: str
    free_bytes: int
    clock: datetime | None


@dataclass(frozen=True, order=True)
class Session:
    """A BGP or BFD session of a device with the neighbour at an address."""

    kind: str  # "BGP" or "BFD"
    peer: str

    def __str__(self) -> str:
        return f"{self.kind} with {self.peer}"


def sessions_up(bgp: Iterable[str], bfd: Iterable[str]) -> frozenset[Session]:
    """The sessions with neighbours at these addresses."""
    return frozenset(
        Session(kind, peer) for kind, peers in (("BGP", bgp), ("BFD", bfd)) for peer in peers
    )


class Driver(Protocol):
    """One device during a push; every method raises PushError with the device's own words.

    The order is stage, arm, apply, residue, confirm. `extend` may come any number of times after
    `arm`, `revert` at any time. A new connection may go on where another broke off: what matters
    is on the device, which puts everything back by itself unless `confirm` comes in time.
    """

    @property
    def broken(self) -> bool:
        """Whether this connection is of no more use."""

    def running(self) -> Running:
        """What the device runs now."""

    def pending(self) -> bool:
        """Whether the device will put back what ran before, unless somebody confirms."""

    def facts(self) -> Facts:
        """What the device is. Raises PushError also if it cannot undo a change by itself now."""

    def sessions(self) -> frozenset[Session]:
        """The routing sessions that are up."""

    def drift(self, change: Change) -> str:
        """How what runs differs from what the change was made for; "" if that is not known."""

    def residue(self, change: Change) -> str:
        """How what runs differs from what the change leads to; "" if that is not known."""

    def stage(self, change: Change) -> None:
        """Have the device check as much of the change as it can; nothing that runs is changed."""

    def arm(self, seconds: int) -> None:
        """Let the device put back what runs now when the time is up, if it can before a change."""

    def apply(self, change: Change, seconds: int) -> None:
        """Carry out the change. Where the time begins with it, it is `seconds`."""

    def extend(self, change: Change, seconds: int) -> None:
        """Let the time begin anew, if it has begun."""

    def confirm(self, change: Change) -> None:
        """Keep what runs, also for the next start; a second time if the first may have failed.

        Raises Lapsed or Unsaved where that is what has happened.
        """

    def revert(self, change: Change) -> None:
        """Put back what ran before, now, and check that it runs; also undo what `stage` left."""

    def close(self) -> None:
        """Log out."""


def minutes(seconds: int) -> int:
    """The whole minutes, rounded up, that devices count in."""
    return -(-seconds // 60)
