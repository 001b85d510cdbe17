"""What the design looks up again and again, found once for all nodes and stages."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from pcg_netops.model.network import Network
from pcg_netops.model.services import Services


@dataclass(frozen=True)
class Index:
    """Names of sites and services, each list in the files' order."""

    network: Network
    services: Services

    def sites_at(self, node: str) -> list[str]:
        """The sites behind a node."""
        return self._sites.get(node, [])

    def on(self, domain: str) -> list[str]:
        """The services of a domain."""
        return self._on.get(domain, [])

    def reached_at(self, site: str) -> list[str]:
        """The services whose partner range lies in a site."""
        return self._reached.get(site, [])

    def published_at(self, site: str) -> list[str]:
        """The services whose published server stands in a site."""
        return self._published.get(site, [])

    @cached_property
    def _sites(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for name, site in self.network.sites.items():
            found.setdefault(site.node, []).append(name)
        return found

    @cached_property
    def _on(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for name, service in self.services.services.items():
            found.setdefault(service.domain, []).append(name)
        return found

    @cached_property
    def _reached(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for name, service in self.services.services.items():
            if service.prefix and (site := self.network.site_of(service.prefix)):
                found.setdefault(site, []).append(name)
        return found

    @cached_property
    def _published(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for name, service in self.services.services.items():
            if service.published and (site := self.network.site_of(service.published.server)):
                found.setdefault(site, []).append(name)
        return found
