"""A push that is told to stop, or that nobody hears: exit code, journal and devices say the same.

`PCG_STOPS=all` tries every signal at every record, and an output that breaks after every line.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from pcg_netops.diff import load
from pcg_netops.push import Holds, read_journal
from tests.fake_device import FakeDevice, serving
from tests.unit.pushed import Network, holding
from tests.unit.test_push_killed import Controller, controller, network

__all__ = ["controller", "network"]

SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
RECORDS = 26  # of a push without trouble: begin, end, and what is between
LINES = 7  # that it says
ALL = os.environ.get("PCG_STOPS") == "all"
STOPS = [
    (number, record)
    for record in range(1, RECORDS + 1)
    for place, number in enumerate(SIGNALS)
    if ALL or place == record % len(SIGNALS)
]
HEARD = range(LINES + 1) if ALL else (0, 2, LINES - 1)


def pushing(network: Network) -> list[str]:
    return network.arguments(str(network.change), "--phase", "build", "--unapproved", "a trial")


def held(network: Network, devices: dict[str, FakeDevice]) -> set[str]:
    change = load(network.change)
    return {holding(change, name, device) for name, device in devices.items()}


def latest(network: Network) -> Path:
    return max(network.root.glob("build/*/pushes/*/journal.jsonl"))


@pytest.mark.parametrize(("number", "record"), STOPS)
def test_a_signal_puts_back_or_comes_too_late(
    network: Network, controller: Controller, number: int, record: int
) -> None:
    devices = network.devices()
    with serving(list(devices.values())):
        status = controller.run(pushing(network), signal=int(number), record=record)
        now = held(network, devices)
    said = controller.output.read_text()
    last = read_journal(latest(network))[-1]
    assert last.act == "end"
    assert set(last.holds.values()) == now
    if now == {Holds.INTENDED}:
        assert (status, "every device is changed" in said) == (0, True), said
    else:
        assert now == {Holds.BASE}
        told = {1: "stopped by hand", 128 + number: "stopped"}
        assert told[status] in said
        assert "pushed:" not in said


def test_the_records_are_all_tried(network: Network, controller: Controller) -> None:
    devices = network.devices()
    with serving(list(devices.values())):
        assert controller.run(pushing(network)) == 0
    assert len(read_journal(latest(network))) == RECORDS
    assert len(controller.output.read_text().splitlines()) == LINES


@pytest.mark.parametrize("lines", [*HEARD, "full"])
def test_a_push_that_nobody_hears_goes_on(
    network: Network, controller: Controller, lines: int | str
) -> None:
    devices = network.devices()
    heard, full = (None, True) if lines == "full" else (lines, False)
    with serving(list(devices.values())):
        assert controller.run(pushing(network), heard=heard, full=full) == 0
        assert held(network, devices) == {Holds.INTENDED}
    records = read_journal(latest(network))
    assert records[-1].act == "end"
    unheard = [record.note for record in records if record.act == "unheard"]
    if lines == "full":
        assert unheard == ["the output could not be written: No space left on device"]
    elif int(lines) < LINES - 2:  # the last two come when the journal is closed
        assert unheard == ["the output could not be written: Broken pipe"]
