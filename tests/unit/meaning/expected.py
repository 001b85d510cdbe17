"""The facts that a `Device` asks for."""

from __future__ import annotations

from ipaddress import IPv4Interface, IPv4Network
from itertools import product

from pcg_netops.model.device import Device, Management, PrefixList, RoutingPolicy
from pcg_netops.model.device import Tunnel as DeviceTunnel
from pcg_netops.model.firewall import Action, FilterRule
from pcg_netops.model.firewall import Ports as DevicePorts
from pcg_netops.model.secret import Secret
from tests.unit.meaning.facts import (
    ANY,
    DIAGNOSIS,
    Chain,
    Facts,
    Match,
    Plane,
    Ports,
    Prefixes,
    Session,
    Step,
    Tunnel,
    key_id,
)


def facts_of(device: Device) -> Facts:
    """Everything a rendering of this device has to mean."""
    bgp, firewall, management = device.bgp, device.firewall, device.management
    assert bgp
    assert firewall
    assert management
    assert device.loopback
    lists = {prefixes.name: _entries(prefixes) for prefixes in device.prefix_lists}
    marks = {known.name: frozenset(known.members) for known in device.community_lists}
    policies = {p.name: _steps(p, lists, marks, bgp.asn) for p in device.policies}
    at = {i.name: i.address for i in device.interfaces}
    return Facts(
        name=device.name,
        asn=bgp.asn,
        router_id=bgp.router_id,
        loopback=IPv4Interface(device.loopback),
        interfaces={
            i.address: f"{i.zone} to {i.peer} {i.peer_interface}" for i in device.interfaces
        },
        mtus={i.address: i.mtu for i in device.interfaces},
        lists={p.name: (p.owner, lists[p.name]) for p in device.prefix_lists},
        sessions={
            s.peer_address: Session(
                s.peer,
                s.peer_asn,
                s.up,
                policies[s.import_policy],
                policies[s.export_policy],
                (s.bfd.interval_ms, s.bfd.multiplier) if s.bfd else None,
                s.next_hop_self,
                s.reflects,
                s.maximum_prefixes,
                s.ttl_security,
                True,
                (s.authentication.method.value, _marker(s.authentication.secret))
                if s.authentication
                else None,
            )
            for s in bgp.sessions
        },
        originated=frozenset(bgp.networks),
        stateful=firewall.stateful,
        passages={
            (at[a], at[b]): (
                Chain(
                    tuple(
                        match
                        for rule in firewall.rules
                        if a in (rule.from_interfaces or at) and b in (rule.to_interfaces or at)
                        for match in _matches(rule)
                    ),
                    firewall.default is Action.PERMIT,
                ),
            )
            for a, b in product(at, repeat=2)
            if a != b or firewall.stateful
        },
        rules=frozenset(match for rule in firewall.rules for match in _matches(rule)),
        resets=frozenset(at[name] for name in firewall.reset_from),
        destination_nat=frozenset(
            (nat.owner, at[name], nat.published, nat.protocol, _ports(nat.ports), nat.server)
            for nat in firewall.destination_nat
            for name in nat.from_interfaces
        ),
        source_nat=frozenset(
            (nat.owner, at[name], source, target, nat.protocol, _ports(nat.ports), nat.pool)
            for nat in firewall.source_nat
            for name, source, target in product(nat.to_interfaces, nat.sources, nat.destinations)
        ),
        tunnels=frozenset(_tunnel(device, tunnel) for tunnel in device.tunnels),
        statics=frozenset((route.prefix, route.gateway) for route in device.static_routes),
        guarded=frozenset(i.address.ip for i in device.interfaces) | {device.loopback},
        admitted=frozenset(("bgp", s.peer_address) for s in bgp.sessions)
        | frozenset(("bfd", s.peer_address) for s in bgp.sessions if s.bfd)
        | frozenset((kind, t.remote) for t in device.tunnels for kind in ("ike", "esp"))
        | {DIAGNOSIS},
        login=management.address,
        login_from=management.network,
        plane=_plane(management),
    )


def _plane(management: Management) -> Plane:
    aaa, ntp, snmp = management.aaa, management.ntp, management.snmp
    return Plane(
        users=frozenset((u.name, key_id(key)) for u in management.users for key in u.keys),
        aaa=(aaa.protocol.value, tuple(map(str, aaa.servers)), _marker(aaa.secret))
        if aaa
        else None,
        idle_minutes=management.idle_minutes,
        banner=management.banner,
        ntp=(frozenset(map(str, ntp.servers)), ntp.key, _marker(ntp.secret)) if ntp else None,
        syslog=frozenset(map(str, management.syslog)),
        snmp=(
            snmp.user,
            frozenset(map(str, snmp.managers)),
            _marker(snmp.authentication),
            _marker(snmp.privacy),
        )
        if snmp
        else None,
    )


def _marker(secret: Secret) -> str:
    return f"pcg_secret_{secret.name}_"


def _tunnel(device: Device, tunnel: DeviceTunnel) -> Tunnel:
    profile = tunnel.profile
    ike, esp = profile.ike, profile.esp
    return Tunnel(
        clear=next(i.address for i in device.interfaces if i.name == tunnel.interface),
        local=tunnel.local,
        remote=tunnel.remote,
        identities=(device.name, tunnel.peer),
        initiates=tunnel.initiates,
        version=ike.version,
        ike=(ike.encryption.value, ike.hash.value, int(ike.group), ike.lifetime),
        esp=(
            esp.encryption.value,
            esp.hash.value if esp.hash else None,
            int(esp.group),
            esp.lifetime,
        ),
        signature=profile.signature.value.split("-")[0],
        authority=profile.authority,
        revocations=profile.crl is not None,
        dead_peer=profile.dead_peer,
    )


def _entries(prefixes: PrefixList) -> Prefixes:
    return frozenset((e.prefix, e.le or e.prefix.prefixlen) for e in prefixes.entries)


def _steps(
    policy: RoutingPolicy,
    lists: dict[str, Prefixes],
    marks: dict[str, frozenset[str]],
    asn: int,
) -> tuple[Step, ...]:
    return tuple(
        Step(
            e.owner,
            e.action is Action.PERMIT,
            lists[e.prefix_list] if e.prefix_list else None,
            e.local_preference,
            e.med,
            (asn,) * e.prepend,
            marks[e.community_list] if e.community_list else None,
            frozenset(e.communities) or None,
        )
        for e in policy.entries
    )


def _matches(rule: FilterRule) -> list[Match]:
    any_: tuple[IPv4Network, ...] = (ANY,)
    permit = rule.action is Action.PERMIT
    return [
        Match(rule.owner, permit, source, target, rule.protocol, _ports(rule.ports))
        for source, target in product(rule.sources or any_, rule.destinations or any_)
    ]


def _ports(ports: DevicePorts | None) -> Ports:
    return (ports.first, ports.last) if ports else None
