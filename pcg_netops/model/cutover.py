"""`cutovers/<name>.yaml`: the phases that move every service from one exchange to another."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, model_validator

from pcg_netops.model.base import Day, Flag, LocalTime, Model, Name, Names, Text


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError("is not a time zone such as Europe/London") from error
    return name


class Window(Model):
    """When a change may be made, in the cutover's time zone."""

    start: LocalTime
    end: LocalTime

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
    move: Annotated[tuple[Name, ...], Field(min_length=1)]  # checked across waves


class Gate(Model):
    """What has to be so before a phase may start, and who decides that it is."""

    owner: Text
    criteria: Annotated[tuple[Text, ...], Field(min_length=1)]


class Phase(Model):
    """A step of the plan. `exchanges` and `allow_lists` hold until a later phase names others."""

    title: Text
    owner: Text
    window: Window
    exchanges: Annotated[Names, Field(description="exchanges that are up from this phase on")] = ()
    allow_lists: Annotated[
        Names,
        Field(description="exchanges whose addresses the partners let in from this phase on"),
    ] = ()
    drain: Annotated[
        tuple[Name, ...],
        Field(description="gateways that ask all others to prefer another way, in this phase only"),
    ] = ()
    waves: tuple[Wave, ...] = ()
    gate: Annotated[
        Gate | None, Field(description="what has to be so before this phase may start")
    ] = None
    soak_days: Annotated[
        int | None,
        Field(ge=1, le=365, strict=True, description="days that this phase lasts without a change"),
    ] = None
    point_of_no_return: Annotated[
        Flag, Field(description="true: from here on there is no back-up to return to")
    ] = False


class Rehearsal(Model):
    """Which faults the rehearsal plays, and where."""

    fail_after: Annotated[Name, Field(description="after this phase the new exchange loses power")]
    roll_back: Annotated[Name, Field(description="this phase is undone and done again")]


class Milestones(Model):
    """Dates that others set."""

    support_ends: Annotated[Day, Field(description="last day of support for from_exchange")]
    contract_starts: Annotated[Day, Field(description="first day of to_exchange's contract")]
    contract_ends: Annotated[
        Day | None, Field(description="last day of to_exchange's contract")
    ] = None
    deadlines: Annotated[
        dict[Name, Day], Field(min_length=1, description="every reading of the deadline")
    ]


class Freeze(Window):
    """A time in which nothing may be changed."""

    title: Text


class RequestKind(StrEnum):
    """What others have to do before a phase can start."""

    ALLOW_LIST = "allow-list"
    ADVERTISEMENT = "advertisement"
    DNS = "dns"


class Request(Model):
    """Work that somebody else does, and how long that takes."""

    title: Text
    kind: RequestKind
    site: Annotated[Name | None, Field(description="the partner's site, if it is for one")] = None
    lead_days: Annotated[int, Field(ge=0, le=365, strict=True)]
    requested: Annotated[Day, Field(description="the day on which the request is made")]
    needed_by: Annotated[Name, Field(description="the phase that cannot start without it")]


class RiskAcceptance(Model):
    """Somebody accepts a finding of `pcg check` by name: it then counts as a note."""

    finding: Annotated[str, Field(pattern="^PCG[0-9]{3}$", description="code of the finding")]
    owner: Text
    reason: Text
    expires: Annotated[Day, Field(description="last day on which the risk is accepted")]


class Cutover(Model):
    """The whole of a cutover file."""

    title: Text
    from_exchange: Name
    to_exchange: Name
    timezone: Annotated[str, AfterValidator(_zone)]
    milestones: Milestones
    phases: Annotated[dict[Name, Phase], Field(min_length=2)]
    rehearsal: Rehearsal
    freezes: tuple[Freeze, ...] = ()
    requests: Annotated[dict[Name, Request], Field(default_factory=dict)]
    risk_acceptances: Annotated[dict[Name, RiskAcceptance], Field(default_factory=dict)]
