"""What is used by name, changed while it is in use: lists and route maps.

Each change comes with its rank among all changes of a device: makings rise from what is used to
what uses it, and what is taken away comes last, the other way round.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from pcg_netops.diff.iosxe.access_lists import said
from pcg_netops.diff.iosxe.language import Tree, references, single
from pcg_netops.diff.iosxe.lists import edit_access_list, edit_prefix_list, new_access_list
from pcg_netops.diff.iosxe.places import additive
from pcg_netops.diff.iosxe.router import Router, Subject
from pcg_netops.diff.iosxe.sections import Command, difference

_PREFIX_LISTS, _ACCESS_LISTS, _ROUTE_MAPS = 10, 20, 40
_NO_ROUTE_MAP, _NO_ACCESS_LIST, _NO_PREFIX_LIST = 120, 150, 160


Blocks = Iterator[tuple[int, list[str]]]


def prefix_lists(old: Router, new: Router) -> Blocks:
    for name, entries in new.prefix_lists.items():
        was = old.prefix_lists.get(name, {})
        if was != entries:
            yield _PREFIX_LISTS, edit_prefix_list(name, was, entries)
    for name in old.prefix_lists:
        if name not in new.prefix_lists:
            yield _NO_PREFIX_LIST, [f"no ip prefix-list {name}"]


def access_lists(old: Router, new: Router) -> Blocks:
    for header, entries in new.access_lists.items():
        was = old.access_lists.get(header)
        gone, come = (r.access_lists.last_remarks(header) for r in (old, new))
        if was is None:
            yield _ACCESS_LISTS, new_access_list(header, entries, come)
        elif said(was) != said(entries) or gone != come:
            edit = edit_access_list(header, was, entries, last_remarks=(gone, come))
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
                        *new_access_list(header, entries, come),
                        *_point(users, subject[1], stand_in, subject[1]),
                        f"no {there}",
                    ],
                )
            else:
                yield _ACCESS_LISTS, list(edit.commands)
    for header in old.access_lists:
        if header not in new.access_lists:
            yield _NO_ACCESS_LIST, [f"no {header}"]


def route_maps(old: Router, new: Router) -> Blocks:
    """New entries match everything until their match is entered: not while the policy is in use."""
    before, after = maps(old.top), maps(new.top)
    for name, entries in after.items():
        was = before.get(name, {})
        if was == entries:
            continue
        if was and _differ_in_settings(was, entries):
            lines = [line for c in difference(was, entries) for line in additive(c).lines()]
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


def maps(top: Tree) -> dict[str, Tree]:
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
