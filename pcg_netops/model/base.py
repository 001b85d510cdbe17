"""The base of every model a user writes, and the field types they share."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

_UNITS_MS = {"ms": 1, "s": 1_000, "min": 60_000, "h": 3_600_000}
_DURATION = re.compile(r"(\d{1,9}) ?(ms|s|min|h)")
_BIDIRECTIONAL = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f"


class Model(BaseModel):
    """Frozen, and refuses fields it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _plain(text: str) -> str:
    if any(not (char.isprintable()) or char in _BIDIRECTIONAL for char in text):
        raise ValueError("holds a control or bidirectional character")
    return text


def _milliseconds(value: object) -> object:
    """Read `300 ms`, `1 s`, `15 min` or `1 h` as milliseconds."""
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("is not a duration such as 300 ms, 1 s, 15 min or 1 h")
    return int(match[1]) * _UNITS_MS[match[2]]


# Names reach configurations, file names and commands: nothing that any of them could misread.
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,30}$")]
# Prose for people. It never reaches a device, so it may hold any printable character.
Text = Annotated[str, Field(min_length=1, max_length=400), AfterValidator(_plain)]
Asn = Annotated[int, Field(ge=1, le=4_294_967_294, strict=True)]
Mtu = Annotated[int, Field(ge=576, le=9_216, strict=True)]
Milliseconds = Annotated[int, BeforeValidator(_milliseconds, json_schema_input_type=str)]
