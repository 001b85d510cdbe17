"""What routers need to say a device's firewall: filters by interface, or policies by zone.

`FilterRule` names the interface a packet comes in by and the one it leaves by. A router's stateless
filter sees only one of the two, so a rule set is parted into an inbound and an outbound filter for
every interface; that is done only where both together say exactly the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from ipaddress import IPv4Network
from itertools import product

from pcg_netops.model.device import Device, Interface
from pcg_netops.model.firewall import ANY, Action, FilterRule, Firewall, Interfaces, Ports, Prefixes


@dataclass(frozen=True)
class InterfaceFilter:
    """The two stateless filters of an interface; what neither names meets the default."""

    interface: Interface
    inbound: tuple[FilterRule, ...]
    outbound: tuple[FilterRule, ...]


def interface_filters(device: Device) -> tuple[InterfaceFilter, ...]:
    """A filter pair for every interface of a stateless device; none if it forwards everything."""
    firewall = device.firewall
    if firewall is None or firewall.stateful or firewall.forwards_everything:
        return ()
    return tuple(
        InterfaceFilter(
            interface,
            tuple(_inbound(firewall, interface.name)),
            tuple(_once(_outbound(firewall, interface.name))),
        )
        for interface in device.interfaces
    )


def _once(rules: Iterable[FilterRule]) -> Iterator[FilterRule]:
    """Without sources that an equal rule had before: rules may differ in their entrances alone."""
    seen: set[tuple[object, ...]] = set()
    for rule in rules:
        what = (rule.owner, rule.action, rule.destinations, rule.protocol, rule.ports)
        if rule.sources is ANY:
            yield rule
            continue
        new = tuple(source for source in rule.sources if (what, source) not in seen)
        seen |= {(what, source) for source in rule.sources}
        if new:
            yield replace(rule, sources=new)


def _inbound(firewall: Firewall, interface: str) -> Iterator[FilterRule]:
    """A denial that names an exit is made there."""
    for rule in firewall.rules:
        at_exit = rule.action is Action.DENY and rule.to_interfaces
        if interface in (rule.from_interfaces or (interface,)) and not at_exit:
            yield rule


def _outbound(firewall: Firewall, interface: str) -> Iterator[FilterRule]:
    """What names no exit is decided at the entrance, and only has to pass here as well."""
    for rule in firewall.rules:
        passes = rule.action is Action.PERMIT and firewall.default is not Action.PERMIT
        if passes if rule.to_interfaces is ANY else interface in rule.to_interfaces:
            yield rule


def inexact_filters(device: Device) -> Iterator[str]:
    """Pairs of interfaces between which parted filters would say something else."""
    if device.firewall and not device.firewall.stateful:
        yield from _inexact(device.firewall, tuple(i.name for i in device.interfaces))


@lru_cache(maxsize=256)  # the same firewall stands in every stage of a cutover
def _inexact(firewall: Firewall, interfaces: tuple[str, ...]) -> tuple[str, ...]:
    """Compare on one point of every region that the rules tell apart, so on all there are."""
    rules = firewall.rules
    sources = _starts(network for rule in rules for network in rule.sources or ())
    destinations = _starts(network for rule in rules for network in rule.destinations or ())
    protocols = (None, *sorted({rule.protocol for rule in rules if rule.protocol}))
    ports = sorted({0} | {edge for rule in rules if rule.ports for edge in _port_edges(rule.ports)})
    packets = list(product(sources, destinations, protocols, ports))
    found = []
    for entrance, exit_ in product(interfaces, repeat=2):
        if entrance == exit_:
            continue
        whole = [rule for rule in rules if _goes(rule, entrance, exit_)]
        parts = tuple(_inbound(firewall, entrance)), tuple(_outbound(firewall, exit_))
        for packet in packets:
            permitted = all(_permits(part, packet, firewall.default) for part in parts)
            if permitted != _permits(whole, packet, firewall.default):
                found.append(f"its filter from {entrance} to {exit_}")
                break
    return tuple(found)


def _goes(rule: FilterRule, entrance: str, exit_: str) -> bool:
    return entrance in (rule.from_interfaces or (entrance,)) and exit_ in (
        rule.to_interfaces or (exit_,)
    )


def _starts(networks: Iterable[IPv4Network]) -> list[int]:
    """The first address of every region that these networks part the address space into."""
    edges = {0}
    for network in networks:
        edges |= {int(network.network_address), int(network.broadcast_address) + 1}
    return sorted(edges)


def _port_edges(ports: Ports) -> tuple[int, int]:
    return ports.first, ports.last + 1


_Packet = tuple[int, int, str | None, int]


def _permits(rules: Iterable[FilterRule], packet: _Packet, default: Action) -> bool:
    source, destination, protocol, port = packet
    for rule in rules:
        if (
            _within(source, rule.sources)
            and _within(destination, rule.destinations)
            and rule.protocol in (None, protocol)
            and (rule.ports is None or rule.ports.first <= port <= rule.ports.last)
        ):
            return rule.action is Action.PERMIT
    return default is Action.PERMIT


def _within(address: int, networks: Prefixes | None) -> bool:
    return not networks or any(
        int(n.network_address) <= address <= int(n.broadcast_address) for n in networks
    )


@dataclass(frozen=True)
class ZonePolicy:
    """The rules of a stateful firewall from one zone to another, in order."""

    from_zone: str
    to_zone: str
    rules: tuple[FilterRule, ...]


def zones(device: Device) -> dict[str, tuple[Interface, ...]]:
    """The interfaces of every zone, in the device's order."""
    found: dict[str, tuple[Interface, ...]] = {}
    for interface in device.interfaces:
        found[interface.zone] = (*found.get(interface.zone, ()), interface)
    return found


def zone_policies(device: Device) -> tuple[ZonePolicy, ...]:
    """One policy for every ordered pair of zones between which a rule is; () if stateless."""
    firewall = device.firewall
    if firewall is None or not firewall.stateful:
        return ()
    found: dict[tuple[str, str], list[FilterRule]] = {}
    for rule in firewall.rules:
        for pair in product(
            zones_of(device, rule.from_interfaces), zones_of(device, rule.to_interfaces)
        ):
            found.setdefault(pair, []).append(rule)
    return tuple(ZonePolicy(*pair, tuple(rules)) for pair, rules in found.items())


def zones_of(device: Device, names: Interfaces | None) -> tuple[str, ...]:
    """The zones that interfaces belong to."""
    return tuple(
        zone
        for zone, members in zones(device).items()
        if names is ANY or any(member.name in names for member in members)
    )


def reserved_zones(device: Device, reserved: frozenset[str]) -> Iterator[str]:
    """Zones of a stateful firewall whose names mean something else to the platform."""
    if device.firewall and device.firewall.stateful:
        yield from (f"a zone named '{zone}'" for zone in zones(device) if zone in reserved)


def parted_zones(device: Device) -> Iterator[str]:
    """Rules of a stateful firewall that name some interfaces of a zone and not the others."""
    firewall = device.firewall
    if firewall is None or not firewall.stateful:
        return
    ends = [(rule.owner, names or ()) for rule in firewall.rules for names in _both_ends(rule)]
    ends += [(nat.owner, nat.from_interfaces) for nat in firewall.destination_nat]
    ends += [(nat.owner, nat.to_interfaces) for nat in firewall.source_nat]
    ends += [("TCP reset", firewall.reset_from)]
    for owner, names in ends:
        for zone, members in zones(device).items():
            named = [member.name for member in members if member.name in names]
            if named and len(named) < len(members):
                yield f"a rule of '{owner}' that holds for part of zone '{zone}'"


def _both_ends(rule: FilterRule) -> tuple[Interfaces | None, Interfaces | None]:
    return rule.from_interfaces, rule.to_interfaces
