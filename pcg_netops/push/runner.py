"""A push over several devices: every one of them is changed, or none."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from nornir.core.task import Result, Task

from pcg_netops.errors import PcgError, PushError
from pcg_netops.inventory.nornir import Extras, nornir_of
from pcg_netops.inventory.workspace import Workspace
from pcg_netops.platforms import platform_named
from pcg_netops.push.connection import CONNECTION
from pcg_netops.push.secrets import Secrets, looked_up
from pcg_netops.push.tasks import apply, arm, confirm, revert, stage
from pcg_netops.render import Artifacts

Progress = Callable[[str], None]
GUARD_S = 120


class Pusher:
    """Pushes to the devices of one workspace; connections stay open from push to push."""

    def __init__(
        self, workspace: Workspace, extras: Extras, secrets: Secrets | None = None
    ) -> None:
        """`extras` gives each host's connection its arguments (`push.connection`).

        Without `secrets` they are looked up where the workspace says.
        """
        self._secrets = secrets or Secrets(looked_up(workspace.network.secrets, workspace.root))
        self._nornir = nornir_of(
            workspace, CONNECTION, lambda name: {"secrets": self._secrets, **extras(name)}
        )

    def push(
        self,
        artifacts: Artifacts,
        waves: Sequence[Sequence[str]],
        say: Progress,
        guard_s: int = GUARD_S,
    ) -> None:
        """Change every device, or none.

        Everything is staged and validated before anything is changed. Then every device arms its
        own timer, which puts back what ran before unless it is confirmed within `guard_s`: also if
        this process dies. Waves are applied in order, and all are confirmed at the end.

        Raises PushError naming each host that failed and its own words, when every device is back
        as it was; or, if that failed too, naming those that are not. Raises InputError before any
        log-in if a secret has no value.
        """
        names = [name for wave in waves for name in wave]
        self._secrets.require(
            artifact.text
            for name in names
            for artifact in artifacts[name].values()
            if artifact.name in self._delivered(name)
        )
        say(f"staging on {', '.join(names)}")
        self._everywhere(names, "stage", lambda task: stage(task, artifacts[task.host.name]))
        begun = time.monotonic()
        try:
            self._everywhere(names, "arm", lambda task: arm(task, guard_s))
            for wave in waves:
                if wave:
                    say(f"applying on {', '.join(wave)}")
                    self._everywhere(
                        wave, "apply", lambda task: apply(task, artifacts[task.host.name])
                    )
            if time.monotonic() - begun > guard_s / 2:
                raise PushError(
                    f"the waves took more than half of the {guard_s} s after which devices revert",
                    remedy="push fewer devices at once, or allow more time",
                )
        except PushError as error:
            raise self._reverted(names, error) from None
        try:
            self._everywhere(
                names, "confirm", lambda task: confirm(task, artifacts[task.host.name])
            )
        except PushError as error:
            raise PushError(
                error.message,
                place="confirm",
                remedy="these devices put back what ran before, the others keep the change:"
                " push either state again",
            ) from None

    def _reverted(self, names: Sequence[str], error: PushError) -> PushError:
        """Put everything back, last wave first; the error with what became of the devices."""
        try:
            self._everywhere(names[::-1], "revert", revert)
        except PushError as worse:
            said = f"{error.message}\nnot put back by us:\n{worse.message}"
            return PushError(
                said, place=error.place, remedy="wait: these devices revert when their time is up"
            )
        return PushError(
            error.message, place=error.place, remedy="every device is back as it was before"
        )

    def forget(self, names: Sequence[str]) -> None:
        """Drop connections to devices that have lost power."""
        for name in names:
            self._nornir.inventory.hosts[name].close_connections()

    def close(self) -> None:
        """Log out everywhere."""
        self._nornir.close_connections(on_good=True, on_failed=True)

    def _delivered(self, name: str) -> frozenset[str]:
        return platform_named(self._nornir.inventory.hosts[name].platform or "").delivered

    def _everywhere(self, names: Sequence[str], action: str, act: Callable[[Task], Result]) -> None:
        """Act on all named devices at once. Raises PushError with what each failed one said."""

        def one(task: Task) -> Result:
            try:
                return act(task)
            except PcgError as error:  # expected: Nornir would log a traceback for what is raised
                return Result(host=task.host, failed=True, exception=error)

        chosen = self._nornir.filter(filter_func=lambda host: host.name in names)
        results = chosen.run(one, name=action, on_failed=True)
        failed = [
            _reason(host, multi[0].exception or multi.exception)
            for host, multi in results.items()
            if multi.failed
        ]
        if failed:
            raise PushError("\n".join(failed), place=action, remedy="nothing was changed")


def _reason(host: str, error: Any) -> str:
    if isinstance(error, PcgError):
        return f"{error.place or host}: {error.message}"
    return f"{host}: {type(error).__name__}: {error}"
