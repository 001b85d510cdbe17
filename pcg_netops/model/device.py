"""`Device`: one node's configuration in no vendor's language.

The design layer makes it, a platform's templates spell it. Every list is in the order in which it
is rendered, so that equal intent gives equal bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from pcg_netops.model.firewall import Action, Firewall
from pcg_netops.model.ipsec import IpsecProfile
from pcg_netops.model.secret import Secret

TUNNEL_INTERFACE = "ipsec"  # and a number from 0: what strongSwan's user-space ESP calls its own


class Role(StrEnum):
    """What a node does in the network; decides its policies and filters."""

    EDGE = "edge"  # the organisation's own border router, one autonomous system for all
    GATEWAY = "gateway"  # a stateful gateway of an exchange
    CORE = "core"  # a router of a shared network (a domain)
    PARTNER = "partner"  # the router of an organisation that is reached over the exchanges
    HOST = "host"  # an end system of a site; runs no routing daemon and is not managed


@dataclass(frozen=True)
class Interface:
    """A data-plane interface; `zone` is what the firewall calls the network behind it."""

    name: str
    address: IPv4Interface
    mtu: int
    zone: str
    peer: str
    peer_interface: str


@dataclass(frozen=True)
class PrefixEntry:
    """One line of a prefix list: the prefix itself, or with `le` also its more-specifics."""

    prefix: IPv4Network
    le: int | None = None


@dataclass(frozen=True)
class PrefixList:
    """A named list of prefixes; `owner` is the service or purpose it serves."""

    name: str
    owner: str
    entries: tuple[PrefixEntry, ...]


# "Whoever hears this, prefer another way": RFC 8326.
GRACEFUL_SHUTDOWN = "65535:0"


@dataclass(frozen=True)
class CommunityList:
    """A named set of communities (RFC 1997): a route that bears any of them matches."""

    name: str
    members: tuple[str, ...]  # such as "64496:1001"


@dataclass(frozen=True)
class PolicyEntry:
    """One step of a routing policy: what it matches, and what it sets on a match.

    It matches what is in both lists, so far as it names them. `communities` replace those that
    the route bears; with none of its own the step leaves them as they are.
    """

    owner: str
    action: Action
    prefix_list: str | None = None
    local_preference: int | None = None
    med: int | None = None
    prepend: int = 0
    community_list: str | None = None
    communities: tuple[str, ...] = ()


@dataclass(frozen=True)
class RoutingPolicy:
    """A named sequence of entries; what no entry permits is refused (RFC 8212)."""

    name: str
    entries: tuple[PolicyEntry, ...]


@dataclass(frozen=True)
class Bfd:
    """Bidirectional forwarding detection (RFC 5880): milliseconds and a count."""

    interval_ms: int
    multiplier: int


class AuthenticationMethod(StrEnum):
    """How the TCP segments of a BGP session are authenticated."""

    MD5 = "md5"  # RFC 2385
    AO = "ao"  # RFC 5925


@dataclass(frozen=True)
class Authentication:
    """What proves that a segment comes from the peer."""

    method: AuthenticationMethod
    secret: Secret


@dataclass(frozen=True)
class BgpSession:
    """A BGP session over one link, with a policy in each direction.

    One that is not `up` is configured and shut down: bringing it up is a change of one line. With
    `ttl_security` nothing is taken from a sender that is not on the link (RFC 5082). A peer inside
    that `reflects` is for is also told what other peers inside have said (RFC 4456).
    """

    peer: str
    interface: str
    peer_address: IPv4Address
    peer_asn: int
    import_policy: str
    export_policy: str
    bfd: Bfd | None
    next_hop_self: bool
    maximum_prefixes: int
    up: bool
    ttl_security: bool = False
    authentication: Authentication | None = None
    reflects: bool = False


@dataclass(frozen=True)
class Bgp:
    """The routing process of a device."""

    asn: int
    router_id: IPv4Address
    networks: tuple[IPv4Network, ...]
    sessions: tuple[BgpSession, ...]


@dataclass(frozen=True)
class LocalUser:
    """Somebody who can log in with these public keys, as OpenSSH writes them."""

    name: str
    keys: tuple[str, ...]


class AaaProtocol(StrEnum):
    """How a device asks who may log in."""

    RADIUS = "radius"  # RFC 2865
    TACACS = "tacacs"  # RFC 8907


@dataclass(frozen=True)
class Aaa:
    """Servers that decide who logs in, in the order in which they are asked."""

    protocol: AaaProtocol
    servers: tuple[IPv4Address, ...]
    secret: Secret


@dataclass(frozen=True)
class Ntp:
    """Servers of time, authenticated by a symmetric key (RFC 5905) with this number."""

    servers: tuple[IPv4Address, ...]
    key: int
    secret: Secret


@dataclass(frozen=True)
class Snmp:
    """SNMPv3 at level authPriv, read only, for these managers (RFC 3414)."""

    user: str
    managers: tuple[IPv4Address, ...]
    authentication: Secret
    privacy: Secret


@dataclass(frozen=True)
class Tunnel:
    """A route-based IPsec tunnel. `interface`, one of the device's own, is its clear side.

    Protected packets go from `local` by the interface `underlay` to `remote`. One of the two ends
    sets the tunnel up and does so again when it is lost; the other one answers.
    """

    peer: str
    interface: str
    underlay: str
    local: IPv4Address
    remote: IPv4Address
    initiates: bool
    profile_name: str
    profile: IpsecProfile

    @property
    def number(self) -> int:
        """Tells the tunnels of a device apart, from 1."""
        return int(self.interface.removeprefix(TUNNEL_INTERFACE)) + 1


@dataclass(frozen=True)
class StaticRoute:
    """A route that no protocol learns; `owner` is what it serves."""

    owner: str
    prefix: IPv4Network
    gateway: IPv4Address


@dataclass(frozen=True)
class Management:
    """The out-of-band interface, the only one that accepts log-ins, and what is behind it."""

    interface: str
    address: IPv4Address
    network: IPv4Network  # that the address is in, and every server
    users: tuple[LocalUser, ...] = ()
    aaa: Aaa | None = None
    idle_minutes: int = 10
    banner: str = ""
    ntp: Ntp | None = None
    syslog: tuple[IPv4Address, ...] = ()
    snmp: Snmp | None = None


@dataclass(frozen=True)
class Device:
    """Everything that is configured on one node in one phase."""

    name: str
    role: Role
    platform: str
    title: str
    loopback: IPv4Address | None
    interfaces: tuple[Interface, ...]
    addresses: tuple[IPv4Interface, ...]  # further addresses of a host's first interface
    default_gateway: IPv4Address | None  # hosts only
    bgp: Bgp | None
    prefix_lists: tuple[PrefixList, ...]
    community_lists: tuple[CommunityList, ...]
    policies: tuple[RoutingPolicy, ...]
    firewall: Firewall | None
    management: Management | None
    tunnels: tuple[Tunnel, ...] = ()
    static_routes: tuple[StaticRoute, ...] = ()
