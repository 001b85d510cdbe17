"""Variables in a topology file: the environment's, anywhere in it, and containerlab's own.

The environment's are put in before the file is read as YAML, by containerlab's rules: a variable
that is not set, or empty, stays as it is unless a default is given. `$$` is one `$`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

_VARIABLE = re.compile(
    r"\$(?:(?P<escaped>\$)"
    r"|(?P<plain>(?!_\b)[^\W\d]\w*)"
    r"|\{(?P<name>[^\W\d]\w*)(?:(?P<operator>:?[-=+])(?P<other>(?:[^{}\n]|\{[^{}\n]*\})*))?\})"
)


def expand(text: str, environment: Mapping[str, str]) -> str:
    """The text with the environment's variables put in."""

    def value(match: re.Match[str]) -> str:
        if match["escaped"]:
            return "$"
        name, operator, other = match["plain"] or match["name"], match["operator"], match["other"]
        found = environment.get(name)
        if operator is None:
            return found or f"${name}"
        if operator in ("+", ":+"):
            return "" if found is None else expand(other, environment)
        given = found if operator in ("-", "=") else found or None
        return expand(other, environment) if given is None else given

    return _VARIABLE.sub(value, text)


def names_in(text: str) -> Iterator[str]:
    """The variables that `expand` looks up."""
    for match in _VARIABLE.finditer(text):
        if not match["escaped"]:
            yield match["plain"] or match["name"]
            yield from names_in(match["other"] or "")


def literal(text: str) -> str:
    """The text that `expand` turns into this one, whatever the environment."""
    return text.replace("$", "$$")


def magic(text: str, folder: Path, node: str) -> str:
    """The text with containerlab's variables put in; `folder` is the lab's, `clab-<lab>`."""
    for name, value in (
        ("__clabDir__", str(folder)),
        ("__clabLabName__", folder.name),
        ("__clabNodeDir__", str(folder / node)),
        ("__clabNodeName__", node),
    ):
        text = text.replace(name, value)
    return text
