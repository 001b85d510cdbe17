"""Junos in hierarchical form as a tree, read line by line."""

from __future__ import annotations

import re
from dataclasses import dataclass, field


@dataclass
class Statement:
    """A statement's words, and what stands in its braces."""

    words: list[str]
    remark: str = ""
    active: bool = True
    below: list[Statement] = field(default_factory=list)

    def all(self, *start: str) -> list[Statement]:
        """Statements right below that begin with these words."""
        return [s for s in self.below if s.words[: len(start)] == list(start)]

    def at(self, *path: str) -> Statement:
        """The statement below that path; an empty one if there is none."""
        here = self
        for word in path:
            here = next(iter(here.all(word)), Statement([]))
        return here

    def said(self, *start: str) -> list[str]:
        """The words after these ones, of every statement that begins so."""
        return [word for s in self.all(*start) for word in s.words[len(start) :]]


def read(text: str) -> Statement:
    """The configuration as a tree. Raises AssertionError where braces or lines are out of order."""
    top = Statement([])
    open_, remark = [top], ""
    for line in map(str.strip, text.splitlines()):
        if not line:
            continue
        if line.startswith("/*"):
            remark = line.removeprefix("/*").removesuffix("*/").strip()
            continue
        if line == "}":
            open_.pop()
            assert open_, "a brace too many"
            continue
        assert line[-1] in "{;", line
        active = not line.startswith("inactive: ")
        words = re.findall(r'"[^"]*"|[^\s\[\]"]+', line[:-1].removeprefix("inactive: "))
        statement = Statement([w.strip('"') for w in words], remark, active)
        remark = ""
        open_[-1].below.append(statement)
        if line[-1] == "{":
            open_.append(statement)
    assert open_ == [top], "a brace too few"
    return top
