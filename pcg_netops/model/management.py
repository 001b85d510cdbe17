"""The `management:` section of `network.yaml`: who administers devices, and with what."""

from __future__ import annotations

from typing import Annotated

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_ssh_public_key
from pydantic import AfterValidator, Field

from pcg_netops.model.base import Address, Milliseconds, Model, Name
from pcg_netops.model.device import AaaProtocol

_MINUTE_MS = 60_000
_LONGEST_IDLE_MIN = 10  # STIG V-216780 and its like


def _idle(milliseconds: int) -> int:
    minutes, rest = divmod(milliseconds, _MINUTE_MS)
    if rest or not 1 <= minutes <= _LONGEST_IDLE_MIN:
        raise ValueError(f"is not 1 to {_LONGEST_IDLE_MIN} whole minutes")
    return milliseconds


def _public_key(text: str) -> str:
    try:
        load_ssh_public_key(text.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("is not a public key as ssh-keygen writes it") from None
    return text


# What every platform takes for prose and nothing else: no quotes, no escapes, no markers.
Banner = Annotated[str, Field(pattern=r"^[A-Za-z0-9 .,:()-]{1,200}$")]
SshKey = Annotated[
    str,
    Field(
        pattern=r"^(ssh-rsa|ssh-ed25519|ecdsa-sha2-nistp[0-9]{3}) [A-Za-z0-9+/]{64,1000}={0,2}$",
        description="a public key: its type and its text, without a comment",
    ),
    AfterValidator(_public_key),
]
Servers = Annotated[tuple[Address, ...], Field(min_length=1)]


class User(Model):
    """Somebody who can log in also when no AAA server answers."""

    keys: Annotated[tuple[SshKey, ...], Field(min_length=1)]


class Aaa(Model):
    """Servers that decide who logs in; local users are the fallback."""

    protocol: Annotated[AaaProtocol, Field(description="radius or tacacs (TACACS+)")]
    servers: Servers
    secret: Annotated[Name, Field(description="name of the secret shared with them")]


class Ntp(Model):
    """Time, from servers that prove who they are."""

    servers: Servers
    key: Annotated[int, Field(ge=1, le=65_534, strict=True, description="number of the key")] = 1
    secret: Annotated[Name, Field(description="name of the secret that is the key")]


class Snmp(Model):
    """SNMPv3 with authentication and privacy, read only."""

    user: Name
    managers: Servers
    authentication: Annotated[Name, Field(description="name of a secret")]
    privacy: Annotated[Name, Field(description="name of another secret")]


class ManagementPlane(Model):
    """How every device is administered. Servers are on the management network."""

    users: Annotated[dict[Name, User], Field(default_factory=dict)]
    aaa: Aaa | None = None
    exec_timeout: Annotated[
        Milliseconds,
        AfterValidator(_idle),
        Field(description="an idle session ends after 1 to 10 minutes"),
    ] = _LONGEST_IDLE_MIN * _MINUTE_MS
    banner: Banner = "Authorised use only. All activity is recorded."
    ntp: Ntp | None = None
    syslog: tuple[Address, ...] = ()
    snmp: Snmp | None = None
