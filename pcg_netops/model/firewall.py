"""What a device forwards and translates, in no vendor's language.

A rule names interfaces, addresses and protocols, or says ANY. One naming nothing cannot be made.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network
from typing import Final


class Action(StrEnum):
    """The verdict of a policy entry or filter rule."""

    PERMIT = "permit"
    DENY = "deny"


@dataclass(frozen=True)
class Ports:
    """An inclusive range of transport ports."""

    first: int
    last: int

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"


# Whatever the interface, address or protocol. No interface at all is another thing: an empty tuple
# in its place would turn a rule that holds nowhere into one that holds everywhere.
ANY: Final = None
Interfaces = tuple[str, ...]
Prefixes = tuple[IPv4Network, ...]


@dataclass(frozen=True)
class FilterRule:
    """One permitted or denied kind of forwarded traffic, owned by a service or a named purpose.

    "esp" has no ports. Raises ValueError for what names nothing: such a rule is left out.
    """

    owner: str
    action: Action
    from_interfaces: Interfaces | None
    to_interfaces: Interfaces | None
    sources: Prefixes | None = ANY
    destinations: Prefixes | None = ANY
    protocol: str | None = ANY
    ports: Ports | None = ANY

    def __post_init__(self) -> None:
        _require_named(
            self, "from_interfaces", "to_interfaces", "sources", "destinations", "protocol"
        )


@dataclass(frozen=True)
class DestinationNat:
    """Connections to a published prefix are sent to the server behind it."""

    owner: str
    from_interfaces: Interfaces
    published: IPv4Network
    protocol: str
    ports: Ports
    server: IPv4Address

    def __post_init__(self) -> None:
        _require_named(self, "from_interfaces")


@dataclass(frozen=True)
class SourceNat:
    """Connections leaving by these interfaces take an address of the gateway's own pool."""

    owner: str
    to_interfaces: Interfaces
    sources: Prefixes
    destinations: Prefixes
    protocol: str
    ports: Ports
    pool: IPv4Network

    def __post_init__(self) -> None:
        _require_named(self, "to_interfaces", "sources", "destinations")


def _require_named(rule: FilterRule | DestinationNat | SourceNat, *fields: str) -> None:
    for name in fields:
        value = getattr(rule, name)
        if value is not ANY and not value:
            raise ValueError(f"a rule of '{rule.owner}' names no {name}: leave it out, or say ANY")


@dataclass(frozen=True)
class Firewall:
    """What a device forwards. `default` decides what no rule names.

    A stateful one forwards no TCP packet of a session that it does not know. Senders behind
    `reset_from` are told so at once: another gateway held the session, and they can reconnect
    instead of waiting. Others are met with silence.
    """

    stateful: bool
    default: Action
    rules: tuple[FilterRule, ...]
    destination_nat: tuple[DestinationNat, ...] = ()
    source_nat: tuple[SourceNat, ...] = ()
    reset_from: tuple[str, ...] = ()

    @property
    def forwards_everything(self) -> bool:
        """Whether it filters nothing; one without a rule may as well forward nothing."""
        return not self.rules and self.default is Action.PERMIT
