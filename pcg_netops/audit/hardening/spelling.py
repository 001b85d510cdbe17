"""How a rule about rendered text is written: what each platform's file has to say, or must not.

A rule has one `Spelling` for each file that can break it, with an example of both. Faults come from
small functions made by `requires`, `forbids` and `each`, or written out where those do not do.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from pcg_netops.audit.finding import Example, Rule, Severity
from pcg_netops.audit.hardening.configuration import Configuration
from pcg_netops.model.device import Role

# For examples: a ruleset of nftables with a line in each chain, and the line that lets in staff.
RULESET = "table inet pcg {\n\tchain input {\n\t\t%s\n\t}\n\tchain forward {\n\t\t%s\n\t}\n}\n"
LOG_IN = 'iifname "eth0" ip saddr 198.18.7.0/24 tcp dport 22 accept comment "management"'


class Fault(NamedTuple):
    """What is wrong in a file; with no line, it is something that the file lacks."""

    line: int | None
    message: str
    remedy: str


Faults = Callable[[Configuration], Iterator[Fault]]


@dataclass(frozen=True)
class Spelling:
    """How one kind of file breaks a rule."""

    file: str
    faults: Faults
    wrong: str
    right: str


@dataclass(frozen=True)
class TextRule:
    """A rule about rendered files. Devices of other roles are left alone."""

    rule: Rule
    spellings: tuple[Spelling, ...]
    roles: frozenset[Role]


ROUTERS = frozenset(Role) - {Role.HOST}


def text_rule(
    code: str,
    title: str,
    severity: Severity,
    rationale: str,
    source: str,
    *spellings: Spelling,
    roles: frozenset[Role] = ROUTERS,
) -> TextRule:
    """A rule whose examples are those of its spellings."""
    examples = tuple(Example(s.file, s.wrong, s.right) for s in spellings)
    rule = Rule(code, title, severity, rationale, source, examples[0], examples[1:])
    return TextRule(rule, spellings, roles)


def requires(words: str, pattern: str, *, where: str = "") -> Faults:
    """A statement that the file must have; with `where`, only if that is found in the file."""

    def faults(configuration: Configuration) -> Iterator[Fault]:
        if (not where or configuration.has(where)) and not configuration.has(pattern):
            yield Fault(None, f"has no '{words}'", "add it")

    return faults


def forbids(*patterns: str) -> Faults:
    """Statements that the file must not have."""

    def faults(configuration: Configuration) -> Iterator[Fault]:
        for statement, _ in configuration.matching("|".join(patterns)):
            yield Fault(statement.line, f"has '{statement.text}'", "remove it")

    return faults


def each(block: str, words: str, pattern: str) -> Faults:
    """A statement that every such block must have below it. The pattern follows the block's own."""

    def faults(configuration: Configuration) -> Iterator[Fault]:
        for statement, match in configuration.matching(block):
            if not configuration.has(f"^{re.escape(match[0])}{pattern}"):
                yield Fault(statement.line, f"'{match[0]}' has no '{words}'", "add it")

    return faults


def every(*parts: Faults) -> Faults:
    """The faults of all parts."""

    def faults(configuration: Configuration) -> Iterator[Fault]:
        for part in parts:
            yield from part(configuration)

    return faults
