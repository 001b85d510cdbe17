"""Cisco routers with IOS-XE 17.

A stateful device is a zone-based firewall, a stateless one filters by access lists in and out of
each interface. Interfaces bear the names of a virtual router: `eth1` is `GigabitEthernet2`, and
management is `GigabitEthernet1` in a VRF of its own.
"""

from __future__ import annotations

import hashlib
from base64 import b64decode
from collections.abc import Iterator, Mapping

from pcg_netops.model.device import Device
from pcg_netops.model.firewall import Action
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
)

_BFD_INTERVALS_MS = range(50, 9_999 + 1)
_BFD_MULTIPLIERS = range(3, 50 + 1)
_RSA = "ssh-rsa "
_CLASS_NAME = 40  # letters
_RESERVED_ZONES = frozenset({"self", "default"})

_SPELLS = {
    Feature.INTERFACES: "`interface GigabitEthernetN`, `ip address`, `ip mtu`, `description`",
    Feature.LOOPBACK: "`interface Loopback0`",
    Feature.SESSIONS: "`neighbor`, a `route-map` in each direction",
    Feature.SHUTDOWN: "`neighbor … shutdown`",
    Feature.BFD: "`bfd interval` of the interface, `fall-over bfd single-hop`",
    Feature.TTL_SECURITY: "`neighbor … ttl-security hops 1`",
    Feature.TCP_MD5: "`neighbor … password`",
    Feature.TCP_AO: "`key chain … tcp`, `neighbor … ao`",
    Feature.NEXT_HOP_SELF: "`next-hop-self`",
    Feature.REFLECTION: "`route-reflector-client`, `next-hop-self all`",
    Feature.MAXIMUM_PREFIXES: "`maximum-prefix`",
    Feature.PREFIX_LISTS: "`ip prefix-list`, `description`",
    Feature.LOCAL_PREFERENCE: "`set local-preference`",
    Feature.MED: "`set metric`",
    Feature.PREPEND: "`set as-path prepend`",
    Feature.COMMUNITIES: "`ip community-list`, `set community`, `send-community`",
    Feature.GRACEFUL_SHUTDOWN: "community `gshut`",
    Feature.ORIGINATION: "`network`, and an `ip route` for what is not connected",
    Feature.STATELESS: "`ip access-group` in and out per interface",
    Feature.STATEFUL: "zone-based firewall: a `class-map` on an access list per pair of zones",
    Feature.USERS: "`username`, `ip ssh pubkey-chain`, `key-hash`",
    Feature.RADIUS: "`radius server`, `aaa authentication login … local`",
    Feature.TACACS: "`tacacs server`, `aaa authentication login … local`",
    Feature.IDLE: "`exec-timeout`, `banner login`",
    Feature.NTP: "`ntp authentication-key … hmac-sha2-256`",
    Feature.SYSLOG: "`logging host`, `service timestamps … show-timezone`",
    Feature.SNMP: "`snmp-server user … v3 auth sha-2 256 … priv aes 128`",
    Feature.CONTROL_PLANE: "`control-plane`, `service-policy input`, `police`",
    Feature.STATIC_ROUTES: "`ip route … name`",
    Feature.TUNNELS: "`crypto ikev2`, `crypto ipsec profile`, `interface TunnelN`",
    Feature.MANAGEMENT: "VRF `Mgmt-intf`, `ip ssh version 2`, `access-class`, control-plane policy",
}
_REFUSES = {
    Feature.RESET: "the zone-based firewall drops a session it does not know without a word",
    Feature.DESTINATION_NAT: "static translation takes one port at a time, no range of them",
    Feature.SOURCE_NAT: (
        "only connections from inside to outside share the addresses of a pool (`overload`), and a "
        "gateway translates those that come in as well"
    ),
}


def interface_names(device: Device) -> dict[str, str]:
    """`eth1` is the second port of the chassis: the first is for management."""
    ports = {i.name: f"GigabitEthernet{number + 1}" for i, number in numbered(device)}
    return ports | {name: f"Tunnel{number}" for name, number in tunnel_numbers(device)}


def _limits(device: Device) -> Iterator[str]:
    yield from inexact_filters(device)
    yield from parted_zones(device)
    yield from reserved_zones(device, _RESERVED_ZONES)
    yield from off_its_network(device)
    yield from (
        f"IKE version {tunnel.profile.ike.version} with {tunnel.peer}: only version 2"
        for tunnel in device.tunnels
        if tunnel.profile.ike.version != 2
    )
    for session in device.bgp.sessions if device.bgp else ():
        bfd = session.bfd
        if bfd and bfd.interval_ms not in _BFD_INTERVALS_MS:
            yield f"BFD every {bfd.interval_ms} ms with {session.peer}: 50 to 9999 ms"
        if bfd and bfd.multiplier not in _BFD_MULTIPLIERS:
            yield f"BFD multiplier {bfd.multiplier} with {session.peer}: 3 to 50"
    for user in device.management.users if device.management else ():
        if any(not key.startswith(_RSA) for key in user.keys):
            yield f"a key of user '{user.name}' that is not RSA"
    if device.firewall and device.firewall.stateful and device.firewall.default is Action.PERMIT:
        yield "a stateful firewall that permits by default"
    for policy in zone_policies(device):
        name = f"{policy.from_zone}-to-{policy.to_zone}"
        if len(name) > _CLASS_NAME:
            yield f"the zone names of '{name}': at most {_CLASS_NAME} letters together"


def _fingerprint(key: str) -> str:
    """MD5 of the key, by which IOS-XE knows it. It is a name here and proves nothing."""
    return hashlib.md5(b64decode(key.split()[1]), usedforsecurity=False).hexdigest().upper()


def _view(device: Device) -> Mapping[str, object]:
    policies = zone_policies(device)
    within = {policy.from_zone for policy in policies if policy.from_zone == policy.to_zone}
    stateful = device.firewall is not None and device.firewall.stateful
    found = zones(device) if stateful else {}
    return {
        "names": interface_names(device),
        "addresses": {i.name: i.address.ip for i in device.interfaces},
        "filters": {f.interface.name: f for f in interface_filters(device)},
        "zones": found,
        "policies": policies,
        "closed_zones": [zone for zone in found if zone not in within],
        "fingerprints": {
            user.name: [_fingerprint(key) for key in user.keys]
            for user in (device.management.users if device.management else ())
        },
        "statics": statics(device),
        "key_chains": key_chains(device),
        "profiles": {t.profile_name: t.profile for t in device.tunnels},
        "authorities": {t.profile.authority: t.profile for t in device.tunnels},
    }


IOSXE = Platform(
    name="iosxe",
    title="Cisco IOS-XE",
    netmiko_type="cisco_xe",
    staging="bootflash:pcg",
    artifacts=(ArtifactKind(name="iosxe.conf", template="iosxe/iosxe.conf.j2", delivery=None),),
    spells=_SPELLS,
    refuses=_REFUSES,
    limits=_limits,
    view=_view,
)
