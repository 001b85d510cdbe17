"""`pcg push`: a change set carried to its devices, with what each of them is at."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from pcg_netops.cli.interrupts import keep_signals
from pcg_netops.cli.speech import lost, say, whoever_listens
from pcg_netops.design.steering import find_stage, stages
from pcg_netops.diff import ChangeSet, load
from pcg_netops.errors import InputError
from pcg_netops.inventory.workspace import Workspace, load_workspace
from pcg_netops.printable import printable
from pcg_netops.push import (
    Approvals,
    FiledApprovals,
    Operation,
    PushFailed,
    Selection,
    Unapproved,
    Watcher,
    practice,
    production,
)


@dataclass(frozen=True)
class Asked:
    """What was asked for on the command line."""

    change: Path | None
    cutover: str | None
    phase: str | None
    selection: Selection
    unapproved: str | None
    dry_run: bool
    resume: bool
    unwind: bool
    abandon: str | None
    timer_s: int
    probe: str | None
    ssh_config: Path
    lab: bool = False


def push(root: Path, asked: Asked) -> None:
    """Do it. Raises what `Operation` raises."""
    workspace = load_workspace(root)
    change = _change(workspace, asked)
    approvals: Approvals = FiledApprovals(workspace.root / "approvals")
    if asked.unapproved is not None:
        approvals = Unapproved(asked.unapproved)
    practised = practice(workspace) if asked.lab else None
    if practised and change:
        practised.require_fit(change)
    reach = practised.extras if practised else production(workspace, asked.ssh_config)
    whoever_listens()
    try:
        with _watching(keep_signals()) as watch:
            probe = _program(asked.probe)
            operation = Operation(
                practised.workspace if practised else workspace,
                reach,
                folder=practised.pushes if practised else None,
                secrets=practised.secrets if practised else None,
                watch=watch,
                probe=probe,
            )
            with closing(operation):
                said = list(_done(operation, change, approvals, asked))
    except PushFailed as error:
        for name, holds in error.holds.items():
            say(f"{name:<24} {holds.words}")
        raise
    for line in said:
        say(line)


def _done(
    operation: Operation, change: ChangeSet | None, approvals: Approvals, asked: Asked
) -> Iterator[str]:
    """Do it, and tell what came of it."""
    if change is not None and asked.dry_run:
        for name, facts in operation.check(change, asked.selection).items():
            yield f"{name:<24} ready: version {facts.version}"
        yield "nothing was written: this was a dry run"
        return
    if change is not None:
        journal = operation.start(change, approvals, asked.selection, asked.timer_s)
        yield "pushed: every device is changed and confirmed"
    elif asked.abandon is not None:
        journal = operation.abandon(asked.abandon)
        yield "given up"
    elif asked.resume:
        journal = operation.resume()
        yield "resumed: every device is changed and confirmed"
    else:
        journal = operation.unwind(asked.selection if asked.selection.hosts else None)
        yield "unwound: every device is as it was before"
    yield f"journal: {journal}"


def _change(workspace: Workspace, asked: Asked) -> ChangeSet | None:
    """The change set, if it is what was asked for; None to look after an earlier push."""
    others = [asked.resume, asked.unwind, asked.abandon is not None]
    if (asked.change is not None) + sum(others) != 1:
        raise InputError(
            "what to push is not clear",
            remedy="name a change set, or give one of --resume, --unwind and --abandon",
        )
    if asked.change is None:
        return None
    change = load(asked.change)
    if asked.phase is None:
        raise InputError("which phase this is for is not said", remedy="add --phase PHASE")
    name, cutover = workspace.cutover(asked.cutover or change.cutover)
    stage = find_stage(stages(cutover, workspace.services), asked.phase)
    if (name, stage.name) != (change.cutover, change.after):
        raise InputError(
            f"leads to {change.after} of cutover {change.cutover}",
            place=str(asked.change),
            remedy="name the change set of the phase that you mean",
        )
    return change


def _program(name: str | None) -> str:
    """Where a program is. Raises InputError if it is nowhere."""
    if name is None:
        return ""
    found = shutil.which(name)
    if found is None:
        raise InputError("is no program that can be run", place=name, remedy="look at --probe")
    return found


@contextmanager
def _watching(stop: Callable[[], str]) -> Iterator[Watcher]:
    """A table on a terminal, plain lines elsewhere; `stop` is the watcher's."""
    console = Console(highlight=False)
    if not console.is_terminal:
        yield Watcher(say, stop=stop, lost=lost)
        return
    states: dict[str, str] = {}

    # What else is printed keeps its own way, on which it is seen whether that still leads anywhere.
    with Live(
        console=console, transient=True, redirect_stdout=False, redirect_stderr=False
    ) as live:

        def device(name: str, state: str) -> None:
            states[name] = state
            table = Table.grid(padding=(0, 2))
            for row in states.items():
                table.add_row(*(Text(printable(cell)) for cell in row))
            live.update(table)

        yield Watcher(lambda text: live.console.print(Text(printable(text))), device, stop, lost)
