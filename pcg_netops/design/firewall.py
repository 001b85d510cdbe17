"""What each role forwards, and what it translates.

Gateways deny by default and hold one rule for each service, direction and kind of traffic. They
translate the source of every connection they let through, in both directions, into their own pool:
the answer then has to come back to the gateway that knows the connection (docs/steering.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network

from pcg_netops.design import spoofing
from pcg_netops.design.addressing import INSIDE, Addressing
from pcg_netops.design.index import Index
from pcg_netops.design.steering import Stage
from pcg_netops.design.tunnels import passage
from pcg_netops.model.device import Role
from pcg_netops.model.firewall import (
    ANY,
    Action,
    DestinationNat,
    FilterRule,
    Firewall,
    Interfaces,
    SourceNat,
)
from pcg_netops.model.network import Network


def protect(index: Index, stage: Stage, addressing: Addressing, node: str) -> Firewall:
    """The firewall of one node at one stage."""
    network = index.network
    role = network.nodes[node].role
    if role is Role.GATEWAY:
        return _gateway(index, node, _zones(addressing, node))
    if role is Role.EDGE:
        return _edge(network, addressing, node)
    if role is Role.PARTNER:
        return _partner(index, stage, addressing, node)
    behind = spoofing.behind(index, addressing, node)
    rules = (
        *passage(network, addressing, node, behind),
        *spoofing.at_core(network, addressing, node, behind),
    )
    return Firewall(stateful=False, default=Action.PERMIT, rules=rules)


def _zones(addressing: Addressing, node: str) -> dict[str, Interfaces]:
    zones: dict[str, Interfaces] = {}
    for neighbour in addressing.neighbours[node]:
        zone = neighbour.interface.zone
        zones[zone] = (*zones.get(zone, ()), neighbour.interface.name)
    return zones


def _prefixes(network: Network, sites: tuple[str, ...]) -> tuple[IPv4Network, ...]:
    return tuple(network.sites[name].prefix for name in sites)


def _gateway(index: Index, node: str, zones: dict[str, Interfaces]) -> Firewall:
    network = index.network
    rules: list[FilterRule] = []
    destination: list[DestinationNat] = []
    source: list[SourceNat] = []
    inside = zones.get(INSIDE, ())
    for name, service in index.services.services.items():
        outside = zones.get(service.domain, ())
        if not outside:
            continue
        pool = network.nodes[node].nat[service.domain]
        for traffic in service.traffic:
            ways = []
            if service.prefix and inside:
                own = _prefixes(network, service.sites)
                ways.append((inside, outside, own, service.prefix))
            if service.published:
                destination.append(
                    DestinationNat(
                        name,
                        outside,
                        service.published.prefix,
                        traffic.protocol,
                        traffic.ports,
                        service.published.server,
                    )
                )
                theirs = _prefixes(network, service.partners)
                server = IPv4Network(service.published.server)
                if inside:
                    ways.append((outside, inside, theirs, server))
            for from_, to, sources, target in ways:
                rules.append(
                    FilterRule(
                        name,
                        Action.PERMIT,
                        from_,
                        to,
                        sources,
                        (target,),
                        traffic.protocol,
                        traffic.ports,
                    )
                )
                source.append(
                    SourceNat(name, to, sources, (target,), traffic.protocol, traffic.ports, pool)
                )
    everywhere = tuple(sorted(name for names in zones.values() for name in names))
    return Firewall(
        stateful=True,
        default=Action.DENY,
        rules=tuple(rules),
        destination_nat=tuple(destination),
        source_nat=tuple(source),
        reset_from=everywhere,
    )


def _edge(network: Network, addressing: Addressing, node: str) -> Firewall:
    """Stateless: only the organisation's addresses go out, only traffic for them comes in.

    So an exchange can neither send traffic through the edge to another one (transit) nor pretend to
    be the organisation (BCP 38).
    """
    own = tuple(site.prefix for site in network.sites.values() if site.domain is None)
    if not own:
        return Firewall(False, Action.DENY, ())
    local = tuple(i.name for i in addressing.sites[node].values())
    between: list[str] = []
    exchanges: list[str] = []
    for neighbour in addressing.neighbours[node]:
        to_edge = network.nodes[neighbour.peer].role is Role.EDGE
        (between if to_edge else exchanges).append(neighbour.interface.name)
    inner = (*local, *between)
    outer = (*between, *exchanges)
    rules = []
    if exchanges:
        rules += [
            FilterRule("anti-spoofing", Action.DENY, tuple(exchanges), ANY, sources=own),
            spoofing.refused(network, exchanges),
        ]
    rules += spoofing.at_edge(network, addressing, node)
    if inner and outer:
        rules += [
            FilterRule("own-traffic-out", Action.PERMIT, inner, outer, sources=own),
            FilterRule("own-traffic-in", Action.PERMIT, outer, inner, destinations=own),
        ]
    if len(local) > 1:
        rules.append(FilterRule("between-own-sites", Action.PERMIT, local, local, own, own))
    return Firewall(False, Action.DENY, tuple(rules))


def _partner(index: Index, stage: Stage, addressing: Addressing, node: str) -> Firewall:
    """A partner's allow-list: only addresses it was told of reach its services."""
    network, rules = index.network, []
    zones = _zones(addressing, node)
    for site_name, interface in addressing.sites[node].items():
        site = network.sites[site_name]
        uplinks = zones.get(site.domain or INSIDE, ())
        if not uplinks:
            continue
        rules.append(
            FilterRule(
                f"out-of-{site_name}",
                Action.PERMIT,
                (interface.name,),
                uplinks,
                sources=(site.prefix,),
            )
        )
        for name in index.reached_at(site_name):
            service = index.services.services[name]
            assert service.prefix is not None
            pools = tuple(allowed_pools(network, stage, service.domain))
            if not pools:
                continue
            rules += [
                FilterRule(
                    name,
                    Action.PERMIT,
                    uplinks,
                    (interface.name,),
                    pools,
                    (service.prefix,),
                    traffic.protocol,
                    traffic.ports,
                )
                for traffic in service.traffic
            ]
    return Firewall(True, Action.DENY, tuple(rules))


def allowed_pools(network: Network, stage: Stage, domain: str) -> Iterator[IPv4Network]:
    """The translation pools that the domain's partners let in at this stage."""
    for exchange in stage.allow_lists:
        for gateway in network.exchanges[exchange].gateways:
            yield network.nodes[gateway].nat[domain]
