"""Processors, given by `nr.with_processors([...])`: progress on a terminal, and a journal.

with Progress() as shown:
    nr.with_processors([shown, Journaled("build/tonight.jsonl")]).run(task=...)
"""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nornir.core.inventory import Host
from nornir.core.task import AggregatedResult, MultiResult, Task

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID


class _Silent:
    """What a processor is asked, all of it without an answer."""

    def task_started(self, task: Task) -> None:
        """Before the first host."""

    def task_completed(self, task: Task, result: AggregatedResult) -> None:
        """After the last host."""

    def task_instance_started(self, task: Task, host: Host) -> None:
        """Before one host."""

    def task_instance_completed(self, task: Task, host: Host, result: MultiResult) -> None:
        """After one host."""

    def subtask_instance_started(self, task: Task, host: Host) -> None:
        """Before a task within a task."""

    def subtask_instance_completed(self, task: Task, host: Host, result: MultiResult) -> None:
        """After a task within a task."""


class Progress(_Silent):
    """A bar for each task, and a line for each host that failed. A context manager."""

    def __init__(self, **options: Any) -> None:
        """`options` are those of rich's Progress, such as `console`."""
        from rich.progress import Progress as Bars

        self._bars: Bars = Bars(**options)
        self._shown: dict[str, TaskID] = {}

    def __enter__(self) -> Progress:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def task_started(self, task: Task) -> None:
        total = len(task.nornir.inventory.hosts)
        self._shown[task.name] = self._bars.add_task(task.name, total=total)

    def task_instance_completed(self, task: Task, host: Host, result: MultiResult) -> None:
        from rich.text import Text

        from pcg_netops.printable import printable

        self._bars.advance(self._shown[task.name])
        if result.failed:
            said = str(result[0].exception or result[0].result).partition("\n")[0]
            self._bars.console.print(Text(printable(f"{host.name}: {task.name}: {said}")))


class Journaled(_Silent):
    """Writes down every task of every host: before it begins, and what came of it.

    JSON Lines, each on disk before the task goes on, each with the SHA-256 of the line before
    (`pcg_netops.push.read_journal`). What tasks gave is not in it, for it may hold secrets.
    """

    def __init__(self, path: str | Path) -> None:
        """A file that is there is gone on with.

        Raises EnvironmentLack if it cannot be written, InputError if it was altered.
        """
        from pcg_netops.push.journal import Journal, read_journal

        path = Path(path)
        with suppress(OSError):  # then the journal says what is wrong
            path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._journal = Journal(path, read_journal(path) if path.exists() else ())

    def task_instance_started(self, task: Task, host: Host) -> None:
        from pcg_netops.push.journal import Act

        with self._lock:
            self._journal.before(Act.TASK, [host.name], task.name)

    def task_instance_completed(self, task: Task, host: Host, result: MultiResult) -> None:
        from pcg_netops.errors import PcgError
        from pcg_netops.push.journal import Act

        failed = {}
        if result.failed:
            error = result[0].exception
            ours = error if isinstance(error, PcgError) else PcgError(type(error).__name__)
            failed[host.name] = ours
        note = f"{task.name}{', changed' if result.changed else ''}"
        with self._lock:
            self._journal.after(Act.TASK, [host.name], failed, note=note)

    def close(self) -> None:
        """Close the file."""
        self._journal.close()
