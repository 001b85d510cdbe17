"""The devices of a network, each with a connection that stays open from act to act."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from nornir.core.task import Result, Task

from pcg_netops.errors import PcgError, PushError
from pcg_netops.inventory.nornir import Extras, nornir_of
from pcg_netops.inventory.workspace import Workspace
from pcg_netops.platforms import platform_named
from pcg_netops.push.connection import CONNECTION
from pcg_netops.push.digests import check_digests, key_file, users_key
from pcg_netops.push.driver import Change, Unreachable
from pcg_netops.push.secrets import Secrets
from pcg_netops.push.trust import values_of

AT_ONCE = 100
_AGAIN_S = 0.2  # between two attempts to reach a device
Act = Callable[[Task], Result]


@dataclass(frozen=True)
class Answers:
    """What the devices gave, and what those that failed said."""

    results: Mapping[str, Any]
    failed: Mapping[str, PcgError]

    def raise_any(self, place: str, remedy: str) -> None:
        """Raise PushError if any device failed."""
        if self.failed:
            raise PushError(self.said, place=place, remedy=remedy)

    @property
    def said(self) -> str:
        """Each device that failed, with its own words, and what to do where it was not reached."""
        return "\n".join(
            f"{e.place or name}: {e.message}"
            + (f"; {e.remedy}" if isinstance(e, Unreachable) and e.remedy else "")
            for name, e in self.failed.items()
        )


class Fleet:
    """Acts on many devices of one workspace at the same time."""

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
        self._secrets = secrets or Secrets(values_of(workspace))
        self._nornir = nornir_of(
            workspace,
            CONNECTION,
            lambda name: {"name": name, "secrets": self._secrets, **extras(name)},
            at_once=at_once,
        )

    def require_secrets(self, changes: Mapping[str, Change]) -> None:
        """Look up every value that is going to be sent.

        Raises InputError for one that lacks, or is another than when the change was planned.
        """
        self._secrets.require(
            text for name, change in changes.items() for text in self._sent(name, change)
        )
        for change in changes.values():
            if change.secrets:
                check_digests(change.secrets, self._secrets, users_key(key_file()))

    def platform(self, name: str) -> str:
        """The name of a device's platform."""
        return self._nornir.inventory.hosts[name].platform or ""

    def everywhere(self, names: Collection[str], action: str, act: Act) -> Answers:
        """Act on all named devices at once; one that fails holds up no other."""

        def one(task: Task) -> Result:
            try:
                return act(task)
            except PcgError as error:  # expected: Nornir would log a traceback for what is raised
                return Result(host=task.host, failed=True, exception=error)

        if not names:
            return Answers({}, {})
        chosen = self._nornir.filter(filter_func=lambda host: host.name in names)
        results = chosen.run(one, name=action, on_failed=True)
        return Answers(
            {name: multi[0].result for name, multi in results.items() if not multi.failed},
            {
                name: _as_ours(name, multi[0].exception or multi.exception)
                for name, multi in results.items()
                if multi.failed
            },
        )

    def insist(
        self,
        names: Collection[str],
        action: str,
        act: Act,
        patience_s: float,
        stop: Callable[[], object] = lambda: False,
    ) -> Answers:
        """Act, and act again where that failed; only what failed to the end is in the answers.

        A device that cannot be reached, as while it restarts, is tried until `patience_s` are over
        or `stop` says so; one that answers is asked twice.
        """
        deadline = time.monotonic() + patience_s
        failed = self.everywhere(names, action, act).failed
        for name in failed:
            self.forget([name])
        final: dict[str, PcgError] = {}
        while failed:
            again = self.everywhere(list(failed), action, act).failed
            late = time.monotonic() > deadline or stop()
            final |= {n: e for n, e in again.items() if late or not isinstance(e, Unreachable)}
            failed = {n: e for n, e in again.items() if n not in final}
            if failed:
                time.sleep(_AGAIN_S)
        return Answers({}, final)

    def forget(self, names: Collection[str]) -> None:
        """Drop connections, as to devices that have lost power."""
        for name in names:
            self._nornir.inventory.hosts[name].close_connections()

    def close(self) -> None:
        """Log out everywhere."""
        self._nornir.close_connections(on_good=True, on_failed=True)

    def _sent(self, name: str, change: Change) -> Iterator[str]:
        """Every text of a change that goes to the device."""
        platform = platform_named(self.platform(name))
        yield from change.lines
        for files in (change.files, change.base_files):
            yield from (a.text for n, a in files.items() if n in platform.delivered)
        if change.back:
            yield from self._sent(name, change.back)


def _as_ours(name: str, error: Any) -> PcgError:
    if isinstance(error, PcgError):
        return error
    return PushError(f"{type(error).__name__}: {error}", place=name)
