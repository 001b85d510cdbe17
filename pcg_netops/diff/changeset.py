"""A change set: exactly what will be sent to every device, both ways, and its digest.

The digest is SHA-256 over all of it in one standard form, so that an approval of the digest is one
of each byte. A file that was altered is refused, and the part that was altered is named.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from pcg_netops.errors import InputError
from pcg_netops.files import write_output
from pcg_netops.model.base import Model

_LARGEST = 200_000_000  # bytes of a file that is read at all
_REMEDY = "make it again with pcg diff … --output, and have that one approved"

Lines = tuple[str, ...]
Texts = dict[str, str]  # file name -> text
Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class DeviceChange(Model):
    """What changes on one device.

    `base` and `intended` are what it holds before and after, by file. On a platform that takes
    commands they are in the standard form of `pcg_netops.diff`, and `remediation` and `back_out`
    are the commands from one to the other. Elsewhere they are the files themselves, each of which
    is replaced whole. Secrets stand in them as markers.
    """

    device: str
    platform: str
    base: Texts
    intended: Texts
    remediation: Lines = ()
    back_out: Lines = ()
    secrets: Annotated[
        Texts,
        Field(
            default_factory=dict,
            description="keyed digest of each secret's value, by the secret's name",
        ),
    ]

    @property
    def base_digest(self) -> str:
        """SHA-256 of what the device has to hold before the change."""
        return _sha256(self.base)

    @property
    def intended_digest(self) -> str:
        """SHA-256 of what the device has to hold after the change."""
        return _sha256(self.intended)

    @property
    def replaced(self) -> Lines:
        """The files that are replaced whole; none on a platform that takes commands."""
        if self.remediation or self.back_out:
            return ()
        return tuple(
            name for name in self.intended if self.intended[name] != self.base.get(name, "")
        )


class ChangeSet(Model):
    """All devices that change between two states of a network, and the order in which they do."""

    version: Literal[1] = 1
    network: str
    cutover: str
    before: str  # name of a stage, or "running" for what the devices hold
    after: str
    waves: tuple[tuple[str, ...], ...]
    devices: tuple[DeviceChange, ...]

    @property
    def digest(self) -> str:
        """SHA-256 over everything in this change set."""
        return _sha256(self.model_dump(mode="json"))

    def device(self, name: str) -> DeviceChange:
        """The change of one device. Raises KeyError for one that does not change."""
        return {change.device: change for change in self.devices}[name]


class _Sealed(Model):
    """A change set in a file, with the digest of each of its parts."""

    digest: Digest
    parts: dict[str, Digest]
    change: ChangeSet


def save(change: ChangeSet, path: Path) -> None:
    """Write a change set. Raises InputError or EnvironmentLack if that cannot be done."""
    sealed = _Sealed(digest=change.digest, parts=_parts(change), change=change)
    write_output(path, json.dumps(sealed.model_dump(mode="json"), indent=1, ensure_ascii=False))


def load(path: Path) -> ChangeSet:
    """Read a change set. Raises InputError for one that is not as it was made, and says where."""
    try:
        if path.stat().st_size > _LARGEST:
            raise InputError("is too large for a change set", place=str(path), remedy=_REMEDY)
        sealed = _Sealed.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(
            f"cannot be read: {error.strerror}", place=str(path), remedy="name another file"
        ) from None
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise InputError(
            f"is not a change set: {where}: {first['msg']}", place=str(path), remedy=_REMEDY
        ) from None
    parts = _parts(sealed.change)
    altered = [
        name for name in {**parts, **sealed.parts} if parts.get(name) != sealed.parts.get(name)
    ]
    if sealed.change.digest != sealed.digest and not altered:
        altered = ["the digest"]
    if altered:
        raise InputError(
            f"was altered after it was made: {', '.join(sorted(altered))}",
            place=str(path),
            remedy=_REMEDY,
        )
    return sealed.change


def _parts(change: ChangeSet) -> Texts:
    head = change.model_dump(mode="json", exclude={"devices"})
    parts = {"the head": _sha256(head)}
    for device in change.devices:
        for name, value in device.model_dump(mode="json").items():
            parts[f"{device.device} {name}"] = _sha256(value)
    return parts


def _sha256(value: object) -> str:
    """Of one standard spelling: JSON with sorted keys and no spaces, in UTF-8."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
