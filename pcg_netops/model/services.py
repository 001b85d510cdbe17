"""`services.yaml`: what people rely on, and how long each may be gone."""

from __future__ import annotations

import re
from enum import StrEnum
from itertools import pairwise
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from pcg_netops.model.base import Address, Milliseconds, Model, Name, Names, Prefix, Sessions, Text
from pcg_netops.model.firewall import Ports
from pcg_netops.model.flow import Protocol


class Direction(StrEnum):
    """Who opens the connections: the organisation (out), its partners (in), or both."""

    OUT = "out"
    IN = "in"
    BOTH = "both"


_PortsText = Annotated[str, Field(pattern="^[0-9]{1,5}(-[0-9]{1,5})?$")]


def _ports(value: Any) -> Any:
    """Read `443` or `16384-32767`."""
    text = "" if isinstance(value, bool) else str(value)
    match = re.fullmatch(r"([0-9]{1,5})(?:-([0-9]{1,5}))?", text)
    if match is None:
        raise ValueError("is not a port such as 443 or a range such as 16384-32767")
    ports = Ports(int(match[1]), int(match[2] or match[1]))
    if not 0 < ports.first <= ports.last < 65_536:
        raise ValueError("is not within 1-65535, lowest first")
    return ports


class Traffic(Model):
    """One transport protocol and its server ports."""

    protocol: Protocol
    ports: Annotated[Ports, BeforeValidator(_ports, json_schema_input_type=int | _PortsText)]


def _apart(traffic: tuple[Traffic, ...]) -> tuple[Traffic, ...]:
    ordered = sorted(traffic, key=lambda each: (each.protocol, each.ports.first))
    for before, after in pairwise(ordered):
        if before.protocol is after.protocol and after.ports.first <= before.ports.last:
            raise ValueError(f"has {after.protocol} {after.ports.first} twice")
    return traffic


class Published(Model):
    """An address range that partners connect to, and the server behind it."""

    prefix: Prefix
    server: Address


class Service(Model):
    """Traffic between the organisation and one domain, moved as a whole."""

    title: Text
    owner: Text
    domain: Name
    direction: Direction
    traffic: Annotated[tuple[Traffic, ...], Field(min_length=1), AfterValidator(_apart)]
    criticality: Annotated[int, Field(ge=1, le=3, strict=True)]
    max_outage: Milliseconds
    sites: Annotated[
        Names, Field(description="out, both: the organisation's sites that use it")
    ] = ()
    prefix: Annotated[Prefix | None, Field(description="out, both: the partner's addresses")] = None
    published: Annotated[
        Published | None, Field(description="in, both: the organisation's own addresses")
    ] = None
    partners: Annotated[
        Names, Field(description="in, both: the partner sites that may connect")
    ] = ()
    contact: Annotated[
        Text | None, Field(description="whom to call at the partner: a role, not a person")
    ] = None
    sessions: Annotated[
        Sessions | None, Field(description="the most connections that are open at once")
    ] = None

    @property
    def outbound(self) -> bool:
        """Whether the organisation opens connections."""
        return self.direction is not Direction.IN

    @property
    def inbound(self) -> bool:
        """Whether partners open connections."""
        return self.direction is not Direction.OUT


class Services(Model):
    """The whole of `services.yaml`."""

    services: Annotated[dict[Name, Service], Field(min_length=1)]
