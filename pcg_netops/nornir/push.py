"""One push of everything: every host of the filtered inventory is changed, or none."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from nornir.core import Nornir
from nornir.core.task import Result, Task

from pcg_netops.errors import InputError, PcgError, PushError
from pcg_netops.nornir.context import context_of, told

if TYPE_CHECKING:
    from pcg_netops.diff import ChangeSet
    from pcg_netops.push import Approvals
    from pcg_netops.push.survey import Holds

_REMEDY = "see what the first host says; then: pcg push --resume, or pcg push --unwind"


@told
def push(
    task: Task,
    change: ChangeSet | Path | str,
    unapproved: str = "",
    dry_run: bool | None = None,
    timer_s: int = 120,
) -> Result:
    """Push a change set to all hosts of this run that it names: all of them are changed, or none.

    It is what `pcg push` does, with its journal, lock, gate and approvals (`unapproved` is the
    reason for doing without one). Whichever host comes first carries it out for all. `result` says
    what each host holds, `changed` is true where it is changed and confirmed. In a dry run, by the
    task's or by Nornir's own `dry_run`, every host is looked at and nothing is written.

    Nothing is pushed where a host that the change set names has failed in an earlier task, nor as
    part of another task, which Nornir runs host by host.

        nr.filter(F(role="edge")).run(task=push, change="build/p4.1.json", dry_run=True)
    """
    if task.parent_task is not None:
        raise InputError(
            "a push is of all hosts at once, and this is a part of one host's task",
            remedy="run it on its own: nr.run(task=push, change=...)",
        )
    dry = task.is_dry_run(dry_run)
    one = _run_of(task, (change, unapproved, dry, timer_s))
    with one.lock:
        if one.outcome is None:
            # Should it end in another way than by an error of ours, no other host begins it again.
            one.outcome = _Outcome({}, error=PushError("broke off", remedy=_REMEDY))
            one.outcome = _carried_out(task, change, unapproved, dry, timer_s)
    return one.outcome.of(task)


@dataclass
class _Outcome:
    """What a push came to, for each host."""

    says: Mapping[str, str]  # of the hosts that it was to change
    changed: bool = False
    error: PcgError | None = None

    def of(self, task: Task) -> Result:
        name = task.host.name
        if self.error:
            said = f"{self.error}\n{self.says.get(name, '')}".rstrip()
            return Result(host=task.host, result=said, failed=True, exception=self.error)
        return Result(
            host=task.host, result=self.says.get(name), changed=self.changed and name in self.says
        )


@dataclass
class _Run:
    """One `nr.run(task=push)`: the hosts that have not come to it yet, and what it came to."""

    asked: tuple[object, ...]
    awaited: set[str]
    lock: threading.Lock = field(default_factory=threading.Lock)
    outcome: _Outcome | None = None


_runs: WeakKeyDictionary[Nornir, _Run] = WeakKeyDictionary()
_begin = threading.Lock()


def _run_of(task: Task, asked: tuple[object, ...]) -> _Run:
    """The run that a host's task is part of: Nornir does not say, so it ends with its last host."""
    nornir, name = task.nornir, task.host.name
    with _begin:
        run = _runs.get(nornir)
        if run is None or run.asked != asked or name not in run.awaited:
            run = _Run(asked, set(nornir.inventory.hosts) - nornir.data.failed_hosts | {name})
            _runs[nornir] = run
        run.awaited.discard(name)
        if not run.awaited:
            del _runs[nornir]
        return run


def _carried_out(
    task: Task, change: ChangeSet | Path | str, unapproved: str, dry: bool, timer_s: int
) -> _Outcome:
    from pcg_netops.diff import load
    from pcg_netops.push import FiledApprovals, Operation, PushFailed, Selection, Unapproved

    says: dict[str, str] = {}
    try:
        wanted = load(Path(change)) if isinstance(change, str | Path) else change
        context = context_of(task.nornir)
        hosts = task.nornir.inventory.hosts
        named = tuple(part.device for part in wanted.devices if part.device in hosts)
        if not named:
            return _Outcome({})
        if failed := sorted(task.nornir.data.failed_hosts & set(named)):
            raise InputError(
                f"failed in an earlier task: {', '.join(failed)}; nothing was pushed",
                remedy="leave them out with nr.filter, or: nr.data.reset_failed_hosts()",
            )
        if context.practice:
            context.practice.require_fit(wanted)
        approvals: Approvals = FiledApprovals(context.workspace.root / "approvals")
        if unapproved:
            approvals = Unapproved(unapproved)
        operation = Operation(
            context.workspace,
            context.extras,
            folder=context.practice.pushes if context.practice else None,
            secrets=context.secrets if context.practice else None,
        )
        with closing(operation):
            selection = Selection(named)
            if dry:
                found = operation.check(wanted, selection)
                return _Outcome({name: f"ready: version {f.version}" for name, f in found.items()})
            journal = operation.start(wanted, approvals, selection, timer_s)
    except PushFailed as error:
        holds: Mapping[str, Holds] = error.holds
        says = {name: what.words for name, what in holds.items()}
        return _Outcome(says, error=error)
    except PcgError as error:
        return _Outcome(says, error=error)
    return _Outcome(dict.fromkeys(named, f"changed and confirmed; journal: {journal}"), True)
