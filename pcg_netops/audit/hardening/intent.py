"""What the inventory plans, in the form in which rules about every device ask for it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Network, collapse_addresses

from pcg_netops.model.network import Network
from pcg_netops.model.services import Services

Prefixes = tuple[IPv4Network, ...]


class Ranges:
    """A set of addresses."""

    def __init__(self, networks: Iterable[IPv4Network]) -> None:
        self._networks = sorted(collapse_addresses(networks))

    def holds(self, network: IPv4Network) -> bool:
        """Whether all of the network is in it."""
        at = bisect_right(self._networks, network)
        near = self._networks[max(at - 1, 0) : at + 1]
        return any(network.subnet_of(candidate) for candidate in near)


@dataclass(frozen=True, eq=False)
class Intent:
    """The network and its services. Everything is worked out once, for thousands of devices."""

    network: Network
    services: Services

    @cached_property
    def own(self) -> Prefixes:
        """The organisation's own sites."""
        return tuple(site.prefix for site in self.network.sites.values() if site.domain is None)

    @cached_property
    def partners(self) -> Prefixes:
        """The sites of all domains."""
        return tuple(site.prefix for site in self.network.sites.values() if site.domain)

    @cached_property
    def sites_at(self) -> dict[str, Prefixes]:
        """The sites at each node."""
        found: dict[str, list[IPv4Network]] = {}
        for site in self.network.sites.values():
            found.setdefault(site.node, []).append(site.prefix)
        return {node: tuple(prefixes) for node, prefixes in found.items()}

    @cached_property
    def own_ranges(self) -> Ranges:
        """The addresses of the organisation's own sites."""
        return Ranges(self.own)

    @cached_property
    def partner_ranges(self) -> Ranges:
        """The addresses of the sites of all domains."""
        return Ranges(self.partners)

    @cached_property
    def longest(self) -> int:
        """The length of the longest prefix that anything has."""
        services = self.services.services.values()
        prefixes = [*self.own, *self.partners]
        prefixes += [pool for node in self.network.nodes.values() for pool in node.nat.values()]
        prefixes += [service.prefix for service in services if service.prefix]
        prefixes += [service.published.prefix for service in services if service.published]
        return max(prefix.prefixlen for prefix in prefixes)
