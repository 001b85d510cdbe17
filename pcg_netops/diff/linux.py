"""Change sets for Linux: whole files, each replaced at once by the device's own tools."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

# What `vtysh` prints about itself around a configuration.
_SILENT = re.compile(r"(Building configuration|Current configuration|frr version |end$)")
_MARKER = re.compile(r"pcg_secret_[a-z0-9-]+_")
# The number of a key is none: `server 192.0.2.1 key 1`.
_SECRET = re.compile(r"(.*\b(?:password|secret|psk|key(?! \d{1,5}$)))[ =]+(?!pcg_secret_)\S+")


def standard(text: str) -> str:
    """The file without what a program printed around it, and without spaces at line ends."""
    lines = (line.rstrip() for line in text.splitlines() if not _SILENT.match(line))
    return "".join(f"{line}\n" for line in lines)


def managed(running: str, renderings: Sequence[str]) -> str:
    """A file of a device: lines that a rendering has with a secret's marker are taken as those."""
    masks = {
        wanted: re.compile(r"\S+".join(map(re.escape, _MARKER.split(wanted))))
        for text in renderings
        for wanted in standard(text).splitlines()
        if _MARKER.search(wanted)
    }
    return "".join(f"{_masked(line, masks)}\n" for line in standard(running).splitlines())


def _masked(line: str, masks: dict[str, re.Pattern[str]]) -> str:
    return next((wanted for wanted, mask in masks.items() if mask.fullmatch(line)), line)


def secrets_in(lines: Iterable[str]) -> Iterator[str]:
    """Lines that hold a value which nobody may read, without it."""
    yield from (found[1].strip() for line in lines if (found := _SECRET.match(line)))
