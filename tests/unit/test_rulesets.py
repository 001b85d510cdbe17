"""A firewall in sets: the same verdicts and translations, in rules that services do not add to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from ipaddress import IPv4Network
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcg_netops.design.devices import design
from pcg_netops.design.steering import stages
from pcg_netops.inventory.workspace import load_workspace
from pcg_netops.model.device import Device
from pcg_netops.model.firewall import ANY, Action, FilterRule, Firewall, Ports, SourceNat
from pcg_netops.platforms.rulesets import Line, Ruleset, ruleset
from tests.conftest import SMALL

_SITES = tuple(IPv4Network("10.1.0.0/16").subnets(new_prefix=19))
_TARGETS = tuple(map(IPv4Network, ("10.2.0.0/24", "10.2.0.0/28", "10.2.0.16/32", "10.3.0.0/24")))
_POINTS = tuple(product([s[1] for s in _SITES], [t[0] for t in _TARGETS], ("tcp", "udp"), (80, 85)))


def gateway() -> Device:
    workspace = load_workspace(SMALL)
    _, cutover = workspace.cutover()
    return design(workspace, stages(cutover, workspace.services)[0])["cloud-north"]


def with_rules(rules: Iterable[FilterRule], nat: Iterable[SourceNat] = ()) -> Device:
    firewall = Firewall(True, Action.DENY, tuple(rules), source_nat=tuple(nat))
    return replace(gateway(), firewall=firewall)


some_rules = st.lists(
    st.builds(
        FilterRule,
        owner=st.sampled_from(("one", "two")),
        action=st.sampled_from((Action.PERMIT, Action.PERMIT, Action.PERMIT, Action.DENY)),
        from_interfaces=st.sampled_from((ANY, ("eth1",))),
        to_interfaces=st.sampled_from((ANY, ("eth2",))),
        sources=st.one_of(
            st.none(), st.lists(st.sampled_from(_SITES), min_size=1, max_size=7).map(tuple)
        ),
        destinations=st.lists(st.sampled_from(_TARGETS), min_size=1, max_size=2).map(tuple),
        protocol=st.sampled_from(("tcp", "udp")),
        ports=st.sampled_from((Ports(80, 80), Ports(80, 90), Ports(85, 85))),
    ),
    max_size=8,
)


def decided(rules: Iterable[FilterRule], point: tuple[object, ...]) -> Action:
    source, target, protocol, port = point
    for rule in rules:
        if (
            (rule.sources is ANY or any(source in network for network in rule.sources))
            and any(target in network for network in rule.destinations or ())
            and rule.protocol == protocol
            and rule.ports
            and rule.ports.first <= port <= rule.ports.last  # type: ignore[operator]
        ):
            return rule.action
    return Action.DENY


def as_rules(lines: Iterable[Line]) -> list[FilterRule]:
    """What the kernel does with the lines: an element at a time."""
    found = []
    for line in lines:
        if isinstance(line.rule, FilterRule):
            found.append(line.rule)
        found += [
            FilterRule(
                element.owner,
                line.action,
                line.from_interfaces,
                line.to_interfaces,
                (element.source,) if element.source else line.sources,
                (element.destination,),
                element.protocol,
                element.ports,
            )
            for element in line.elements
        ]
    return found


def sets_of(device: Device) -> Ruleset:
    found = ruleset(device)
    assert found
    return found


@settings(max_examples=300, deadline=None)
@given(some_rules)
def test_the_verdict_on_every_packet_is_that_of_the_rules(rules: list[FilterRule]) -> None:
    rules = [replace(rule, from_interfaces=ANY, to_interfaces=ANY) for rule in rules]
    in_sets = as_rules(sets_of(with_rules(rules)).forward)
    for point in _POINTS:
        assert decided(in_sets, point) is decided(rules, point), point


@settings(max_examples=300, deadline=None)
@given(some_rules)
def test_no_two_elements_of_a_set_overlap(rules: list[FilterRule]) -> None:
    """The kernel would refuse the whole ruleset."""
    for elements in sets_of(with_rules(rules)).sets.values():
        for number, one in enumerate(elements):
            for other in elements[:number]:
                assert not (
                    one.destination.overlaps(other.destination)
                    and one.protocol == other.protocol
                    and one.ports.first <= other.ports.last
                    and other.ports.first <= one.ports.last
                    and (not one.source or not other.source or one.source.overlaps(other.source))
                )


@pytest.mark.parametrize("sites", [1, 3, 7])
def test_a_service_adds_elements_and_no_rule(sites: int) -> None:
    def services(count: int) -> Device:
        rules = [
            FilterRule(
                f"service-{number}",
                Action.PERMIT,
                ("eth1",),
                ("eth2",),
                _SITES[:sites],
                (IPv4Network((0x0A020000 + 32 * number, 28)),),
                "tcp",
                Ports(443, 443),
            )
            for number in range(count)
        ]
        pool = IPv4Network("192.0.2.0/28")
        nat = [
            SourceNat(
                r.owner, ("eth2",), _SITES[:sites], r.destinations or (), "tcp", r.ports, pool
            )
            for r in rules
            if r.ports
        ]
        return with_rules(rules, nat)

    few, many = sets_of(services(1)), sets_of(services(1000))
    for found in (few, many):
        assert len(found.forward) == len(found.translated) == 1
        assert found.forward[0].name == found.translated[0].name  # one set for both
        assert len(found.sets) == 1
    assert few.sets.keys() == many.sets.keys()
    (elements,) = many.sets.values()
    assert {element.owner for element in elements} == {f"service-{n}" for n in range(1000)}
    assert len(elements) == 1000 * (sites if sites < 5 else 1)
