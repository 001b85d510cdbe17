"""Tasks for anybody's Nornir, each for one host. See docs/nornir.md for playbooks.

`change` is a change set, the file of one, or one device's part of it. Every task gives a failed
result, with our own error as its exception, where it cannot do what it is for.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from nornir.core.task import Result, Task

from pcg_netops.nornir.context import context_of, told

if TYPE_CHECKING:
    from pcg_netops.diff import ChangeSet, DeviceChange
    from pcg_netops.push.driver import Change

    AnyChange = ChangeSet | DeviceChange | Change | Path | str

DRY = "nothing was done: this was a dry run"


@told
def render(
    task: Task, phase: str, out: Path | str | None = None, cutover: str | None = None
) -> Result:
    """The host's files at a phase or wave: `result` maps names to texts, with secrets as markers.

    With `out` they are written to `<out>/<host>/`, unless it is a dry run; `diff` is against what
    was there, and `changed` says whether anything differs. A host that is no device of the network
    has no files.

        nr.run(task=render, phase="p4.1", out="build/p4.1")
    """
    from pcg_netops.render import compared, written

    files = context_of(task.nornir).files(phase, cutover, task.host.name)
    texts = {name: artifact.text for name, artifact in files.items()}
    if out is None:
        return Result(host=task.host, result=texts)
    difference = compared(files, Path(out))
    if difference and not task.is_dry_run():
        written(files, Path(out))
    return Result(host=task.host, result=texts, diff=difference, changed=bool(difference))


@told
def diff(task: Task, after: str, before: str | None = None, cutover: str | None = None) -> Result:
    """What changes on the host between two phases or waves; without `before`, from what runs now.

    `diff` is for people, `changed` is true if it is not empty, and `result` is the device's part of
    a change set (`DeviceChange`) or None. Of what runs on Linux the device's own programs tell the
    difference, and there is no plan.

        print_result(nr.run(task=diff, before="p3", after="p4.1"))
    """
    from pcg_netops.diff import compared, plan_running, plan_stages
    from pcg_netops.push.driver import Change
    from pcg_netops.push.tasks import differing, driver_of

    context = context_of(task.nornir)
    name = task.host.name
    wanted = dict(context.files(after, cutover, name))
    if not wanted:
        return Result(host=task.host)
    platforms = {name: context.workspace.hosts[name].platform or ""}
    if before is not None:
        old = dict(context.files(before, cutover, name))
        changes = plan_stages({name: old}, {name: wanted}, platforms)
    elif platforms[name] == "linux":
        found = differing(task, Change(files=wanted))
        return Result(host=task.host, diff=found.diff, changed=bool(found.diff))
    else:
        running = {name: driver_of(task).running()}
        changes = plan_running(running, {name: wanted}, {name: wanted}, platforms)
    change = next(iter(changes), None)
    said = compared(change) if change else ""
    return Result(host=task.host, result=change, diff=said, changed=change is not None)


@told
def collect(task: Task) -> Result:
    """What the host runs: `result` maps names of files to texts, without secrets. Changes nothing.

    nr.run(task=collect)["pcg-a"].result
    """
    from pcg_netops.diff import without_secrets
    from pcg_netops.push.tasks import driver_of

    platform, running = task.host.platform or "", driver_of(task).running()
    shown = {name: without_secrets(platform, text) for name, text in running.items()}
    return Result(host=task.host, result=shown)


@told
def preflight(task: Task, change: AnyChange) -> Result:
    """Whether the host is fit for a change and still holds what that was planned on.

    `result` is what it is (`Facts`: version, free space, clock). Changes nothing.

        nr.run(task=preflight, change="build/p4.1.json")
    """
    from pcg_netops.push import tasks

    part = _of(task, change)
    return tasks.preflight(task, part) if part else _nothing(task)


@told
def stage(task: Task, change: AnyChange) -> Result:
    """Have the host check a change. What runs stays as it is.

    nr.run(task=stage, change="build/p4.1.json")
    """
    from pcg_netops.push import tasks

    return _done(task, change, lambda part: tasks.stage(task, part))


@told
def arm(task: Task, seconds: int = 120) -> Result:
    """Have the host keep what runs now, and put it back by itself unless `confirm` comes in time.

    nr.run(task=arm, seconds=300)
    """
    from pcg_netops.push import tasks

    return _nothing(task) if task.is_dry_run() else tasks.arm(task, seconds)


@told
def apply(task: Task, change: AnyChange, seconds: int = 120) -> Result:
    """Carry out a change that was staged and armed, and prove that the host runs it.

    nr.run(task=apply, change="build/p4.1.json")
    """
    from pcg_netops.push import tasks

    return _done(task, change, lambda part: tasks.apply(task, part, seconds))


@told
def verify(task: Task, change: AnyChange) -> Result:
    """Prove that the host runs what a change was to bring. Changes nothing.

    nr.run(task=verify, change="build/p4.1.json")
    """
    from pcg_netops.push import tasks

    part = _of(task, change)
    return tasks.verify(task, part) if part else _nothing(task)


@told
def extend(task: Task, change: AnyChange, seconds: int = 120) -> Result:
    """Let the time after which the host puts everything back begin anew.

    nr.run(task=extend, change="build/p4.1.json", seconds=300)
    """
    from pcg_netops.push import tasks

    return _done(task, change, lambda part: tasks.extend(task, part, seconds))


@told
def confirm(task: Task, change: AnyChange) -> Result:
    """Keep a change that was applied, also for the host's next start.

    nr.run(task=confirm, change="build/p4.1.json")
    """
    from pcg_netops.push import tasks

    return _done(task, change, lambda part: tasks.confirm(task, part))


@told
def revert(task: Task, change: AnyChange) -> Result:
    """Put back, now, what the host ran before a change that is not confirmed yet.

    nr.run(task=revert, change="build/p4.1.json")
    """
    from pcg_netops.push import tasks

    return _done(task, change, lambda part: tasks.revert(task, part))


def _done(task: Task, change: AnyChange, act: Callable[[Change], Result]) -> Result:
    """Act on the host's part of a change, if it has one and this is no dry run."""
    part = _of(task, change)
    return act(part) if part and not task.is_dry_run() else _nothing(task)


def _nothing(task: Task) -> Result:
    return Result(host=task.host, result=DRY if task.is_dry_run() else None)


def change_set(change: AnyChange) -> ChangeSet | DeviceChange | Change:
    """A change as it is, or read from its file. Raises InputError."""
    from pcg_netops.diff import load

    return load(Path(change)) if isinstance(change, str | Path) else change


def _of(task: Task, change: AnyChange) -> Change | None:
    """The host's part; None if it has none. Raises InputError for a secret without a value."""
    from pcg_netops.diff import ChangeSet
    from pcg_netops.push.driver import Change, planned

    found = change_set(change)
    if isinstance(found, ChangeSet):
        parts = {part.device: part for part in found.devices}
        if task.host.name not in parts:
            return None
        found = parts[task.host.name]
    part = found if isinstance(found, Change) else planned(found, "playbook")
    context_of(task.nornir).secrets.require(
        [*part.lines, *(artifact.text for artifact in part.files.values())]
    )
    return part
