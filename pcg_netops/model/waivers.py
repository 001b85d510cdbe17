"""`waivers.yaml`: findings of `pcg audit` that somebody answers for, for a time."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pcg_netops.model.base import Day, Model, Name, Text

# What names are matched with: `*` for anything, `?` for one character.
Pattern = Annotated[str, Field(pattern=r"^[A-Za-z0-9*?./:_-]{1,80}$")]
_Patterns = Annotated[tuple[Pattern, ...], Field(min_length=1)]
_EVERYTHING = ("*",)


class Waiver(Model):
    """Findings of one rule, on some devices, count as notes until a day."""

    rule: Annotated[str, Field(pattern="^PCG[0-9]{3}$", description="code of the finding")]
    devices: Annotated[_Patterns, Field(description="on these devices, such as dc*-edge1")]
    stages: Annotated[_Patterns, Field(description="at these stages, such as p4.*")] = _EVERYTHING
    places: Annotated[_Patterns, Field(description="in these files, such as */frr.conf")] = (
        _EVERYTHING
    )
    owner: Text
    reason: Text
    expires: Annotated[Day, Field(description="last day on which it holds")]


class Waivers(Model):
    """The whole of `waivers.yaml`, a file that a workspace may leave out."""

    waivers: Annotated[dict[Name, Waiver], Field(default_factory=dict)]
