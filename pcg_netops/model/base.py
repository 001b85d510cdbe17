"""The base of every model a user writes, and the field types they share."""

from __future__ import annotations

import re
from datetime import date, datetime
from ipaddress import IPv4Address, IPv4Network, IPv6Network
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

_UNITS_MS = {"ms": 1, "s": 1_000, "min": 60_000, "h": 3_600_000}
_DURATION = re.compile(r"([0-9]{1,9}) ?(ms|s|min|h)")
_CALENDAR = re.compile(r"20[0-9]{2}-[0-9]{2}-[0-9]{2}.*")
_BIDIRECTIONAL = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f"


class Model(BaseModel):
    """Frozen, and refuses fields it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def __copy__(self) -> Self:
        """The fields alone: what is worked out from them (`cached_property`) is the original's."""
        copied = super().__copy__()
        for name in copied.__dict__.keys() - type(self).model_fields.keys():
            del copied.__dict__[name]
        return copied


def _plain(text: str) -> str:
    if any(not (char.isprintable()) or char in _BIDIRECTIONAL for char in text):
        raise ValueError("holds a control or bidirectional character")
    return text


def once(names: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse what is named a second time."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ValueError(f"names '{name}' twice")
        seen.add(name)
    return names


def _milliseconds(value: object) -> object:
    """Read `300 ms`, `1 s`, `15 min` or `1 h` as milliseconds."""
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("is not a duration such as 300 ms, 1 s, 15 min or 1 h")
    return int(match[1]) * _UNITS_MS[match[2]]


def _seconds(value: object) -> object:
    """The same durations as whole seconds."""
    milliseconds = _milliseconds(value)
    assert isinstance(milliseconds, int)
    if milliseconds % 1_000 or not milliseconds:
        raise ValueError("is not a whole number of seconds, such as 10 s or 8 h")
    return milliseconds // 1_000


def _text(value: object) -> object:
    """pydantic takes a number as an address; whoever wrote one meant something else."""
    if not isinstance(value, str):
        raise ValueError("is not an address such as 192.0.2.1 or a network such as 192.0.2.0/24")
    if ":" in value and _is_ipv6(value):
        raise ValueError("is IPv6, which every domain forbids: write an IPv4 address or network")
    return value


def _is_ipv6(text: str) -> bool:
    try:
        IPv6Network(text, strict=False)
    except ValueError:
        return False
    return True


def _calendar(value: object) -> object:
    """pydantic takes a number as seconds since 1970; whoever wrote one meant something else."""
    if not isinstance(value, str) or not _CALENDAR.fullmatch(value):
        raise ValueError("is not a date of 2000 to 2099 such as 2020-01-31 or 2020-01-31T22:00")
    return value


# Names reach configurations, file names and commands: nothing that any of them could misread.
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,30}$")]
# Several of them, each once.
Names = Annotated[tuple[Name, ...], AfterValidator(once)]
# Prose for people. It never reaches a device, so it may hold any printable character.
Text = Annotated[str, Field(min_length=1, max_length=400), AfterValidator(_plain)]
Asn = Annotated[int, Field(ge=1, le=4_294_967_294, strict=True)]
Mtu = Annotated[int, Field(ge=576, le=9_216, strict=True)]
Sessions = Annotated[int, Field(ge=1, le=1_000_000_000, strict=True)]
Flag = Annotated[bool, Field(strict=True)]
Address = Annotated[IPv4Address, BeforeValidator(_text)]
Prefix = Annotated[IPv4Network, BeforeValidator(_text)]

# What editors check by: their own date-time format wants seconds and an offset.
_DurationText = Annotated[str, Field(pattern="^[0-9]{1,9} ?(ms|s|min|h)$")]
_DayText = Annotated[str, Field(pattern="^20[0-9]{2}-[0-9]{2}-[0-9]{2}$")]
_TimeText = Annotated[str, Field(pattern="^20[0-9]{2}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}")]
Day = Annotated[date, BeforeValidator(_calendar, json_schema_input_type=_DayText)]
LocalTime = Annotated[datetime, BeforeValidator(_calendar, json_schema_input_type=_TimeText)]
Milliseconds = Annotated[int, BeforeValidator(_milliseconds, json_schema_input_type=_DurationText)]
Seconds = Annotated[int, BeforeValidator(_seconds, json_schema_input_type=_DurationText)]
