"""Junos configuration as the statements that `show configuration | display set` prints.

A statement is the words of its path. Deleting a path deletes everything below it, and a leaf with
one value takes a new one in place of the old [K]. Annotations are kept and not shown in this form.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import takewhile

Path = tuple[str, ...]
_WORD = re.compile(r'"[^"]*"|\S+')
_SIMPLE = re.compile(r'^"([\w./:*@+~-]+)"$')  # what a device keeps without quotes
_HIERARCHY_NAMES = """
    access applications chassis class-of-service event-options firewall forwarding-options groups
    interfaces policy-options protocols routing-instances routing-options security snmp system
    version
"""
_HIERARCHIES = frozenset(_HIERARCHY_NAMES.split())
# A leaf of which there is one: the word before the value.
_SINGLE_NAMES = """
    host-name description mtu metric local-preference as-path-prepend peer-as hold-time router-id
    autonomous-system maximum minimum-interval multiplier version protocol-version root-login
    default-policy message time-zone idle-timeout local-address authentication-key
    secret value authentication-password privacy-password
"""
_SINGLE = frozenset(_SINGLE_NAMES.split())

# Lists of plain values, whose order counts.
_PLAIN = frozenset(("import", "export", "authentication-order"))


class StatementError(Exception):
    """A line that is not a statement; `word` is the first that makes no sense, `at` where it is."""

    def __init__(self, word: str, at: int) -> None:
        super().__init__(f"syntax error: {word}")
        self.word = word
        self.at = at


@dataclass
class Statements:
    """An ordered set of statements, and which of them are inactive."""

    paths: dict[Path, None] = field(default_factory=dict)
    inactive: dict[Path, None] = field(default_factory=dict)
    remarks: dict[Path, str] = field(default_factory=dict)

    def copy(self) -> Statements:
        return Statements(dict(self.paths), dict(self.inactive), dict(self.remarks))

    def lines(self) -> Iterator[str]:
        """As `| display set` prints them."""
        yield from (" ".join(["set", *path]) for path in self.paths)
        yield from (" ".join(["deactivate", *path]) for path in self.inactive)

    def has(self, path: Path) -> bool:
        return any(known[: len(path)] == path for known in self.paths)

    def set(self, path: Path) -> None:
        if self.has(path):
            return
        old: list[Path] = []
        if len(path) > 1 and path[-2] in _SINGLE:
            old = [p for p in self.paths if p[:-1] == path[:-1]]
        old += [p for p in self.paths if p == path[: len(p)]]  # said in more words now
        self.paths = dict.fromkeys(self._with(path, old))

    def _with(self, path: Path, old: list[Path]) -> Iterator[Path]:
        """The paths with a new one in the place of old ones, or last of those that it is among."""
        known = list(self.paths)
        among = max((_in_common(path, other) for other in known), default=0)
        last = max((n for n, x in enumerate(known) if x[:among] == path[:among]), default=-1)
        at = known.index(old[0]) if old else last
        for number, other in enumerate(known):
            if other not in old:
                yield other
            if number == at:
                yield path
        if not known:
            yield path

    def delete(self, path: Path) -> bool:
        gone = [known for known in self.paths if known[: len(path)] == path]
        for known in gone:
            del self.paths[known]
        self.inactive = {m: None for m in self.inactive if m[: len(path)] != path}
        self.remarks = {m: r for m, r in self.remarks.items() if m[: len(path)] != path}
        return bool(gone)

    def insert(self, path: Path, before: Path) -> bool:
        """Put what is at a path before what is at another; whether both are there."""
        moved = {known: None for known in self.paths if known[: len(path)] == path}
        rest = [known for known in self.paths if known not in moved]
        at = next((n for n, known in enumerate(rest) if known[: len(before)] == before), None)
        if not moved or at is None:
            return False
        self.paths = dict.fromkeys([*rest[:at], *moved, *rest[at:]])
        return True

    def wrong(self) -> list[str]:
        """What `commit check` finds: policies that are used and not defined."""
        defined = {p[2] for p in self.paths if p[:2] == ("policy-options", "policy-statement")}
        bgp = [p for p in self.paths if p[:2] == ("protocols", "bgp")]
        used = [p[-1] for p in bgp if p[-2] in ("import", "export")]
        return [
            f"error: Policy error: Policy {name} referenced but not defined"
            for name in dict.fromkeys(used)
            if name not in defined
        ]


def _in_common(one: Path, other: Path) -> int:
    """How many of their first words are the same."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


class Editor:
    """The lines of one session in configuration mode, on a candidate."""

    def __init__(self, candidate: Statements) -> None:
        self.candidate = candidate
        self.level: Path = ()

    def take(self, line: str, lost: bool = False) -> str:
        """Carry out a line; a warning or "". Raises StatementError. `lost` does nothing."""
        tokens = list(_WORD.finditer(line))
        words = [_SIMPLE.sub(r"\1", token[0]) for token in tokens]
        if not words or words[0].startswith("#"):
            return ""
        verb, path = words[0], (*self.level, *words[1:])
        if verb in ("top", "up"):
            self.level = self.level[:-1] if verb == "up" else ()
            return ""
        if verb not in ("set", "delete", "deactivate", "activate", "edit", "annotate", "insert"):
            raise StatementError(verb, tokens[0].start())
        if len(words) < 2 or path[0] not in _HIERARCHIES:
            bad = tokens[min(1, len(tokens) - 1)]
            raise StatementError(bad[0], bad.start())
        if verb == "edit":
            self.level = path
        elif not lost:
            return self._change(verb, path)
        return ""

    def _change(self, verb: str, path: Path) -> str:
        if verb == "set":
            self.candidate.set(path)
        elif verb == "delete":
            if not self.candidate.delete(path):
                return "warning: statement not found\n"
        elif verb == "insert":
            return self._insert(path)
        elif verb == "annotate":
            self.candidate.remarks[path[:-1]] = path[-1]
        elif not self.candidate.has(path):
            return "warning: statement not found\n"
        elif verb == "deactivate":
            self.candidate.inactive[path] = None
        else:
            self.candidate.inactive.pop(path, None)
        return ""

    def _insert(self, path: Path) -> str:
        """`insert … term A before term B`: the keyword comes again, unless values are plain."""
        at = -2 if path[-4:-3] and path[-4] in _PLAIN else -3
        moved, other = path[:at], path[at + 1 :]
        if len(moved) < 2 or path[at] != "before" or other[:-1] != moved[at + 1 : -1]:
            raise StatementError(path[-1], 0)
        if not self.candidate.insert(moved, (*moved[: at + 1], *other)):
            return "error: statement not found\n"
        return ""


def load(text: str) -> Statements:
    """The statements that a file of `set` commands makes."""
    editor = Editor(Statements())
    for line in text.splitlines():
        editor.take(line)
    return editor.candidate
