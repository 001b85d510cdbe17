"""In which order nodes go through the stages of their start, and how many work at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from pcg_netops.errors import LabError
from pcg_netops.lab.embedded.build_plan import NodePlan

STAGES = ("create", "create-links", "configure", "healthy", "exit")
_AT_ONCE = 4  # on two cores 3 to 6 are alike, 8 and more slower
_PATIENCE_S = 300.0


class Order:
    """The stages that nodes are through. Waiting takes no place of those that work.

    With `together`, nodes of which none is to wait for another or for a time can meet.
    """

    def __init__(
        self, plans: Iterable[NodePlan], *, keep: bool = False, together: bool = False
    ) -> None:
        self._plans = {plan.name: plan for plan in plans}
        self.together = together and not any(p.waits or p.delay for p in self._plans.values())
        self._absent = set(self._plans)
        self._all_here = threading.Event()
        self._done: set[tuple[str, str]] = set()
        self._awaited = {(wait.node, wait.done) for p in self._plans.values() for wait in p.waits}
        self._news = threading.Condition()
        self._gate = threading.Semaphore(_AT_ONCE)
        self._errors: list[Exception] = []
        self._keep = keep

    def run(self, act: Callable[[NodePlan, Order], None]) -> tuple[str, ...]:
        """Act on every node in a thread of its own; raise the first error.

        With `keep`, nodes do not mind the errors of others, and all errors are returned as words.
        """
        threads = [
            threading.Thread(target=self._run, args=(act, plan)) for plan in self._plans.values()
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self._errors and not (self._keep and all(isinstance(e, LabError) for e in self._errors)):
            raise self._errors[0]
        return tuple(map(str, self._errors))

    def _run(self, act: Callable[[NodePlan, Order], None], plan: NodePlan) -> None:
        try:
            act(plan, self)
        except Exception as error:
            with self._news:
                self._errors.append(error)
                self._news.notify_all()
            self._arrive(plan)

    def is_awaited(self, node: str, stage: str) -> bool:
        """Whether any node waits for that."""
        return (node, stage) in self._awaited

    def _is_over(self) -> bool:
        return bool(self._errors) and not self._keep

    def _require_going_on(self, plan: NodePlan) -> None:
        if self._is_over():
            raise LabError("was not started, because another node failed", place=plan.name)

    def _arrive(self, plan: NodePlan) -> None:
        with self._news:
            self._absent.discard(plan.name)
            if self._is_over() or not self._absent:
                self._all_here.set()

    @contextmanager
    def meeting(self, plan: NodePlan) -> Iterator[None]:
        """Within a stage, wait for every node to come here; others may work meanwhile.

        What is inside happens before there is a place to work again.
        """
        self._gate.release()
        try:
            self._arrive(plan)
            self._all_here.wait(_PATIENCE_S)
            self._require_going_on(plan)
            yield
        finally:
            self._gate.acquire()

    @contextmanager
    def stage(self, plan: NodePlan, stage: str) -> Iterator[None]:
        """Wait for what the stage needs, then for a place to work; at the end others may go on."""
        needed = {
            (w.node, w.done) for w in plan.waits if w.stage == stage and w.node in self._plans
        }
        with self._news:
            came = self._news.wait_for(
                lambda: self._is_over() or needed <= self._done, timeout=_PATIENCE_S
            )
        self._require_going_on(plan)
        if not came:
            missing = ", ".join(f"{node}'s {done}" for node, done in sorted(needed - self._done))
            raise LabError(f"waited {_PATIENCE_S:g} s in vain for {missing}", place=plan.name)
        with self._gate:
            yield
        with self._news:
            self._done.add((plan.name, stage))
            self._news.notify_all()
