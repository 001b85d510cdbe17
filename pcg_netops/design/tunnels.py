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
from pcg_netops.model.device import Action, FilterRule, Ports, StaticRoute, Tunnel
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
    ways = [
        way
        for link in network.links
        if link.tunnel
        for carrier in [network.carrier_of(link)]
        if node in (carrier, *link.between)
        for way in _ways(addressing, link, carrier)
    ]
    entrances = {
        way: addressing.cable(node, way.ends[0]).interface.name
        for way in ways
        if node not in way.ends
    }
    for way, entrance in entrances.items():
        others = tuple(name for name in open_ if name != entrance)
        if others:
            yield FilterRule("anti-spoofing", Action.DENY, others, (), (way.source,))
    between: tuple[tuple[str, ...], tuple[str, ...]]
    for way in ways:
        if way in entrances:
            exit_ = addressing.cable(node, way.ends[1]).interface.name
            between = ((entrances[way],), () if entrances[way] in outside else (exit_,))
        elif way.ends[1] == node:
            between = (outside, inside)
        else:  # its own packets, for platforms whose filters of an exit see those, too
            between = (open_ or inside[:1], outside)
        for protocol, ports in _PASSING:
            yield FilterRule(
                way.owner, Action.PERMIT, *between, (way.source,), (way.target,), protocol, ports
            )
    yield FilterRule("tunnels-only", Action.DENY, outside, ())
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


def _ways(addressing: Addressing, link: Link, carrier: str | None) -> Iterator[_Way]:
    outer = {
        end: IPv4Network(addressing.cable(end, carrier or other).interface.address.ip)
        for end, other in (link.between, link.between[::-1])
    }
    owner = f"tunnel-{'-to-'.join(link.between)}"
    for end, other in (link.between, link.between[::-1]):
        yield _Way(owner, (end, other), outer[end], outer[other])
