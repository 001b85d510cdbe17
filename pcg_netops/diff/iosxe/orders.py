"""The commands that turn one configuration into another, in an order that is safe at each moment.

What is used is made before it is used, and taken away after it is used no more. A list in use is
edited in place or stood in for by a copy; a session comes up last and goes down first.
`pcg_netops.diff.iosxe.safety` proves it for each change.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from difflib import SequenceMatcher

from pcg_netops.diff.iosxe.language import Tree, references, single
from pcg_netops.diff.iosxe.lists import edit_access_list, edit_prefix_list, new_access_list
from pcg_netops.diff.iosxe.router import Router, Subject, is_fixed, said
from pcg_netops.diff.iosxe.sections import Command, difference, plain

# When a section's changes are entered; those not named come first, in the order of the rendering.
_MAKING = (
    ("no router bgp ", 1),  # there is room for one autonomous system
    ("class-map ", 30),
    ("policy-map ", 31),
    ("control-plane", 50),
    ("zone-pair ", 51),
    ("interface ", 60),
    ("ip route ", 65),
    ("line ", 70),
    ("router bgp ", 80),
    ("no zone-pair ", 100),
    ("no interface ", 105),
    ("no ip route ", 110),
    ("no policy-map ", 130),
    ("no class-map ", 140),
    ("no zone ", 170),
    ("no vrf ", 171),
    ("no ", 180),
    ("default ", 180),
)
_PREFIX_LISTS, _ACCESS_LISTS, _ROUTE_MAPS, _REFRESH = 10, 20, 40, 90
_NO_ROUTE_MAP, _NO_ACCESS_LIST, _NO_PREFIX_LIST = 120, 150, 160
_REPLACED_LAST = ("zone-pair ", "control-plane")  # hold one policy: out with the old one first
_SHUTDOWN = re.compile(r"neighbor (\S+) shutdown$")


def commands(old: Router, new: Router) -> tuple[str, ...]:
    """Every line to enter, with the exits from each mode."""
    blocks = [
        *_prefix_lists(old, new),
        *_access_lists(old, new),
        *_route_maps(old, new),
        *_sections(old, new),
        (_REFRESH, list(_refresh(old, new))),
    ]
    return tuple(line for _, lines in sorted(blocks, key=lambda b: b[0]) for line in lines)


_Blocks = Iterator[tuple[int, list[str]]]


def _prefix_lists(old: Router, new: Router) -> _Blocks:
    for name, entries in new.prefix_lists.items():
        was = old.prefix_lists.get(name, {})
        if was != entries:
            yield _PREFIX_LISTS, edit_prefix_list(name, was, entries)
    for name in old.prefix_lists:
        if name not in new.prefix_lists:
            yield _NO_PREFIX_LIST, [f"no ip prefix-list {name}"]


def _access_lists(old: Router, new: Router) -> _Blocks:
    for header, entries in new.access_lists.items():
        was = old.access_lists.get(header)
        if was is None:
            yield _ACCESS_LISTS, new_access_list(header, entries)
        elif said(was) != said(entries):
            edit = edit_access_list(header, was, entries)
            subject = "access list", header.split()[-1]
            if edit.moves and (users := _replaceable(old, subject)):
                stand_in = _free(subject[1], {h.split()[-1] for h in old.access_lists})
                there = f"{header.removesuffix(subject[1])}{stand_in}"
                yield (
                    _ACCESS_LISTS,
                    [
                        *new_access_list(there, entries),
                        *_point(users, subject[1], subject[1], stand_in),
                        f"no {header}",
                        *new_access_list(header, entries),
                        *_point(users, subject[1], stand_in, subject[1]),
                        f"no {there}",
                    ],
                )
            else:
                yield _ACCESS_LISTS, list(edit.commands)
    for header in old.access_lists:
        if header not in new.access_lists:
            yield _NO_ACCESS_LIST, [f"no {header}"]


def _route_maps(old: Router, new: Router) -> _Blocks:
    """New entries match everything until their match is entered: not while the policy is in use."""
    before, after = _maps(old.top), _maps(new.top)
    for name, entries in after.items():
        was = before.get(name, {})
        if was == entries:
            continue
        if was and _differ_in_settings(was, entries):
            lines = [line for c in difference(was, entries) for line in _additive(c).lines()]
            yield _ROUTE_MAPS, lines
            continue
        users = _replaceable(old, ("route map", name)) if was else []
        if users:
            stand_in = _free(name, {*before, *after})
            yield (
                _ROUTE_MAPS,
                [
                    *_route_map(stand_in, entries),
                    *_point(users, name, name, stand_in),
                    f"no route-map {name}",
                    *_route_map(name, entries),
                    *_point(users, name, stand_in, name),
                    f"no route-map {stand_in}",
                ],
            )
        else:
            yield (
                _ROUTE_MAPS,
                [*([f"no route-map {name}"] if was else []), *_route_map(name, entries)],
            )
    for name in before:
        if name not in after:
            yield _NO_ROUTE_MAP, [f"no route-map {name}"]


def _maps(top: Tree) -> dict[str, Tree]:
    found: dict[str, Tree] = {}
    for line, below in top.items():
        if line.startswith("route-map "):
            found.setdefault(line.split()[1], {})[line] = below
    return found


def _differ_in_settings(old: Tree, new: Tree) -> bool:
    """Whether each entry stays, and every line of it that differs is one that replaces another."""
    return old.keys() == new.keys() and all(
        single("route-map ", line) for header in new for line in old[header].keys() ^ new[header]
    )


def _route_map(name: str, entries: Tree) -> list[str]:
    lines = []
    for header, below in entries.items():
        _, _, action, number = header.split()
        lines += [f"route-map {name} {action} {number}", *(f" {line}" for line in below), "exit"]
    return lines


_User = tuple[tuple[str, ...], str]  # the modes that a line is in, and the line


def _replaceable(router: Router, subject: Subject) -> list[_User]:
    """Every line that uses something; none if another cannot take its place in each of them.

    Most lines are replaced as they are entered anew. A class can match on both for a moment: what
    it then decides is what the one or the other decides.
    """
    users = list(_users(router.top, subject))
    can = all(single(path[0], line) or path[0].startswith("class-map ") for path, line in users)
    return users if can and len(users) == router.used[subject] else []


def _users(tree: Tree, subject: Subject, path: tuple[str, ...] = ()) -> Iterator[_User]:
    for line, below in tree.items():
        if path and subject in references(path[0], line):
            yield path, line
        yield from _users(below, subject, (*path, line))


def _point(users: Iterable[_User], name: str, used: str, to: str) -> list[str]:
    """Have each user of `name`, which uses `used` for now, use another of the same kind."""
    top = Command("")
    for path, line in users:
        at = top
        for mode in path:
            if not at.below or at.below[-1].text != mode:
                at.below.append(Command(mode))
            at = at.below[-1]
        at.below.append(Command(_with(line, name, to)))
        if not single(path[0], line):
            at.below.append(Command(f"no {_with(line, name, used)}"))
    return [line for command in top.below for line in command.lines()]


def _with(line: str, name: str, other: str) -> str:
    """The line with another name in place of this one."""
    return re.sub(rf"(?<= ){re.escape(name)}(?= |$)", other, line, count=1)


def _free(name: str, taken: set[str]) -> str:
    """A name for what stands in for another."""
    found = f"{name}-next"
    while found in taken:
        found += "-next"
    return found


def _sections(old: Router, new: Router) -> _Blocks:
    before, after = (
        {x: below for x, below in plain(r.top).items() if not x.startswith("route-map ")}
        for r in (old, new)
    )
    for name in old.prefix_lists.keys() - new.prefix_lists.keys():
        # Its description goes with the list.
        before = {x: b for x, b in before.items() if not x.startswith(f"ip prefix-list {name} ")}
    for line in before:
        if line not in after and is_fixed(line):
            after[line] = {"shutdown": {}} if line.startswith("interface ") else {}
    for line in before.keys() & after.keys():
        if line.startswith("policy-map "):
            yield 32, _classes(line, before[line], after[line])
            before[line] = {x: before[line].get(x, {}) for x in after[line]}
    for command in difference(before, after):
        if command.text.startswith("interface "):
            command = _interface(command, after[command.text], command.text not in before)
        elif command.text.startswith("router bgp "):
            command = _bgp(command, before.get(command.text, {}))
        elif command.below:
            command = _additive(command)
        yield _rank(command), command.lines()


def _rank(command: Command) -> int:
    named = (rank for start, rank in _MAKING if command.text.startswith(start))
    rank = next(named, 0)
    shut = command.below and command.below[0].text == "shutdown"
    return 105 if shut and command.text.startswith("interface ") else rank


def _additive(command: Command) -> Command:
    """What is new before what goes, but where there is room for one only."""
    first_out = command.text.startswith(_REPLACED_LAST)
    below = sorted(command.below, key=lambda c: c.removes is not first_out)
    return Command(command.text, [_additive(c) if c.below else c for c in below])


def _classes(header: str, old: Tree, new: Tree) -> list[str]:
    """Take away, and put in at their places, the classes of a policy; their order counts."""
    matcher = SequenceMatcher(None, list(old), list(new), autojunk=False)
    kept = {x for m in matcher.get_matching_blocks() for x in list(old)[m.a : m.a + m.size]}
    there = [x for x in old if x in kept]
    body = [f" no {x}" for x in old if x not in kept]
    wanted = list(new)
    for at in range(len(wanted) - 1, -1, -1):
        if wanted[at] in kept:
            continue
        successor = wanted[at + 1] if at + 1 < len(wanted) else ""
        place = f" insert-before {successor}" if successor in there else ""
        body.append(f" {wanted[at]}{place}")
        lines = [line for c in difference({}, new[wanted[at]]) for line in c.lines(2)]
        body += [*lines, " exit"]
        there.append(wanted[at])
    return [header, *body, "exit"] if body else []


def _interface(command: Command, wanted: Tree, is_new: bool) -> Command:
    """Up only with all that guards it: shut down and bare of its address first, both back last."""
    below = _additive(command).below
    if is_new and "shutdown" not in wanted:
        below.append(Command("no shutdown"))
    if any("vrf forwarding" in c.text for c in below):  # which takes the addresses away
        below = [c for c in below if "ip address" not in c.text]
        below += [Command(line) for line in wanted if line.startswith("ip address ")]
    return Command(command.text, sorted(below, key=lambda c: _place(c.text)))


_FIRST = ("shutdown", "no ip address", "vrf ", "no vrf ")
_LAST = ("ip address", "no shutdown")


def _place(text: str) -> int:
    order = (*_FIRST, *_LAST)
    found = next((i for i, start in enumerate(order) if text.startswith(start)), None)
    return len(_FIRST) if found is None else found + (found >= len(_FIRST))


def _bgp(command: Command, before: Tree) -> Command:
    """Sessions that go down do so first, those that come up do so with their policies complete."""
    removed = re.compile(r"no neighbor (\S+) remote-as")
    gone = {found[1] for c in command.below if (found := removed.match(c.text))}
    known = {x.split()[1] for x in before if " remote-as " in x}
    first: list[Command] = []
    settings: list[Command] = []
    families: list[Command] = []
    later: list[Command] = []
    up: list[Command] = []
    for below in command.below:
        words = below.text.removeprefix("no ").split()
        shutdown = _SHUTDOWN.match(below.text.removeprefix("no "))
        if below.removes and words[0] == "neighbor" and words[1] in gone:
            continue
        if shutdown and below.removes:
            up.append(below)
        elif shutdown and shutdown[1] in known:
            first.append(below)
        elif below.below:
            families.append(_family(below, gone))
        else:
            later_on = below.removes and not below.text.startswith("no bgp default")
            (later if later_on else settings).append(below)
    ended = [Command(f"no neighbor {peer}") for peer in sorted(gone)]
    settings.sort(key=lambda c: not c.text.startswith("no bgp default"))
    families = [family for family in families if family.below]
    return Command(command.text, [*first, *settings, *families, *later, *up, *ended])


def _family(command: Command, gone: set[str]) -> Command:
    """Deactivated first, activated last."""

    def place(below: Command) -> int:
        activates = below.text.endswith(" activate")
        return (0 if activates else 2) if below.removes else (3 if activates else 1)

    below = [
        c for c in command.below if not (c.removes and (c.text.split()[2:3] or [""])[0] in gone)
    ]
    return Command(command.text, sorted(below, key=place))


def _refresh(old: Router, new: Router) -> Iterator[str]:
    """IOS-XE applies a changed policy to routes that it already knows only when told to [K]."""
    before, after = dict(_policies(old)), dict(_policies(new))
    for key, policy in after.items():
        if key in before and before[key] != policy:
            yield f"do clear ip bgp {key[0]} soft {key[1]}"


def _policies(router: Router) -> Iterator[tuple[tuple[str, str], object]]:
    """For each session and direction, everything that its policy says."""
    maps = _maps(router.top)
    used = re.compile(r"neighbor (\S+) route-map (\S+) (in|out)$")
    for line, below in router.top.items():
        if not line.startswith("router bgp "):
            continue
        for text in (*below, *(x for family in below.values() for x in family)):
            if found := used.match(text):
                entries = maps.get(found[2], {})
                lists = {
                    name: sorted(router.prefix_lists.get(name, {}).values())
                    for entry in entries.values()
                    for match in entry
                    for kind, name in references("route-map ", match)
                    if kind == "prefix list"
                }
                meaning = {
                    header: sorted(x for x in entry if not x.startswith("description "))
                    for header, entry in entries.items()
                }
                yield (found[1], found[3]), (meaning, lists)
