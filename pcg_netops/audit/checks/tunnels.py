"""Checks of IPsec tunnels: what fits into them, and what they need before they can come up."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import AddressValueError, IPv4Address
from urllib.parse import urlsplit

from pcg_netops.audit.finding import Check, Example, Problem, Rule, Severity
from pcg_netops.inventory.workspace import Workspace
from pcg_netops.model.device import Role
from pcg_netops.model.ipsec import EspProposal, Hash
from pcg_netops.model.network import Link, Network

_MSS_BELOW_MTU = 40  # IPv4 and TCP headers without options
_HEADERS = 20 + 8  # IPv4 and ESP
_TRAILER = 2
_NAT_TRAVERSAL = 8


def inner_mtu(outer: int, esp: EspProposal, *, nat_traversal: bool) -> int:
    """The largest packet (bytes) in an ESP tunnel over IPv4 (RFC 4303; GCM: RFC 4106).

    `outer` is the MTU of the path that the tunnel crosses. NAT traversal costs 8 bytes (RFC 3948).
    """
    vector, block = (8, 4) if esp.encryption.combined else (16, 16)
    check = 24 if esp.hash is Hash.SHA_384 else 16
    room = outer - _HEADERS - vector - check - _NAT_TRAVERSAL * nat_traversal
    return room // block * block - _TRAILER


def _mtus(workspace: Workspace) -> Iterator[Problem]:
    file, network = workspace.sources.network
    for index, link in enumerate(network.links):
        if not link.tunnel:
            continue
        outer, mtu = _outer_mtu(network, link), link.mtu or network.mtu
        esp = network.profile_of(link.tunnel).esp
        fits, smaller = (inner_mtu(outer, esp, nat_traversal=nat) for nat in (False, True))
        if mtu > fits:
            yield Problem(
                file.place("links", index),
                f"the tunnel between {' and '.join(link.between)} has MTU {mtu},"
                f" but crosses a path of {outer}: what fits is {fits} (MSS"
                f" {fits - _MSS_BELOW_MTU}), with NAT traversal {smaller} (MSS"
                f" {smaller - _MSS_BELOW_MTU})",
                f"set its 'mtu' to {smaller}",
            )


def _outer_mtu(network: Network, tunnel: Link) -> int:
    """The narrowest of the cables that a tunnel crosses."""
    first, second = tunnel.between
    carrier = network.carrier_of(tunnel)
    crossed = [{first, carrier}, {carrier, second}] if carrier else [{first, second}]
    return min(
        link.mtu or network.mtu
        for link in network.links
        if not link.tunnel and set(link.between) in crossed
    )


def _loops(workspace: Workspace) -> Iterator[Problem]:
    file, network = workspace.sources.network
    for index, link in enumerate(network.links):
        if not link.tunnel:
            continue
        profile = network.profile_of(link.tunnel)
        for what, address in _needed(profile.crl):
            for end in link.between:
                if _only_through_tunnels(network, end, address):
                    yield Problem(
                        file.place("links", index),
                        f"'{end}' needs {what} ({address}) before the tunnel between"
                        f" {' and '.join(link.between)} is up, and reaches it through the tunnel"
                        " alone",
                        "put it where the gateway reaches it in clear or by its management network",
                    )


def _needed(crl: str | None) -> Iterator[tuple[str, IPv4Address]]:
    """What an end looks at to trust the other one. A name cannot be told to be anywhere.

    Time, which certificates need too, comes by the management network: never through a tunnel.
    """
    host = urlsplit(crl).hostname if crl else None
    try:
        found = IPv4Address(host) if host else None
    except AddressValueError:
        return
    if found:
        yield "the list of revoked certificates", found


def _only_through_tunnels(network: Network, end: str, address: IPv4Address) -> bool:
    site = network.site_of(address)
    domain = network.sites[site].domain if site else None
    if domain is None or network.nodes[end].role is not Role.GATEWAY:
        return False
    ways = [
        link
        for link in network.links
        if end in link.between
        and not link.underlay
        and any(network.nodes[name].domain == domain for name in link.between)
    ]
    return bool(ways) and all(link.tunnel for link in ways)


_CABLES = (
    "links:\n"
    "  - {between: [hq-border, legacy-fw]}\n"
    "  - {between: [hq-border, cloud-north]}\n"
    "  - {between: [hq-border, cloud-south]}\n"
    "  - {between: [legacy-fw, health-net]}\n"
    "  - {between: [cloud-south, health-net]}\n"
    "  - {between: [health-net, hospital]}\n"
    "  - {between: [cloud-north, health-net], underlay: true}\n"
)

TUNNEL_CHECKS: tuple[Check[Workspace], ...] = (
    Check(
        Rule(
            "PCG304",
            "A tunnel's MTU is larger than what fits into the path it crosses",
            Severity.WARNING,
            "An IPsec tunnel adds headers to each packet. If its MTU does not leave room for them,"
            " every full-sized packet is fragmented or lost. With AES-GCM over IPv4 and an outer"
            " MTU of M, floor((M - 52) / 4) x 4 - 2 fits, with NAT traversal"
            " floor((M - 60) / 4) x 4 - 2; with AES-CBC and SHA-256 it is"
            " floor((M - 60) / 16) x 16 - 2 and floor((M - 68) / 16) x 16 - 2. The TCP segment is"
            " 40 bytes less. M is that of the narrowest cable which the tunnel crosses.",
            "RFC 4303, RFC 4106, RFC 3948",
            Example(
                "network.yaml",
                f"mtu: 1500\n{_CABLES}  - {{between: [cloud-north, health-net], tunnel: true}}\n",
                f"mtu: 1500\n{_CABLES}"
                "  - {between: [cloud-north, health-net], tunnel: true, mtu: 1438}\n",
            ),
        ),
        _mtus,
    ),
    Check(
        Rule(
            "PCG305",
            "A tunnel needs something that is reached through it alone",
            Severity.ERROR,
            "The ends of a tunnel trust each other's certificates by the list of revoked ones. A"
            " gateway that can fetch it only through the tunnel never brings the tunnel up again"
            " once it is down: after a power cut, or when the list has run out. The time, which"
            " they need too, comes by the management network.",
            "RFC 5280, RFC 7296",
            Example(
                "network.yaml",
                "ipsec_profiles:\n"
                "  strict:\n"
                "    ike: {encryption: aes-128-gcm, hash: sha-256, group: 19, lifetime: 24 h}\n"
                "    esp: {encryption: aes-128-gcm, group: 19, lifetime: 8 h}\n"
                "    signature: ecdsa-256\n"
                "    crl: http://10.2.0.9/revoked.crl\n"
                f"{_CABLES}"
                "  - {between: [cloud-north, health-net], tunnel: {profile: strict}, mtu: 1438}\n",
                "ipsec_profiles:\n"
                "  strict:\n"
                "    ike: {encryption: aes-128-gcm, hash: sha-256, group: 19, lifetime: 24 h}\n"
                "    esp: {encryption: aes-128-gcm, group: 19, lifetime: 8 h}\n"
                "    signature: ecdsa-256\n"
                "    crl: http://198.18.7.9/revoked.crl\n"
                f"{_CABLES}"
                "  - {between: [cloud-north, health-net], tunnel: {profile: strict}, mtu: 1438}\n",
            ),
        ),
        _loops,
    ),
)
