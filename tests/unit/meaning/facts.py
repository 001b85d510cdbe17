"""What a configuration means, in no vendor's words, and where two meanings differ.

Extractors read it from rendered text, `expected` from the `Device`. Interfaces are named by their
addresses, so that platforms with other names can be compared.
"""

from __future__ import annotations

import hashlib
from base64 import b64decode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cache
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from itertools import product

ANY = IPv4Network("0.0.0.0/0")
DIAGNOSIS = ("icmp", IPv4Address(0))
Ports = tuple[int, int] | None
Prefixes = frozenset[tuple[IPv4Network, int]]  # with the longest prefix that is matched


@dataclass(frozen=True)
class Step:
    """One entry of a routing policy."""

    owner: str
    permit: bool
    prefixes: Prefixes | None
    local_preference: int | None
    med: int | None
    prepended: tuple[int, ...]
    bears: frozenset[str] | None  # any of these communities
    then_bears: frozenset[str] | None  # communities in place of those it bore


@dataclass(frozen=True)
class Session:
    """A BGP session; timers in ms."""

    name: str
    asn: int
    up: bool
    imports: tuple[Step, ...]
    exports: tuple[Step, ...]
    bfd: tuple[int, int] | None
    next_hop_self: bool
    reflects: bool
    maximum: int
    on_link: bool  # takes nothing from further away (RFC 5082)
    tells_communities: bool
    authentication: tuple[str, str] | None  # method, what stands for the secret


@dataclass(frozen=True)
class Match:
    """A filter rule for one source and one destination."""

    owner: str
    permit: bool
    source: IPv4Network
    destination: IPv4Network
    protocol: str | None
    ports: Ports


@dataclass(frozen=True)
class Chain:
    """Rules of which the first that matches decides."""

    rules: tuple[Match, ...]
    permits_rest: bool


@dataclass(frozen=True)
class Plane:
    """How a device is administered. A secret is what stands for it in the files."""

    users: frozenset[tuple[str, str]]  # name, MD5 of a public key
    aaa: tuple[str, tuple[str, ...], str] | None  # protocol, servers in order, secret
    idle_minutes: int
    banner: str
    ntp: tuple[frozenset[str], int, str] | None  # servers, number of the key, secret
    syslog: frozenset[str]  # servers that are told the time with its zone
    snmp: tuple[str, frozenset[str], str, str] | None  # user, managers, the two secrets


def key_id(key: str) -> str:
    """MD5 of the public key in a line such as `ssh-rsa AAAA…`."""
    return hashlib.md5(b64decode(key.split()[1]), usedforsecurity=False).hexdigest()


@dataclass(frozen=True)
class Tunnel:
    """An end of an IPsec tunnel; lifetimes and silence in seconds."""

    clear: IPv4Interface
    local: IPv4Address
    remote: IPv4Address
    identities: tuple[str, str]  # own, the peer's
    initiates: bool
    version: int
    ike: tuple[str, str, int, int]  # cipher, hash, group, lifetime
    esp: tuple[str, str | None, int, int]
    signature: str  # "ecdsa" or "rsa"
    authority: str
    revocations: bool  # looked up
    dead_peer: int


# A packet passes if every one of the chains that it meets permits it.
Passage = tuple[Chain, ...]
Way = tuple[IPv4Interface, IPv4Interface]  # in by, out by


@dataclass(frozen=True)
class Facts:
    """Everything compared. None: this platform says it elsewhere than in its configuration."""

    name: str
    asn: int
    router_id: IPv4Address
    loopback: IPv4Interface
    interfaces: Mapping[IPv4Interface, str]  # description
    mtus: Mapping[IPv4Interface, int] | None
    lists: Mapping[str, tuple[str, Prefixes]]  # owner, entries
    sessions: Mapping[IPv4Address, Session]
    originated: frozenset[IPv4Network]
    stateful: bool
    passages: Mapping[Way, Passage]
    rules: frozenset[Match]  # all that any interface filters by
    resets: frozenset[IPv4Interface]  # senders there are told that their session is unknown
    destination_nat: frozenset[
        tuple[str, IPv4Interface, IPv4Network, str, Ports, IPv4Address]
    ]  # owner, in by, published, protocol, ports, server
    source_nat: frozenset[
        tuple[str, IPv4Interface, IPv4Network, IPv4Network, str, Ports, IPv4Network]
    ]  # owner, out by, source, destination, protocol, ports, pool
    guarded: frozenset[IPv4Address]  # addresses of its own that take nothing unasked for
    tunnels: frozenset[Tunnel]
    statics: frozenset[tuple[IPv4Network, IPv4Address]]  # prefix, gateway
    # "bgp", "bfd", "ike" or "esp" and the peer that may send it; "icmp" and no address: some, at a
    # limited rate
    admitted: frozenset[tuple[str, IPv4Address]]
    login: IPv4Address | None  # the only address that takes log-ins; None: there is none such
    login_from: IPv4Network | None
    plane: Plane


def differences(wanted: Facts, found: Facts) -> list[str]:
    """The names of facts that differ, with the first thing that does; [] if all is equal."""
    said: list[str] = []
    for name in (field.name for field in fields(Facts)):
        left, right = getattr(wanted, name), getattr(found, name)
        if name in ("mtus", "login_from") and right is None:
            continue
        if name == "passages":
            said += _passages(wanted, found)
        elif left != right:
            said.append(f"{name}: {_first(left, right)}")
    return said


def _first(left: object, right: object) -> str:
    if isinstance(left, frozenset) and isinstance(right, frozenset):
        return f"{next(iter(left - right), None)} became {next(iter(right - left), None)}"
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        for key in (*left, *right):
            if left.get(key) != right.get(key):
                return f"{key}: {left.get(key)} became {right.get(key)}"
    return f"{left} became {right}"


def _passages(wanted: Facts, found: Facts) -> Iterator[str]:
    if wanted.passages.keys() != found.passages.keys():
        yield f"passages: {wanted.passages.keys() ^ found.passages.keys()}"
        return
    own = frozenset(i.ip for i in wanted.interfaces) | {wanted.loopback.ip}
    for way, passage in wanted.passages.items():
        if not _equal(passage, found.passages[way], own):
            yield f"passages: {way[0]} to {way[1]}"


@cache
def _equal(left: Passage, right: Passage, own: frozenset[IPv4Address]) -> bool:
    """Plain permissions must be the same ones; with denials, the same packets must pass."""
    plain = [_plain(passage) for passage in (left, right)]
    if None not in plain:
        return plain[0] == plain[1]
    rules = [rule for chain in (*left, *right) for rule in chain.rules]
    # Linux forwards nothing that claims to come from the device itself, and the rest may not.
    sources = [
        start for start in _starts([rule.source for rule in rules]) if IPv4Address(start) not in own
    ]
    destinations = [
        start
        for start in _starts([rule.destination for rule in rules])
        if IPv4Address(start) not in own  # never forwarded
    ]
    protocols = {None} | {rule.protocol for rule in rules}
    ports = sorted({0} | {p for r in rules if r.ports for p in (r.ports[0], r.ports[1] + 1)})
    return all(
        _passes(left, packet) == _passes(right, packet)
        for packet in product(sources, destinations, protocols, ports)
    )


def _plain(passage: Passage) -> frozenset[Match] | None:
    if len(passage) != 1 or passage[0].permits_rest:
        return None
    rules = passage[0].rules
    return frozenset(rules) if all(rule.permit for rule in rules) else None


def _starts(networks: list[IPv4Network]) -> list[int]:
    """The first address of every region that the networks tell apart."""
    edges = {0}
    for network in networks:
        edges |= {int(network.network_address), int(network.broadcast_address) + 1}
    return sorted(edge for edge in edges if edge < 2**32)


def _passes(passage: Passage, packet: tuple[int, int, str | None, int]) -> bool:
    return all(decides(chain, *packet) for chain in passage)


def decides(chain: Chain, source: int, destination: int, protocol: str | None, port: int) -> bool:
    for rule in chain.rules:
        if (
            _holds(rule.source, source)
            and _holds(rule.destination, destination)
            and rule.protocol in (None, protocol)
            and (rule.ports is None or rule.ports[0] <= port <= rule.ports[1])
        ):
            return rule.permit
    return chain.permits_rest


def _holds(network: IPv4Network, address: int) -> bool:
    return int(network.network_address) <= address <= int(network.broadcast_address)
