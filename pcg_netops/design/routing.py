"""BGP: sessions, and a policy in each direction of each of them.

Steering is one number per service and session. Outbound, an edge gives the service's prefix a local
preference by the rank of the exchange and a metric by its own liking of the gateway. Inbound, an
edge prepends its AS number to the service's published prefix once for each gateway that is liked
better. docs/steering.md tells why both directions then meet the same stateful gateway.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import wraps
from ipaddress import IPv4Network
from typing import Concatenate, ParamSpec

from pcg_netops.design.addressing import Addressing
from pcg_netops.design.communities import (
    DOMAINS,
    DRAINED,
    EXCHANGES,
    community_lists,
    exchange_tag,
    side_tag,
)
from pcg_netops.design.index import Index
from pcg_netops.design.steering import Stage, gateway_order
from pcg_netops.model.device import (
    GRACEFUL_SHUTDOWN,
    Action,
    Bgp,
    BgpSession,
    CommunityList,
    PolicyEntry,
    PrefixEntry,
    PrefixList,
    Role,
    RoutingPolicy,
)
from pcg_netops.model.network import Network
from pcg_netops.model.services import Service, Services

_BEST_PREFERENCE = 400
_PREFERENCE_STEP = 100
_LAST_RESORT = 0
_METRIC_STEP = 10
_OVER_NEIGHBOURING_EDGE = 100  # worse than any gateway of the edge's own
_PREFIX_HEADROOM = 2  # maximum-prefix: this many times what the policy can let in


@dataclass(frozen=True)
class Routing:
    """The routing part of a device."""

    bgp: Bgp
    prefix_lists: tuple[PrefixList, ...]
    community_lists: tuple[CommunityList, ...]
    policies: tuple[RoutingPolicy, ...]


Given = ParamSpec("Given")


def _once(
    make: Callable[Concatenate[Intent, Given], PrefixList],
) -> Callable[Concatenate[Intent, Given], PrefixList]:
    """A prefix list is the same for every node and at every stage: it is made once."""

    @wraps(make)
    def made(intent: Intent, /, *args: Given.args, **kwargs: Given.kwargs) -> PrefixList:
        key = (make.__name__, *args, *kwargs.items())
        if key not in intent.lists:
            intent.lists[key] = make(intent, *args, **kwargs)
        return intent.lists[key]

    return made


@dataclass(frozen=True)
class Intent:
    """What every node's routing at a stage is computed from."""

    index: Index
    stage: Stage
    lists: dict[tuple[object, ...], PrefixList] = field(default_factory=dict)  # shared by stages

    @property
    def network(self) -> Network:
        """The network whose nodes these are."""
        return self.index.network

    @property
    def services(self) -> Services:
        """The services that it carries."""
        return self.index.services

    def up(self, first: str, second: str) -> bool:
        """A session is up if every gateway on it belongs to an exchange that is."""
        return all(
            self.network.exchange_of(name) in self.stage.exchanges
            for name in (first, second)
            if self.network.nodes[name].role is Role.GATEWAY
        )

    def ranking(self, service: str) -> tuple[str, ...]:
        """The stage's ranking, then the exchanges that are down: policies never wait for them."""
        ranked = self.stage.ranking(service)
        return (*ranked, *(name for name in self.network.exchanges if name not in ranked))

    def home(self, service: str) -> str:
        """The edge whose site holds the published server of a service."""
        published = self.services.services[service].published
        assert published is not None
        site = self.network.site_of(published.server)
        assert site is not None
        return self.network.sites[site].node

    # Prefix lists: the vocabulary of all policies.

    @_once
    def service(self, name: str) -> PrefixList:
        """The partner's range of a service."""
        prefix = self.services.services[name].prefix
        assert prefix is not None
        return _prefix_list(f"service-{name}", name, [prefix])

    @_once
    def published(self, name: str) -> PrefixList:
        """The organisation's range of a service."""
        published = self.services.services[name].published
        assert published is not None
        return _prefix_list(f"published-{name}", name, [published.prefix])

    @_once
    def site(self, name: str) -> PrefixList:
        """A site's local network."""
        return _prefix_list(f"site-{name}", f"site {name}", [self.network.sites[name].prefix])

    @_once
    def pools(self, gateway: str, domains: tuple[str, ...]) -> PrefixList:
        """A gateway's own translation pools."""
        nat = self.network.nodes[gateway].nat
        name = f"pool-{gateway}" + (f"-{domains[0]}" if len(domains) < len(nat) else "")
        return _prefix_list(name, f"translation at {gateway}", [nat[d] for d in domains])

    @_once
    def own(self) -> PrefixList:
        """Everything inside the organisation that a gateway may learn from an edge."""
        found = [site.prefix for site in self.network.sites.values() if site.domain is None]
        found += [s.published.prefix for s in self.services.services.values() if s.published]
        return _prefix_list("own", "the organisation", found)

    @_once
    def partners(self, domain: str) -> PrefixList:
        """Everything that partners of a domain may announce to a gateway."""
        found = [site.prefix for site in self.network.sites.values() if site.domain == domain]
        found += [s.prefix for s in self._of(domain) if s.prefix]
        return _prefix_list(f"partners-{domain}", f"partners on {domain}", found)

    @_once
    def services_of(self, domains: tuple[str, ...]) -> PrefixList:
        """The partners' ranges of all services: what a gateway tells the edges."""
        found = [s.prefix for domain in domains for s in self._of(domain) if s.prefix]
        return _prefix_list("services", "all services", found)

    @_once
    def published_on(self, domain: str) -> PrefixList:
        """What a gateway tells a domain of the organisation."""
        found = [s.published.prefix for s in self._of(domain) if s.published]
        return _prefix_list(f"published-on-{domain}", f"services on {domain}", found)

    @_once
    def within(self, domain: str) -> PrefixList:
        """Everything that may be known inside a domain; nothing else enters or leaves its cores."""
        parts = [self.partners(domain), self.published_on(domain)]
        found = [entry.prefix for part in parts for entry in part.entries]
        found += [node.nat[domain] for node in self.network.nodes.values() if domain in node.nat]
        return _prefix_list(f"domain-{domain}", f"domain {domain}", found)

    @_once
    def at_partner(self, partner: str, domain: str) -> PrefixList:
        """What a partner announces to a domain: its own sites there and their services."""
        sites = [
            name
            for name in self.index.sites_at(partner)
            if self.network.sites[name].domain == domain
        ]
        found = [self.network.sites[name].prefix for name in sites]
        for site in sites:
            for name in self.index.reached_at(site):
                service = self.services.services[name]
                if service.prefix and service.domain == domain:
                    found.append(service.prefix)
        return _prefix_list(f"own-on-{domain}", f"own sites on {domain}", found)

    @_once
    def from_domain(self, domain: str) -> PrefixList:
        """What a partner needs to know of the organisation."""
        entries = self.published_on(domain).entries
        found = [entry.prefix for entry in entries]
        found += [node.nat[domain] for node in self.network.nodes.values() if domain in node.nat]
        return _prefix_list(f"from-{domain}", f"services on {domain}", found)

    def _of(self, domain: str) -> list[Service]:
        return [self.services.services[name] for name in self.index.on(domain)]


def _prefix_list(name: str, owner: str, prefixes: Iterable[IPv4Network]) -> PrefixList:
    return PrefixList(name, owner, tuple(PrefixEntry(p) for p in sorted(set(prefixes))))


# One step of a policy together with the list that it matches.
_Step = tuple[PrefixList | None, PolicyEntry]


def _permit(prefixes: PrefixList, *communities: str) -> _Step:
    return prefixes, PolicyEntry(
        prefixes.owner, Action.PERMIT, prefixes.name, communities=communities
    )


def _refuse(owner: str, communities: str) -> _Step:
    """Tell nothing that bears one of these tags, whatever its prefix."""
    return None, PolicyEntry(owner, Action.DENY, community_list=communities)


def _drained(peer: str, imported: list[_Step]) -> list[_Step]:
    """What a peer that is shut down gracefully tells: taken as the last resort (RFC 8326).

    The community stays on it, so that those beyond prefer another way too.
    """
    found = {prefixes for prefixes, _ in imported if prefixes}
    if len(found) == 1:
        (matched,) = found
    else:
        everything = (entry.prefix for prefixes in found for entry in prefixes.entries)
        matched = _prefix_list(f"any-from-{peer}", f"graceful shutdown of {peer}", everything)
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


def _draining(exported: list[_Step]) -> list[_Step]:
    """The same policy for a gateway that is being shut down gracefully."""
    return [
        (prefixes, replace(entry, communities=(GRACEFUL_SHUTDOWN,)))
        if entry.action is Action.PERMIT
        else (prefixes, entry)
        for prefixes, entry in exported
    ]


def route(intent: Intent, addressing: Addressing, node: str) -> Routing:
    """The routing of one node at one stage."""
    network, services = intent.network, intent.services
    steps: dict[str, list[_Step]] = {}
    sessions = []
    for neighbour in addressing.neighbours[node]:
        peer = neighbour.peer
        imported, exported = _policies(intent, node, peer, neighbour.interface.zone)
        internal = network.nodes[peer].asn == network.nodes[node].asn
        if node in intent.stage.drained:
            exported = _draining(exported)
        steps[f"from-{peer}"] = imported if internal else [*_drained(peer, imported), *imported]
        steps[f"to-{peer}"] = exported
        allowed = sum(len(prefixes.entries) for prefixes, _ in imported if prefixes)
        everything = sum(len(p) for p in (network.sites, services.services, network.nodes))
        sessions.append(
            BgpSession(
                peer=peer,
                interface=neighbour.interface.name,
                peer_address=neighbour.peer_address,
                peer_asn=network.nodes[peer].asn,
                import_policy=f"from-{peer}",
                export_policy=f"to-{peer}",
                bfd=neighbour.bfd,
                next_hop_self=internal,
                maximum_prefixes=_PREFIX_HEADROOM * max(allowed, everything),
                up=intent.up(node, peer),
                # Cisco has it for external sessions only; the other ones stay inside.
                ttl_security=neighbour.ttl_security and not internal,
                authentication=neighbour.authentication,
            )
        )
    lists = {
        prefixes.name: prefixes for entries in steps.values() for prefixes, _ in entries if prefixes
    }
    return Routing(
        Bgp(
            network.nodes[node].asn,
            addressing.loopbacks[node],
            _networks(intent, node),
            tuple(sessions),
        ),
        tuple(lists[name] for name in sorted(lists)),
        community_lists(network, (entry for entries in steps.values() for _, entry in entries)),
        tuple(
            RoutingPolicy(name, tuple(entry for _, entry in entries))
            for name, entries in steps.items()
        ),
    )


def _networks(intent: Intent, node: str) -> tuple[IPv4Network, ...]:
    """The prefixes a node originates."""
    network, services, found = intent.network, intent.services.services, set()
    for site in intent.index.sites_at(node):
        found.add(network.sites[site].prefix)
        found |= {p for name in intent.index.reached_at(site) if (p := services[name].prefix)}
        published = [services[name].published for name in intent.index.published_at(site)]
        found |= {range_.prefix for range_ in published if range_}
    if network.nodes[node].role is Role.GATEWAY:
        found.update(network.nodes[node].nat.values())
    return tuple(sorted(found))


def _policies(intent: Intent, node: str, peer: str, zone: str) -> tuple[list[_Step], list[_Step]]:
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


def _edge_import(intent: Intent, edge: str, gateway: str) -> list[_Step]:
    """Outbound steering: the exchange's rank decides, then the edge's liking of the gateway."""
    network = intent.network
    exchange = network.exchange_of(gateway)
    tag = exchange_tag(network, exchange)
    gateways = gateway_order(network, edge, (exchange,))
    steps: list[_Step] = []
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


def _edge_export(intent: Intent, edge: str, gateway: str) -> list[_Step]:
    """Inbound steering: one prepended AS number for each gateway that is liked better.

    The metric then draws a gateway to the edge that the server is behind.
    """
    network = intent.network
    steps: list[_Step] = [_refuse("no way between exchanges", EXCHANGES)]
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
