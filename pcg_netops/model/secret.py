"""Secrets by reference: what is written down says where a value is, never what it is.

A workspace names a secret and says where its value is kept. A rendered file holds a marker in its
place, one word that every parser of configurations takes. Only a push puts values in.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

SecretReference = Annotated[
    str,
    Field(
        pattern=r"^(env:[A-Za-z_][A-Za-z0-9_]{0,99}|file:[A-Za-z0-9._~/+-]{1,200}"
        r"|keyring:[A-Za-z0-9._-]{1,64}/[A-Za-z0-9._@-]{1,64})$",
        description="where the value is kept: env:NAME, file:PATH or keyring:SERVICE/USER",
    ),
]

# No name holds `_`, so a marker ends where it seems to.
_MARKER = re.compile(r"pcg_secret_([a-z][a-z0-9-]{0,30})_")


@dataclass(frozen=True)
class Secret:
    """A secret by its name in `network.yaml`."""

    name: str

    @property
    def marker(self) -> str:
        """What stands for the value in rendered files."""
        return f"pcg_secret_{self.name}_"


def named_in(text: str) -> frozenset[str]:
    """The names of all secrets whose markers a text holds."""
    return frozenset(_MARKER.findall(text))


def with_values(text: str, value: Callable[[str], str]) -> str:
    """The text with `value(name)` in place of every marker."""
    return _MARKER.sub(lambda found: value(found[1]), text)
