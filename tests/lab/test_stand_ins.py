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
    evidence = rehearse(production, None, tmp_path, Progress(lambda _: None, lambda _: None))
    assert evidence.verdict is Verdict.PASS, evidence.problems
    ran = {name for name in evidence.artifacts if name.startswith("move/hq-border/")}
    assert ran == {"move/hq-border/frr.conf", "move/hq-border/nftables.conf"}
    assert "move/hq-border/iosxe.conf" in evidence.not_run
    assert {d.device for d in evidence.devices if d.ran != d.platform} == {
        "hq-border",
        "cloud-north",
    }
