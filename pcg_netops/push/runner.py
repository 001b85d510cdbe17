"""A push over several devices: everything is staged and validated before anything is applied."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from nornir.core import Nornir
from nornir.core.task import Result, Task

from pcg_netops.errors import PcgError, PushError
from pcg_netops.inventory.nornir import Extras, nornir_of
from pcg_netops.inventory.workspace import Workspace
from pcg_netops.push.connection import CONNECTION
from pcg_netops.push.tasks import HostArtifacts, apply, stage
from pcg_netops.render import Artifacts

Progress = Callable[[str], None]


class Pusher:
    """Pushes to the devices of one workspace; connections stay open from push to push."""

    def __init__(self, workspace: Workspace, extras: Extras) -> None:
        """`extras` gives each host's connection its arguments (`push.connection`)."""
        self._nornir = nornir_of(workspace, CONNECTION, extras)

    def push(self, artifacts: Artifacts, waves: Sequence[Sequence[str]], say: Progress) -> None:
        """Stage on every device, then apply wave by wave.

        Raises PushError naming each host that failed and its own words. When staging fails nothing
        has been changed anywhere; when a wave fails later waves are not begun.
        """
        names = [name for wave in waves for name in wave]
        say(f"staging on {', '.join(names)}")
        _everywhere(self._nornir, names, stage, artifacts)
        for wave in waves:
            if wave:
                say(f"applying on {', '.join(wave)}")
                _everywhere(self._nornir, wave, apply, artifacts)

    def forget(self, names: Sequence[str]) -> None:
        """Drop connections to devices that have lost power."""
        for name in names:
            self._nornir.inventory.hosts[name].close_connections()

    def close(self) -> None:
        """Log out everywhere."""
        self._nornir.close_connections(on_good=True, on_failed=True)


def _everywhere(
    nornir: Nornir,
    names: Sequence[str],
    action: Callable[[Task, HostArtifacts], Result],
    artifacts: Artifacts,
) -> None:
    def one(task: Task) -> Result:
        try:
            return action(task, artifacts[task.host.name])
        except PcgError as error:  # expected: Nornir would log a traceback for what is raised
            return Result(host=task.host, failed=True, exception=error)

    results = nornir.filter(filter_func=lambda host: host.name in names).run(
        one, name=action.__name__, on_failed=True
    )
    failed = [
        _reason(host, multi[0].exception or multi.exception)
        for host, multi in results.items()
        if multi.failed
    ]
    if failed:
        raise PushError(
            "\n".join(failed),
            place=action.__name__,
            remedy="nothing was changed" if action is stage else "later waves were not begun",
        )


def _reason(host: str, error: Any) -> str:
    if isinstance(error, PcgError):
        return f"{error.place or host}: {error.message}"
    return f"{host}: {type(error).__name__}: {error}"
