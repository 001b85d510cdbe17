"""A push over several devices: every one of them is changed, or none."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from nornir.core.task import Result, Task

from pcg_netops.errors import PcgError, PushError
from pcg_netops.inventory.nornir import Extras, nornir_of
from pcg_netops.inventory.workspace import Workspace
from pcg_netops.platforms import platform_named
from pcg_netops.push.connection import CONNECTION
from pcg_netops.push.digests import check_digests, key_file, users_key
from pcg_netops.push.driver import Change
from pcg_netops.push.secrets import Secrets, looked_up
from pcg_netops.push.tasks import apply, arm, confirm, extend, revert, stage
from pcg_netops.render import Artifacts

Progress = Callable[[str], None]
GUARD_S = 120
AT_ONCE = 100


class Pusher:
    """Pushes to the devices of one workspace; connections stay open from push to push."""

    def __init__(
        self,
        workspace: Workspace,
        extras: Extras,
        secrets: Secrets | None = None,
        at_once: int = AT_ONCE,
    ) -> None:
        """`extras` gives each host's connection its arguments (`push.connection`).

        Without `secrets` they are looked up where the workspace says. `at_once` is how many
        devices are worked on at the same time.
        """
        self._secrets = secrets or Secrets(looked_up(workspace.network.secrets, workspace.root))
        self._nornir = nornir_of(
            workspace,
            CONNECTION,
            lambda name: {"name": name, "secrets": self._secrets, **extras(name)},
            at_once=at_once,
        )

    def push(
        self,
        artifacts: Artifacts,
        waves: Sequence[Sequence[str]],
        say: Progress,
        guard_s: int = GUARD_S,
    ) -> None:
        """Change every device to these files, or none: see `push_changes`."""
        changes = {name: Change(files=files) for name, files in artifacts.items()}
        self.push_changes(changes, waves, say, guard_s)

    def push_changes(
        self,
        changes: Mapping[str, Change],
        waves: Sequence[Sequence[str]],
        say: Progress,
        guard_s: int = GUARD_S,
    ) -> None:
        """Change every device, or none.

        Everything is staged and checked before anything is changed. Then every device arms its own
        timer, which puts back what ran before unless it is confirmed within `guard_s`: also if this
        process dies. Waves are applied in order, with timers that begin anew before they run out,
        and all are confirmed at the end.

        Raises PushError naming each host that failed and its own words, when every device is back
        as it was; or, if that failed too, naming those that are not. Raises InputError before any
        log-in if a secret has no value, or another one than when the change was planned.
        """
        names = [name for wave in waves for name in wave]
        self._secrets.require(text for name in names for text in self._sent(name, changes[name]))
        for digests in (changes[name].secrets for name in names if changes[name].secrets):
            check_digests(digests, self._secrets, users_key(key_file()))
        say(f"staging on {', '.join(names)}")
        try:
            self._everywhere(names, "stage", lambda task: stage(task, changes[task.host.name]))
        except PushError:
            self.forget(names)  # what they only staged goes with the session
            raise
        try:
            self._everywhere(names, "arm", lambda task: arm(task, guard_s))
            begun = time.monotonic()
            for wave in filter(None, waves):
                begun = self._in_time(names, changes, begun, guard_s)
                say(f"applying on {', '.join(wave)}")
                self._everywhere(
                    wave, "apply", lambda task: apply(task, changes[task.host.name], guard_s)
                )
            self._in_time(names, changes, begun, guard_s)
        except PushError as error:
            raise self._reverted(names, changes, error) from None
        self._confirm(names, changes)

    def _confirm(self, names: Sequence[str], changes: Mapping[str, Change]) -> None:
        """Confirm everywhere. An answer that is lost on the way must not part the devices."""

        def one(task: Task) -> Result:
            return confirm(task, changes[task.host.name])

        failed = self._failures(names, "confirm", one)
        failed = self._failures(list(failed), "confirm", one) if failed else failed
        if failed:
            raise PushError(
                "\n".join(failed.values()),
                place="confirm",
                remedy="a device that says no more put back what ran before, the others keep the"
                " change: push either state again",
            )

    def _in_time(
        self, names: Sequence[str], changes: Mapping[str, Change], begun: float, guard_s: int
    ) -> float:
        """When the timers began; they begin anew here once half of their time is gone.

        Raises PushError if so much of it is gone that some may have run out meanwhile.
        """
        gone = time.monotonic() - begun
        if gone <= guard_s / 2:
            return begun
        if gone > guard_s:
            raise PushError(
                f"one wave took longer than the {guard_s} s after which devices revert",
                remedy="push fewer devices at once, or allow more time",
            )
        begun = time.monotonic()
        self._everywhere(
            names, "extend", lambda task: extend(task, changes[task.host.name], guard_s)
        )
        return begun

    def _reverted(
        self, names: Sequence[str], changes: Mapping[str, Change], error: PushError
    ) -> PushError:
        """Put everything back, last wave first; the error with what became of the devices."""
        try:
            self._everywhere(
                names[::-1], "revert", lambda task: revert(task, changes[task.host.name])
            )
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

    def _sent(self, name: str, change: Change) -> Iterator[str]:
        """Every text of a change that goes to the device."""
        platform = platform_named(self._nornir.inventory.hosts[name].platform or "")
        yield from change.lines
        yield from (a.text for n, a in change.files.items() if n in platform.delivered)

    def _everywhere(self, names: Sequence[str], action: str, act: Callable[[Task], Result]) -> None:
        """Act on all named devices at once. Raises PushError with what each failed one said."""
        if failed := self._failures(names, action, act):
            raise PushError("\n".join(failed.values()), place=action, remedy="nothing was changed")

    def _failures(
        self, names: Sequence[str], action: str, act: Callable[[Task], Result]
    ) -> dict[str, str]:
        """Act on all named devices at once; what each one that failed said."""

        def one(task: Task) -> Result:
            try:
                return act(task)
            except PcgError as error:  # expected: Nornir would log a traceback for what is raised
                return Result(host=task.host, failed=True, exception=error)

        chosen = self._nornir.filter(filter_func=lambda host: host.name in names)
        results = chosen.run(one, name=action, on_failed=True)
        return {
            host: _reason(host, multi[0].exception or multi.exception)
            for host, multi in results.items()
            if multi.failed
        }


def _reason(host: str, error: Any) -> str:
    if isinstance(error, PcgError):
        return f"{error.place or host}: {error.message}"
    return f"{host}: {type(error).__name__}: {error}"
