"""The course of a rehearsal, and the order in which devices are changed."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from pcg_netops.cutover.evidence import StepKind
from pcg_netops.cutover.plan import Part, Step, chosen, on_backup, steps, waves
from pcg_netops.design.steering import Stage, stages
from pcg_netops.errors import InputError
from pcg_netops.inventory.workspace import Workspace, load_workspace
from pcg_netops.model.cutover import Cutover
from tests.conftest import REPOSITORY, SMALL

CHANGED = ("hospital", "hq-border", "cloud-north", "health-net")
OTHERS = ("hospital", "cloud-north", "health-net")


def _plan(folder: Path, **rehearsal: str) -> tuple[Workspace, Cutover, tuple[Stage, ...]]:
    workspace = load_workspace(folder)
    _, cutover = workspace.cutover()
    changed = cutover.rehearsal.model_copy(update=rehearsal)
    cutover = cutover.model_copy(update={"rehearsal": changed})
    return workspace, cutover, stages(cutover, workspace.services)


def _steps(folder: Path, **rehearsal: str) -> list[Step]:
    _, cutover, all_stages = _plan(folder, **rehearsal)
    return list(steps(cutover, all_stages))


def _told(found: list[Step]) -> list[tuple[str, StepKind, str]]:
    return [(step.name, step.kind, step.stage.name) for step in found]


def test_faults_come_after_their_phase_then_back_out_and_redo() -> None:
    assert _told(_steps(SMALL)) == [
        ("before", StepKind.BASELINE, "before"),
        ("build", StepKind.MOVE, "build"),
        ("move", StepKind.MOVE, "move"),
        ("move failure", StepKind.FAILURE, "move on legacy"),
        ("move recovery", StepKind.RECOVERY, "move"),
        ("move back-out", StepKind.ROLL_BACK, "build"),
        ("move again", StepKind.REDO, "move"),
        ("leave", StepKind.MOVE, "leave"),
    ]


def test_everything_since_the_undone_phase_is_done_again_in_order() -> None:
    told = _told(_steps(SMALL, roll_back="build"))
    assert told[5:9] == [
        ("build back-out", StepKind.ROLL_BACK, "before"),
        ("build again", StepKind.REDO, "build"),
        ("move again", StepKind.REDO, "move"),
        ("leave", StepKind.MOVE, "leave"),
    ]


def test_a_phase_of_several_waves_is_a_stage_for_each() -> None:
    names = [step.name for step in _steps(REPOSITORY)]
    assert names == [
        *("p0", "p1", "p2", "p3.1", "p3.2", "p4.1", "p4.2", "p4.3", "p4.4", "p4.5", "p4.6"),
        *("p4.7", "p5", "p6", "p6 failure", "p6 recovery", "p5 back-out", "p5 again"),
        *("p6 again", "p7"),
    ]


def test_a_back_out_ends_in_the_stage_before_the_phase_with_its_own_windows() -> None:
    found = {step.name: step for step in _steps(REPOSITORY, roll_back="p4")}
    assert found["p4 back-out"].stage == found["p3.2"].stage
    assert [name for name in found if name.endswith(" again")] == [
        *(f"p4.{number} again" for number in range(1, 8)),
        *("p5 again", "p6 again"),
    ]


def test_the_network_ends_where_the_plan_does() -> None:
    for folder in (REPOSITORY, SMALL):
        _, cutover, all_stages = _plan(folder)
        *_, last = steps(cutover, all_stages)
        assert last.stage == all_stages[-1]
        assert {step.stage.name for step in steps(cutover, all_stages)} >= {
            stage.name for stage in all_stages
        }


def test_on_failure_everything_is_carried_by_where_it_came_from() -> None:
    _, cutover, all_stages = _plan(SMALL)
    held = on_backup(cutover, all_stages[2])
    assert set(held.carriers.values()) == {"legacy"}
    assert (held.moved, held.exchanges) == ((), all_stages[2].exchanges)


def test_services_do_not_return_by_themselves_to_an_exchange_that_went_down() -> None:
    """The ranking on failure still names both, the back-up first."""
    _, cutover, all_stages = _plan(SMALL)
    held = on_backup(cutover, all_stages[2])
    assert held.ranking("dispatch") == ("legacy", "cloud")
    assert all_stages[2].ranking("dispatch") == ("cloud", "legacy")


@pytest.mark.parametrize(
    ("before", "after", "edges_first"),
    [
        pytest.param("before", "build", False, id="an exchange comes up: its paths first"),
        pytest.param("build", "before", True, id="the same undone: the edges leave it first"),
        pytest.param("build", "move", False, id="services move: partners first"),
        pytest.param(
            "move", "leave", True, id="an exchange is withdrawn: the edges leave it first"
        ),
        pytest.param("leave", "move", False, id="the same undone: its paths first"),
    ],
)
def test_make_before_break(before: str, after: str, edges_first: bool) -> None:
    workspace, _, all_stages = _plan(SMALL)
    named = {stage.name: stage for stage in all_stages}
    found = waves(workspace.network, named[before], named[after], CHANGED)
    assert found == ((("hq-border",), OTHERS) if edges_first else (OTHERS, ("hq-border",)))


def test_a_partner_lets_in_before_and_shuts_out_after_the_edges() -> None:
    workspace, _, all_stages = _plan(SMALL)
    wide = all_stages[1]
    narrow = replace(wide, allow_lists=("legacy",))
    assert waves(workspace.network, narrow, wide, CHANGED)[-1] == ("hq-border",)
    assert waves(workspace.network, wide, narrow, CHANGED)[0] == ("hq-border",)


def test_every_changed_device_is_in_exactly_one_wave() -> None:
    workspace, _, all_stages = _plan(REPOSITORY)
    everything = list(workspace.network.nodes)
    for before, after in pairwise(all_stages):
        found = [
            name for wave in waves(workspace.network, before, after, everything) for name in wave
        ]
        assert sorted(found) == sorted(everything)


def test_a_part_begins_with_the_state_before_it() -> None:
    everything = _steps(SMALL)
    assert chosen(everything, Part()) == everything
    assert [s.name for s in chosen(everything, Part(until="build"))] == ["before", "build"]
    assert _told(chosen(everything, Part(only="move"))) == [
        ("build", StepKind.BASELINE, "build"),
        ("move", StepKind.MOVE, "move"),
    ]
    assert _told(chosen(everything, Part(only="before"))) == _told(everything[:1])


def test_what_comes_back_has_failed_before() -> None:
    assert _told(chosen(_steps(SMALL), Part(only="move recovery"))) == [
        ("move", StepKind.BASELINE, "move"),
        ("move failure", StepKind.FAILURE, "move on legacy"),
        ("move recovery", StepKind.RECOVERY, "move"),
    ]


@pytest.mark.parametrize("part", [Part(only="mvoe"), Part(until="mvoe")])
def test_a_part_that_there_is_not_is_refused_with_those_that_there_are(part: Part) -> None:
    with pytest.raises(InputError, match="no step 'mvoe'") as refused:
        chosen(_steps(SMALL), part)
    assert "move recovery" in refused.value.remedy
