"""What a push needs of a device, whatever its maker, and what a push brings to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from pcg_netops.diff import DeviceChange, residue, stale
from pcg_netops.render import Artifact

# The texts that a device prints of what it runs, by the names of the files that they correspond to.
Running = Mapping[str, str]
# What still differs, for people; "" for nothing.
Difference = Callable[[Running], str]


@dataclass(frozen=True)
class Change:
    """What one device is brought.

    A platform takes whole `files`, or the `lines` of a change set, which may be indented by what
    they stand below. `from_intended` and `from_base` tell how a running configuration differs from
    what the change leads to and from what it was made for; what a device adds by itself is none of
    their business. `secrets` are the digests of those that the change names, as they were when it
    was planned (`pcg_netops.push.digests`). `label` tells this push from others: letters, digits
    and hyphens.
    """

    files: Mapping[str, Artifact] = field(default_factory=dict)
    lines: tuple[str, ...] = ()
    from_intended: Difference | None = None
    from_base: Difference | None = None
    label: str = "push"
    secrets: Mapping[str, str] = field(default_factory=dict)

    def difference_from_base(self, running: Callable[[], Running]) -> str:
        """What `from_base` says of what runs, which is only read if it is there; "" without."""
        return self.from_base(running()) if self.from_base else ""

    def residue(self, running: Callable[[], Running]) -> str:
        """What `from_intended` says of what runs, in the same way."""
        return self.from_intended(running()) if self.from_intended else ""

    def arrived(self, running: Callable[[], Running]) -> bool:
        """Whether it is certain that this runs."""
        return self.from_intended is not None and not self.from_intended(running())


def planned(change: DeviceChange, label: str, *, back: bool = False) -> Change:
    """The change that was planned for a device; with `back`, what undoes it once it was made."""
    if back:
        change = change.model_copy(
            update={
                "base": change.intended,
                "intended": change.base,
                "remediation": change.back_out,
                "back_out": change.remediation,
            }
        )
    return Change(
        files={
            name: Artifact(change.device, name, change.intended[name]) for name in change.replaced
        },
        lines=change.remediation,
        from_intended=partial(residue, change),
        from_base=partial(stale, change),
        label=label,
        secrets=change.secrets,
    )


class Driver(Protocol):
    """One device during a push; every method raises PushError with the device's own words.

    The order is stage, arm, apply, verify, confirm. `extend` may come any number of times after
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

    def stage(self, change: Change) -> None:
        """Have the device check as much of the change as it can; nothing that runs is changed.

        It is checked too that the device can undo the change by itself and that nobody changed it
        since the change was planned.
        """

    def arm(self, seconds: int) -> None:
        """Let the device put back what runs now when the time is up, if it can before a change."""

    def apply(self, change: Change, seconds: int) -> None:
        """Carry out the change. Where the time begins with it, it is `seconds`."""

    def verify(self, change: Change) -> None:
        """Read what runs, which has to be what was sent."""

    def extend(self, change: Change, seconds: int) -> None:
        """Let the time begin anew, if it has begun."""

    def confirm(self, change: Change) -> None:
        """Keep what runs, also for the next start; a second time if the first may have failed."""

    def revert(self, change: Change) -> None:
        """Put back what ran before, now, and check that it runs; also undo what `stage` left."""

    def close(self) -> None:
        """Log out."""


def minutes(seconds: int) -> int:
    """The whole minutes, rounded up, that devices count in."""
    return -(-seconds // 60)
