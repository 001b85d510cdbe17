"""Pushes that leave no journal, one after the other: to a lab, or from a program of one's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from pcg_netops.inventory.nornir import Extras
from pcg_netops.inventory.workspace import Workspace
from pcg_netops.push.driver import Change
from pcg_netops.push.engine import GUARD_S, Push, Timing
from pcg_netops.push.fleet import AT_ONCE, Fleet
from pcg_netops.push.secrets import Secrets
from pcg_netops.push.watcher import Watcher
from pcg_netops.render import Artifacts

Progress = Callable[[str], None]


class Pusher:
    """Pushes to the devices of one workspace; connections stay open from push to push."""

    def __init__(
        self,
        workspace: Workspace,
        extras: Extras,
        secrets: Secrets | None = None,
        at_once: int = AT_ONCE,
    ) -> None:
        """The arguments are those of `Fleet`."""
        self._fleet = Fleet(workspace, extras, secrets, at_once)

    def push(
        self,
        artifacts: Artifacts,
        waves: Sequence[Sequence[str]],
        say: Progress,
        guard_s: int = GUARD_S,
    ) -> None:
        """Change every device to these files, or none, whatever the devices hold.

        Raises PushFailed as `Push.run` does, and InputError before any log-in if a secret has no
        value, or another one than when the change was planned.
        """
        changes = {name: Change(files=files) for name, files in artifacts.items()}
        self._prepared(changes, waves, say, guard_s).run()

    def push_changes(
        self,
        changes: Mapping[str, Change],
        waves: Sequence[Sequence[str]],
        say: Progress,
        guard_s: int = GUARD_S,
    ) -> None:
        """Change every device, or none, if all of them are fit for it and hold what they should.

        Raises what `push` raises, and PushError if they are not.
        """
        push = self._prepared(changes, waves, say, guard_s)
        push.preflight()
        push.run()

    def _prepared(
        self,
        changes: Mapping[str, Change],
        waves: Sequence[Sequence[str]],
        say: Progress,
        guard_s: int,
    ) -> Push:
        self._fleet.require_secrets(changes)
        return Push(self._fleet, changes, waves, Watcher(say), timing=Timing(guard_s))

    def forget(self, names: Sequence[str]) -> None:
        """Drop connections to devices that have lost power."""
        self._fleet.forget(names)

    def close(self) -> None:
        """Log out everywhere."""
        self._fleet.close()
