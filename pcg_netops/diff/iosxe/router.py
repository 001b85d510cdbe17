"""A router's configuration that takes commands, as IOS-XE does in configuration mode.

A printed configuration is a list of commands too, so reading one is entering it. `text` is the same
for two configurations that mean the same: no numbers that order alone decides, no defaults, nothing
that the device says about itself, and order only where it counts.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Container, Iterable
from functools import lru_cache

from pcg_netops.diff.iosxe.access_lists import AccessLists, Rejected, said
from pcg_netops.diff.iosxe.form import lines_of
from pcg_netops.diff.iosxe.language import (
    ON_BY_DEFAULT,
    SILENT,
    Tree,
    definition,
    references,
    single,
)
from pcg_netops.diff.iosxe.spelling import as_we_write, words_of
from pcg_netops.diff.iosxe.terminals import covered, header_of, regrouped

_ACCESS_LIST = re.compile(r"ip access-list (?:extended|standard) (\S+)$")
_RESEQUENCE = re.compile(r"ip access-list resequence (\S+) (\d+) (\d+)$")
_PREFIX_LIST = re.compile(r"ip prefix-list (\S+)(?: seq (\d+))? ((?:permit|deny) .+)$")
_ROUTE_MAP = re.compile(r"no route-map \S+(?: .*)?|route-map \S+ (?:permit|deny) \d+")
_BANNER = re.compile(r"banner \S+ (\^C|.)(.*)$", re.DOTALL)
_PREFIX_STEP = 5  # between entries that are entered without a number

Subject = tuple[str, str]  # the kind of a thing and its name


class Router:
    """A configuration. `negatives` are settings whose `no` form stays in sight."""

    def __init__(self, lines: Iterable[str] = (), negatives: Iterable[str] = ()) -> None:
        self.top: Tree = {}
        self.access_lists = AccessLists()
        self.prefix_lists: dict[str, dict[int, str]] = {}
        self.made: Counter[Subject] = Counter()
        self.used: Counter[Subject] = Counter()
        self.negatives = set(negatives)
        # Lines of which there is one each, by which it is.
        self._settings: dict[tuple[int, object], str] = {}
        self._open: list[tuple[int, str, Tree]] = []  # modes: indentation, first line, lines
        self._banner: tuple[str, list[str]] | None = None
        self._lines: list[str] = []  # the sections of the terminal lines that are being set
        for line in lines:
            self.enter(line)
        _add_negated(self.negatives, self.top)

    def again(self, negatives: Iterable[str]) -> Router:
        """Another one that holds the same, with these negatives as well."""
        other = Router(negatives=self.negatives.union(negatives))
        places: dict[int, int] = {}  # of sections: ours and the other's
        other.top = _copied(self.top, places)
        other.access_lists = self.access_lists.again()
        other.prefix_lists = {name: dict(entries) for name, entries in self.prefix_lists.items()}
        other.made, other.used = self.made.copy(), self.used.copy()
        other._settings = {(places[at], what): x for (at, what), x in self._settings.items()}
        return other

    def enter(self, line: str) -> tuple[Subject, ...]:
        """Take one command; what it touched. Raises Rejected for what a device would not take."""
        if self._banner is not None:
            return self._banner_line(line)
        text = as_we_write(words_of(line))
        if not text or SILENT.match(text):
            return ()
        indent = len(line) - len(line.lstrip())
        while self._open and self._open[-1][0] >= indent:
            self._open.pop()
        if not self._open:
            return self._enter_top(text, indent, line)
        root = self._open[0][1]
        if root in self.access_lists:
            return self._enter_access_list(root, text)
        if covered(root):
            said = [self._set(header, self.top[header], text) for header in self._lines]
            return tuple(subject for touched in said for subject in touched)
        tree = self._open[-1][2]
        touched = self._set(root, tree, text)
        if not text.startswith(("no ", "default ")):
            line_in = text.partition(" insert-before ")[0]
            self._open.append((indent, line_in, tree[line_in]))
        return touched

    def _enter_top(self, text: str, indent: int, line: str) -> tuple[Subject, ...]:
        positive = text.removeprefix("no ")
        if found := _RESEQUENCE.match(text):
            return self._resequence(*found.groups())
        if _ACCESS_LIST.match(positive):
            return self._access_list(text, indent)
        if positive.startswith("ip prefix-list ") and " description " not in f"{positive} ":
            return self._prefix_list(positive, remove=positive is not text)
        if positive.startswith("route-map ") and not _ROUTE_MAP.fullmatch(text):
            raise Rejected(text)
        if lines := covered(positive):
            return self._terminal_lines(lines, indent, remove=positive is not text)
        if text.startswith("banner ") and (banner := _BANNER.match(line.strip())):
            if banner[1] not in banner[2]:
                self._banner = banner[1], [line.strip()]
                return ()
            text = line.strip()
        touched = self._set("", self.top, text)
        if text in self.top:
            self._open.append((indent, text, self.top[text]))
        return touched

    def _banner_line(self, line: str) -> tuple[Subject, ...]:
        assert self._banner
        end, lines = self._banner
        lines.append(line.rstrip())
        if end in line:
            self._banner = None
            return self._set("", self.top, "\n".join(lines))
        return ()

    # Terminal lines

    def _terminal_lines(self, lines: range, indent: int, remove: bool) -> tuple[Subject, ...]:
        self.regroup({lines[0], lines[-1] + 1})
        held = {number: header for header in self.top for number in covered(header)}
        if remove:
            gone = dict.fromkeys(held[number] for number in lines if number in held)
            return tuple(s for header in gone for s in self._drop("", self.top, header))
        if not held.keys() & set(lines):
            held = dict.fromkeys(lines, header_of(lines))
        self._lines = list(dict.fromkeys(held.get(n, header_of(range(n, n + 1))) for n in lines))
        for header in self._lines:
            if header not in self.top:
                self._put("", self.top, header)
        self._open.append((indent, header_of(lines), {}))
        return ()

    def regroup(self, cuts: Container[int]) -> None:
        """Have one section for each range of lines that says one thing, cut at `cuts` as well."""
        wanted = {h: list(below) for h, below in regrouped(self.top, cuts).items() if covered(h)}
        if wanted.keys() <= self.top.keys():
            return
        for header in [x for x in self.top if covered(x)]:
            self._drop("", self.top, header)
        for header, below in wanted.items():
            self._put("", self.top, header)
            for line in below:
                self._put(header, self.top[header], line)

    # Access lists

    def _access_list(self, text: str, indent: int) -> tuple[Subject, ...]:
        header = text.removeprefix("no ")
        subject = "access list", header.split()[-1]
        if text is not header:
            self.made[subject] -= self.access_lists.remove(header)
        else:
            self.access_lists.setdefault(header, [])
            self._open.append((indent, header, {}))
        return (subject,)

    def _enter_access_list(self, header: str, text: str) -> tuple[Subject, ...]:
        subject = "access list", header.split()[-1]
        self.made[subject] += self.access_lists.enter(header, text)
        return (subject,)

    def _resequence(self, name: str, first: str, step: str) -> tuple[Subject, ...]:
        self.access_lists.resequence(name, int(first), int(step))
        return (("access list", name),)

    # Prefix lists

    def _prefix_list(self, text: str, remove: bool) -> tuple[Subject, ...]:
        found = _PREFIX_LIST.match(text)
        name = found[1] if found else text.split()[2]
        subject = "prefix list", name
        entries = self.prefix_lists.setdefault(name, {})
        if found is None and remove:
            self.made[subject] -= len(self.prefix_lists.pop(name))
            for line in [t for t in self.top if t.startswith(f"ip prefix-list {name} desc")]:
                self._drop("", self.top, line)
        elif found is None:
            raise Rejected(text)
        elif remove:
            numbers = [n for n, t in entries.items() if t == found[3]]
            if not numbers or (found[2] and int(found[2]) not in numbers):
                raise Rejected(f"{text}: no such entry")
            del entries[numbers[0]]
            self.made[subject] -= 1
            if not entries:
                del self.prefix_lists[name]
        elif found[3] not in entries.values():
            number = int(found[2] or max(entries, default=0) + _PREFIX_STEP)
            if number in entries:
                raise Rejected(f"{text}: the sequence number is taken")
            entries[number] = found[3]
            self.made[subject] += 1
        return (subject,)

    # All else

    def _set(self, root: str, tree: Tree, text: str) -> tuple[Subject, ...]:
        if text.startswith("no "):
            touched = self._negate(root, tree, text[3:])
        elif text.startswith("default "):
            gone = [line for line in tree if line in (text[8:], f"no {text[8:]}")]
            touched = [s for line in gone for s in self._drop(root, tree, line)]
        else:
            touched = self._add(root, tree, text)
        if "vrf forwarding" in text and root.startswith("interface "):
            for line in [x for x in tree if x.startswith("ip address ")]:
                self._drop(root, tree, line)  # as the device does when the VRF changes
        return tuple(dict.fromkeys((*touched, *_subjects(root or text, text))))

    def _add(self, root: str, tree: Tree, text: str) -> list[Subject]:
        touched = []
        text, _, successor = text.partition(" insert-before ")
        replaced = self._settings.get(_setting(root, tree, text), text)
        for line in {replaced, f"no {text}"} - {text}:
            if line in tree:
                touched += self._drop(root, tree, line)
        if text not in tree:
            touched += self._put(root, tree, text)
        if successor:
            if successor not in tree:
                raise Rejected(f"{text}: no {successor} to insert it before")
            later = list(tree)[list(tree).index(successor) : -1]
            for line in later:
                tree[line] = tree.pop(line)
        return touched

    def _negate(self, root: str, tree: Tree, text: str) -> list[Subject]:
        gone = [x for x in tree if x == text] or [x for x in tree if x.startswith(f"{text} ")]
        touched = [s for line in gone for s in self._drop(root, tree, line)]
        if re.fullmatch(r"neighbor \S+", text):
            for below in tree.values():
                for line in [x for x in below if x.startswith(f"{text} ")]:
                    touched += self._drop(root, below, line)
        if (not gone or text in self.negatives or ON_BY_DEFAULT.match(text)) and not (
            text == "shutdown" and root.startswith("interface ")
        ):
            touched += self._put(root, tree, f"no {text}")
        return touched

    def _put(self, root: str, tree: Tree, line: str) -> list[Subject]:
        tree[line] = {}
        self._settings[_setting(root, tree, line)] = line
        uses = references(root or line, line)
        self.used.update(uses)
        made = definition(line) if tree is self.top else None
        if made:
            self.made[made] += 1
        return [*uses, *([made] if made else []), *_subjects(root or line, line)]

    def _drop(self, root: str, tree: Tree, line: str) -> list[Subject]:
        touched = []
        for below in list(tree[line]):
            touched += self._drop(root or line, tree[line], below)
        self._settings.pop(_setting(root, tree, line), None)
        del tree[line]
        uses = references(root or line, line)
        self.used.subtract(uses)
        made = definition(line) if tree is self.top else None
        if made:
            self.made[made] -= 1
        return [*touched, *uses, *([made] if made else []), *_subjects(root or line, line)]

    def forget(self, root: str, tree: Tree, line: str) -> None:
        """Leave a line and all below it out of sight."""
        self._drop(root, tree, line)

    def assume(self, root: str, tree: Tree, line: str) -> None:
        """Take a line as said."""
        self._put(root, tree, line)

    def text(self, as_entered: bool = False) -> str:
        """What it says, the same for every configuration that means the same.

        `as_entered` keeps the order of sections, which is one in which a device takes them.
        """
        lines = list(lines_of(regrouped(self.top), "", as_entered))
        for header, entries in sorted(self.access_lists.items()):
            lines.append(header)
            lines += [
                f" {line}" for line in (*said(entries), *self.access_lists.last_remarks(header))
            ]
        for name, numbered in sorted(self.prefix_lists.items()):
            lines += [f"ip prefix-list {name} {entry}" for entry in ordered_prefixes(numbered)]
        return "".join(f"{line}\n" for line in lines)


def ordered_prefixes(entries: dict[int, str]) -> list[str]:
    """The entries as `seq` and text where their order counts; texts alone where all permit."""
    if all(text.startswith("permit") for text in entries.values()):
        return sorted(entries.values())
    return [f"seq {number} {text}" for number, text in sorted(entries.items())]


def _setting(root: str, tree: Tree, line: str) -> tuple[int, object]:
    """Which setting of this section a line makes; itself where there can be many of its kind."""
    known = single(root, line)
    return id(tree), known[0] if known else line


@lru_cache(maxsize=1 << 16)
def _subjects(root: str, text: str) -> tuple[Subject, ...]:
    """Interfaces and sessions that a command is about."""
    found: list[Subject] = []
    if root.startswith("interface "):
        found.append(("interface", root))
    if root.startswith("router bgp ") and (match := re.search(r"\bneighbor (\S+)", text)):
        found.append(("session", match[1]))
    if covered(root):
        found.append(("terminal line", root))
    if root.startswith("route-map ") and (root == text or "match " in text):
        found.append(("route map", root.split()[1]))
    return tuple(found)


def _copied(tree: Tree, places: dict[int, int]) -> Tree:
    found = {line: _copied(below, places) for line, below in tree.items()}
    places[id(tree)] = id(found)
    return found


def _add_negated(found: set[str], tree: Tree) -> None:
    for line, below in tree.items():
        if line.startswith("no "):
            found.add(line[3:])
        if below:
            _add_negated(found, below)
