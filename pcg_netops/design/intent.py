"""What the routing of every node at a stage is computed from, and the lists that policies match."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import wraps
from ipaddress import IPv4Network
from typing import Concatenate, ParamSpec

from pcg_netops.design.index import Index
from pcg_netops.design.steering import Stage
from pcg_netops.model.device import PrefixEntry, PrefixList, Role
from pcg_netops.model.network import Network
from pcg_netops.model.services import Service, Services

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
        return prefix_list(f"service-{name}", name, [prefix])

    @_once
    def published(self, name: str) -> PrefixList:
        """The organisation's range of a service."""
        published = self.services.services[name].published
        assert published is not None
        return prefix_list(f"published-{name}", name, [published.prefix])

    @_once
    def site(self, name: str) -> PrefixList:
        """A site's local network."""
        return prefix_list(f"site-{name}", f"site {name}", [self.network.sites[name].prefix])

    @_once
    def pools(self, gateway: str, domains: tuple[str, ...]) -> PrefixList:
        """A gateway's own translation pools."""
        nat = self.network.nodes[gateway].nat
        name = f"pool-{gateway}" + (f"-{domains[0]}" if len(domains) < len(nat) else "")
        return prefix_list(name, f"translation at {gateway}", [nat[d] for d in domains])

    @_once
    def own(self) -> PrefixList:
        """Everything inside the organisation that a gateway may learn from an edge."""
        found = [site.prefix for site in self.network.sites.values() if site.domain is None]
        found += [s.published.prefix for s in self.services.services.values() if s.published]
        return prefix_list("own", "the organisation", found)

    @_once
    def partners(self, domain: str) -> PrefixList:
        """Everything that partners of a domain may announce to a gateway."""
        found = [site.prefix for site in self.network.sites.values() if site.domain == domain]
        found += [s.prefix for s in self._of(domain) if s.prefix]
        return prefix_list(f"partners-{domain}", f"partners on {domain}", found)

    @_once
    def services_of(self, domains: tuple[str, ...]) -> PrefixList:
        """The partners' ranges of all services: what a gateway tells the edges."""
        found = [s.prefix for domain in domains for s in self._of(domain) if s.prefix]
        return prefix_list("services", "all services", found)

    @_once
    def published_on(self, domain: str) -> PrefixList:
        """What a gateway tells a domain of the organisation."""
        found = [s.published.prefix for s in self._of(domain) if s.published]
        return prefix_list(f"published-on-{domain}", f"services on {domain}", found)

    @_once
    def within(self, domain: str) -> PrefixList:
        """Everything that may be known inside a domain; nothing else enters or leaves its cores."""
        parts = [self.partners(domain), self.published_on(domain)]
        found = [entry.prefix for part in parts for entry in part.entries]
        found += [node.nat[domain] for node in self.network.nodes.values() if domain in node.nat]
        return prefix_list(f"domain-{domain}", f"domain {domain}", found)

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
        return prefix_list(f"own-on-{domain}", f"own sites on {domain}", found)

    @_once
    def from_domain(self, domain: str) -> PrefixList:
        """What a partner needs to know of the organisation."""
        entries = self.published_on(domain).entries
        found = [entry.prefix for entry in entries]
        found += [node.nat[domain] for node in self.network.nodes.values() if domain in node.nat]
        return prefix_list(f"from-{domain}", f"services on {domain}", found)

    def _of(self, domain: str) -> list[Service]:
        return [self.services.services[name] for name in self.index.on(domain)]


def prefix_list(name: str, owner: str, prefixes: Iterable[IPv4Network]) -> PrefixList:
    """A list of exactly these prefixes, in order."""
    return PrefixList(name, owner, tuple(PrefixEntry(p) for p in sorted(set(prefixes))))
