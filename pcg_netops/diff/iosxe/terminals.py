"""Terminal lines, which devices print in ranges as they like: `0 15`, or `0 4` and `5 15`."""

from __future__ import annotations

import re
from collections.abc import Container

from pcg_netops.diff.iosxe.language import DEFAULTS, Tree

_VTY = re.compile(r"line vty (\d{1,4})(?: (\d{1,4}))?")
_FIXED = 5  # lines that a device always has, from 0 on


def covered(header: str) -> range:
    """The numbers of the lines that a section is for; none for another section."""
    found = _VTY.fullmatch(header) if header.startswith("line vty ") else None
    return range(int(found[1]), int(found[2] or found[1]) + 1) if found else range(0)


def header_of(lines: range) -> str:
    """The first line of the section of these."""
    return f"line vty {lines[0]} {lines[-1]}" if len(lines) > 1 else f"line vty {lines[0]}"


def can_be_taken_away(header: str) -> bool:
    """Whether a device need not have these lines."""
    lines = covered(header)
    return bool(lines) and lines[0] >= _FIXED


def regrouped(top: Tree, cuts: Container[int] = ()) -> Tree:
    """The same, with a section for each range of lines of which the same is said.

    A range is cut at the numbers in `cuts`, so that others can be compared with it.
    """
    lines = {number: below for header, below in top.items() for number in covered(header)}
    if not lines:
        return top
    found = {header: below for header, below in top.items() if not covered(header)}
    begun: list[int] = []
    for number in sorted(lines):
        goes_on = begun and number == begun[-1] + 1 and number not in cuts
        if begun and not (goes_on and _said(lines[number]) == _said(lines[begun[0]])):
            found[header_of(range(begun[0], begun[-1] + 1))] = lines[begun[0]]
            begun = []
        begun.append(number)
    found[header_of(range(begun[0], begun[-1] + 1))] = lines[begun[0]]
    return found


def _said(below: Tree) -> set[str]:
    return {line for line in below if not DEFAULTS["line"].match(line)}


def cuts_of(*tops: Tree) -> set[int]:
    """Where the ranges of any of these begin or end."""
    ranges = [covered(header) for top in tops for header in regrouped(top)]
    return {place for lines in ranges if lines for place in (lines[0], lines[-1] + 1)}
