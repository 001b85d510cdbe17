"""What a rehearsal that breaks off says: the network is wrong, or the machine stood still."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from pcg_netops.cutover import rehearsal
from pcg_netops.cutover.evidence import Verdict
from pcg_netops.errors import LabError, PushError
from pcg_netops.probes.results import Stall

_MS = 1_000_000
_STEPS: list[Any] = [SimpleNamespace(name=name, title=name) for name in ("move", "leave")]


def _run(stall_ms: int) -> Any:
    """A run whose network has BFD of 300 ms and whose machine stood still that long."""
    bfd = SimpleNamespace(interval_ms=100, multiplier=3)
    device = SimpleNamespace(bgp=SimpleNamespace(sessions=[SimpleNamespace(bfd=bfd)]))
    return SimpleNamespace(
        progress=SimpleNamespace(say=lambda text: None),
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
    assert rehearsal._walk(_run(stall_ms), _STEPS, [], problems) is verdict
    assert problems == [told, "not rehearsed: move, leave"]
