"""Packets whose source cannot be: what no link may bring in (BCP 38, BCP 84).

Gateways and partners' routers need none of this: they permit named sources and deny the rest. Edges
take any source that writes to the organisation, and cores forward between strangers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Network

from pcg_netops.design.addressing import Addressing
from pcg_netops.design.index import Index
from pcg_netops.model.device import Role
from pcg_netops.model.firewall import ANY, Action, FilterRule
from pcg_netops.model.network import Network, Profile

_DOCUMENTATION = ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")  # RFC 5737
# RFC 6890, with multicast and what is reserved.
_SPECIAL = (
    *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
    *("172.16.0.0/12", "192.0.0.0/24", "192.168.0.0/16", "198.18.0.0/15"),
    *("224.0.0.0/4", "240.0.0.0/4"),
)


def bogons(network: Network) -> tuple[IPv4Network, ...]:
    """Special ranges of which nothing is in use here. Documentation is not exempt in production."""
    used = [site.prefix for site in network.sites.values()]
    used += [pool for node in network.nodes.values() for pool in node.nat.values()]
    used += [network.pools.links, network.pools.loopbacks]
    unused = [
        prefix
        for prefix in map(IPv4Network, (*_SPECIAL, *_DOCUMENTATION))
        if not any(prefix.overlaps(other) for other in used)
    ]
    if network.profile is Profile.PRODUCTION:
        unused += map(IPv4Network, _DOCUMENTATION)
    return tuple(sorted(set(unused)))


def refused(network: Network, interfaces: Iterable[str]) -> FilterRule:
    """Nothing from a bogon comes in by these interfaces."""
    return FilterRule("bogons", Action.DENY, tuple(interfaces), ANY, sources=bogons(network))


def at_edge(network: Network, addressing: Addressing, node: str) -> list[FilterRule]:
    """A site sends from its own addresses, not from those of another one of the organisation."""
    own = {name: site.prefix for name, site in network.sites.items() if site.domain is None}
    rules = []
    for name, interface in addressing.sites[node].items():
        others = tuple(prefix for other, prefix in own.items() if other != name)
        if others:
            rules.append(
                FilterRule("anti-spoofing", Action.DENY, (interface.name,), ANY, sources=others)
            )
    return rules


Behind = Mapping[str, tuple[IPv4Network, ...]]  # interface -> what can be behind it


def behind(index: Index, addressing: Addressing, node: str) -> Behind:
    """What can be behind each link of a core: a partner's sites, a gateway's addresses.

    Links to other cores are left out: those have filters of their own.
    """
    network = index.network
    domain = network.nodes[node].domain or ""
    published = tuple(
        service.published.prefix
        for service in index.services.services.values()
        if service.published and service.domain == domain
    )
    found = {}
    for neighbour in addressing.neighbours[node]:
        peer = network.nodes[neighbour.peer]
        if peer.role is Role.PARTNER:
            sites = (network.sites[name] for name in index.sites_at(neighbour.peer))
            sources = tuple(site.prefix for site in sites if site.domain == domain)
        elif peer.role is Role.GATEWAY:
            sources = tuple(sorted({peer.nat[domain], *published}))
        else:
            continue
        interface = neighbour.interface
        found[interface.name] = (*sources, interface.address.network)
    return found


def at_core(
    network: Network, addressing: Addressing, node: str, behind: Behind
) -> tuple[FilterRule, ...]:
    """Each link brings in what can be behind it, and one to another core no bogon."""
    names = [neighbour.interface.name for neighbour in addressing.neighbours[node]]
    to_cores = [name for name in names if name not in behind]
    rules = [refused(network, to_cores)] if to_cores else []
    for name, sources in behind.items():
        rules += [
            FilterRule("anti-spoofing", Action.PERMIT, (name,), ANY, sources=sources),
            FilterRule("anti-spoofing", Action.DENY, (name,), ANY),
        ]
    return tuple(rules)
