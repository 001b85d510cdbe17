"""IPsec profiles: what two ends of a tunnel propose to each other, and for how long it holds."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum, StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pcg_netops.model.base import Model, Name, Seconds

_HTTP = r"^http://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._/-]*)?$"


class Encryption(StrEnum):
    """A cipher. Those with GCM protect integrity too (RFC 4106), with a tag of 16 bytes."""

    AES_128_GCM = "aes-128-gcm"
    AES_256_GCM = "aes-256-gcm"
    AES_128_CBC = "aes-128-cbc"
    AES_256_CBC = "aes-256-cbc"

    @property
    def bits(self) -> int:
        """Length of the key."""
        return int(self.value.split("-")[1])

    @property
    def combined(self) -> bool:
        """Whether it protects integrity by itself."""
        return self.value.endswith("gcm")


class Hash(StrEnum):
    """A hash function, for the pseudo-random function and, with CBC, for integrity."""

    SHA_256 = "sha-256"
    SHA_384 = "sha-384"

    @property
    def bits(self) -> int:
        """Length of its value."""
        return int(self.value.split("-")[1])


class Group(IntEnum):
    """A Diffie-Hellman group by its IANA number (RFC 3526, RFC 5903)."""

    MODP_2048 = 14
    ECP_256 = 19
    ECP_384 = 20


class Signature(StrEnum):
    """The kind of key in the ends' certificates."""

    ECDSA_256 = "ecdsa-256"
    ECDSA_384 = "ecdsa-384"
    RSA_2048 = "rsa-2048"


class IkeProposal(Model):
    """How the ends agree on keys (RFC 7296; version 1: RFC 2409)."""

    version: Literal[1, 2] = 2
    encryption: Encryption
    hash: Hash
    group: Group
    lifetime: Seconds


class EspProposal(Model):
    """How packets are protected (RFC 4303); `group` gives each key perfect forward secrecy."""

    encryption: Encryption
    hash: Annotated[Hash | None, Field(description="with CBC only: GCM needs none")] = None
    group: Group
    lifetime: Seconds

    @model_validator(mode="after")
    def _integrity_once(self) -> Self:
        if self.encryption.combined == (self.hash is not None):
            raise ValueError(f"{self.encryption} {'needs no' if self.hash else 'needs a'} 'hash'")
        return self


class IpsecProfile(Model):
    """Everything that both ends of a tunnel have to have alike.

    Each end proves itself with a certificate of `authority`. Keys and certificates are on the
    devices, under the device's name: no key is ever part of a configuration.
    """

    ike: IkeProposal
    esp: EspProposal
    signature: Signature
    authority: Annotated[Name, Field(description="whose certificates both ends trust")] = "tunnels"
    crl: Annotated[
        str | None, Field(pattern=_HTTP, description="where the authority's revocations are")
    ] = None
    dead_peer: Annotated[
        Seconds, Field(description="a peer that was silent for so long is asked for a sign of life")
    ] = 10


def _profile(ike: dict[str, object], esp: dict[str, object], signature: str) -> IpsecProfile:
    times = ({"lifetime": "24 h"}, {"lifetime": "8 h"})
    return IpsecProfile.model_validate(
        {"ike": ike | times[0], "esp": esp | times[1], "signature": signature}
    )


# NCSC's recommended profile and the legacy one, as public supplier guidance restates them.
BUILT_IN_PROFILES: Mapping[str, IpsecProfile] = {
    "prime": _profile(
        {"version": 2, "encryption": "aes-128-gcm", "hash": "sha-256", "group": 19},
        {"encryption": "aes-128-gcm", "group": 19},
        "ecdsa-256",
    ),
    "foundation": _profile(
        {"version": 1, "encryption": "aes-128-cbc", "hash": "sha-256", "group": 14},
        {"encryption": "aes-128-cbc", "hash": "sha-256", "group": 14},
        "rsa-2048",
    ),
}
