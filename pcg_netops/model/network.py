"""`network.yaml`: the exchanges, the networks behind them, every node and every cable."""

from __future__ import annotations

from enum import StrEnum
from functools import cached_property
from ipaddress import IPv4Address, IPv4Network
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from pcg_netops.model.base import Asn, Flag, Model, Mtu, Name, Names, Prefix, Text, once
from pcg_netops.model.device import AuthenticationMethod, Role
from pcg_netops.model.ipsec import BUILT_IN_PROFILES, IpsecProfile
from pcg_netops.model.management import ManagementPlane
from pcg_netops.model.secret import SecretReference


class Profile(StrEnum):
    """What a network is for."""

    DEMONSTRATION = "demonstration"
    PRODUCTION = "production"


def _roomy(prefix: IPv4Network) -> IPv4Network:
    if prefix.prefixlen > 30:
        raise ValueError("is too small: a site's router and host need a /30 or larger")
    return prefix


class BgpAuthentication(Model):
    """How BGP sessions prove who they are."""

    method: Annotated[
        AuthenticationMethod, Field(description="md5 (RFC 2385) or ao (TCP-AO, RFC 5925)")
    ] = AuthenticationMethod.MD5
    secret: Annotated[Name, Field(description="name of a secret")]


class Domain(Model):
    """A shared network that services are reached on, kept apart from every other."""

    title: Text
    ipv6: Annotated[
        Literal["forbidden"],
        Field(description="forbidden: no IPv6 address, route or packet reaches this domain"),
    ] = "forbidden"
    authentication: Annotated[
        BgpAuthentication | None, Field(description="of BGP sessions on this domain's links")
    ] = None


class Exchange(Model):
    """A set of gateways that carries services between the organisation and the domains."""

    title: Text
    gateways: Annotated[Names, Field(min_length=1)]


class Node(Model):
    """A router. Which further fields it needs depends on its role."""

    role: Role
    title: Text
    asn: Asn
    prefers: Annotated[
        Names, Field(description="edge: gateways, the one to use first coming first")
    ] = ()
    domain: Annotated[Name | None, Field(description="core: the domain it belongs to")] = None
    nat: Annotated[
        dict[Name, Prefix],
        Field(
            default_factory=dict,
            description="gateway: for each domain, the addresses it translates sources into",
        ),
    ]


class Site(Model):
    """A place with end systems: a local network behind one router."""

    title: Text
    node: Name
    prefix: Annotated[Prefix, AfterValidator(_roomy)]
    domain: Annotated[Name | None, Field(description="none: a site of the organisation")] = None


class BfdTimers(Model):
    """BFD timers of a link. Aggressive ones false-positive on real wide-area networks."""

    interval_ms: Annotated[int, Field(ge=10, le=60_000, strict=True)]
    multiplier: Annotated[int, Field(ge=2, le=255, strict=True)]


class TunnelIntent(Model):
    """What makes a link an IPsec tunnel. The end that is named first sets it up."""

    profile: Annotated[
        Name, Field(description="one of ipsec_profiles, 'prime' or 'foundation'")
    ] = "prime"
    over: Annotated[
        Name | None,
        Field(
            description="the node that carries it, cabled to both ends; by default the only such"
            " node, or a cable of their own"
        ),
    ] = None


def _briefly(value: object) -> object:
    """`true` is a tunnel with nothing special, `false` is none."""
    return ({} if value else None) if isinstance(value, bool) else value


class Link(Model):
    """A cable or circuit between two routers, or a tunnel."""

    between: Annotated[tuple[Name, Name], AfterValidator(once)]
    mtu: Mtu | None = None
    bfd: BfdTimers | None = None
    note: Annotated[
        Text | None, Field(description="why this link differs from the others, for its readers")
    ] = None
    tunnel: Annotated[
        TunnelIntent | None,
        BeforeValidator(_briefly, json_schema_input_type=bool | TunnelIntent | None),
        Field(description="true, or its details: an IPsec tunnel with BGP and BFD inside"),
    ] = None
    underlay: Annotated[
        Flag, Field(description="true: a cable that carries nothing but tunnels, and no routing")
    ] = False
    authentication: Annotated[
        BgpAuthentication | None, Field(description="of the BGP session on this link")
    ] = None
    ttl_security: Annotated[
        Flag, Field(description="false: the other side of an external session cannot do RFC 5082")
    ] = True


class Pools(Model):
    """Where addresses that nobody needs to choose by hand come from."""

    loopbacks: Prefix
    links: Prefix
    management: Prefix


class Network(Model):
    """The whole of `network.yaml`."""

    name: Name
    organisation: Text
    profile: Annotated[
        Profile,
        Field(description="production: nothing that is reserved for examples may be in use"),
    ] = Profile.DEMONSTRATION
    domains: Annotated[dict[Name, Domain], Field(min_length=1)]
    exchanges: Annotated[dict[Name, Exchange], Field(min_length=1)]
    nodes: Annotated[dict[Name, Node], Field(min_length=1)]
    sites: Annotated[dict[Name, Site], Field(min_length=1)]
    links: tuple[Link, ...]
    ipsec_profiles: Annotated[
        dict[Name, IpsecProfile],
        Field(default_factory=dict, description="besides 'prime' and 'foundation'"),
    ]
    pools: Pools
    mtu: Mtu = 1500
    bfd: BfdTimers = BfdTimers(interval_ms=300, multiplier=3)
    secrets: Annotated[
        dict[Name, SecretReference],
        Field(default_factory=dict, description="where the value of each secret is kept, by name"),
    ]
    management: Annotated[
        ManagementPlane,
        Field(default_factory=ManagementPlane, description="how every device is administered"),
    ]
    authentication: Annotated[
        BgpAuthentication | None,
        Field(description="of BGP sessions whose link and domain have none of their own"),
    ] = None

    def exchange_of(self, gateway: str) -> str:
        """The exchange a gateway belongs to."""
        return self._exchanges_of[gateway]

    @cached_property
    def _exchanges_of(self) -> dict[str, str]:
        return {g: name for name, exchange in self.exchanges.items() for g in exchange.gateways}

    def profile_of(self, tunnel: TunnelIntent) -> IpsecProfile:
        """The profile that a tunnel names."""
        return (self.ipsec_profiles | dict(BUILT_IN_PROFILES))[tunnel.profile]

    def carriers(self, tunnel: Link) -> tuple[str | None, ...]:
        """Who can carry a tunnel: cores cabled to both ends; None is a cable of the ends' own."""
        near, far = (self._cabled.get(end, {}) for end in tunnel.between)
        between = [n for n in near if n in far and self.nodes[n].role is Role.CORE]
        return (*((None,) if near.get(tunnel.between[1]) else ()), *between)

    @cached_property
    def _cabled(self) -> dict[str, dict[str, bool]]:
        """The nodes that each has a cable to, and whether that is for tunnels alone."""
        found: dict[str, dict[str, bool]] = {}
        for link in self.links:
            for end, other in (link.between, link.between[::-1]):
                if not link.tunnel and other in self.nodes:
                    found.setdefault(end, {}).setdefault(other, link.underlay)
        return found

    def carrier_of(self, tunnel: Link) -> str | None:
        """The node that a tunnel crosses; None for one over a cable of its ends' own."""
        assert tunnel.tunnel
        return tunnel.tunnel.over or self.carriers(tunnel)[0]

    def gateway_of(self, address: IPv4Address) -> str | None:
        """The gateway whose translation pool holds the address, if any."""
        known = self._gateways_of
        if address not in known:  # asked for every probe, of a handful of addresses
            known[address] = next(
                (
                    name
                    for name, node in self.nodes.items()
                    if any(address in pool for pool in node.nat.values())
                ),
                None,
            )
        return known[address]

    @cached_property
    def _gateways_of(self) -> dict[IPv4Address, str | None]:
        return {}

    def site_of(self, prefix: IPv4Network | IPv4Address) -> str | None:
        """The site whose network holds the prefix or address, if any."""
        wanted = IPv4Network(prefix)
        first = int(wanted.network_address)
        holders = (
            names.get(first >> 32 - length)
            for length, names in self._sites_by_length.items()
            if length <= wanted.prefixlen
        )
        return next((name for name in holders if name), None)

    @cached_property
    def _sites_by_length(self) -> dict[int, dict[int, str]]:
        """Length of a prefix -> its leading bits -> the site."""
        found: dict[int, dict[int, str]] = {}
        for name, site in self.sites.items():
            length = site.prefix.prefixlen
            leading = int(site.prefix.network_address) >> 32 - length
            found.setdefault(length, {}).setdefault(leading, name)
        return found

    def with_role(self, role: Role) -> tuple[str, ...]:
        """Names of all nodes of a role, in the file's order."""
        return self._by_role[role]

    @cached_property
    def _by_role(self) -> dict[Role, tuple[str, ...]]:
        return {
            role: tuple(name for name, node in self.nodes.items() if node.role is role)
            for role in Role
        }
