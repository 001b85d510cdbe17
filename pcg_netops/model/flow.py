"""`Flow`: one direction of one service between two hosts, as probes send it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address


class Protocol(StrEnum):
    """Transport protocols that services use."""

    TCP = "tcp"
    UDP = "udp"


@dataclass(frozen=True)
class Flow:
    """Traffic that a service promises to carry.

    `client` opens the connection from `source` towards `target`:`port`, an address that may be
    translated on the way; it ends on `server`, where the probe answers on `server_address`.
    """

    name: str  # unique, for example "nat-records/out/dc1/tcp-102"
    service: str
    direction: str  # "out": the organisation opens it; "in": the partner does
    protocol: Protocol
    client: str
    source: IPv4Address
    target: IPv4Address
    port: int
    server: str
    server_address: IPv4Address
