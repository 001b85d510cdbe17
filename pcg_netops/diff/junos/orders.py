"""The statements that turn one configuration into another."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from pcg_netops.diff.junos.candidate import (
    SINGLE,
    Candidate,
    Path,
    Statement,
    is_ordered,
    quoted,
    say,
)


def commands(old: Statement, new: Statement) -> tuple[str, ...]:
    """The statements that turn one configuration into the other."""
    lines = [*_deletes(old, new, ()), *_additions(old, new, ())]
    middle = Candidate(lines, old)
    lines += _inserts(middle.top, new, ())
    lines += _annotations(middle.top, new, ())
    return tuple(lines)


def _deletes(old: Statement, new: Statement, path: Path) -> Iterator[str]:
    replaced = path and path[-1] in SINGLE and new.below and _are_values(old, new)
    for word, was in old.below.items():
        here = (*path, word)
        if word in new.below:
            if was != new.below[word]:
                yield from _deletes(was, new.below[word], here)
        elif not replaced:
            yield say("delete", here)


def _are_values(old: Statement, new: Statement) -> bool:
    return not any(s.below for s in (*old.below.values(), *new.below.values()))


def _additions(old: Statement, new: Statement, path: Path) -> Iterator[str]:
    """Whole statements that are not there yet; then what is switched off or on."""
    for word, wanted in new.below.items():
        here = (*path, word)
        was = old.below.get(word, Statement())
        if was == wanted and word in old.below:
            continue
        if not wanted.below and not _is_leaf(old, word):
            yield say("set", here)
        yield from _additions(was, wanted, here)
        if was.inactive != wanted.inactive:
            yield say("deactivate" if wanted.inactive else "activate", here)


def _is_leaf(parent: Statement, word: str) -> bool:
    return word in parent.below and not parent.below[word].below


def _inserts(now: Statement, new: Statement, path: Path) -> Iterator[str]:
    """Names moved to where they belong, from the last to the first."""
    if now is new:
        return
    if is_ordered(path):
        order, wanted = list(now.below), list(new.below)
        for name, successor in reversed(list(pairwise(wanted))):
            if order.index(name) + 1 != order.index(successor):
                order.remove(name)
                order.insert(order.index(successor), name)
                yield f"{say('insert', (*path, name))} before {_identified(path[-1], successor)}"
    for word in new.below:
        yield from _inserts(now.below[word], new.below[word], (*path, word))


def _identified(kind: str, name: str) -> str:
    """An element of a list as `insert` names it: with its keyword, unless it is a plain value."""
    return quoted(name) if kind in _PLAIN else f"{kind} {quoted(name)}"


def _annotations(now: Statement, new: Statement, path: Path) -> Iterator[str]:
    if now is new:
        return
    for word, wanted in new.below.items():
        was = now.below[word]
        if was.remark != wanted.remark:
            begin = _statement_start(path)
            if begin:
                yield say("edit", path[:begin])
            yield say("annotate", (*path[begin:], word), f'"{wanted.remark}"')
            if begin:
                yield "top"
        yield from _annotations(was, wanted, (*path, word))


def _statement_start(path: Path) -> int:
    """Where the last statement of a path begins: a keyword with its name is one statement."""
    return len(path) - 1 if path and path[-1] in _NAMED else len(path)


_PLAIN = frozenset(("import", "export", "authentication-order"))
_NAMED = frozenset(
    ("term", "group", "policy", "rule", "route-filter-list", "policy-statement", "filter")
)
