"""How the nodes of a lab wait for one another at its start."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pcg_netops.errors import LabError
from pcg_netops.lab.embedded.build_plan import NodePlan, Wait
from pcg_netops.lab.embedded.start_order import Order

NAMES = [f"r{i}" for i in range(12)]  # more than may work at once


def start(plans: list[NodePlan], *failing: str, keep: bool = False) -> tuple[list[str], Order]:
    """Start and then run on every node; what happened in which order."""
    seen: list[str] = []

    def act(plan: NodePlan, order: Order) -> None:
        with order.stage(plan, "configure"):
            if plan.name in failing:
                raise LabError("did not start", place=plan.name)
            seen.append(f"start {plan.name}")
            if order.together:
                with order.meeting(plan):
                    seen.append(f"go on {plan.name}")
            seen.append(f"run {plan.name}")

    order = Order(plans, keep=keep, together=True)
    order.run(act)
    return seen, order


def plans() -> list[NodePlan]:
    return [NodePlan(name=name) for name in NAMES]


def test_no_node_goes_on_before_all_have_started() -> None:
    seen, _ = start(plans())
    assert {line.split()[0] for line in seen[: len(NAMES)]} == {"start"}
    after = [f"{word} {name}" for name in NAMES for word in ("go on", "run")]
    assert sorted(seen[len(NAMES) :]) == sorted(after)


def test_a_node_that_fails_keeps_none_waiting() -> None:
    with pytest.raises(LabError, match="did not start"):
        start(plans(), "r5")


def test_with_keep_the_others_go_on_without_it() -> None:
    seen, _ = start(plans(), "r0", "r11", keep=True)
    assert {line.split()[1] for line in seen if line.startswith("run")} == {*NAMES} - {"r0", "r11"}


def test_nodes_that_wait_for_others_or_a_delay_do_not_meet() -> None:
    waiting = [*plans(), NodePlan(name="late", waits=(Wait("configure", "r1", "configure"),))]
    seen, order = start(waiting)
    assert not order.together
    assert seen.index("run r1") < seen.index("start late")
    assert not start([replace(plan, delay=1) for plan in plans()])[1].together
