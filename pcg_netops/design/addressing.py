"""Addresses and interface names, computed from the order of `network.yaml`.

A router's `eth1` and up are its sites' local networks, then its links, each in the file's order.
Links take /31 networks (RFC 3021) from the link pool; the end named first has the lower address.
The clear side of a tunnel is `ipsec0` and up.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from itertools import islice

from pcg_netops.model.device import TUNNEL_INTERFACE, Authentication, Bfd, Interface
from pcg_netops.model.network import Link, Network
from pcg_netops.model.secret import Secret

INSIDE = "inside"  # the firewall zone of the organisation's own network
UNDERLAY = "underlay"  # the firewall zone of cables that carry nothing but tunnels


def host_of(site: str) -> str:
    """The name of the end system that stands for a site."""
    return f"{site}-host"


def router_address(prefix: IPv4Network) -> IPv4Interface:
    """A site's router has the last usable address."""
    return IPv4Interface((prefix.broadcast_address - 1, prefix.prefixlen))


def client_address(prefix: IPv4Network) -> IPv4Address:
    """A site's host opens connections from the last but one usable address."""
    return prefix.broadcast_address - 2


def first_usable(prefix: IPv4Network) -> IPv4Address:
    """The address that stands for a service's range."""
    return prefix.network_address + (0 if prefix.prefixlen > 30 else 1)


@dataclass(frozen=True)
class Neighbour:
    """What a router finds at the other end of one of its links."""

    interface: Interface
    peer: str
    peer_address: IPv4Address
    bfd: Bfd
    ttl_security: bool
    authentication: Authentication | None
    link: Link


@dataclass(frozen=True)
class Addressing:
    """Every computed address of a network."""

    loopbacks: dict[str, IPv4Address]
    sites: dict[str, dict[str, Interface]]  # node -> site -> its interface there
    neighbours: dict[str, tuple[Neighbour, ...]]  # node -> its links that routing runs over
    underlays: dict[str, tuple[Neighbour, ...]]  # node -> its cables for tunnels alone

    def cable(self, node: str, peer: str) -> Neighbour:
        """The cable from a node to its peer, one for tunnels alone before any other."""
        found = (*self.underlays[node], *self.neighbours[node])
        return next(n for n in found if n.peer == peer and not n.link.tunnel)


def address_network(network: Network) -> Addressing:
    """Give every node its loopback and every link its two addresses."""
    loopbacks = dict(zip(network.nodes, network.pools.loopbacks, strict=False))
    used = dict.fromkeys(network.nodes, 0)
    tunnels = dict.fromkeys(network.nodes, 0)

    def next_name(node: str) -> str:
        used[node] += 1
        return f"eth{used[node]}"

    def next_tunnel(node: str) -> str:
        tunnels[node] += 1
        return f"{TUNNEL_INTERFACE}{tunnels[node] - 1}"

    sites: dict[str, dict[str, Interface]] = {name: {} for name in network.nodes}
    for name, site in network.sites.items():
        zone = (site.domain and f"site-{name}") or INSIDE
        sites[site.node][name] = Interface(
            next_name(site.node),
            router_address(site.prefix),
            network.mtu,
            zone,
            host_of(name),
            "eth1",
        )
    neighbours: dict[str, list[Neighbour]] = {name: [] for name in network.nodes}
    underlays: dict[str, list[Neighbour]] = {name: [] for name in network.nodes}
    pairs = islice(network.pools.links.subnets(new_prefix=31), len(network.links))
    for link, pair in zip(network.links, pairs, strict=True):
        names = {end: (next_tunnel if link.tunnel else next_name)(end) for end in link.between}
        addresses = dict(zip(link.between, pair, strict=True))
        timers = link.bfd or network.bfd
        for end, other in (link.between, link.between[::-1]):
            interface = Interface(
                names[end],
                IPv4Interface((addresses[end], 31)),
                link.mtu or network.mtu,
                _zone(network, link),
                other,
                names[other],
            )
            (underlays if link.underlay else neighbours)[end].append(
                Neighbour(
                    interface,
                    other,
                    addresses[other],
                    Bfd(timers.interval_ms, timers.multiplier),
                    link.ttl_security,
                    _authentication(network, link),
                    link,
                )
            )
    return Addressing(
        loopbacks,
        sites,
        {node: tuple(found) for node, found in neighbours.items()},
        {node: tuple(found) for node, found in underlays.items()},
    )


def _authentication(network: Network, link: Link) -> Authentication | None:
    """The link's own, or that of its domain, or that of the network."""
    domain = network.domains.get(_zone(network, link))
    chosen = link.authentication or (domain and domain.authentication) or network.authentication
    return Authentication(chosen.method, Secret(chosen.secret)) if chosen else None


def _zone(network: Network, link: Link) -> str:
    """A link belongs to the domain of its core end, or is inside, or carries only tunnels."""
    if link.underlay:
        return UNDERLAY
    domains = [network.nodes[end].domain for end in link.between]
    return next((domain for domain in domains if domain), INSIDE)
