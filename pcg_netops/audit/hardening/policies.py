"""What the routing policies of a rendered configuration let through.

Only what a policy permits is looked at: a route that an earlier entry of it refuses counts as let
through, so that nothing is missed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Network

from pcg_netops.audit.hardening.configuration import Configuration

EVERYTHING = IPv4Network("0.0.0.0/0")
_LONGEST = 32


@dataclass(frozen=True)
class Permit:
    """Routes that a policy permits: within the prefix and of a length in the range."""

    line: int
    prefix: IPv4Network
    shortest: int
    longest: int
    named: bool = True  # by a list of prefixes; otherwise the policy asks for none

    def __str__(self) -> str:
        if not self.named:
            return "any prefix"
        longer = f" up to /{self.longest}" if self.longest > self.prefix.prefixlen else ""
        return f"{self.prefix}{longer}"


def defined(configuration: Configuration, policy: str) -> bool:
    """Whether there is a policy of that name."""
    starts = (
        ("route-map", policy, "permit"),
        ("route-map", policy, "deny"),
        ("policy-options", "policy-statement", policy),
    )
    return any(any(configuration.matching("", start=start)) for start in starts)


@lru_cache(maxsize=512)  # several rules ask about the same file, one after the other
def permitted(configuration: Configuration, policy: str) -> tuple[Permit, ...]:
    """What one policy lets through."""
    if configuration.file == "junos.conf":
        return tuple(_of_statement(configuration, policy))
    return tuple(_of_route_map(configuration, policy))


def _of_route_map(configuration: Configuration, policy: str) -> Iterator[Permit]:
    """IOS and FRR: entries that permit, each with the prefix lists that it asks."""
    pattern = r"^\S+ \S+ permit (\d+)(?: / match ip address prefix-list (.+))?$"
    lines: dict[str, int] = {}
    lists: dict[str, list[str]] = {}
    for statement, match in configuration.matching(pattern, start=("route-map", policy, "permit")):
        lines.setdefault(match[1], statement.line)
        lists.setdefault(match[1], []).extend((match[2] or "").split())
    for entry, line in lines.items():
        for name in lists[entry]:
            yield from _of_prefix_list(configuration, name)
        if not lists[entry]:
            yield _anything(line)


def _of_prefix_list(configuration: Configuration, name: str) -> Iterator[Permit]:
    pattern = r" (?:seq \d+ )?permit (\S+)(?: ge (\d+))?(?: le (\d+))?$"
    for statement, match in configuration.matching(pattern, start=("ip", "prefix-list", name)):
        prefix = EVERYTHING if match[1] == "any" else IPv4Network(match[1], strict=False)
        at_least, at_most = match[2], match[3]
        if match[1] == "any":
            at_most = str(_LONGEST)
        shortest = int(at_least or prefix.prefixlen)
        longest = int(at_most or (_LONGEST if at_least else prefix.prefixlen))
        yield Permit(statement.line, prefix, shortest, longest)


def _of_statement(configuration: Configuration, policy: str) -> Iterator[Permit]:
    """Junos: every term that accepts, and what the policy itself does after all terms."""
    start = ("policy-options", "policy-statement", policy)
    terms: dict[str, int] = {}
    accepting = r"^\S+ \S+ \S+( term \S+)? then accept$"
    for statement, match in configuration.matching(accepting, start=start):
        terms.setdefault(match[1] or "", statement.line)
    for term, line in terms.items():
        asked = rf"^\S+ \S+ \S+{re.escape(term)} from (route-filter|route-filter-list|prefix-list) "
        found = list(configuration.matching(rf"{asked}(.+)$", start=start))
        for statement, match in found:
            if match[1] == "route-filter":
                yield _route_filter(statement.line, match[2].split())
            else:
                yield from _of_filter_list(configuration, match[2])
        if not found:
            yield _anything(line)


def _of_filter_list(configuration: Configuration, name: str) -> Iterator[Permit]:
    for kind in ("route-filter-list", "prefix-list"):
        start = ("policy-options", kind, name)
        for statement, match in configuration.matching(r"^\S+ \S+ \S+ (.+)$", start=start):
            yield _route_filter(statement.line, match[1].split())


def _route_filter(line: int, words: list[str]) -> Permit:
    """`10.0.0.0/8 exact`, `orlonger`, `longer`, `upto /24` or `prefix-length-range /16-/24`."""
    prefix = IPv4Network(words[0], strict=False)
    kind = words[1] if len(words) > 1 else "exact"
    shortest, longest = prefix.prefixlen, prefix.prefixlen
    if kind in ("orlonger", "longer"):
        shortest, longest = shortest + (kind == "longer"), _LONGEST
    elif kind == "upto":
        longest = int(words[2].lstrip("/"))
    elif kind == "prefix-length-range":
        shortest, longest = (int(length.lstrip("/")) for length in words[2].split("-"))
    return Permit(line, prefix, shortest, longest)


def _anything(line: int) -> Permit:
    return Permit(line, EVERYTHING, 0, _LONGEST, named=False)
