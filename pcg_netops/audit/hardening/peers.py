"""The BGP peers that a rendered configuration names, with what is said about each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from pcg_netops.audit.hardening.configuration import Configuration

_NEIGHBOR = r"^router bgp (\d+)[^/]* / (?:address-family [^/]* / )?neighbor (\S+) (.*)$"
_GROUP = (
    r"^(?:routing-instances \S+ )?protocols bgp(?: group (\S+)(?: neighbor (\S+))?)?(?: (.*))?$"
)


@dataclass
class Peer:
    """`said` are the words that follow the peer's name, its group's and everybody's included."""

    address: str
    line: int
    external: bool = True
    said: set[str] = field(default_factory=set)

    def has(self, pattern: str) -> bool:
        """Whether any of it is as a whole like that."""
        return any(re.fullmatch(pattern, words) for words in self.said)

    def policies(self, direction: str) -> list[str]:
        """The names of its policies, "in" or "out"."""
        junos = {"in": "import", "out": "export"}[direction]
        pattern = re.compile(rf"(?:route-map (\S+) {direction}|{junos} (\S+))")
        found = (pattern.fullmatch(words) for words in sorted(self.said))
        return [match[1] or match[2] for match in found if match]


@lru_cache(maxsize=4)  # several rules ask about the same file, one after the other
def peers_in(configuration: Configuration) -> tuple[Peer, ...]:
    """Every peer, in the file's order."""
    found = _junos(configuration) if configuration.file == "junos.conf" else _router(configuration)
    return tuple(found)


def _router(configuration: Configuration) -> Iterator[Peer]:
    """IOS and FRR, peer groups included."""
    peers: dict[str, Peer] = {}
    asns: dict[str, str] = {}
    for statement, match in configuration.matching(_NEIGHBOR):
        asn, name, words = match.groups()
        peers.setdefault(name, Peer(name, statement.line)).said.add(words)
        asns[name] = asn
    groups = {name for name, peer in peers.items() if "peer-group" in peer.said}
    for name, peer in peers.items():
        if name in groups:
            continue
        for group in groups:
            if f"peer-group {group}" in peer.said:
                peer.said |= peers[group].said
        peer.external = not peer.has(rf"remote-as (?:{asns[name]}|internal)")
        yield peer


def _junos(configuration: Configuration) -> Iterator[Peer]:
    own = next(configuration.matching(r"^routing-options autonomous-system (\d+)"), None)
    everybody: set[str] = set()
    groups: dict[str, set[str]] = {}
    peers: dict[tuple[str, str], Peer] = {}
    for statement, match in configuration.matching(_GROUP):
        group, address, words = match.groups()
        if address:
            peer = peers.setdefault((group, address), Peer(address, statement.line))
            peer.said |= {words} if words else set()
        elif words:
            (groups.setdefault(group, set()) if group else everybody).add(words)
    for (group, _), peer in peers.items():
        peer.said |= groups.get(group, set()) | everybody
        same = own is not None and f"peer-as {own[1][1]}" in peer.said
        peer.external = not (same or "type internal" in peer.said)
        yield peer
