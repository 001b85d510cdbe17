"""Juniper SRX: Junos 18.4 or later, in hierarchical and in `set` form.

A stateful device filters by zone policies. A stateless one forwards packet by packet
(`mode packet-based`) and filters at its interfaces. Interfaces bear the names of a virtual SRX:
`eth1` is `ge-0/0/0`, and management is `fxp0`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network
from itertools import product

from pcg_netops.model.device import AaaProtocol, Device
from pcg_netops.model.firewall import DestinationNat, FilterRule, Firewall, Prefixes, SourceNat
from pcg_netops.platforms.addresses import (
    key_chains,
    numbered,
    off_its_network,
    statics,
    tunnel_numbers,
)
from pcg_netops.platforms.base import ArtifactKind, Platform
from pcg_netops.platforms.features import Feature
from pcg_netops.platforms.filters import (
    inexact_filters,
    interface_filters,
    parted_zones,
    reserved_zones,
    zone_policies,
    zones,
    zones_of,
)
from pcg_netops.platforms.junos_set import to_set

_LARGEST_MTU = 9192 - 14  # of the media, less the Ethernet header
_NAT_ADDRESSES = 8  # in one match of a translation rule
_RESERVED_ZONES = frozenset({"junos-host", "null"})
_NAT_NAME = 31  # letters in a rule's name
_AAA_PORTS = {AaaProtocol.RADIUS: 1812, AaaProtocol.TACACS: 49}
_PRF_BITS = {128: 256, 256: 384}  # of the hash that goes with an AES-GCM key
_TEMPLATE = "junos/junos.conf.j2"

_SPELLS = {
    Feature.INTERFACES: "`ge-0/0/N`, `family inet`, `mtu`, `description`",
    Feature.LOOPBACK: "`lo0`",
    Feature.SESSIONS: "`group` of one `neighbor`, `import` and `export`",
    Feature.SHUTDOWN: "`inactive: group`",
    Feature.BFD: "`bfd-liveness-detection`",
    Feature.TTL_SECURITY: "`ttl 255`, and the filter of `lo0` takes nothing less",
    Feature.TCP_MD5: "`authentication-key`",
    Feature.TCP_AO: "`authentication-key-chains`, `authentication-algorithm ao`",
    Feature.NEXT_HOP_SELF: "`next-hop self` in the export chain",
    Feature.REFLECTION: "`cluster` of the group",
    Feature.MAXIMUM_PREFIXES: "`prefix-limit … teardown`",
    Feature.PREFIX_LISTS: "`route-filter-list`, annotated",
    Feature.LOCAL_PREFERENCE: "`local-preference`",
    Feature.MED: "`metric`",
    Feature.PREPEND: "`as-path-prepend`",
    Feature.COMMUNITIES: "`community … members`, `community set`",
    Feature.GRACEFUL_SHUTDOWN: "community `65535:0`",
    Feature.ORIGINATION: "`static route … discard no-install`, the export chain's first policy",
    Feature.STATELESS: "`packet-based` forwarding, a `firewall filter` in and out per interface",
    Feature.STATEFUL: "`security policies` from zone to zone, `default-policy deny-all`",
    Feature.RESET: "`tcp-rst` of the zone",
    Feature.DESTINATION_NAT: "`nat destination`",
    Feature.SOURCE_NAT: "`nat source`",
    Feature.USERS: "`login user`, class `operators`",
    Feature.RADIUS: "`radius-server`, `authentication-order`",
    Feature.TACACS: "`tacplus-server`, `authentication-order`",
    Feature.IDLE: "`idle-timeout` of the class, `login message`",
    Feature.NTP: "`ntp authentication-key … type sha256`",
    Feature.SYSLOG: "`syslog host … structured-data`",
    Feature.SNMP: "`snmp v3 usm`, `authentication-sha256`, `privacy-aes128`",
    Feature.CONTROL_PLANE: "filter of `lo0`, `policer`",
    Feature.STATIC_ROUTES: "`static route … next-hop`, annotated",
    Feature.TUNNELS: "`security ike`, `security ipsec`, `st0.N`; not on a stateless device",
    Feature.MANAGEMENT: "`fxp0`, `protocol-version v2`, the filter of `lo0`",
}


def interface_names(device: Device) -> dict[str, str]:
    """`eth1` is the first port of the chassis."""
    return {i.name: f"ge-0/0/{number - 1}" for i, number in numbered(device)}


def unit_names(device: Device) -> dict[str, str]:
    """Logical interfaces: unit 0 of a port, and a unit of `st0` for each tunnel."""
    ports = {name: f"{port}.0" for name, port in interface_names(device).items()}
    return ports | {name: f"st0.{number}" for name, number in tunnel_numbers(device)}


def _limits(device: Device) -> Iterator[str]:
    yield from inexact_filters(device)
    yield from parted_zones(device)
    yield from reserved_zones(device, _RESERVED_ZONES)
    yield from off_its_network(device)
    for tunnel in device.tunnels:
        ike = tunnel.profile.ike
        if device.firewall and not device.firewall.stateful:
            yield f"the tunnel to {tunnel.peer}: forwarding packet by packet knows no IPsec"
        if ike.encryption.combined and ike.hash.bits != _PRF_BITS[ike.encryption.bits]:
            yield f"{ike.hash} with {ike.encryption}: the cipher decides on the function"
    for interface in device.interfaces:
        if interface.mtu > _LARGEST_MTU:
            yield f"MTU {interface.mtu} on {interface.name}: at most {_LARGEST_MTU}"
    for zone in zones(device):
        if device.firewall and device.firewall.source_nat and len(zone) + 9 > _NAT_NAME:
            yield f"the zone's name '{zone}': at most {_NAT_NAME - 9} letters on a gateway"


@dataclass(frozen=True)
class _Translations:
    """Rules of each rule set, in order."""

    sources: dict[str, list[SourceNat]]  # by the zone that connections leave for
    destinations: dict[str, list[DestinationNat]]  # by the zone that they come from


def _translations(device: Device, firewall: Firewall) -> _Translations:
    found = _Translations({}, {})
    for source in firewall.source_nat:
        for zone in zones_of(device, source.to_interfaces):
            found.sources.setdefault(zone, []).extend(_in_parts(source))
    for destination in firewall.destination_nat:
        for zone in zones_of(device, destination.from_interfaces):
            found.destinations.setdefault(zone, []).append(destination)
    return found


def _in_parts(nat: SourceNat) -> Iterator[SourceNat]:
    """The same translation in rules that name no more prefixes than one may."""
    for sources, destinations in product(_runs(nat.sources), _runs(nat.destinations)):
        yield replace(nat, sources=sources, destinations=destinations)


def _runs(prefixes: Prefixes) -> Iterator[Prefixes]:
    return (
        prefixes[first : first + _NAT_ADDRESSES]
        for first in range(0, len(prefixes), _NAT_ADDRESSES)
    )


def _book(rules: tuple[FilterRule, ...]) -> dict[IPv4Network, str]:
    """A name for every prefix that a rule names."""
    prefixes = {p for rule in rules for p in (*(rule.sources or ()), *(rule.destinations or ()))}
    return {p: f"net-{p.network_address}_{p.prefixlen}" for p in sorted(prefixes)}


def _pool(kind: str, address: IPv4Address) -> str:
    """The name of a pool of addresses that begins with this one."""
    return f"{kind}-{str(address).replace('.', '-')}"


def _communities(device: Device) -> Mapping[str, object]:
    """Junos names every set of communities, and a route has to bear all of a set to match it.

    So a list of which one is enough becomes several sets of one.
    """
    entries = [entry for policy in device.policies for entry in policy.entries]
    matched = {one.name: [(member,) for member in one.members] for one in device.community_lists}
    needed = {entry.communities for entry in entries if entry.communities}
    needed |= {members for sets in matched.values() for members in sets}
    names = {
        members: "bears-" + "-and-".join(members).replace(":", "-") for members in sorted(needed)
    }
    return {
        "communities": {name: members for members, name in names.items()},
        "matched": {name: [names[one] for one in sets] for name, sets in matched.items()},
        "set_to": names,
    }


def _view(device: Device) -> Mapping[str, object]:
    firewall = device.firewall
    assert firewall is not None
    names = interface_names(device)
    translations = _translations(device, firewall)
    return {
        "names": names,
        "units": unit_names(device),
        "underlays": {tunnel.underlay for tunnel in device.tunnels},
        "profiles": {t.profile_name: t.profile for t in device.tunnels},
        "authorities": {t.profile.authority: t.profile for t in device.tunnels},
        "statics": statics(device),
        "key_chains": key_chains(device),
        **_communities(device),
        "aaa_port": _AAA_PORTS[device.management.aaa.protocol]
        if device.management and device.management.aaa
        else 0,
        "filters": {names[f.interface.name]: f for f in interface_filters(device)},
        "zones": zones(device),
        "reset_from": zones_of(device, firewall.reset_from) if firewall.reset_from else (),
        "policies": zone_policies(device),
        "book": _book(firewall.rules),
        "pools": {
            pool: _pool("pool", pool.network_address)
            for pool in sorted({nat.pool for nat in firewall.source_nat})
        },
        "sources": translations.sources,
        "destinations": translations.destinations,
        "servers": {
            server: _pool("server", server)
            for server in sorted({nat.server for nat in firewall.destination_nat})
        },
        "applications": sorted(
            {(rule.protocol, str(rule.ports)) for rule in firewall.rules if rule.protocol}
        ),
    }


JUNOS = Platform(
    name="junos",
    title="Juniper SRX",
    netmiko_type="juniper_junos",
    staging="/var/tmp/pcg",  # noqa: S108  a folder of the device, which no other user can log in to
    artifacts=(
        ArtifactKind(name="junos.conf", template=_TEMPLATE, delivery=None),
        ArtifactKind(name="junos.set", template=_TEMPLATE, delivery=None, derive=to_set),
    ),
    spells=_SPELLS,
    refuses={},
    limits=_limits,
    view=_view,
)
