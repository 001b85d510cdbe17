"""What was planned for devices of each maker is what they take, and its back-out undoes it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from pcg_netops.design.steering import stages
from pcg_netops.diff import DeviceChange, plan_stages, residue, stale
from pcg_netops.inventory.workspace import load_workspace
from pcg_netops.model.secret import with_values
from pcg_netops.push.driver import Change, planned
from pcg_netops.render import render_stage
from tests.conftest import COUNTY, REPOSITORY, SMALL
from tests.fake_device import FakeDevice
from tests.unit.fake_network import CANARY, IOSXE, JUNOS, Maker, pushing

# Devices of each role, of the makers whose lines we type.
MAKERS: Mapping[Path, Mapping[str, Maker]] = {
    SMALL: {"hq-border": IOSXE, "hospital": IOSXE, "cloud-north": JUNOS, "legacy-fw": JUNOS},
    COUNTY: {"main-edge": IOSXE, "clinic-edge": JUNOS, "hub-fw": JUNOS, "blood": IOSXE},
    REPOSITORY: {"dc1-edge1": IOSXE, "dc2-edge1": JUNOS, "pcg-a": JUNOS, "psn-core": IOSXE},
}
FILES = {"iosxe": "iosxe.conf", "junos": "junos.set"}


@pytest.mark.parametrize("source", MAKERS, ids=lambda path: path.name)
def test_stages_arrive_and_their_back_out_undoes_them(source: Path, tmp_path: Path) -> None:
    """From the first stage to the last by way of one between, and back, on the same devices."""
    for part in ("inventory", "templates"):
        origin = source if (source / part).exists() else REPOSITORY
        shutil.copytree(origin / part, tmp_path / part)
    workspace = load_workspace(tmp_path)
    makers = MAKERS[source]
    platforms = {name: maker.platform for name, maker in makers.items()}
    hosts = {
        name: workspace.hosts[name].model_copy(update={"platform": platform})
        for name, platform in platforms.items()
    }
    workspace = replace(workspace, hosts=workspace.hosts | hosts)
    _, cutover = workspace.cutover()
    every = stages(cutover, workspace.services)
    rendered = [
        {name: files for name, files in render_stage(workspace, stage).items() if name in makers}
        for stage in (every[0], every[len(every) // 2], every[-1])
    ]
    devices: dict[str, tuple[Maker, FakeDevice]] = {}
    for name, maker in makers.items():
        text = rendered[0][name][FILES[maker.platform]].text
        devices[name] = maker, maker.device(name, with_values(text, lambda _: CANARY))
    steps = [plan_stages(before, after, platforms) for before, after in pairwise(rendered)]
    assert {change.device for step in steps for change in step} == set(makers)
    with pushing(workspace, devices) as pusher:
        for back in (False, True):
            for step in steps[::-1] if back else steps:
                changes = {c.device: one_way(c, back=back) for c in step}
                pusher.push_changes(changes, [list(changes)], lambda _: None)
                for change in step:
                    device = devices[change.device][1]
                    difference = stale if back else residue
                    for text in (device.running_text, device.saved_text):
                        file = FILES[change.platform]
                        assert difference(change, {file: text}) == ""
                    assert not device.pending


def one_way(change: DeviceChange, *, back: bool) -> Change:
    there = planned(change, "test")
    return there.back if back and there.back else there
