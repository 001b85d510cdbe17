"""A network of three makers is rehearsed with Linux in place of two of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from pcg_netops.cutover.evidence import Verdict
from pcg_netops.cutover.rehearsal import Progress, rehearse
from tests.unit.test_platforms import small

pytestmark = pytest.mark.lab


def test_a_network_with_other_platforms_is_rehearsed_with_stand_ins(tmp_path: Path) -> None:
    production = small(hq_border="iosxe", cloud_north="junos")
    for attempt in range(3):  # where the machine stood still, it is measured again
        run_dir = tmp_path / f"run{attempt}"
        run_dir.mkdir()
        evidence = rehearse(production, None, run_dir, Progress(lambda _: None, lambda _: None))
        if evidence.verdict is not Verdict.INCOMPLETE:
            break
    reasons = [f.reason for s in evidence.steps for v in s.services for f in v.flows if f.reason]
    reasons += [item.reason for step in evidence.steps for item in step.forbidden if item.reason]
    assert evidence.verdict is Verdict.PASS, (evidence.problems, reasons)
    ran = {name for name in evidence.artifacts if name.startswith("move/hq-border/")}
    assert ran == {"move/hq-border/frr.conf", "move/hq-border/nftables.conf"}
    assert "move/hq-border/iosxe.conf" in evidence.not_run
    assert {d.device for d in evidence.devices if d.ran != d.platform} == {
        "hq-border",
        "cloud-north",
    }
