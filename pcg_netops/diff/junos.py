"""Change sets for Junos: the `set` and `delete` statements between two configurations.

A configuration is a tree of words, read from the `set` form or made of the hierarchical one.
Statements act on the candidate configuration, and a commit puts all of it in force at once: there
is no moment in between that could be unsafe.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise

from pcg_netops.diff.ways import BothWays
from pcg_netops.platforms.junos_set import to_set

_WORD = re.compile(r'"[^"]*"|\S+')
# What takes one value, so that a new one replaces the old.
_SINGLE = frozenset(
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
    )
)
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
# What is a rendering's own, so that what it does not mention is taken away. All else stays.
_OWNED = tuple(
    tuple(path.split())
    for path in (
        "protocols bgp",
        "policy-options",
        "firewall",
        "routing-options static",
        "security policies",
        "security zones",
        "security nat",
        "security address-book",
        "applications",
    )
)
SECRET = re.compile(r"(secret|password|authentication-key|key|ascii-text|encrypted-password)$")


@dataclass
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


Path = tuple[str, ...]


class Candidate:
    """A configuration that takes statements, as a device's candidate does."""

    def __init__(self, lines: Iterable[str] = ()) -> None:
        self.top = Statement()
        self._edit: Path = ()
        for line in lines:
            self.enter(line)

    def enter(self, line: str) -> None:
        """Take one statement. Raises KeyError for one about what is not there."""
        verb, *words = _WORD.findall(line)
        path = (*self._edit, *map(_unquoted, words))
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
        elif verb in ("activate", "deactivate"):
            self.top.at(path).inactive = verb == "deactivate"
        elif verb == "insert":
            self._insert(path)
        else:
            raise KeyError(verb)

    def _set(self, path: Path) -> None:
        at = self.top
        for index, word in enumerate(path):
            if index and path[index - 1] in _SINGLE and index == len(path) - 1:
                at.below = {w: s for w, s in at.below.items() if w == word}
            at = at.below.setdefault(word, Statement())

    def _delete(self, path: Path) -> None:
        self.top.at(path)
        for length in range(len(path), 0, -1):
            parent = self.top.at(path[: length - 1])
            if length < len(path) and parent.below[path[length - 1]].below:
                break
            del parent.below[path[length - 1]]

    def _insert(self, path: Path) -> None:
        """`insert … A before B`: both are names below the same word."""
        parent = self.top.at(path[:-3])
        moved, successor = path[-3], path[-1]
        order = [w for w in parent.below if w != moved]
        order.insert(order.index(successor), moved)
        parent.below = {w: parent.below[w] for w in order}

    def text(self) -> str:
        """What it says, the same for every configuration that means the same."""
        return "".join(f"{line}\n" for line in statements(self.top))


def read(text: str) -> Candidate:
    """A configuration in either form, without what the device says about itself."""
    lines = [x for x in text.splitlines() if x.strip() and not x.startswith(("##", "version "))]
    if not any(line.startswith("set ") for line in lines):
        lines = to_set("\n".join(lines)).splitlines()
    return Candidate(x for x in lines if not x.startswith("set version "))


def statements(top: Statement) -> Iterator[str]:
    """The `set` form, in a standard order where order does not count."""
    yield from _sets(top, ())
    yield from _marks(top, ())


def _sets(at: Statement, path: Path) -> Iterator[str]:
    if path and not at.below:
        yield _say("set", path)
    for word in at.below if _is_ordered(path) else sorted(at.below):
        yield from _sets(at.below[word], (*path, word))


def _marks(at: Statement, path: Path) -> Iterator[str]:
    if at.inactive:
        yield _say("deactivate", path)
    if at.remark:
        yield _say("annotate", (*path, at.remark))
    for word in sorted(at.below):
        yield from _marks(at.below[word], (*path, word))


def commands(old: Statement, new: Statement) -> tuple[str, ...]:
    """The statements that turn one configuration into the other."""
    lines = [*_deletes(old, new, ()), *_additions(old, new, ())]
    middle = Candidate()
    middle.top = _copy(old)
    for line in lines:
        middle.enter(line)
    lines += _inserts(middle.top, new, ())
    lines += _annotations(middle.top, new, ())
    return tuple(lines)


def _deletes(old: Statement, new: Statement, path: Path) -> Iterator[str]:
    replaced = path and path[-1] in _SINGLE and new.below and _are_values(old, new)
    for word, was in old.below.items():
        here = (*path, word)
        if word in new.below:
            yield from _deletes(was, new.below[word], here)
        elif not replaced:
            yield _say("delete", here)


def _are_values(old: Statement, new: Statement) -> bool:
    return not any(s.below for s in (*old.below.values(), *new.below.values()))


def _additions(old: Statement, new: Statement, path: Path) -> Iterator[str]:
    """Whole statements that are not there yet; then what is switched off or on."""
    for word, wanted in new.below.items():
        here = (*path, word)
        was = old.below.get(word, Statement())
        if not wanted.below and not _is_leaf(old, word):
            yield _say("set", here)
        yield from _additions(was, wanted, here)
        if was.inactive != wanted.inactive:
            yield _say("deactivate" if wanted.inactive else "activate", here)


def _is_leaf(parent: Statement, word: str) -> bool:
    return word in parent.below and not parent.below[word].below


def _inserts(now: Statement, new: Statement, path: Path) -> Iterator[str]:
    """Names moved to where they belong, from the last to the first."""
    if _is_ordered(path):
        order, wanted = list(now.below), list(new.below)
        for name, successor in reversed(list(pairwise(wanted))):
            if order.index(name) + 1 != order.index(successor):
                order.remove(name)
                order.insert(order.index(successor), name)
                yield f"{_say('insert', (*path, name))} before {_quoted(successor)}"
    for word in new.below:
        yield from _inserts(now.below[word], new.below[word], (*path, word))


def _annotations(now: Statement, new: Statement, path: Path) -> Iterator[str]:
    for word, wanted in new.below.items():
        was = now.below[word]
        if was.remark != wanted.remark:
            begin = _statement_start(path)
            if begin:
                yield _say("edit", path[:begin])
            yield _say("annotate", (*path[begin:], word), f'"{wanted.remark}"')
            if begin:
                yield "top"
        yield from _annotations(was, wanted, (*path, word))


def _statement_start(path: Path) -> int:
    """Where the last statement of a path begins: a keyword with its name is one statement."""
    return len(path) - 1 if path and path[-1] in _NAMED else len(path)


_NAMED = frozenset(
    ("term", "group", "policy", "rule", "route-filter-list", "policy-statement", "filter")
)


def _is_ordered(path: Path) -> bool:
    if not path or path[-1] not in _ORDERED_LAST:
        return False
    return any(_fits(pattern, path) and len(pattern) == len(path) for pattern in _ORDERED)


def _fits(pattern: Path, path: Path) -> bool:
    return all(p in ("*", w) for p, w in zip(pattern, path, strict=False))


def like(running: Statement, known: Iterable[Statement]) -> Statement:
    """The part of a running configuration that renderings of the device manage.

    Remarks are not in what a device prints in the `set` form: those of the renderings stand.
    """
    found = _copy(running)
    for rendering in known:
        _mask(found, rendering)
    _scope(found, list(known), ())
    return found


def _scope(at: Statement, known: list[Statement], path: Path) -> None:
    for word in list(at.below):
        here = (*path, word)
        same = [k.below[word] for k in known if word in k.below]
        owned = any(_fits(o, here) and len(here) >= len(o) for o in _OWNED)
        leads = any(_fits(here, o) for o in _OWNED)
        if not same and not owned and not leads and path and _values_of(known, path[-1]):
            continue  # another value of a setting that a rendering makes
        if not same and not owned:
            if leads:
                _scope(at.below[word], [], here)
            if not leads or not at.below[word].below:
                del at.below[word]
        else:
            at.below[word].remark = next((s.remark for s in same if s.remark), "")
            _scope(at.below[word], same, here)


def _values_of(known: list[Statement], word: str) -> bool:
    return word in _SINGLE and any(k.below for k in known)


def _mask(at: Statement, known: Statement) -> None:
    """Whatever value a device holds where a rendering has a secret's marker counts as that one."""
    for word, below in known.below.items():
        if "pcg_secret_" in word and word not in at.below and len(at.below) == 1:
            at.below = {word: next(iter(at.below.values()))}
        elif word in at.below:
            _mask(at.below[word], below)


def secrets_in(lines: Iterable[str]) -> Iterator[str]:
    """Statements that hold a value which nobody may read, without it."""
    for line in lines:
        words = line.split()
        for index, word in enumerate(words[:-1]):
            if SECRET.match(word) and "pcg_secret_" not in words[index + 1]:
                yield " ".join(words[: index + 1])


def _copy(at: Statement) -> Statement:
    below = {word: _copy(s) for word, s in at.below.items()}
    return Statement(below, at.inactive, at.remark)


def _unquoted(word: str) -> str:
    return word[1:-1] if word.startswith('"') else word


@lru_cache(maxsize=1 << 16)
def _quoted(word: str) -> str:
    return word if re.fullmatch(r"[\w./:*@+~-]+", word) else f'"{word}"'


def _say(verb: str, path: Iterable[str], last: str = "") -> str:
    return " ".join([verb, *map(_quoted, path), *([last] if last else [])])


def standard(text: str) -> str:
    """The configuration in the standard form, which is the same where the meaning is."""
    return read(text).text()


def managed(running: str, renderings: Sequence[str]) -> str:
    """What of a running configuration any rendering of the device manages, in the standard form."""
    known = [read(text).top for text in renderings]
    return "".join(f"{line}\n" for line in statements(like(read(running).top, known)))


def both_ways(old: str, new: str) -> BothWays:
    """The statements from one configuration to the other and back, entered."""
    before, after = read(old), read(new)
    base, intended = before.text(), after.text()
    if base == intended:
        return BothWays(base, intended)
    there, back = commands(before.top, after.top), commands(after.top, before.top)
    walked = Candidate()
    walked.top = _copy(before.top)
    wrong: list[str] = []
    for way, lines, text in (("remediation", there, intended), ("back-out", back, base)):
        for line in lines:
            walked.enter(line)
        if walked.text() != text:
            wrong.append(f"{way}: does not end where it should")
    return BothWays(base, intended, there, back, tuple(wrong))
