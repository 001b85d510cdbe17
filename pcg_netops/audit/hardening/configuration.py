"""Rendered text as statements with their lines, read independently of what rendered it.

Templates are the user's to edit, so what a device is going to do is read from the text itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from pcg_netops.audit.hardening.intent import Intent
from pcg_netops.model.device import Device

_BANNER = re.compile(r"banner \S+ (\^C|\S)(.*)")
_JUNOS_REMARK = re.compile(r"/\*.*?\*/|^\s*#[^\n]*", re.S | re.M)
_JUNOS_TOKEN = re.compile(r'\[[^\]]*\]|[{};]|"[^"]*"|[^\s{};\[\]]+')


Start = tuple[str, str, str]


@dataclass(frozen=True)
class Statement:
    """A statement with what stands above it: `line vty 0 4 / transport input ssh`.

    Junos has no ` / ` between: `system services ssh protocol-version v2`.
    """

    line: int
    text: str


@dataclass(frozen=True, eq=False)
class Configuration:
    """One rendered file of a device, and what it is rendered for."""

    file: str
    statements: tuple[Statement, ...]
    device: Device
    intent: Intent

    def matching(
        self, pattern: str, *, start: Start | None = None
    ) -> Iterator[tuple[Statement, re.Match[str]]]:
        """The statements in which the pattern is found, in order.

        Those that begin with three given words are found without looking at all others.
        """
        compiled = re.compile(pattern)
        for statement in self._by_start.get(start, ()) if start else self.statements:
            if match := compiled.search(statement.text):
                yield statement, match

    @cached_property
    def _by_start(self) -> dict[Start, list[Statement]]:
        found: dict[Start, list[Statement]] = {}
        for statement in self.statements:
            first, second, third, *_ = [*statement.text.split(maxsplit=3), "", "", ""]
            found.setdefault((first, second, third), []).append(statement)
        return found

    def has(self, pattern: str) -> bool:
        """Whether it is found in any statement."""
        return next(self.matching(pattern), None) is not None


def statements_in(file: str, text: str) -> tuple[Statement, ...]:
    """The text of a file by the syntax that its name stands for; others are read line by line."""
    return tuple(_READERS.get(file, _plain)(text))


def _indented(text: str) -> Iterator[Statement]:
    """IOS and FRR. A banner's text says nothing, whatever it looks like."""
    above: list[tuple[int, str]] = []
    banner_ends = ""
    for number, line in enumerate(text.splitlines(), 1):
        said = line.strip()
        if banner_ends:
            banner_ends = "" if banner_ends in said else banner_ends
            continue
        if not said or said.startswith("!"):
            continue
        if match := _BANNER.match(said):
            banner_ends = "" if match[1] in match[2] else match[1]
            said = said.partition(f" {match[1]}")[0]
        depth = len(line) - len(line.lstrip())
        while above and above[-1][0] >= depth:
            above.pop()
        above.append((depth, said))
        yield Statement(number, " / ".join(words for _, words in above))


def _braced(text: str) -> Iterator[Statement]:
    """nftables and swanctl: one statement a line, blocks between braces."""
    above: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        said = line.strip()
        if said == "}":
            above = above[:-1]
        elif said.endswith("{"):
            above.append(said.removesuffix("{").strip())
        elif said and not said.startswith("#"):
            yield Statement(number, " / ".join((*above, said)))


def _junos(text: str) -> Iterator[Statement]:
    """Junos in hierarchical form, each value on its own as in its `set` form."""
    text = _JUNOS_REMARK.sub(lambda found: "\n" * found[0].count("\n"), text)
    above: list[list[str]] = []
    words: list[str] = []
    values = [""]
    for token in _JUNOS_TOKEN.finditer(text):
        said = token[0]
        if said.startswith("["):
            values = said.strip("[]").split()
        elif said == "{":
            above.append(words)
            words = []
        elif said == "}":
            above.pop()
        elif said == ";":
            path = [*(word for part in above for word in part), *words]
            line = text.count("\n", 0, token.start()) + 1
            for value in values if "inactive:" not in path else ():
                yield Statement(line, " ".join([*path, value]).rstrip())
            words, values = [], [""]
        else:
            words.append(said)


def _plain(text: str) -> Iterator[Statement]:
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.strip().startswith("#"):
            yield Statement(number, line.strip())


_READERS: Mapping[str, Callable[[str], Iterator[Statement]]] = {
    "iosxe.conf": _indented,
    "frr.conf": _indented,
    "nftables.conf": _braced,
    "swanctl.conf": _braced,
    "junos.conf": _junos,
}
