"""A push changes every device or none, whatever dies on the way: real pushes on the small lab."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pcg_netops.cutover.bench import boot, pusher_for, wait_converged
from pcg_netops.design.devices import design
from pcg_netops.design.steering import find_stage, stages
from pcg_netops.diff import changed_files
from pcg_netops.errors import PushError
from pcg_netops.inventory.workspace import Workspace, load_workspace
from pcg_netops.lab.owned import OwnedLab
from pcg_netops.push.runner import Pusher
from pcg_netops.render import Artifacts, render_stage

pytestmark = pytest.mark.lab

ROOT = Path(__file__).parents[2]
EDGE, GATEWAYS = "hq-border", ("cloud-north", "cloud-south")


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    folder = tmp_path_factory.mktemp("workspace") / "small"
    shutil.copytree(ROOT / "tests/workspaces/small", folder)
    shutil.copytree(ROOT / "templates", folder / "templates")
    return load_workspace(folder)


def rendered(workspace: Workspace, phase: str) -> Artifacts:
    _, cutover = workspace.cutover()
    return render_stage(workspace, find_stage(stages(cutover, workspace.services), phase))


@pytest.fixture
def lab(workspace: Workspace, tmp_path: Path) -> Iterator[OwnedLab]:
    _, cutover = workspace.cutover()
    devices = design(workspace, stages(cutover, workspace.services)[0])
    with boot(workspace, devices, rendered(workspace, "before"), tmp_path) as lab:
        wait_converged(lab, devices)
        yield lab


@pytest.fixture
def pusher(workspace: Workspace, lab: OwnedLab) -> Iterator[Pusher]:
    pusher = pusher_for(workspace, lab)
    yield pusher
    pusher.close()


def change(workspace: Workspace) -> Artifacts:
    return changed_files(rendered(workspace, "before"), rendered(workspace, "build"))


def running(lab: OwnedLab, node: str) -> str:
    """Everything that runs on a node, as its own programs list it."""
    shown = lab.run(node, ["vtysh", "-c", "show running-config"]).stdout
    return shown + lab.run(node, ["nft", "-s", "list", "ruleset"]).stdout


def spoil(artifacts: Artifacts, device: str) -> Artifacts:
    """A change that the device accepts, but does not then run as it was sent."""
    spoilt = artifacts[device]["frr.conf"]
    # FRR's own default, which it takes and then does not show.
    text = spoilt.text.replace("delay-timer 1", "delay-timer 5")
    assert text != spoilt.text
    return artifacts | {device: artifacts[device] | {"frr.conf": replace(spoilt, text=text)}}


def test_confirmed_push_survives_a_power_cut(
    workspace: Workspace, lab: OwnedLab, pusher: Pusher
) -> None:
    artifacts = change(workspace)
    pusher.push(artifacts, [list(artifacts)], print)
    after = {node: running(lab, node) for node in artifacts}
    assert all("shutdown" not in text.split("cloud")[-1] for text in after.values())
    pusher.forget(GATEWAYS)
    lab.power_off(GATEWAYS)
    lab.power_on(GATEWAYS)
    assert {node: running(lab, node) for node in GATEWAYS} == {n: after[n] for n in GATEWAYS}


def test_timers_begin_anew_while_waves_go_on(
    workspace: Workspace, lab: OwnedLab, pusher: Pusher
) -> None:
    """Two waves that each take more than half of the time, and together more than all of it."""
    artifacts = change(workspace)
    waves = [[node for node in artifacts if node != EDGE], [EDGE]]
    begun = time.monotonic()

    def say(text: str) -> None:
        if text.startswith("applying on "):
            time.sleep(4)

    pusher.push(artifacts, waves, say, guard_s=7)
    assert time.monotonic() - begun > 7
    after = {node: running(lab, node) for node in artifacts}
    time.sleep(4)  # when the first timers would have run out, and those that began anew
    assert {node: running(lab, node) for node in artifacts} == after
    assert all(lab.run(n, ["test", "-e", "/run/pcg/guard"]).returncode == 1 for n in artifacts)


def test_a_device_that_fails_brings_every_other_back(
    workspace: Workspace, lab: OwnedLab, pusher: Pusher
) -> None:
    artifacts = spoil(change(workspace), EDGE)
    before = {node: running(lab, node) for node in artifacts}
    others = [node for node in artifacts if node != EDGE]
    with pytest.raises(PushError) as caught:
        pusher.push(artifacts, [others, [EDGE]], print)
    assert EDGE in caught.value.message
    assert caught.value.remedy == "every device is back as it was before"
    assert {node: running(lab, node) for node in artifacts} == before


def test_a_second_push_waits_for_the_first(
    workspace: Workspace, lab: OwnedLab, pusher: Pusher
) -> None:
    artifacts = {EDGE: change(workspace)[EDGE]}
    lab.run(EDGE, ["mkdir", "-p", "/run/pcg/guard"])
    before = running(lab, EDGE)
    with pytest.raises(PushError, match="another push is under way on this device"):
        pusher.push(artifacts, [[EDGE]], print)
    assert running(lab, EDGE) == before


def test_devices_come_back_by_themselves_when_the_controller_dies(
    workspace: Workspace, lab: OwnedLab, pusher: Pusher
) -> None:
    """The controller's connections end in the middle of the push, and it never speaks again."""
    artifacts = change(workspace)
    before = {node: running(lab, node) for node in artifacts}

    class Died(BaseException):
        pass

    waves = [[node for node in artifacts if node != EDGE], [EDGE]]

    def say(text: str) -> None:
        if text == f"applying on {EDGE}":
            raise Died

    with pytest.raises(Died):
        pusher.push(artifacts, waves, say, guard_s=4)
    pusher.close()
    changed = {node: running(lab, node) for node in artifacts}
    assert changed != before
    deadline = time.monotonic() + 12
    while {node: running(lab, node) for node in artifacts} != before:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert lab.run(EDGE, ["test", "-e", "/run/pcg/guard"]).returncode == 1


def test_a_device_that_misses_its_confirmation_is_named_and_nothing_else_is_claimed(
    workspace: Workspace, lab: OwnedLab, pusher: Pusher
) -> None:
    """Its time is up between the last wave and the confirmation: it has put back what ran."""
    artifacts = change(workspace)
    waves = [[node for node in artifacts if node != EDGE], [EDGE]]

    def say(text: str) -> None:
        if text == f"applying on {EDGE}":
            lab.run("health-net", ["sh", "/run/pcg/staged/guard", "revert"])

    with pytest.raises(PushError) as caught:
        pusher.push(artifacts, waves, say)
    assert "health-net" in caught.value.message
    assert EDGE not in caught.value.message
    assert "the time was up: reverted" in caught.value.message
    assert "push either state again" in caught.value.remedy
