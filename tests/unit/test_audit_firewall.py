"""The analysis of filter rules agrees with trying every packet."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from ipaddress import IPv4Network
from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from pcg_netops.audit.hardening.firewall_analysis import Kind, Passage, analyse
from pcg_netops.model.firewall import ANY, Action, FilterRule, Ports, Prefixes

PERMIT, DENY = Action.PERMIT, Action.DENY
# A universe small enough to try every packet: 2 interfaces, 4 addresses and one that stands for all
# others, 3 ports of each of 2 protocols and one other protocol.
INTERFACES = ("eth1", "eth2")
NETWORKS = [
    IPv4Network(text)
    for text in (
        "0.0.0.0/0", "10.0.0.0/30", "10.0.0.0/31", "10.0.0.2/31",
        *(f"10.0.0.{host}/32" for host in range(4)),
    )
]  # fmt: skip
ADDRESSES = [int(IPv4Network(f"10.0.0.{host}").network_address) for host in range(4)] + [1]
SERVICES = [*product(("tcp", "udp"), (0, 1, 2, 9)), ("icmp", 0)]
Packet = tuple[str, str, int, int, tuple[str, int]]
PACKETS: list[Packet] = list(product(INTERFACES, INTERFACES, ADDRESSES, ADDRESSES, SERVICES))

some_interfaces = st.sampled_from([ANY, ("eth1",), ("eth2",), INTERFACES])
some_networks = st.lists(st.sampled_from(NETWORKS), max_size=3).map(tuple)
some_ports = st.sampled_from([None, *(Ports(a, b) for a in range(3) for b in range(a, 3))])


@st.composite
def rules(draw: st.DrawFn) -> FilterRule:
    protocol = draw(st.sampled_from([None, "tcp", "udp"]))
    return FilterRule(
        "service",
        draw(st.sampled_from(Action)),
        draw(some_interfaces),
        draw(some_interfaces),
        draw(some_networks) or ANY,
        draw(some_networks) or ANY,
        protocol,
        draw(some_ports) if protocol else None,
    )


@cache
def matched(rule: FilterRule) -> frozenset[int]:
    """The packets that a rule matches, each tried on its own."""

    def among(address: int, networks: Prefixes | None) -> bool:
        return networks is ANY or any(
            int(n.network_address) <= address <= int(n.broadcast_address) for n in networks
        )

    return frozenset(
        number
        for number, (from_, to, source, target, (protocol, port)) in enumerate(PACKETS)
        if from_ in (rule.from_interfaces or INTERFACES)
        and to in (rule.to_interfaces or INTERFACES)
        and among(source, rule.sources)
        and among(target, rule.destinations)
        and rule.protocol in (None, protocol)
        and (rule.ports is None or rule.ports.first <= port <= rule.ports.last)
    )


Listed = list[tuple[int, Action, frozenset[int]]]


def decided(listed: Listed, packet: int) -> Action | None:
    return next((action for _, action, packets in listed if packet in packets), None)


def by_trying(rules: Sequence[FilterRule]) -> tuple[dict[int, Kind], dict[int, set[int]]]:
    """The idle rules and the correlated pairs, by the definitions."""
    everything: Listed = [(n, rule.action, matched(rule)) for n, rule in enumerate(rules)]
    idle: dict[int, Kind] = {}
    for number, action, packets in everything:
        verdicts = {decided(everything[:number], packet) for packet in packets}
        if None not in verdicts:
            idle[number] = Kind.REDUNDANT if verdicts <= {action} else Kind.SHADOWED
    left = [entry for entry in everything if entry[0] not in idle]
    for entry in list(left):
        without = [other for other in left if other is not entry]
        live = [p for p in entry[2] if decided([e for e in left if e[0] < entry[0]], p) is None]
        if all(decided(without, packet) is entry[1] for packet in live):
            idle[entry[0]] = Kind.REDUNDANT
            left = without
    pairs = {
        later[0]: {
            earlier[0]
            for earlier in left
            if earlier[0] < later[0]
            and earlier[1] is not later[1]
            and earlier[2] & later[2]
            and not earlier[2] <= later[2]
            and not later[2] <= earlier[2]
        }
        for later in left
    }
    return idle, {number: others for number, others in pairs.items() if others}


@settings(max_examples=150)
@given(st.lists(rules(), max_size=7))
def test_it_finds_what_trying_every_packet_finds(rules: list[FilterRule]) -> None:
    idle, correlated = by_trying(rules)
    verdicts = list(analyse(rules, INTERFACES))
    kinds = (Kind.SHADOWED, Kind.REDUNDANT)
    assert {v.rule: v.kind for v in verdicts if v.kind in kinds} == idle
    pairs = {v.rule: v for v in verdicts if v.kind is Kind.CORRELATED}
    assert {number: pairs[number].count for number in pairs} == {
        number: len(others) for number, others in correlated.items()
    }
    assert all(set(pairs[number].others) <= correlated[number] for number in pairs)
    assert {v.rule for v in verdicts if v.kind is Kind.ANY_TO_ANY} == {
        number
        for number, rule in enumerate(rules)
        if rule.action is PERMIT
        and not rule.protocol
        and all(not n or NETWORKS[0] in n for n in (rule.sources, rule.destinations))
    }


@settings(max_examples=60)
@given(st.lists(rules(), max_size=7))
def test_dropping_all_idle_rules_decides_every_packet_as_before(rules: list[FilterRule]) -> None:
    kinds = (Kind.SHADOWED, Kind.REDUNDANT)
    idle = {v.rule for v in analyse(rules, INTERFACES) if v.kind in kinds}
    before: Listed = [(n, rule.action, matched(rule)) for n, rule in enumerate(rules)]
    after = [entry for entry in before if entry[0] not in idle]
    assert all(decided(before, p) is decided(after, p) for p in range(len(PACKETS)))


@settings(max_examples=60)
@given(st.lists(rules(), max_size=6), st.sampled_from(INTERFACES), some_networks)
def test_a_source_passes_if_some_packet_of_it_is_permitted(
    rules: list[FilterRule], interface: str, sources: tuple[IPv4Network, ...]
) -> None:
    listed: Listed = [(n, rule.action, matched(rule)) for n, rule in enumerate(rules)]
    probe = matched(FilterRule("", PERMIT, (interface,), ANY, sources)) if sources else frozenset()
    passes = any(decided(listed, packet) is PERMIT for packet in probe)
    assert (Passage(rules, INTERFACES).of(interface, sources) is not None) == passes
