"""From Junos in hierarchical form to the same configuration as commands.

Reads statements and blocks, `[ a b ]` for several values, `inactive:` before a statement and a
`/* remark */` above it. Comments from `#` to the end of a line, such as `## SECRET-DATA`, say
nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_TOKEN = re.compile(
    r"/\*(?P<remark>.*?)\*/|(?P<comment>#[^\n]*)|(?P<mark>[{};\[\]])"
    r'|(?P<word>"(?:\\.|[^"\\])*"|[^\s{};\[\]]+)',
    re.DOTALL,
)
_INACTIVE = "inactive:"
_SILENT = ("protect:", "replace:")  # say how a statement is kept, not what it means


@dataclass
class _Statement:
    """Its words, further values between brackets, and what stands below it."""

    words: list[str] = field(default_factory=list)
    values: list[str] = field(default_factory=list)
    below: list[_Statement] = field(default_factory=list)
    remark: str = ""
    inactive: bool = False


def to_set(text: str) -> str:
    """`set` for every statement, then `deactivate` and `annotate` for those that need it."""
    top = _parse(text)
    sets, marks = list(_set(top, [])), list(_mark(top, []))
    return "\n".join([*sets, *marks, ""])


def _parse(text: str) -> list[_Statement]:
    blocks = [_Statement()]
    statement, listing = _Statement(), False
    for token in _TOKEN.finditer(text):
        mark = token["mark"]
        if token["remark"] is not None:
            statement.remark = " ".join(token["remark"].split())
        elif token["comment"] is not None or token["word"] in _SILENT:
            continue
        elif token["word"] == _INACTIVE:
            statement.inactive = True
        elif token["word"] is not None:
            (statement.values if listing else statement.words).append(token["word"])
        elif mark in "[]":
            listing = mark == "["
        elif mark == "}":
            blocks.pop()
        else:
            blocks[-1].below.append(statement)
            if mark == "{":
                blocks.append(statement)
            statement = _Statement()
    return blocks[0].below


def _set(statements: list[_Statement], path: list[str]) -> Iterator[str]:
    for statement in statements:
        here = [*path, *statement.words]
        if statement.below:
            yield from _set(statement.below, here)
        else:
            for value in [[v] for v in statement.values] or [[]]:
                yield " ".join(["set", *here, *value])


def _mark(statements: list[_Statement], path: list[str]) -> Iterator[str]:
    for statement in statements:
        here = [*path, *statement.words]
        if statement.inactive:
            yield " ".join(["deactivate", *here])
        if statement.remark:
            yield " ".join(["edit", *path])
            yield f'annotate {" ".join(statement.words)} "{statement.remark}"'
            yield "top"
        yield from _mark(statement.below, here)
