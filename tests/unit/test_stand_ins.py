"""What a rehearsal runs for devices that are not Linux, and what it says of them."""

from __future__ import annotations

from pcg_netops.cutover.evidence import DeviceEvidence
from pcg_netops.cutover.record import devices_that_ran, fidelity, not_run
from pcg_netops.design.steering import stages
from pcg_netops.push.practice import stand_ins
from pcg_netops.render import render_stage
from tests.unit.test_platforms import small


def test_a_lab_runs_the_linux_rendering_of_every_device() -> None:
    production = small(hq_border="iosxe", cloud_north="junos")
    _, cutover = production.cutover()
    stage = stages(cutover, production.services)[0]
    artifacts = render_stage(stand_ins(production), stage)
    assert artifacts == render_stage(small(), stage)
    assert {name: sorted(files) for name, files in render_stage(production, stage).items()} == {
        name: ["frr.conf", "issue.net", "nftables.conf", "sshd.conf"] for name in artifacts
    } | {"hq-border": ["iosxe.conf"], "cloud-north": ["junos.conf", "junos.set"]}


def test_the_evidence_names_whose_bytes_did_not_run_and_has_their_digests() -> None:
    production = small(hq_border="iosxe", cloud_north="junos")
    lab = stand_ins(production)
    _, cutover = production.cutover()
    plan = stages(cutover, production.services)
    said = " ".join(fidelity(production, lab, ""))
    assert "Cisco IOS-XE in production" in said
    assert "that design ran instead: hq-border." in said
    assert "that design ran instead: cloud-north." in said
    assert "strongSwan: legacy-fw, cloud-south, health-net, hospital." in said
    ran = devices_that_ran(production, lab)
    assert DeviceEvidence(device="cloud-north", platform="junos", ran="linux") in ran
    digests = not_run(production, lab, plan)
    first = render_stage(production, plan[0])
    assert digests["before/hq-border/iosxe.conf"] == first["hq-border"]["iosxe.conf"].digest
    files = ("hq-border/iosxe.conf", "cloud-north/junos.conf", "cloud-north/junos.set")
    assert set(digests) == {f"{stage.name}/{file}" for stage in plan for file in files}


def test_where_everything_is_linux_nothing_stood_in() -> None:
    production = small()
    _, cutover = production.cutover()
    lab = stand_ins(production)
    assert not_run(production, lab, stages(cutover, production.services)) == {}
    assert "did not run" not in " ".join(fidelity(production, lab, ""))
