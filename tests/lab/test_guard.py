"""A push changes every device or none, whatever dies on the way: real pushes on the small lab."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from pcg_netops.cutover.bench import boot, pusher_for, wait_converged
from pcg_netops.design.devices import design
from pcg_netops.design.steering import find_stage, stages
from pcg_netops.diff import changed_files
from pcg_netops.errors import PushError
from pcg_netops.inventory.workspace import Workspace, load_workspace
from pcg_netops.lab.controller import OwnedLab
from pcg_netops.push.runner import Pusher
from pcg_netops.render import Artifacts, render_stage
from tests.conftest import copy_small

pytestmark = pytest.mark.lab

EDGE, GATEWAYS = "hq-border", ("cloud-north", "cloud-south")


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return load_workspace(copy_small(tmp_path_factory.mktemp("workspace") / "small"))


def rendered(workspace: Workspace, phase: str) -> Artifacts:
    _, cutover = workspace.cutover()
    return render_stage(workspace, find_stage(stages(cutover, workspace.services), phase))


@contextmanager
def booted(workspace: Workspace, folder: Path) -> Iterator[OwnedLab]:
    _, cutover = workspace.cutover()
    devices = design(workspace, stages(cutover, workspace.services)[0])
    with boot(workspace, devices, rendered(workspace, "before"), folder) as lab:
        wait_converged(lab, devices)
        yield lab


@pytest.fixture(scope="module")
def lab(workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnedLab]:
    """A lab that every test leaves as it has found it."""
    with booted(workspace, tmp_path_factory.mktemp("lab")) as lab:
        yield lab


@pytest.fixture
def pusher(workspace: Workspace, lab: OwnedLab) -> Iterator[Pusher]:
    with closing(pusher_for(workspace, lab)) as pusher:
        yield pusher


def change(workspace: Workspace) -> Artifacts:
    return changed_files(rendered(workspace, "before"), rendered(workspace, "build"))


def running(lab: OwnedLab, nodes: Iterable[str]) -> dict[str, str]:
    """Everything that runs on each node, as its own programs list it."""
    commands = (["vtysh", "-c", "show running-config"], ["nft", "-s", "list", "ruleset"])
    return {node: "".join(lab.run(node, command).stdout for command in commands) for node in nodes}


@dataclass(frozen=True)
class Confirmed:
    """A change in two waves that took each more than half of the timers' time, confirmed."""

    lab: OwnedLab
    seconds: float
    after: dict[str, str]


GUARD_S, WAVE_S = 6, 3.2


@pytest.fixture(scope="module")
def confirmed(
    workspace: Workspace, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Confirmed]:
    artifacts = change(workspace)
    waves = [[node for node in artifacts if node != EDGE], [EDGE]]

    def say(text: str) -> None:
        if text.startswith("applying on "):
            time.sleep(WAVE_S)

    with booted(workspace, tmp_path_factory.mktemp("lab")) as lab:
        with closing(pusher_for(workspace, lab)) as pusher:
            begun = time.monotonic()
            pusher.push(artifacts, waves, say, guard_s=GUARD_S)
            seconds = time.monotonic() - begun
        yield Confirmed(lab, seconds, running(lab, artifacts))


def test_timers_begin_anew_while_waves_go_on(confirmed: Confirmed) -> None:
    lab, after = confirmed.lab, confirmed.after
    assert confirmed.seconds > GUARD_S
    assert all("shutdown" not in text.split("cloud")[-1] for text in after.values())
    time.sleep(WAVE_S)  # when the first timers would have run out, and those that began anew
    assert running(lab, after) == after
    assert all(lab.run(node, ["test", "-e", "/run/pcg/guard"]).returncode == 1 for node in after)


def test_confirmed_push_survives_a_power_cut(confirmed: Confirmed) -> None:
    confirmed.lab.power_off(GATEWAYS)
    confirmed.lab.power_on(GATEWAYS)
    found = running(confirmed.lab, GATEWAYS)
    assert found == {name: confirmed.after[name] for name in GATEWAYS}


def test_a_second_push_waits_for_the_first(
    workspace: Workspace, lab: OwnedLab, pusher: Pusher
) -> None:
    artifacts = {EDGE: change(workspace)[EDGE]}
    lab.run(EDGE, ["mkdir", "-p", "/run/pcg/guard"])
    before = running(lab, artifacts)
    with pytest.raises(PushError, match="another push is under way on this device"):
        pusher.push(artifacts, [[EDGE]], print)
    assert running(lab, artifacts) == before
    assert lab.run(EDGE, ["rmdir", "/run/pcg/guard"]).returncode == 0, "it is the first's"


def test_devices_come_back_by_themselves_when_the_controller_dies(
    workspace: Workspace, lab: OwnedLab, pusher: Pusher
) -> None:
    """The controller's connections end in the middle of the push, and it never speaks again."""
    artifacts = change(workspace)
    before = running(lab, artifacts)

    class Died(BaseException):
        pass

    waves = [[node for node in artifacts if node != EDGE], [EDGE]]

    def say(text: str) -> None:
        if text == f"applying on {EDGE}":
            raise Died

    with pytest.raises(Died):
        pusher.push(artifacts, waves, say, guard_s=4)
    pusher.close()
    changed = running(lab, artifacts)
    assert changed != before
    deadline = time.monotonic() + 12
    while running(lab, artifacts) != before:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert lab.run(EDGE, ["test", "-e", "/run/pcg/guard"]).returncode == 1


def test_a_device_that_misses_its_confirmation_is_named_and_nothing_else_is_claimed(
    workspace: Workspace, lab: OwnedLab, pusher: Pusher
) -> None:
    """Its time is up between the last wave and the confirmation: it has put back what ran."""
    artifacts = change(workspace)
    before = running(lab, artifacts)
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

    old = changed_files(rendered(workspace, "build"), rendered(workspace, "before"))
    pusher.push(old, [list(old)], print)
    assert running(lab, artifacts) == before
