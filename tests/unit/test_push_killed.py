"""`kill -9` of a push at any moment: devices put themselves back, and it is resumed or unwound.

The moments are spread over the time that a whole push takes, at random; `PCG_KILLS=50` for more.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pcg_netops.diff import load
from pcg_netops.push import Holds, read_journal
from tests.fake_device import PASSWORD, FakeDevice, serving
from tests.unit.controlled import Controller, controlling
from tests.unit.fake_network import CANARY
from tests.unit.pushed import Network, holding, let_time_pass, network_in

KILLS = int(os.environ.get("PCG_KILLS", "8"))


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Network:
    return network_in(tmp_path_factory.mktemp("killed"))


@pytest.fixture
def controller(tmp_path: Path) -> Iterator[Controller]:
    with controlling(tmp_path / "output") as started:
        yield started


def test_whenever_a_push_is_killed_it_can_be_resumed_and_unwound(
    network: Network, controller: Controller
) -> None:
    push = network.arguments(str(network.change), "--phase", "build", "--unapproved", "a trial")
    devices = network.devices()
    with serving(list(devices.values())):
        begun = time.monotonic()
        assert controller.run(push) == 0
        whole_s = time.monotonic() - begun
    moments = random.Random(20261122)  # noqa: S311  # no secret
    ends = set()
    for number in range(KILLS):
        slice_s = whole_s / KILLS
        moment = slice_s * (number + moments.random())
        devices = network.devices()
        with serving(list(devices.values())):
            status = controller.run(push, kill_after_s=moment)
            assert status in (0, -signal.SIGKILL)
            ends.add(status)
            by_themselves(network, devices, wait=number % 2 == 0)
            looked_after(network, controller, devices, ["--resume", "--unwind"][number // 2 % 2])
    assert -signal.SIGKILL in ends
    assert "the last push was killed: process " in controller.output.read_text()
    secret = [CANARY, PASSWORD]
    files = [p for p in network.root.rglob("*") if p.is_file()] + [controller.output]
    told = [path for path in files if any(s in path.read_text(errors="replace") for s in secret)]
    assert told == []


def by_themselves(network: Network, devices: dict[str, FakeDevice], *, wait: bool) -> None:
    """What is not confirmed goes back without us; a device is never left half changed."""
    if wait:
        let_time_pass(devices)
    now = {holding(load(network.change), name, device) for name, device in devices.items()}
    assert now <= {Holds.BASE, Holds.INTENDED, Holds.UNSAVED, Holds.UNCONFIRMED}, now
    assert Holds.UNCONFIRMED not in now or not wait


def looked_after(
    network: Network, controller: Controller, devices: dict[str, FakeDevice], how: str
) -> None:
    """It is resumed or unwound; where it had not begun or had ended, there is nothing to do."""
    status = controller.run(network.arguments(how))
    said = controller.output.read_text()[-3000:]
    change = load(network.change)
    now = {holding(change, name, device) for name, device in devices.items()}
    if status == 2:
        assert "no push was broken off" in said
        assert now in ({Holds.BASE}, {Holds.INTENDED})
        return
    assert status == 0, said
    assert now == {Holds.INTENDED if how == "--resume" else Holds.BASE}
    journals = sorted(network.root.glob("build/*/pushes/*/journal.jsonl"))
    last = read_journal(journals[-1])[-1]
    assert last.act == "end"
    assert set(last.holds.values()) == now
