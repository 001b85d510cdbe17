"""What a rehearsal that breaks off says: the network is wrong, or the machine stood still."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from pcg_netops.cutover import rehearsal
from pcg_netops.cutover.evidence import StepEvidence, StepKind, Verdict
from pcg_netops.cutover.plan import EVERYTHING, Part
from pcg_netops.errors import LabError, PushError
from pcg_netops.probes.results import Stall

_MS = 1_000_000
_STEPS: list[Any] = [
    SimpleNamespace(name=name, title=name, kind=StepKind.MOVE) for name in ("move", "leave")
]


def _run(stall_ms: int) -> Any:
    """A run whose network has BFD of 300 ms and whose machine stood still that long."""
    bfd = SimpleNamespace(interval_ms=100, multiplier=3)
    device = SimpleNamespace(bgp=SimpleNamespace(sessions=[SimpleNamespace(bfd=bfd)]))
    return SimpleNamespace(
        progress=SimpleNamespace(say=lambda text: None, step_done=lambda step: None),
        probes=SimpleNamespace(stalls=lambda since_ns: (Stall(0, stall_ms * _MS),)),
        designed=lambda stage: {"r1": device},
        stage=None,
        since_ns=0,
    )


@pytest.mark.parametrize(
    ("error", "stall_ms", "verdict", "told"),
    [
        (LabError("no end"), 0, Verdict.FAIL, "move: no end"),
        (LabError("no end"), 149, Verdict.FAIL, "move: no end"),
        (
            LabError("no end"),
            150,
            Verdict.INCOMPLETE,
            "move: no end, but this machine stood still for 150 ms, and BFD gives a link up"
            " after 300: measure again",
        ),
        (PushError("refused"), 150, Verdict.FAIL, "move: refused"),
    ],
)
def test_a_step_that_breaks_off_fails_unless_the_machine_may_be_to_blame(
    monkeypatch: pytest.MonkeyPatch, error: Exception, stall_ms: int, verdict: Verdict, told: str
) -> None:
    def breaks_off(run: object, step: object) -> None:
        raise error

    monkeypatch.setattr(rehearsal, "_do", breaks_off)
    problems: list[str] = []
    assert rehearsal._walk(_run(stall_ms), _STEPS, EVERYTHING, [], problems) is verdict
    assert problems == [told, "not rehearsed: move, leave"]


@pytest.mark.parametrize(
    ("wrong", "part", "done", "said"),
    [
        ("before", EVERYTHING, 1, ["not rehearsed: move, leave"]),
        ("before", Part(fail_fast=True), 1, ["not rehearsed: move, leave"]),
        ("move", EVERYTHING, 3, []),
        ("move", Part(fail_fast=True), 2, ["not rehearsed: leave"]),
        ("leave", Part(fail_fast=True), 3, []),
    ],
)
def test_a_beginning_that_is_not_right_ends_it_and_a_later_step_if_asked(
    monkeypatch: pytest.MonkeyPatch, wrong: str, part: Part, done: int, said: list[str]
) -> None:
    def judged(run: object, step: Any) -> object:
        return SimpleNamespace(verdict=Verdict.FAIL if step.name == wrong else Verdict.PASS)

    monkeypatch.setattr(rehearsal, "_do", judged)
    problems: list[str] = []
    evidence: list[StepEvidence] = []
    before: Any = SimpleNamespace(name="before", title="before", kind=StepKind.BASELINE)
    assert rehearsal._walk(_run(0), [before, *_STEPS], part, evidence, problems) is Verdict.PASS
    assert (len(evidence), problems) == (done, said)
