"""The comparison of meanings sees what is wrong."""

from __future__ import annotations

from functools import cache

import pytest

from pcg_netops.model.device import Device
from tests.unit.meaning.expected import facts_of
from tests.unit.meaning.facts import differences
from tests.unit.meaning.slow import slow_enough
from tests.unit.meaning.test_meaning import READERS, devices, rendered
from tests.unit.meaning.wrong import SLIPS, Slip

_MANY = 30  # slips for each platform


@cache
def before_anything_moves(name: str, platform: str) -> Device:
    found = next(device for device in devices("demonstration") if device.name == name)
    return slow_enough(found, platform)


@cache
def files(name: str, platform: str) -> dict[str, str]:
    return rendered(before_anything_moves(name, platform), platform)


@pytest.mark.parametrize(
    ("platform", "slip"),
    [
        pytest.param(platform, slip, id=f"{platform}-{slip.file}-{slip.what}")
        for platform, slips in SLIPS.items()
        for slip in slips
    ],
)
def test_a_wrong_rendering_is_caught(platform: str, slip: Slip) -> None:
    wrong = slip.made_in(files(slip.device, platform))
    assert differences(
        facts_of(before_anything_moves(slip.device, platform)), READERS[platform](wrong)
    )


@pytest.mark.parametrize("platform", SLIPS)
def test_there_are_many_different_wrong_renderings(platform: str) -> None:
    slips = SLIPS[platform]
    texts = {tuple(s.made_in(files(s.device, platform)).values()) for s in slips}
    assert len(texts) == len(slips) >= _MANY
