"""Checks of addresses, autonomous system numbers and packet sizes."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network

from pcg_netops.audit.finding import Check, Example, Problem, Rule, Severity
from pcg_netops.inventory.workspace import Workspace
from pcg_netops.model.device import Role
from pcg_netops.model.network import Link, Network, Profile

_EXAMPLE_PREFIXES = {
    IPv4Network("192.0.2.0/24"): "RFC 5737",
    IPv4Network("198.51.100.0/24"): "RFC 5737",
    IPv4Network("203.0.113.0/24"): "RFC 5737",
    IPv4Network("198.18.0.0/15"): "RFC 2544",
}
_EXAMPLE_ASNS = (range(64_496, 64_512), range(65_536, 65_552))
_MSS_BELOW_MTU = 40  # IPv4 and TCP headers without options


def _example_prefixes(workspace: Workspace) -> Iterator[Problem]:
    file, network = workspace.sources.network
    if network.profile is not Profile.PRODUCTION:
        return
    used: list[tuple[tuple[str, ...], IPv4Network]] = [
        (("sites", name, "prefix"), site.prefix) for name, site in network.sites.items()
    ]
    used += [(("pools", name), pool) for name, pool in network.pools]
    for name, node in network.nodes.items():
        used += [(("nodes", name, "nat", domain), pool) for domain, pool in node.nat.items()]
    for path, prefix in used:
        for reserved, source in _EXAMPLE_PREFIXES.items():
            if prefix.overlaps(reserved):
                yield Problem(
                    file.place(*path),
                    f"{prefix} is reserved for examples and tests ({source}: {reserved})",
                    "use addresses that were assigned to you",
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


def inner_mtu(outer: int, *, nat_traversal: bool) -> int:
    """The largest packet (bytes) in an ESP tunnel with AES-GCM over IPv4 (RFC 4303, RFC 4106).

    `outer` is the MTU of the path that the tunnel crosses. NAT traversal costs 8 bytes (RFC 3948).
    """
    return (outer - 52 - 8 * nat_traversal) // 4 * 4 - 2


def _tunnels(workspace: Workspace) -> Iterator[Problem]:
    file, network = workspace.sources.network
    for index, link in enumerate(network.links):
        outer = _outer_mtu(network, link)
        fits = inner_mtu(outer, nat_traversal=False)
        if link.tunnel and _mtu(network, link) > fits:
            smaller = inner_mtu(outer, nat_traversal=True)
            yield Problem(
                file.place("links", index),
                f"the tunnel between {' and '.join(link.between)} has MTU {_mtu(network, link)},"
                f" but crosses a path of {outer}: what fits is {fits} (MSS"
                f" {fits - _MSS_BELOW_MTU}), with NAT traversal {smaller} (MSS"
                f" {smaller - _MSS_BELOW_MTU})",
                f"set its 'mtu' to {smaller}",
            )


def _outer_mtu(network: Network, tunnel: Link) -> int:
    """A tunnel leaves its gateway by the widest of the gateway's own links to a core."""
    roles = {name: node.role for name, node in network.nodes.items()}
    gateways = {name for name in tunnel.between if roles[name] is Role.GATEWAY}
    return max(
        (
            _mtu(network, link)
            for link in network.links
            if not link.tunnel
            and gateways & set(link.between)
            and Role.CORE in (roles[name] for name in link.between)
        ),
        default=network.mtu,
    )


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
            "PCG304",
            "A tunnel's MTU is larger than what fits into the path it crosses",
            Severity.WARNING,
            "An IPsec tunnel adds headers to each packet. If its MTU does not leave room for them,"
            " every full-sized packet is fragmented or lost. With AES-GCM over IPv4 and an outer"
            " MTU of M, floor((M - 52) / 4) x 4 - 2 fits, with NAT traversal"
            " floor((M - 60) / 4) x 4 - 2; the TCP segment is 40 bytes less. M is taken from the"
            " gateway's widest link to a core that is no tunnel.",
            "RFC 4303, RFC 4106, RFC 3948",
            Example(
                "network.yaml",
                "mtu: 1500\nlinks:\n"
                "  - {between: [hq-border, legacy-fw]}\n"
                "  - {between: [hq-border, cloud-north]}\n"
                "  - {between: [hq-border, cloud-south]}\n"
                "  - {between: [legacy-fw, health-net]}\n"
                "  - {between: [cloud-north, health-net], tunnel: true}\n"
                "  - {between: [cloud-south, health-net]}\n"
                "  - {between: [health-net, hospital]}\n",
                "mtu: 1500\nlinks:\n"
                "  - {between: [hq-border, legacy-fw]}\n"
                "  - {between: [hq-border, cloud-north]}\n"
                "  - {between: [hq-border, cloud-south]}\n"
                "  - {between: [legacy-fw, health-net]}\n"
                "  - {between: [cloud-north, health-net], tunnel: true, mtu: 1438}\n"
                "  - {between: [cloud-south, health-net]}\n"
                "  - {between: [health-net, hospital]}\n",
            ),
        ),
        _tunnels,
    ),
)
