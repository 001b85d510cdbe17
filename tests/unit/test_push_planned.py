"""What was planned for devices of each maker is what they take, and its back-out undoes it."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from pcg_netops.design.steering import stages
from pcg_netops.diff import plan_stages, residue, stale
from pcg_netops.inventory.workspace import Workspace
from pcg_netops.push.driver import planned
from pcg_netops.render import render_stage
from tests.fake_device import FakeDevice
from tests.unit.fake_network import CANARY, IOSXE, JUNOS, Maker, pushing, small_workspace

MAKERS = {"hq-border": IOSXE, "hospital": IOSXE, "cloud-north": JUNOS, "legacy-fw": JUNOS}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    loaded = small_workspace(tmp_path_factory.mktemp("planned"))
    hosts = {
        name: entry.model_copy(update={"platform": MAKERS[name].platform})
        for name, entry in loaded.hosts.items()
        if name in MAKERS
    }
    return replace(loaded, hosts=loaded.hosts | hosts)


def test_a_planned_change_arrives_and_its_back_out_undoes_it(workspace: Workspace) -> None:
    _, cutover = workspace.cutover()
    named = stages(cutover, workspace.services)
    platforms = {name: maker.platform for name, maker in MAKERS.items()}
    for before, after in pairwise(named):
        texts = [
            {
                name: files
                for name, files in render_stage(workspace, stage).items()
                if name in MAKERS
            }
            for stage in (before, after)
        ]
        changes = {c.device: c for c in plan_stages(texts[0], texts[1], platforms)}
        devices: dict[str, tuple[Maker, FakeDevice]] = {}
        for name in changes:
            maker = MAKERS[name]
            file = "iosxe.conf" if maker is IOSXE else "junos.set"
            text = texts[0][name][file].text.replace("pcg_secret_bgp_", CANARY)
            devices[name] = maker, maker.device(name, text)
        with pushing(workspace, devices) as pusher:
            waves = [list(changes)]
            for back in (False, True):
                pushed = {n: planned(c, "test", back=back) for n, c in changes.items()}
                pusher.push_changes(pushed, waves, lambda _: None)
                for name, (maker, device) in devices.items():
                    file = "iosxe.conf" if maker is IOSXE else "junos.set"
                    difference = stale if back else residue
                    assert difference(changes[name], {file: device.running_text}) == ""
                    assert difference(changes[name], {file: device.saved_text}) == ""
                    assert not device.pending
