"""A proof that no moment of a change is worse than what was before it or comes after it.

Every command is entered into a copy of the configuration. After each, what it touched has to hold:

- what is in use is there and not empty: access and prefix lists, route maps, class maps, zones;
- an access list in use decides on every packet as it did or as it will;
- an entry of a route map in use matches what it did or will;
- an interface that is up has the filters, the zone and the address that it will have;
- a BGP session that is up has a policy in each direction;
- a terminal line asks who logs in, from where and by which protocol, as before and as after.

What is already so before the change, or is meant to be so after it, is not laid at its door.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pcg_netops.diff.iosxe.access_lists import Entry, Rejected
from pcg_netops.diff.iosxe.language import Tree
from pcg_netops.diff.iosxe.router import Router, Subject
from pcg_netops.diff.iosxe.terminals import covered

_GUARD = re.compile(r"(ip access-group) \S+ (in|out)$|(zone-member)()")
_POLICY = re.compile(r"neighbor \S+ (?:route-map|prefix-list) \S+ (in|out)$")
_ASKED = re.compile(r"(access-class(?= \S+ in)|login|transport input)\b")
_MANAGED_BY = "vrf forwarding Mgmt-intf"
_WAYS = frozenset({"in", "out"})


@dataclass(frozen=True)
class Hazard:
    """What is wrong after a command, which is the `number`-th, counted from 1."""

    number: int
    command: str
    what: str

    def __str__(self) -> str:
        return f"after command {self.number}, '{self.command.strip()}': {self.what}"


def hazards(start: Router, end: Router, commands: Iterable[str]) -> list[Hazard]:
    """Everything unsafe on the way. `start` is changed: it takes the commands."""
    found = []
    watch = _Watch(start, end)
    for number, command in enumerate(commands, 1):
        try:
            touched = start.enter(command)
        except Rejected as refusal:
            found.append(Hazard(number, command, f"the device would refuse it: {refusal}"))
            continue
        found += [Hazard(number, command, what) for s in touched for what in watch.wrong(s)]
    return found


class _Watch:
    """What was so before a change and is to be so after it."""

    def __init__(self, start: Router, end: Router) -> None:
        self._now = start
        self._missing = {s for r in (start, end) for s, n in r.used.items() if n and not r.made[s]}
        self._lists = [_Decisions.of(router) for router in (start, end)]
        self._maps = [_matches_of(router.top) for router in (start, end)]
        self._ports = [_Port.all(router.top) for router in (start, end)]
        self._peers = [_Peer.all(router.top) for router in (start, end)]
        self._lines = [_asked(router.top) for router in (start, end)]

    def wrong(self, subject: Subject) -> Iterator[str]:
        """What is wrong now with something that a command touched."""
        kind, name = subject
        if kind == "interface":
            yield from self._interface(name)
        elif kind == "session":
            yield from self._session(name)
        elif kind == "terminal line":
            yield from self._terminal_line(name)
        elif self._now.used[subject] > 0 and subject not in self._missing:
            if self._now.made[subject] <= 0:
                yield f"{kind} {name} is in use and is missing or empty"
            elif kind == "access list":
                yield from self._access_list(name)
            elif kind == "route map":
                yield from self._route_map(name)

    def _interface(self, name: str) -> Iterator[str]:
        now = _Port.of(self._now.top.get(name, {}))
        was, will = (side.get(name, _NO_PORT) for side in self._ports)
        if now.up:
            for guard in sorted(will.guards - now.guards):
                if not was.up or guard in was.guards:
                    yield f"{name} is up without its {guard}"
        elif was.up and will.up and was.vrf == will.vrf:
            yield f"{name} goes down, or loses its address, on the way"

    def _session(self, peer: str) -> Iterator[str]:
        now = _Peer.all(self._now.top, peer).get(peer, _NO_PEER)
        was, will = (side.get(peer, _NO_PEER) for side in self._peers)
        if now.up:
            meant = {way for side in (was, will) if side.up for way in _WAYS - side.policies}
            for way in sorted(_WAYS - now.policies - meant):
                yield f"the session with {peer} is up without a policy {way}"

    def _terminal_line(self, name: str) -> Iterator[str]:
        now = _asked(self._now.top)
        for number in covered(name):
            was, will = (side.get(number, frozenset()) for side in self._lines)
            for what in sorted((was & will) - now.get(number, frozenset())):
                yield f"line vty {number} is open without {what}"

    def _access_list(self, name: str) -> Iterator[str]:
        held = self._now.access_lists.items()
        now = next(entries for header, entries in held if header.split()[-1] == name)
        sides = [side[name] for side in self._lists if name in side]
        if sides:
            allowed = [side.as_decided(now) for side in sides]
            for at, entry in enumerate(now):
                if entry.permits and not any(side[at] for side in allowed):
                    yield f"access list {name} permits what it neither did nor will: {entry.text}"
        elif [e.text for e in now] not in (side.texts for side in self._lists[1].values()):
            yield f"access list {name} stands in for another and says something else"

    def _route_map(self, name: str) -> Iterator[str]:
        now = _matches_of(self._now.top, name)[name]
        sides = [side[name] for side in self._maps if name in side]
        if not sides and now not in self._maps[1].values():
            yield f"route map {name} stands in for another and says something else"
        for key, matches in now.items():
            if sides and not any(matches == side.get(key) for side in sides):
                yield f"route map {name} {key} matches what it neither did nor will"


class _Decisions:
    """An access list, asked whether another decides on a packet as it does.

    An entry that permits decides as it does in this list if every denial that stands before it here
    stands before it there.
    """

    def __init__(self, entries: Iterable[Entry]) -> None:
        self.texts: list[str] = []
        self._denials: list[str] = []
        self._before: dict[str, int] = {}  # denials before each entry that permits
        for entry in entries:
            self.texts.append(entry.text)
            if entry.permits:
                self._before[entry.text] = len(self._denials)
            else:
                self._denials.append(entry.text)

    @classmethod
    def of(cls, router: Router) -> dict[str, _Decisions]:
        """Those of every access list, by name."""
        return {header.split()[-1]: cls(e) for header, e in router.access_lists.items()}

    def as_decided(self, entries: Iterable[Entry]) -> list[bool]:
        """For each entry of another list, in order."""
        seen: set[str] = set()
        stands, found = 0, []
        for entry in entries:
            found.append(stands >= self._before.get(entry.text, len(self._denials) + 1))
            seen.add(entry.text)
            while stands < len(self._denials) and self._denials[stands] in seen:
                stands += 1
        return found


@dataclass(frozen=True)
class _Port:
    """What guards an interface, and whether it is up."""

    up: bool
    guards: frozenset[str]
    vrf: str

    @classmethod
    def of(cls, tree: Tree) -> _Port:
        guards = frozenset(" ".join(filter(None, f.groups())) for f in map(_GUARD.match, tree) if f)
        addressed = any(line.startswith("ip address ") for line in tree)
        vrf = next((line for line in tree if line.startswith("vrf forwarding ")), "")
        return cls(addressed and "shutdown" not in tree, guards, vrf)

    @classmethod
    def all(cls, top: Tree) -> dict[str, _Port]:
        """Every interface by its first line."""
        return {x: cls.of(tree) for x, tree in top.items() if x.startswith("interface ")}


def _asked(top: Tree) -> dict[int, frozenset[str]]:
    """What each terminal line asks of who comes."""
    return {
        number: frozenset(found[1] for found in map(_ASKED.match, below) if found)
        for header, below in top.items()
        for number in covered(header)
    }


def access_lost(before: Tree, after: Tree) -> Iterator[str]:
    """What the device is managed by before, and not after: nobody could undo that from afar."""
    for header, tree in before.items():
        if _MANAGED_BY in tree:
            new = after.get(header, {})
            now, will = _Port.of(tree), _Port.of(new)
            kept = {x for x in tree if x.startswith("ip address ")} <= new.keys()
            if now.up and not (will.up and will.vrf == now.vrf and kept):
                yield f"`{header}` in `{_MANAGED_BY}`, its address, or that it is up"
    if _takes_ssh(before) and not _takes_ssh(after):
        yield "every `line vty` that takes SSH"


def _takes_ssh(top: Tree) -> bool:
    return any(
        line.startswith("transport input") and {"ssh", "all"} & set(line.split())
        for header, below in top.items()
        if covered(header)
        for line in below
    )


@dataclass(frozen=True)
class _Peer:
    """A BGP session: whether it may come up, and the directions that have a policy."""

    up: bool
    policies: frozenset[str]

    @classmethod
    def all(cls, top: Tree, only: str = "") -> dict[str, _Peer]:
        """Every session, or one, by the neighbour's address."""
        lines: dict[str, list[str]] = {}
        start = f"neighbor {only} " if only else "neighbor "
        by_default = True
        for header, tree in top.items():
            if header.startswith("router bgp "):
                by_default = "no bgp default ipv4-unicast" not in tree
                for line in (*tree, *(x for family in tree.values() for x in family)):
                    if line.startswith(start):
                        lines.setdefault(line.split()[1], []).append(line)
        return {peer: cls._of(peer, said, by_default) for peer, said in lines.items()}

    @classmethod
    def _of(cls, peer: str, lines: list[str], by_default: bool) -> _Peer:
        known = any(line.startswith(f"neighbor {peer} remote-as ") for line in lines)
        active = by_default or f"neighbor {peer} activate" in lines
        shut = f"neighbor {peer} shutdown" in lines
        policies = frozenset(found[1] for found in map(_POLICY.match, lines) if found)
        return cls(known and active and not shut, policies)


_NO_PORT, _NO_PEER = _Port(False, frozenset(), ""), _Peer(False, frozenset())


def _matches_of(top: Tree, only: str = "") -> dict[str, dict[str, frozenset[str]]]:
    """What each entry of each route map matches."""
    found: dict[str, dict[str, frozenset[str]]] = {only: {}} if only else {}
    for header, tree in top.items():
        if header.startswith(f"route-map {only} " if only else "route-map "):
            _, name, key = header.split(" ", 2)
            found.setdefault(name, {})[key] = frozenset(x for x in tree if x.startswith("match "))
    return found
