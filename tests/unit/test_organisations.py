"""Laws that hold for every organisation's network, over networks made from seeds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import yaml

from pcg_netops.design.devices import Designer
from pcg_netops.design.flows import flows, intended_gateway
from pcg_netops.design.reachability import known_prefixes
from pcg_netops.design.steering import Stage, linked, stages
from pcg_netops.inventory.workspace import Workspace, load_workspace
from pcg_netops.model.device import Device, Role
from pcg_netops.model.firewall import Action, Firewall
from tests.conftest import Pcg
from tests.organisations import make, write
from tests.unit.meaning.expected import facts_of
from tests.unit.meaning.facts import differences
from tests.unit.meaning.slow import slow_enough
from tests.unit.meaning.test_meaning import READERS, rendered

SEEDS = range(1, 13)


@dataclass(frozen=True)
class Case:
    """An organisation's network at each of its stages, each device as it is designed there."""

    workspace: Workspace
    at: Mapping[str, tuple[Stage, Mapping[str, Device]]]

    def devices(self, role: Role) -> Iterator[Device]:
        return (d for _, found in self.at.values() for d in found.values() if d.role is role)


@cache
def case(seed: int) -> Case:
    with TemporaryDirectory() as folder:
        workspace = load_workspace(write(Path(folder), seed))
    _, cutover = workspace.cutover()
    designer = Designer(workspace)
    plan = stages(cutover, workspace.services)
    return Case(workspace, {stage.name: (stage, designer.design(stage)) for stage in plan})


def test_a_seed_gives_the_same_network_and_another_one_another() -> None:
    assert yaml.safe_dump(make(1)) == yaml.safe_dump(make(1)) != yaml.safe_dump(make(2))


def test_the_seeds_have_the_variety_that_organisations_have() -> None:
    networks = [case(seed).workspace.network for seed in SEEDS]
    for role, counts in ((Role.EDGE, {2, 5, 8}), (Role.GATEWAY, {3, 4})):
        assert counts <= {len(network.with_role(role)) for network in networks}, role
    assert {len(network.domains) for network in networks} == {1, 2, 3}
    behind_another = [
        edge
        for network in networks
        for edge in network.with_role(Role.EDGE)
        if not any(linked(network, edge, gateway) for gateway in network.with_role(Role.GATEWAY))
    ]
    assert len(behind_another) > len(networks)


@pytest.mark.parametrize("seed", SEEDS)
def test_it_is_checked_without_an_error(seed: int, tmp_path: Path, pcg: Pcg) -> None:
    done = pcg("check", "-w", str(write(tmp_path / "organisation", seed)))
    assert done.code == 0, done.out


@pytest.mark.parametrize("seed", SEEDS)
def test_whoever_is_to_reach_a_service_has_a_route_there_and_back(seed: int) -> None:
    """At every stage, through the gateway that is meant."""
    network, services = case(seed).workspace.network, case(seed).workspace.services
    for stage, devices in case(seed).at.values():
        known = {
            name: prefixes | _at_home(devices[name])
            for name, prefixes in known_prefixes(devices).items()
        }
        for flow in flows(network, services):
            gateway = intended_gateway(network, services, stage, flow)
            client, server = (network.site_of(a) for a in (flow.source, flow.server_address))
            assert client
            assert server
            domain = services.services[flow.service].domain
            pool = network.nodes[gateway].nat[domain]
            ways = (
                (network.sites[client].node, flow.target),
                (gateway, flow.server_address),
                (network.sites[server].node, pool[1]),
                (gateway, flow.source),
            )
            for router, address in ways:
                assert _knows(known[router], address), (stage.name, flow.name, router, address)


def _knows(prefixes: frozenset[IPv4Network], address: IPv4Address) -> bool:
    return any(IPv4Network((address, length), strict=False) in prefixes for length in range(8, 33))


def _at_home(device: Device) -> frozenset[IPv4Network]:
    networks = device.bgp.networks if device.bgp else ()
    return frozenset((*networks, *(i.address.network for i in device.interfaces)))


@pytest.mark.parametrize("seed", SEEDS)
def test_an_edge_lets_its_sites_out_and_answers_in(seed: int) -> None:
    """By every cable that leads on, also at a branch that meets no gateway."""
    for edge in case(seed).devices(Role.EDGE):
        assert edge.firewall
        network = case(seed).workspace.network
        local = {n: s.prefix for n, s in network.sites.items() if s.node == edge.name}
        inner = {i.name: p for i in edge.interfaces for p in local.values() if i.address.ip in p}
        outer = [i.name for i in edge.interfaces if i.name not in inner]
        assert inner
        assert outer
        for name, prefix in inner.items():
            for other in outer:
                away = IPv4Address("172.16.1.1")
                assert _verdict(edge.firewall, name, other, prefix[5], away) is Action.PERMIT
                assert _verdict(edge.firewall, other, name, away, prefix[5]) is Action.PERMIT


def _verdict(
    firewall: Firewall, entrance: str, exit_: str, source: IPv4Address, target: IPv4Address
) -> Action:
    for rule in firewall.rules:
        if (
            entrance in (rule.from_interfaces or (entrance,))
            and exit_ in (rule.to_interfaces or (exit_,))
            and any(source in network for network in rule.sources or (IPv4Network("0.0.0.0/0"),))
            and any(target in n for n in rule.destinations or (IPv4Network("0.0.0.0/0"),))
        ):
            return rule.action
    return firewall.default


@pytest.mark.parametrize("seed", SEEDS[:4])
def test_what_is_rendered_means_what_is_designed(seed: int) -> None:
    """Each device on its own platform, as it is first and last."""
    stages_at = list(case(seed).at.values())
    for _, devices in (stages_at[0], stages_at[-1]):
        for device in devices.values():
            if device.role is Role.HOST:
                continue
            said = slow_enough(device, device.platform)
            files = rendered(said, device.platform)
            wrong = differences(facts_of(said), READERS[device.platform](files))
            assert not wrong, (device.name, device.platform)
