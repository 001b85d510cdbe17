"""The features of a `Device`, by the names under which a platform spells or refuses them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum

from pcg_netops.model.device import (
    GRACEFUL_SHUTDOWN,
    AaaProtocol,
    AuthenticationMethod,
    Device,
    Management,
    PolicyEntry,
)
from pcg_netops.model.firewall import Firewall


class Feature(StrEnum):
    """Everything that a device may need said; each value is how a person would call it."""

    INTERFACES = "interfaces: address, MTU, description"
    LOOPBACK = "loopback"
    SESSIONS = "BGP session with a policy in each direction"
    SHUTDOWN = "BGP session that is configured and shut down"
    BFD = "BFD"
    TTL_SECURITY = "BGP session with TTL security (RFC 5082)"
    TCP_MD5 = "BGP session authenticated by TCP MD5 (RFC 2385)"
    TCP_AO = "BGP session authenticated by TCP-AO (RFC 5925)"
    NEXT_HOP_SELF = "next hop self"
    REFLECTION = "route reflection (RFC 4456)"
    MAXIMUM_PREFIXES = "maximum number of prefixes"
    PREFIX_LISTS = "prefix list with its owner"
    LOCAL_PREFERENCE = "local preference"
    MED = "MED"
    PREPEND = "AS path prepending"
    COMMUNITIES = "communities: matched, and set"
    GRACEFUL_SHUTDOWN = "graceful shutdown (RFC 8326): obeyed, and asked for by a drained gateway"
    ORIGINATION = "originated prefixes"
    STATELESS = "stateless filter"
    STATEFUL = "stateful firewall, one rule for each service"
    RESET = "TCP reset for sessions of another gateway"
    DESTINATION_NAT = "destination translation of a published range"
    SOURCE_NAT = "source translation into the gateway's pool"
    USERS = "local users with SSH keys"
    RADIUS = "log-in decided by RADIUS servers, local users as the fallback"
    TACACS = "log-in decided by TACACS+ servers, local users as the fallback"
    IDLE = "idle log-ins end within ten minutes; a banner"
    NTP = "time from authenticated servers"
    SYSLOG = "remote syslog with time zone"
    SNMP = "SNMPv3 alone, authenticated and private"
    CONTROL_PLANE = "control plane: peers alone, the rest refused or limited"
    STATIC_ROUTES = "static route"
    TUNNELS = "route-based IKEv2 and IPsec tunnel with certificates"
    MANAGEMENT = "management interface, log-in by SSH version 2 there alone"

    def used_by(self, device: Device) -> bool:
        """Whether the device needs this feature."""
        return _USED[self](device)


def _any_session(device: Device, field: str) -> bool:
    return device.bgp is not None and any(getattr(s, field) for s in device.bgp.sessions)


def _authenticated(device: Device, method: AuthenticationMethod) -> bool:
    return device.bgp is not None and any(
        session.authentication is not None and session.authentication.method is method
        for session in device.bgp.sessions
    )


def _any_entry(device: Device, wanted: Callable[[PolicyEntry], bool]) -> bool:
    return any(wanted(entry) for policy in device.policies for entry in policy.entries)


def _managed(device: Device, wanted: Callable[[Management], object]) -> bool:
    return device.management is not None and bool(wanted(device.management))


def _firewall(device: Device, wanted: Callable[[Firewall], object]) -> bool:
    return device.firewall is not None and bool(wanted(device.firewall))


_USED: Mapping[Feature, Callable[[Device], bool]] = {
    Feature.INTERFACES: lambda device: bool(device.interfaces),
    Feature.LOOPBACK: lambda device: device.loopback is not None,
    Feature.SESSIONS: lambda device: bool(device.bgp and device.bgp.sessions),
    Feature.SHUTDOWN: lambda device: (
        device.bgp is not None and not all(session.up for session in device.bgp.sessions)
    ),
    Feature.BFD: lambda device: _any_session(device, "bfd"),
    Feature.TTL_SECURITY: lambda device: _any_session(device, "ttl_security"),
    Feature.TCP_MD5: lambda device: _authenticated(device, AuthenticationMethod.MD5),
    Feature.TCP_AO: lambda device: _authenticated(device, AuthenticationMethod.AO),
    Feature.NEXT_HOP_SELF: lambda device: _any_session(device, "next_hop_self"),
    Feature.REFLECTION: lambda device: _any_session(device, "reflects"),
    Feature.MAXIMUM_PREFIXES: lambda device: _any_session(device, "maximum_prefixes"),
    Feature.PREFIX_LISTS: lambda device: bool(device.prefix_lists),
    Feature.LOCAL_PREFERENCE: lambda device: _any_entry(
        device, lambda entry: entry.local_preference is not None
    ),
    Feature.MED: lambda device: _any_entry(device, lambda entry: entry.med is not None),
    Feature.PREPEND: lambda device: _any_entry(device, lambda entry: entry.prepend > 0),
    Feature.COMMUNITIES: lambda device: _any_entry(
        device, lambda entry: bool(entry.community_list or entry.communities)
    ),
    Feature.GRACEFUL_SHUTDOWN: lambda device: any(
        GRACEFUL_SHUTDOWN in known.members for known in device.community_lists
    ),
    Feature.ORIGINATION: lambda device: bool(device.bgp and device.bgp.networks),
    Feature.STATELESS: lambda device: _firewall(device, lambda f: f.rules and not f.stateful),
    Feature.STATEFUL: lambda device: _firewall(device, lambda f: f.stateful),
    Feature.RESET: lambda device: _firewall(device, lambda f: f.reset_from),
    Feature.DESTINATION_NAT: lambda device: _firewall(device, lambda f: f.destination_nat),
    Feature.SOURCE_NAT: lambda device: _firewall(device, lambda f: f.source_nat),
    Feature.USERS: lambda device: _managed(device, lambda m: m.users),
    Feature.RADIUS: lambda device: _managed(
        device, lambda m: m.aaa and m.aaa.protocol is AaaProtocol.RADIUS
    ),
    Feature.TACACS: lambda device: _managed(
        device, lambda m: m.aaa and m.aaa.protocol is AaaProtocol.TACACS
    ),
    Feature.IDLE: lambda device: _managed(device, lambda m: m.idle_minutes),
    Feature.NTP: lambda device: _managed(device, lambda m: m.ntp),
    Feature.SYSLOG: lambda device: _managed(device, lambda m: m.syslog),
    Feature.SNMP: lambda device: _managed(device, lambda m: m.snmp),
    Feature.CONTROL_PLANE: lambda device: device.bgp is not None,
    Feature.STATIC_ROUTES: lambda device: bool(device.static_routes),
    Feature.TUNNELS: lambda device: bool(device.tunnels),
    Feature.MANAGEMENT: lambda device: device.management is not None,
}
