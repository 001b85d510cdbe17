"""Nornir's runner plug-in `pcg_waves`: an engineer's own task in the order of a change.

One host comes before all others; a wave begins when the one before it has ended well; hosts that
carry for one another are never worked on at the same time. After a failure nothing new begins, and
each host that was not reached has a failed result that says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from nornir.core.inventory import Host
from nornir.core.task import AggregatedResult, MultiResult, Result, Task

from pcg_netops.errors import PushError


class WavesRunner:
    """Its options are the arguments."""

    def __init__(
        self,
        change: str | Path | None = None,
        waves: Sequence[Sequence[str]] = (),
        never_together: Sequence[Sequence[str]] = (),
        canary: bool = True,
        num_workers: int = 20,
    ) -> None:
        """Waves are those of the change set in the file `change`, which make before they break, or
        are given by names of hosts; hosts in none of them come last, together.

        Of each set in `never_together` one host at a time is worked on.
        """
        self._change = change
        self._waves = waves
        self._apart = [frozenset(names) for names in never_together]
        self._canary = canary
        self._workers = num_workers

    def run(self, task: Task, hosts: list[Host]) -> AggregatedResult:
        """Run the task on all hosts, batch after batch, up to the first failure."""
        result = AggregatedResult(task.name)
        failed = ""
        for batch in self._batches({host.name: host for host in hosts}):
            if failed:
                for host in batch:
                    result[host.name] = _not_begun(task, host, failed)
                continue
            with ThreadPoolExecutor(self._workers) as pool:
                done = pool.map(lambda host: task.copy().start(host), batch)
                result.update(zip((host.name for host in batch), done, strict=True))
            failed = ", ".join(host.name for host in batch if result[host.name].failed)
        return result

    def _batches(self, hosts: dict[str, Host]) -> Iterator[list[Host]]:
        """Hosts that are worked on together."""
        order = self._order()
        known = {name for wave in order for name in wave}
        waves = [[name for name in wave if name in hosts] for wave in order]
        waves = [wave for wave in (*waves, [name for name in hosts if name not in known]) if wave]
        if self._canary and waves and len(hosts) > 1:
            first = waves[0].pop(0)
            waves.insert(0, [first])
        for wave in waves:
            left = list(wave)
            while left:
                batch: list[str] = []
                for name in left:
                    if not any(name in apart and apart & set(batch) for apart in self._apart):
                        batch.append(name)
                left = [name for name in left if name not in batch]
                yield [hosts[name] for name in batch]

    def _order(self) -> Sequence[Sequence[str]]:
        if self._change is None:
            return self._waves
        from pcg_netops.diff import load

        return load(Path(self._change)).waves


def _not_begun(task: Task, host: Host, failed: str) -> MultiResult:
    error = PushError(f"not begun, as this failed: {failed}", place=host.name)
    found = MultiResult(task.name)
    result = Result(host=host, result=str(error), failed=True, exception=error)
    result.name = task.name  # type: ignore[assignment]
    found.append(result)
    return found
