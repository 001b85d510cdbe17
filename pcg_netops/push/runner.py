"""A push over several devices: everything is staged and validated before anything is applied."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from nornir.core import Nornir
from nornir.core.task import Result, Task

from pcg_netops.errors import PcgError, PushError
from pcg_netops.push.tasks import HostArtifacts, apply, stage
from pcg_netops.render import Artifacts

Progress = Callable[[str], None]


def push(nornir: Nornir, artifacts: Artifacts, waves: Sequence[Sequence[str]], say: Progress) -> None:
    """Stage on every device, then apply wave by wave.

    Raises PushError naming each host that failed and its own words. When staging fails nothing has
    been changed anywhere; when a wave fails later waves are not begun.
    """
    names = [name for wave in waves for name in wave]
    say(f"staging on {', '.join(names)}")
    _everywhere(nornir, names, stage, artifacts)
    for wave in waves:
        if wave:
            say(f"applying on {', '.join(wave)}")
            _everywhere(nornir, wave, apply, artifacts)


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
