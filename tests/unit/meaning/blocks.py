"""Configuration by indentation, as FRR writes it, and ways to ask for lines."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeVar

Default = TypeVar("Default", int, None)


@dataclass
class Block:
    """A line, and the lines that stand deeper below it."""

    text: str
    below: list[Block] = field(default_factory=list)


def indented(text: str) -> list[Block]:
    """Lines with what is indented below each; `!` and `exit` say nothing."""
    top = Block("")
    open_: list[tuple[int, Block]] = [(-1, top)]
    for line in text.splitlines():
        said = line.strip()
        if not said or said.startswith("!") or said in ("exit", "exit-address-family"):
            continue
        depth = len(line) - len(line.lstrip())
        while open_[-1][0] >= depth:
            open_.pop()
        block = Block(said)
        open_[-1][1].below.append(block)
        open_.append((depth, block))
    return top.below


def values(blocks: Iterable[Block], start: str) -> list[str]:
    """What follows `start` on every line that begins with it."""
    return [b.text.removeprefix(start) for b in blocks if b.text.startswith(start)]


def value(blocks: Iterable[Block], start: str) -> str | None:
    """What follows `start` on the first line that begins with it."""
    return next(iter(values(blocks, start)), None)


def number(blocks: Iterable[Block], start: str, default: Default) -> int | Default:
    """The number after `start`, or the default where no line begins with it."""
    found = value(blocks, start)
    return int(found) if found is not None else default
