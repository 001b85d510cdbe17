"""`cutovers/<name>.yaml`: the phases that move every service from one exchange to another."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, model_validator

from pcg_netops.model.base import Model, Name, Text


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError("is not a time zone such as Europe/London") from error
    return name


class Window(Model):
    """When a change may be made, in the cutover's time zone."""

    start: datetime
    end: datetime

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.start.tzinfo or self.end.tzinfo:
            raise ValueError("window times are local: leave the offset out")
        if self.end <= self.start:
            raise ValueError("the window ends before it starts")
        return self


class Wave(Model):
    """Services that move together in one window."""

    window: Window
    move: Annotated[tuple[Name, ...], Field(min_length=1)]


class Phase(Model):
    """A step of the plan. `exchanges` and `allow_lists` hold until a later phase names others."""

    title: Text
    owner: Text
    window: Window
    exchanges: Annotated[
        tuple[Name, ...], Field(description="exchanges that are up from this phase on")
    ] = ()
    allow_lists: Annotated[
        tuple[Name, ...],
        Field(description="exchanges whose addresses the partners let in from this phase on"),
    ] = ()
    waves: tuple[Wave, ...] = ()
    point_of_no_return: bool = False


class Rehearsal(Model):
    """Which faults the rehearsal plays, and where."""

    fail_after: Annotated[Name, Field(description="after this phase the new exchange loses power")]
    roll_back: Annotated[Name, Field(description="this phase is undone and done again")]


class Milestones(Model):
    """Dates that others set."""

    support_ends: date
    contract_starts: date
    deadlines: Annotated[
        dict[Name, date], Field(min_length=1, description="every reading of the deadline")
    ]


class Cutover(Model):
    """The whole of a cutover file."""

    title: Text
    from_exchange: Name
    to_exchange: Name
    timezone: Annotated[str, AfterValidator(_zone)]
    milestones: Milestones
    phases: Annotated[dict[Name, Phase], Field(min_length=2)]
    rehearsal: Rehearsal
