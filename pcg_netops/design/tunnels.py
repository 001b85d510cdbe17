"""IPsec tunnels: where each begins and ends, and what lets its packets through on the way.

The outer addresses are those of the ends' cables. Each end has a route to the other's alone, so
that nothing else finds a way out by the cable that a tunnel leaves by.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network

from pcg_netops.design.addressing import Addressing
from pcg_netops.design.spoofing import Behind
from pcg_netops.model.device import StaticRoute, Tunnel
from pcg_netops.model.firewall import ANY, Action, FilterRule, Interfaces, Ports
from pcg_netops.model.network import Link, Network

# IKE, IKE behind address translation (RFC 3947), ESP (RFC 4303).
_PASSING = (("udp", Ports(500, 500)), ("udp", Ports(4500, 4500)), ("esp", None))


def tunnels_of(network: Network, addressing: Addressing, node: str) -> tuple[Tunnel, ...]:
    """The tunnels that end on a node."""
    found = []
    for neighbour in addressing.neighbours[node]:
        intent = neighbour.link.tunnel
        if intent is None:
            continue
        carrier = network.carrier_of(neighbour.link)
        near = addressing.cable(node, carrier or neighbour.peer)
        far = addressing.cable(neighbour.peer, carrier or node)
        found.append(
            Tunnel(
                peer=neighbour.peer,
                interface=neighbour.interface.name,
                underlay=near.interface.name,
                local=near.interface.address.ip,
                remote=far.interface.address.ip,
                initiates=neighbour.link.between[0] == node,
                profile_name=intent.profile,
                profile=network.profile_of(intent),
            )
        )
    return tuple(found)


def routes_to_peers(network: Network, addressing: Addressing, node: str) -> tuple[StaticRoute, ...]:
    """A route to the other end of each tunnel that crosses another node."""
    found = []
    for neighbour in addressing.neighbours[node]:
        carrier = neighbour.link.tunnel and network.carrier_of(neighbour.link)
        if carrier:
            far = addressing.cable(neighbour.peer, carrier).interface.address.ip
            via = addressing.cable(node, carrier).peer_address
            found.append(StaticRoute(f"tunnel-{neighbour.peer}", IPv4Network(far), via))
    return tuple(found)


def passage(
    network: Network, addressing: Addressing, node: str, behind: Behind
) -> Iterator[FilterRule]:
    """What keeps a core's cables for tunnels to that: rules to stand before those of `behind`.

    No two of all these overlap with different verdicts unless one lies within the other.
    """
    outside = tuple(n.interface.name for n in addressing.underlays[node])
    if not outside:
        return
    inside = tuple(n.interface.name for n in addressing.neighbours[node])
    open_ = tuple(name for name in inside if name not in behind)  # to other cores
    ways = list(_ways_over(network, addressing, node))
    entrances = {
        way: addressing.cable(node, way.ends[0]).interface.name
        for way in ways
        if node not in way.ends
    }

    def passes(way: _Way) -> tuple[Interfaces, Interfaces | None]:
        if way in entrances:
            exit_ = addressing.cable(node, way.ends[1]).interface.name
            return (entrances[way],), ANY if entrances[way] in outside else (exit_,)
        if way.ends[1] == node:
            return outside, inside
        # Its own packets, for platforms whose filters of an exit see those, too.
        return open_ or inside[:1], outside

    for way, name in entrances.items():
        others = tuple(other for other in open_ if other != name)
        if others:
            yield FilterRule("anti-spoofing", Action.DENY, others, ANY, (way.source,))
    for way in ways:
        yield from _permitted(way, *passes(way))
    yield FilterRule("tunnels-only", Action.DENY, outside, ANY)
    if open_:
        yield FilterRule("tunnels-only", Action.DENY, open_, outside)
    for name, sources in behind.items():
        yield FilterRule("tunnels-only", Action.DENY, (name,), outside, sources)


@dataclass(frozen=True)
class _Way:
    """One direction of a tunnel: from the first end's outer address to the second's."""

    owner: str
    ends: tuple[str, str]
    source: IPv4Network
    target: IPv4Network


def _permitted(way: _Way, entrance: Interfaces, exit_: Interfaces | None) -> Iterator[FilterRule]:
    for protocol, ports in _PASSING:
        yield FilterRule(
            way.owner,
            Action.PERMIT,
            entrance,
            exit_,
            (way.source,),
            (way.target,),
            protocol,
            ports,
        )


def _ways_over(network: Network, addressing: Addressing, node: str) -> Iterator[_Way]:
    """Both directions of every tunnel that begins, ends or is carried here."""
    for link in network.links:
        if link.tunnel:
            carrier = network.carrier_of(link)
            if node in (carrier, *link.between):
                yield from _ways(addressing, link, carrier)


def _ways(addressing: Addressing, link: Link, carrier: str | None) -> Iterator[_Way]:
    outer = {
        end: IPv4Network(addressing.cable(end, carrier or other).interface.address.ip)
        for end, other in (link.between, link.between[::-1])
    }
    owner = f"tunnel-{'-to-'.join(link.between)}"
    for end, other in (link.between, link.between[::-1]):
        yield _Way(owner, (end, other), outer[end], outer[other])
