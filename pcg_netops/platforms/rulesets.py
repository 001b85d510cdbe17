"""A firewall in the few rules and large sets that nftables looks up at once.

A line for each service makes a ruleset that grows with them, until the kernel takes it no longer:
one transaction has to fit into the send buffer of a netlink socket (`net.core.wmem_default`), which
nobody in a user namespace can enlarge. So rules that differ in the service alone are one rule with
a set of (source, destination, protocol, ports), or without the sources, where many have them in
common. Whose each element is stands beside it in the file alone: in the kernel it would take a
third of the room.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network
from itertools import groupby, product
from typing import NamedTuple

from pcg_netops.model.device import Device
from pcg_netops.model.firewall import (
    Action,
    DestinationNat,
    FilterRule,
    Interfaces,
    Ports,
    Prefixes,
    SourceNat,
)

Rule = FilterRule | SourceNat | DestinationNat

_FEW_SOURCES = 4  # more of them are said once, in the rule, and not in an element for each


class Element(NamedTuple):
    """What one service connects to, from `source` if the line does not say from where.

    `server` is where connections to a published one are sent.
    """

    owner: str
    source: IPv4Network | None
    destination: IPv4Network
    protocol: str
    ports: Ports
    server: IPv4Address | None = None


@dataclass(frozen=True)
class Line:
    """One rule of a chain, for the elements of the set `name` or for a single rule of the design.

    `owner` is whom it serves, or the zones between which it does. `pool` is where a translation
    takes its sources from.
    """

    owner: str
    action: Action
    from_interfaces: Interfaces | None = None
    to_interfaces: Interfaces | None = None
    sources: Prefixes | None = None
    pool: IPv4Network | None = None
    name: str = ""
    elements: tuple[Element, ...] = ()
    rule: Rule | None = None


@dataclass(frozen=True)
class Ruleset:
    """The lines of each chain in order, and the sets that they name."""

    sets: dict[str, tuple[Element, ...]]
    maps: dict[str, tuple[Element, ...]]
    forward: tuple[Line, ...]
    published: tuple[Line, ...]
    translated: tuple[Line, ...]


def ruleset(device: Device) -> Ruleset | None:
    """The device's firewall, with all that can be in sets; None if it has none."""
    firewall = device.firewall
    if firewall is None:
        return None
    zones = {interface.name: interface.zone for interface in device.interfaces}
    forward: list[Line] = []
    for action, rules in groupby(firewall.rules, lambda rule: rule.action):
        # Only neighbours with one verdict may change places.
        run = list(rules)
        forward += _lines(run, zones) if action is Action.PERMIT else map(_single, run)
    published = _lines(firewall.destination_nat, zones)
    sets = {line.name: line.elements for line in forward if line.name}
    # What is let through is translated: the same elements are the same set.
    names = {elements: name for name, elements in sets.items()}
    translated = [
        replace(line, name=names.get(line.elements, line.name))
        for line in _lines(firewall.source_nat, zones)
    ]
    return Ruleset(
        sets=sets | {line.name: line.elements for line in translated if line.name},
        maps={line.name: line.elements for line in published if line.name},
        forward=tuple(forward),
        published=tuple(published),
        translated=tuple(translated),
    )


def _lines(rules: Iterable[Rule], zones: dict[str, str]) -> list[Line]:
    """Rules that differ in their elements alone as one line, where the first of them stood."""
    groups: dict[Line, list[Element]] = {}
    for rule in rules:
        elements = _elements(rule)
        line = _line(rule, zones) if elements else _single(rule)
        groups.setdefault(line, []).extend(elements)
    found = []
    for line, all_elements in groups.items():
        if not line.name:
            found.append(line)
            continue
        kept, left = _apart(all_elements)
        found.append(replace(line, elements=tuple(kept)))
        # A set of intervals holds none that overlap: each of these has a set of its own.
        found += [
            replace(line, name=f"{line.name}-{number}", elements=(element,))
            for number, element in enumerate(left, 2)
        ]
    return found


def _single(rule: Rule) -> Line:
    action = rule.action if isinstance(rule, FilterRule) else Action.PERMIT
    return Line(
        rule.owner,
        action,
        None if isinstance(rule, SourceNat) else rule.from_interfaces,
        None if isinstance(rule, DestinationNat) else rule.to_interfaces,
        None if isinstance(rule, DestinationNat) else rule.sources,
        rule=rule,
    )


def _line(rule: Rule, zones: dict[str, str]) -> Line:
    """The line of a rule's group, without elements."""
    whole = _single(rule)
    entrances, exits = (
        "-".join(dict.fromkeys(zones[name] for name in names or ()))
        for names in (whole.from_interfaces, whole.to_interfaces)
    )
    pool = rule.pool if isinstance(rule, SourceNat) else None
    if isinstance(rule, DestinationNat):
        name, owner = f"published-to-{entrances}", f"published to {entrances}"
    elif isinstance(rule, SourceNat):
        name, owner = f"translated-to-{exits}", f"to {exits}"
    else:
        name, owner = f"{entrances}-to-{exits}", f"{entrances} to {exits}"
    sources = None if _few(whole.sources) else whole.sources
    key = repr((whole.from_interfaces, whole.to_interfaces, sources, pool))
    mark = hashlib.sha256(key.encode()).hexdigest()[:6]
    return replace(whole, owner=owner, name=f"{name}-{mark}", sources=sources, pool=pool, rule=None)


def _few(sources: Prefixes | None) -> bool:
    return sources is not None and len(sources) <= _FEW_SOURCES


def _elements(rule: Rule) -> tuple[Element, ...]:
    """What a rule matches besides its ways and sources; () if that is not all in a set."""
    if rule.protocol is None or rule.ports is None:
        return ()
    if isinstance(rule, DestinationNat):
        return (Element(rule.owner, None, rule.published, rule.protocol, rule.ports, rule.server),)
    sources = rule.sources if _few(rule.sources) else None
    return tuple(
        Element(rule.owner, source, destination, rule.protocol, rule.ports)
        for source, destination in product(sources or (None,), rule.destinations or ())
    )


def _apart(elements: Iterable[Element]) -> tuple[list[Element], list[Element]]:
    """Those that overlap with none before them, and the others but for repetitions."""
    kept: list[Element] = []
    left: list[Element] = []
    # By prefix: those that have it, and those that have it or one within it. Prefixes either hold
    # one another or are apart, so nothing else can be met.
    exactly: dict[tuple[int, int], list[Element]] = {}
    within: dict[tuple[int, int], list[Element]] = {}
    for element in elements:
        around = list(_around(element.destination))
        near = [
            other
            for other in (
                *within.get(around[-1], ()),
                *(other for prefix in around[:-1] for other in exactly.get(prefix, ())),
            )
            if _overlap(other, element)
        ]
        if not near:
            kept.append(element)
            exactly.setdefault(around[-1], []).append(element)
            for prefix in around:
                within.setdefault(prefix, []).append(element)
        elif not any(other[1:] == element[1:] for other in near):
            left.append(element)
    return kept, left


def _around(prefix: IPv4Network) -> Iterator[tuple[int, int]]:
    """A prefix and all that hold it, as leading bits and length, the longest last."""
    first = int(prefix.network_address)
    return ((first >> (32 - length), length) for length in range(prefix.prefixlen + 1))


def _overlap(one: Element, other: Element) -> bool:
    """Whether something matches both, if their destinations overlap."""
    return (
        one.protocol == other.protocol
        and one.ports.first <= other.ports.last
        and other.ports.first <= one.ports.last
        and (one.source is None or other.source is None or one.source.overlaps(other.source))
    )
