"""Checks of addresses, autonomous system numbers and packet sizes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import IPv4Network

from pcg_netops.audit.finding import Check, Example, Problem, Rule, Severity
from pcg_netops.inventory.workspace import Workspace
from pcg_netops.model.device import Role
from pcg_netops.model.network import Link, Network, Profile

_SPECIAL_PREFIXES = {
    IPv4Network("0.0.0.0/8"): "'this network'",
    IPv4Network("127.0.0.0/8"): "for use within one host",
    IPv4Network("169.254.0.0/16"): "for use on one link",
    IPv4Network("192.0.0.0/24"): "reserved for protocols",
    IPv4Network("224.0.0.0/4"): "for multicast",
    IPv4Network("240.0.0.0/4"): "reserved",
}
# Reserved for examples and tests.
EXAMPLE_PREFIXES = {
    IPv4Network("192.0.2.0/24"): "RFC 5737",
    IPv4Network("198.51.100.0/24"): "RFC 5737",
    IPv4Network("203.0.113.0/24"): "RFC 5737",
    IPv4Network("198.18.0.0/15"): "RFC 2544",
}
# What no packet and no route between networks has (RFC 6890). Private ranges are not among them:
# closed networks use those.
BOGONS = tuple(_SPECIAL_PREFIXES)
_EXAMPLE_ASNS = (range(64_496, 64_512), range(65_536, 65_552))
_SPECIAL_ASNS = {
    range(23_456, 23_457): "stands for longer numbers (RFC 6793)",
    range(65_535, 65_536): "is the last of its kind (RFC 7300)",
    range(65_552, 131_072): "is reserved by IANA",
}


def _prefixes(network: Network) -> Iterator[tuple[tuple[str, ...], IPv4Network]]:
    """Every prefix of the network, with where it stands."""
    for name, site in network.sites.items():
        yield ("sites", name, "prefix"), site.prefix
    for name, pool in network.pools:
        yield ("pools", name), pool
    for name, node in network.nodes.items():
        for domain, pool in node.nat.items():
            yield ("nodes", name, "nat", domain), pool


def _example_prefixes(workspace: Workspace) -> Iterator[Problem]:
    if workspace.network.profile is Profile.PRODUCTION:
        words = "{prefix} is reserved for examples and tests ({what}: {range})"
        yield from _overlaps(workspace, EXAMPLE_PREFIXES, words, "")


def _special_prefixes(workspace: Workspace) -> Iterator[Problem]:
    words = "{prefix} meets {range}, which is {what}"
    yield from _overlaps(workspace, _SPECIAL_PREFIXES, words, ", or private ones (RFC 1918)")


def _overlaps(
    workspace: Workspace, reserved: Mapping[IPv4Network, str], words: str, instead: str
) -> Iterator[Problem]:
    file, network = workspace.sources.network
    for path, prefix in _prefixes(network):
        for range_, what in reserved.items():
            if prefix.overlaps(range_):
                yield Problem(
                    file.place(*path),
                    words.format(prefix=prefix, range=range_, what=what),
                    f"use addresses that were assigned to you{instead}",
                )


def _example_asns(workspace: Workspace) -> Iterator[Problem]:
    file, network = workspace.sources.network
    if network.profile is not Profile.PRODUCTION:
        return
    for name, node in network.nodes.items():
        if any(node.asn in reserved for reserved in _EXAMPLE_ASNS):
            yield Problem(
                file.place("nodes", name, "asn"),
                f"autonomous system number {node.asn} is reserved for examples (RFC 5398)",
                "use one that was assigned to you, or a private one (RFC 6996)",
            )


def _special_asns(workspace: Workspace) -> Iterator[Problem]:
    file, network = workspace.sources.network
    for name, node in network.nodes.items():
        for numbers, what in _SPECIAL_ASNS.items():
            if node.asn in numbers:
                yield Problem(
                    file.place("nodes", name, "asn"),
                    f"autonomous system number {node.asn} {what}: nobody can have it",
                    "use one that was assigned to you, or a private one (RFC 6996)",
                )


def _shared_asns(workspace: Workspace) -> Iterator[Problem]:
    file, network = workspace.sources.network
    first: dict[int, str] = {}
    for name, node in network.nodes.items():
        other = first.setdefault(node.asn, name)
        roles = {node.role, network.nodes[other].role}
        if len(roles) > 1 or (other != name and node.role is Role.PARTNER):
            yield Problem(
                file.place("nodes", name, "asn"),
                f"the {node.role} '{name}' has the autonomous system number {node.asn} of the"
                f" {network.nodes[other].role} '{other}'",
                "give each organisation its own number",
                None if len(roles) > 1 else Severity.NOTE,
            )


def _parted_asns(workspace: Workspace) -> Iterator[Problem]:
    file, network = workspace.sources.network
    groups = {f"exchange '{name}'": value.gateways for name, value in network.exchanges.items()}
    groups["the organisation"] = network.with_role(Role.EDGE)
    for group, members in groups.items():
        for name in members:
            if network.nodes[name].asn != network.nodes[members[0]].asn:
                yield Problem(
                    file.place("nodes", name, "asn"),
                    f"'{name}' has autonomous system number {network.nodes[name].asn},"
                    f" '{members[0]}' {network.nodes[members[0]].asn}: both are of {group}",
                    "give them one number",
                )


def _narrow_links(workspace: Workspace) -> Iterator[Problem]:
    file, network = workspace.sources.network
    widest: dict[str, int] = {site.node: network.mtu for site in network.sites.values()}
    for link in network.links:
        for end in link.between:
            widest[end] = max(widest.get(end, 0), _mtu(network, link))
    for index, link in enumerate(network.links):
        mtu, beside = _mtu(network, link), max(widest[end] for end in link.between)
        if mtu < beside and not link.note and not link.tunnel:
            yield Problem(
                file.place("links", index),
                f"the link between {' and '.join(link.between)} has MTU {mtu}, those beside it"
                f" {beside}: larger packets rely on path MTU discovery",
                "give them one 'mtu', or say in 'note' why it is so",
            )


def _mtu(network: Network, link: Link) -> int:
    return link.mtu or network.mtu


NETWORK_CHECKS: tuple[Check[Workspace], ...] = (
    Check(
        Rule(
            "PCG301",
            "A production network uses addresses that are reserved for examples",
            Severity.ERROR,
            "Nobody can be assigned these ranges, and others filter them as bogons. A"
            " demonstration is the place for them.",
            "RFC 5737, RFC 2544",
            Example(
                "network.yaml",
                "profile: production\npools:\n  management: 198.18.7.0/24\n",
                "profile: demonstration\npools:\n  management: 198.18.7.0/24\n",
            ),
        ),
        _example_prefixes,
    ),
    Check(
        Rule(
            "PCG302",
            "A production network uses an autonomous system number that is reserved for examples",
            Severity.ERROR,
            "Neighbours filter these numbers, and nobody can be assigned one.",
            "RFC 5398",
            Example(
                "network.yaml",
                "profile: production\nnodes:\n  hospital:\n    asn: 64500\n",
                "profile: production\nnodes:\n  hospital:\n    asn: 65005\n",
            ),
        ),
        _example_asns,
    ),
    Check(
        Rule(
            "PCG303",
            "A link takes smaller packets than those beside it",
            Severity.NOTE,
            "Packets that fit every other link are dropped or fragmented here. Where ICMP is"
            " filtered, connections then hang once they send much. A 'note' on the link says that"
            " it is known.",
            "RFC 1191, RFC 2923",
            Example(
                "network.yaml",
                "mtu: 1500\nlinks:\n"
                "  - {between: [hq-border, legacy-fw]}\n"
                "  - {between: [hq-border, cloud-north]}\n"
                "  - {between: [hq-border, cloud-south]}\n"
                "  - {between: [legacy-fw, health-net]}\n"
                "  - {between: [cloud-north, health-net]}\n"
                "  - {between: [cloud-south, health-net]}\n"
                "  - {between: [health-net, hospital], mtu: 1400}\n",
                "mtu: 1500\nlinks:\n"
                "  - {between: [hq-border, legacy-fw]}\n"
                "  - {between: [hq-border, cloud-north]}\n"
                "  - {between: [hq-border, cloud-south]}\n"
                "  - {between: [legacy-fw, health-net]}\n"
                "  - {between: [cloud-north, health-net]}\n"
                "  - {between: [cloud-south, health-net]}\n"
                "  - {between: [health-net, hospital], mtu: 1400, note: Rented circuit}\n",
            ),
        ),
        _narrow_links,
    ),
    Check(
        Rule(
            "PCG311",
            "An address range can be nobody's",
            Severity.ERROR,
            "Routers drop or misread packets to and from these ranges, whatever the network is"
            " for.",
            "RFC 6890 (special-purpose address registry)",
            Example(
                "network.yaml",
                "pools:\n  loopbacks: 127.0.10.0/28\n",
                "pools:\n  loopbacks: 10.30.0.0/28\n",
            ),
        ),
        _special_prefixes,
    ),
    Check(
        Rule(
            "PCG312",
            "An autonomous system number can be nobody's",
            Severity.ERROR,
            "These numbers mean something else in BGP, or are kept back. Routers refuse them or"
            " take them for another.",
            "RFC 6793, RFC 7300, IANA autonomous system numbers registry",
            Example(
                "network.yaml",
                "nodes:\n  hospital:\n    asn: 23456\n",
                "nodes:\n  hospital:\n    asn: 65005\n",
            ),
        ),
        _special_asns,
    ),
    Check(
        Rule(
            "PCG313",
            "Two organisations have one autonomous system number",
            Severity.ERROR,
            "A router drops routes that hold its own number, as a loop. Between the organisation,"
            " an exchange, a domain and a partner that is an error; two partners may be routers of"
            " one organisation, which is a note.",
            "RFC 4271 section 9.1.2",
            Example(
                "network.yaml",
                "nodes:\n  hospital:\n    asn: 65001\n",
                "nodes:\n  hospital:\n    asn: 65005\n",
            ),
        ),
        _shared_asns,
    ),
    Check(
        Rule(
            "PCG314",
            "Routers of one organisation or exchange differ in their autonomous system number",
            Severity.WARNING,
            "It is mistyped, or each of them is a network of its own: then routes of one are longer"
            " than the other's, and what the edges prefer is decided by more than their ranking.",
            "RFC 4271 section 9.1.2.2",
            Example(
                "network.yaml",
                "nodes:\n  cloud-south:\n    asn: 65033\n",
                "nodes:\n  cloud-south:\n    asn: 65003\n",
            ),
        ),
        _parted_asns,
    ),
)
