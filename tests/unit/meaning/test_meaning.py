"""Every platform's rendering means what its `Device` asks for, in every stage."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from pcg_netops.design.devices import design
from pcg_netops.design.steering import stages
from pcg_netops.errors import InputErrors
from pcg_netops.inventory.workspace import load_workspace
from pcg_netops.model.device import Device, Role
from pcg_netops.platforms import PLATFORMS
from pcg_netops.render import Renderer
from tests.unit.meaning import iosxe, junos, linux
from tests.unit.meaning.expected import facts_of
from tests.unit.meaning.facts import Facts, differences
from tests.unit.meaning.slow import slow_enough

REPOSITORY = Path(__file__).parents[3]
WORKSPACES = {"demonstration": REPOSITORY, "small": REPOSITORY / "tests/workspaces/small"}
READERS: Mapping[str, Callable[[Mapping[str, str]], Facts]] = {
    "linux": linux.facts_in,
    "iosxe": iosxe.facts_in,
    "junos": junos.facts_in,
}


@cache
def renderer() -> Renderer:
    return Renderer(REPOSITORY / "templates")


def rendered(device: Device, platform: str) -> dict[str, str]:
    files = renderer().render(replace(device, platform=platform))
    return {name: artifact.text for name, artifact in files.items()}


@cache
def devices(workspace: str) -> tuple[Device, ...]:
    """Every router as it is in some stage, each once."""

    def found() -> Iterator[Device]:
        loaded = load_workspace(WORKSPACES[workspace])
        for cutover in loaded.cutovers.values():
            for stage in stages(cutover, loaded.services):
                for device in design(loaded, stage).values():
                    if device.role is not Role.HOST:
                        yield device

    return tuple(dict.fromkeys(found()))


def said_on(device: Device, platform: str) -> bool:
    """IOS-XE has no gateways, Junos no tunnels of a device that keeps no state."""
    stateful = device.firewall is not None and device.firewall.stateful
    if platform == "junos":
        return stateful or not device.tunnels
    return platform != "iosxe" or device.role is not Role.GATEWAY


@pytest.mark.parametrize("platform", READERS)
@pytest.mark.parametrize("workspace", WORKSPACES)
def test_a_rendering_means_what_its_device_asks_for(workspace: str, platform: str) -> None:
    chosen = [slow_enough(d, platform) for d in devices(workspace) if said_on(d, platform)]
    assert {Role.EDGE, Role.CORE, Role.PARTNER} <= {device.role for device in chosen}
    wrong = {
        device.name: said
        for device in chosen
        if (said := differences(facts_of(device), READERS[platform](rendered(device, platform))))
    }
    assert wrong == {}


@pytest.mark.parametrize("workspace", WORKSPACES)
def test_what_ios_xe_cannot_say_of_a_gateway_is_refused_by_name(workspace: str) -> None:
    for device in devices(workspace):
        if not said_on(device, "iosxe"):
            with pytest.raises(InputErrors) as refused:
                rendered(device, "iosxe")
            assert {error.place for error in refused.value.errors} == {device.name}
            for feature in PLATFORMS["iosxe"].refuses:
                assert feature.value in str(refused.value)
