"""A routing policy in each direction of a session, and what a graceful shutdown makes of them.

Steering is one number per service and session. Outbound, an edge gives the service's prefix a local
preference by the rank of the exchange and a metric by its own liking of the gateway. Inbound, an
edge prepends its AS number to the service's published prefix once for each gateway that is liked
better. docs/steering.md tells why both directions then meet the same stateful gateway.
"""

from __future__ import annotations

from dataclasses import replace

from pcg_netops.design.communities import DOMAINS, DRAINED, EXCHANGES, exchange_tag, side_tag
from pcg_netops.design.intent import Intent, prefix_list
from pcg_netops.design.steering import gateway_order
from pcg_netops.model.device import GRACEFUL_SHUTDOWN, PolicyEntry, PrefixList, Role
from pcg_netops.model.firewall import Action

_BEST_PREFERENCE = 400
_PREFERENCE_STEP = 100
_LAST_RESORT = 0
_METRIC_STEP = 10
_OVER_NEIGHBOURING_EDGE = 100  # worse than any gateway of the edge's own

# One step of a policy together with the list that it matches.
Step = tuple[PrefixList | None, PolicyEntry]


def _permit(prefixes: PrefixList, *communities: str) -> Step:
    return prefixes, PolicyEntry(
        prefixes.owner, Action.PERMIT, prefixes.name, communities=communities
    )


def _refuse(owner: str, communities: str) -> Step:
    """Tell nothing that bears one of these tags, whatever its prefix."""
    return None, PolicyEntry(owner, Action.DENY, community_list=communities)


def drained(peer: str, imported: list[Step]) -> list[Step]:
    """What a peer that is shut down gracefully tells: taken as the last resort (RFC 8326).

    The community stays on it, so that those beyond prefer another way too.
    """
    found = {prefixes for prefixes, _ in imported if prefixes}
    if len(found) == 1:
        (matched,) = found
    else:
        everything = (entry.prefix for prefixes in found for entry in prefixes.entries)
        matched = prefix_list(f"any-from-{peer}", f"graceful shutdown of {peer}", everything)
    tags = imported[0][1].communities
    entry = PolicyEntry(
        f"graceful shutdown of {peer}",
        Action.PERMIT,
        matched.name,
        local_preference=_LAST_RESORT,
        community_list=DRAINED,
        communities=(*tags, GRACEFUL_SHUTDOWN) if tags else (),
    )
    return [(matched, entry)]


def draining(exported: list[Step]) -> list[Step]:
    """The same policy for a gateway that is being shut down gracefully."""
    return [
        (prefixes, replace(entry, communities=(GRACEFUL_SHUTDOWN,)))
        if entry.action is Action.PERMIT
        else (prefixes, entry)
        for prefixes, entry in exported
    ]


def policies(intent: Intent, node: str, peer: str, zone: str) -> tuple[list[Step], list[Step]]:
    """What a node lets in from a peer, and what it tells it."""
    network = intent.network
    role, peer_role = network.nodes[node].role, network.nodes[peer].role
    if role is Role.EDGE and peer_role is Role.EDGE:
        over = PolicyEntry("neighbouring edge", Action.PERMIT, med=_OVER_NEIGHBOURING_EDGE)
        return [(None, over)], [(None, PolicyEntry("neighbouring edge", Action.PERMIT))]
    if role is Role.EDGE:
        return _edge_import(intent, node, peer), _edge_export(intent, node, peer)
    if role is Role.GATEWAY and peer_role is Role.EDGE:
        domains = tuple(network.nodes[node].nat)
        return (
            [_permit(intent.own(), side_tag(network, None))],
            [_permit(intent.services_of(domains)), _permit(intent.pools(node, domains))],
        )
    if role is Role.GATEWAY:
        return (
            [_permit(intent.partners(zone), side_tag(network, zone))],
            [
                _refuse("no way between domains", DOMAINS),
                _permit(intent.published_on(zone)),
                _permit(intent.pools(node, (zone,))),
            ],
        )
    if role is Role.PARTNER:
        return [_permit(intent.from_domain(zone))], [_permit(intent.at_partner(node, zone))]
    return [_permit(intent.within(zone))], [_permit(intent.within(zone))]


def _edge_import(intent: Intent, edge: str, gateway: str) -> list[Step]:
    """Outbound steering: the exchange's rank decides, then the edge's liking of the gateway."""
    network = intent.network
    exchange = network.exchange_of(gateway)
    tag = exchange_tag(network, exchange)
    gateways = gateway_order(network, edge, (exchange,))
    steps: list[Step] = []
    for name, service in intent.services.services.items():
        if service.prefix is None:
            continue
        rank = intent.ranking(name).index(exchange)
        prefixes = intent.service(name)
        entry = PolicyEntry(
            name,
            Action.PERMIT,
            prefixes.name,
            local_preference=_BEST_PREFERENCE - _PREFERENCE_STEP * rank,
            med=_METRIC_STEP * gateways.index(gateway),
            communities=(tag,),
        )
        steps.append((prefixes, entry))
    steps.append(_permit(intent.pools(gateway, tuple(network.nodes[gateway].nat)), tag))
    return steps


def _edge_export(intent: Intent, edge: str, gateway: str) -> list[Step]:
    """Inbound steering: one prepended AS number for each gateway that is liked better.

    The metric then draws a gateway to the edge that the server is behind.
    """
    network = intent.network
    steps: list[Step] = [_refuse("no way between exchanges", EXCHANGES)]
    for name, service in intent.services.services.items():
        if service.published is None:
            continue
        home = intent.home(name)
        prefixes = intent.published(name)
        entry = PolicyEntry(
            name,
            Action.PERMIT,
            prefixes.name,
            med=0 if edge == home else _METRIC_STEP,
            prepend=gateway_order(network, home, intent.ranking(name)).index(gateway),
        )
        steps.append((prefixes, entry))
    for name, site in network.sites.items():
        if site.domain is None:
            prefixes = intent.site(name)
            med = 0 if edge == site.node else _METRIC_STEP
            steps.append(
                (prefixes, PolicyEntry(prefixes.owner, Action.PERMIT, prefixes.name, med=med))
            )
    return steps
