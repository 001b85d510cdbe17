"""A configuration that takes statements, as the candidate of a Junos device does.

It is a tree of words, read from the `set` form or made of the hierarchical one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from pcg_netops.errors import InputError
from pcg_netops.platforms.junos_set import to_set

_WORD = re.compile(r'"(?:\\.|[^"\\])*"|\S+')
# What takes one value, so that a new one replaces the old.
SINGLE = frozenset(
    (
        "description",
        "mtu",
        "host-name",
        "protocol-version",
        "root-login",
        "hold-time",
        "type",
        "peer-as",
        "router-id",
        "autonomous-system",
        "maximum",
        "minimum-interval",
        "multiplier",
        "session-mode",
        "local-preference",
        "metric",
        "as-path-prepend",
        "application-protocol",
        "bandwidth-limit",
        "burst-size-limit",
        "mode",
        "input",
        "output",
        "authentication-key",
        "ttl",
        "local-address",
        "idle-timeout",
        "message",
        "time-zone",
        "proposals",
        "dh-group",
        "lifetime-seconds",
        "authentication-method",
        "external-interface",
        "gateway",
        "ike-policy",
        "secret",
        "value",
        "authentication-password",
        "privacy-password",
    )
)
# Several settings of one thing, which can be entered in one line and are printed one by one.
_APART = (("system", "ntp", "authentication-key", "*", "type", "*"),)
# Users of SNMPv3 are told passwords and hold the keys that follow from them (RFC 3414, A.2).
_DERIVED = {"authentication-key": "authentication-password", "privacy-key": "privacy-password"}
_OF_SNMP = ("snmp", "v3", "usm")
# Below these the order of names counts; `*` stands for any one word.
_ORDERED = tuple(
    tuple(path.split())
    for path in (
        "firewall family inet filter * term",
        "policy-options policy-statement * term",
        "protocols bgp group * import",
        "protocols bgp group * export",
        "security policies from-zone * to-zone * policy",
        "security nat source rule-set * rule",
        "security nat destination rule-set * rule",
        "system authentication-order",
    )
)
_ORDERED_LAST = frozenset(path[-1] for path in _ORDERED)


# What is said of a statement that is there; who may change it is not what it says.
_MARKS: dict[str, Callable[[bool], bool]] = {
    "activate": lambda inactive: False,
    "deactivate": lambda inactive: True,
    "protect": lambda inactive: inactive,
    "unprotect": lambda inactive: inactive,
}


@dataclass(slots=True)
class Statement:
    """A word of a statement, and the words that can follow it."""

    below: dict[str, Statement] = field(default_factory=dict)
    inactive: bool = False
    remark: str = ""

    def at(self, path: Iterable[str]) -> Statement:
        """The statement at a path. Raises KeyError if there is none."""
        found = self
        for word in path:
            found = found.below[word]
        return found

    def again(self) -> Statement:
        """Another one that says the same, with what stands below in common."""
        return Statement(dict(self.below), self.inactive, self.remark)


Path = tuple[str, ...]


class Candidate:
    """A configuration that takes statements, as a device's candidate does."""

    def __init__(self, lines: Iterable[str] = (), top: Statement | None = None) -> None:
        """With `top` it begins from that one's statements, which stay as they are."""
        self.top = top or Statement()
        self._own: set[int] | None = set() if top else None  # ids of what is not another's
        self._edit: Path = ()
        for line in lines:
            self.enter(line)

    def enter(self, line: str) -> None:
        """Take one statement. Raises KeyError for one about what is not there."""
        verb, *words = _words(line)
        if "[" in words and words[-1] == "]":
            self._enter_each(verb, words)
            return
        for path in _apart(verb, (*self._edit, *words)):
            if self._own is not None:
                self._part(path)
            self._take(verb, path)

    def _take(self, verb: str, path: Path) -> None:
        if verb == "top":
            self._edit = ()
        elif verb == "edit":
            self._edit = path
        elif verb == "set":
            self._set(path)
        elif verb == "delete":
            self._delete(path)
        elif verb == "annotate":
            self.top.at(path[:-1]).remark = path[-1]
        elif verb in _MARKS:
            marked = self.top.at(path)
            marked.inactive = _MARKS[verb](marked.inactive)
        elif verb == "insert":
            self._insert(path)
        else:
            raise KeyError(verb)

    def _enter_each(self, verb: str, words: list[str]) -> None:
        """`set … [ a b ]`, which says the same of several values."""
        begin = words.index("[")
        for value in words[begin + 1 : -1]:
            self.enter(say(verb, (*words[:begin], value)))

    def _part(self, path: Path) -> None:
        """Have what a path leads through for ourselves, before it is changed."""
        own = self._own
        assert own is not None
        if id(self.top) not in own:
            self.top = self.top.again()
            own.add(id(self.top))
        at = self.top
        for word in path:
            if word in at.below:
                if id(at.below[word]) not in own:
                    at.below[word] = at.below[word].again()
                    own.add(id(at.below[word]))
                at = at.below[word]

    def _set(self, path: Path) -> None:
        at = self.top
        for index, word in enumerate(path):
            if index and path[index - 1] in SINGLE and index == len(path) - 1:
                at.below = {w: s for w, s in at.below.items() if w == word}
            if word not in at.below:
                at.below[word] = Statement()
            at = at.below[word]

    def _delete(self, path: Path) -> None:
        self.top.at(path)
        for length in range(len(path), 0, -1):
            parent = self.top.at(path[: length - 1])
            if length < len(path) and parent.below[path[length - 1]].below:
                break
            del parent.below[path[length - 1]]

    def _insert(self, path: Path) -> None:
        """`insert … term A before term B`; `insert … import A before B` among plain values."""
        at = -2 if path[-2:-1] == ("before",) else -3
        parent = self.top.at(path[: at - 1])
        moved, successor = path[at - 1], path[-1]
        order = [w for w in parent.below if w != moved]
        order.insert(order.index(successor), moved)
        parent.below = {w: parent.below[w] for w in order}

    def text(self) -> str:
        """What it says, the same for every configuration that means the same."""
        return "".join(f"{line}\n" for line in statements(self.top))


def _apart(verb: str, path: Path) -> Iterator[Path]:
    """What a statement says, in the words and the parts in which devices print it."""
    if path[: len(_OF_SNMP)] == _OF_SNMP:
        path = tuple(_DERIVED.get(word, word) for word in path)
    for known in _APART if verb == "set" else ():
        if len(path) > len(known) and fits(known, path):
            yield path[: len(known)]
            path = (*path[: len(known) - 2], *path[len(known) :])
    yield path


def read(text: str) -> Candidate:
    """A configuration in either form, without what the device says about itself."""
    lines = [x for x in text.splitlines() if x.strip() and not x.startswith(("##", "version "))]
    try:
        if not any(line.startswith("set ") for line in lines):
            lines = to_set("\n".join(lines)).splitlines()
    except IndexError:
        raise _unread("a block ends that has not begun") from None
    found = Candidate()
    for line in lines:
        if not line.startswith(("set version ", "#")):
            try:
                found.enter(line)
            except (KeyError, IndexError, ValueError):
                raise _unread(f"this is no statement about what is there: {line.strip()}") from None
    return found


def _unread(why: str) -> InputError:
    return InputError(
        f"is no configuration of Junos: {why}",
        remedy="capture it anew: show configuration | display set | no-more",
    )


def statements(top: Statement) -> Iterator[str]:
    """The `set` form, in a standard order where order does not count."""
    sets: list[str] = []
    marks: list[str] = []
    _spell(top, (), sets, marks)
    yield from sets
    yield from marks


def _spell(at: Statement, path: Path, sets: list[str], marks: list[str]) -> None:
    """Add what stands at a path to the two lists: quicker than generators within each other."""
    if path and not at.below:
        sets.append(say("set", path))
    if at.inactive:
        marks.append(say("deactivate", path))
    if at.remark:
        marks.append(say("annotate", (*path, at.remark)))
    for word in at.below if is_ordered(path) else sorted(at.below):
        _spell(at.below[word], (*path, word), sets, marks)


def is_ordered(path: Path) -> bool:
    if not path or path[-1] not in _ORDERED_LAST:
        return False
    return any(fits(pattern, path) and len(pattern) == len(path) for pattern in _ORDERED)


def fits(pattern: Path, path: Path) -> bool:
    return all(p in ("*", w) for p, w in zip(pattern, path, strict=False))


def in_common(new: Statement, old: Statement) -> Statement:
    """`new`, which has what is equal from `old` itself, so that it is known without a look."""
    for word, below in new.below.items():
        if word in old.below:
            new.below[word] = in_common(below, old.below[word])
    if (new.inactive, new.remark, list(new.below)) != (old.inactive, old.remark, list(old.below)):
        return new
    return old if all(s is old.below[word] for word, s in new.below.items()) else new


def is_same(one: Statement, other: Statement, path: Path = ()) -> bool:
    """Whether both mean the same: in the same order where it counts."""
    if one is other:
        return True
    words = list if is_ordered(path) else set
    return (
        (one.inactive, one.remark) == (other.inactive, other.remark)
        and words(one.below) == words(other.below)
        and all(is_same(s, other.below[word], (*path, word)) for word, s in one.below.items())
    )


def copy(at: Statement) -> Statement:
    below = {word: copy(s) for word, s in at.below.items()}
    return Statement(below, at.inactive, at.remark)


@lru_cache(maxsize=1 << 16)
def _words(line: str) -> Path:
    """Raises ValueError for a quotation mark without another."""
    found = _WORD.findall(line)
    if any('"' in word and not (len(word) > 1 and word[0] == word[-1] == '"') for word in found):
        raise ValueError(line)
    return tuple(x[1:-1] if x.startswith('"') else x for x in found)


@lru_cache(maxsize=1 << 16)
def quoted(word: str) -> str:
    return word if re.fullmatch(r"[\w./:*@+~-]+", word) else f'"{word}"'


def say(verb: str, path: Iterable[str], last: str = "") -> str:
    return " ".join([verb, *map(quoted, path), *([last] if last else [])])
