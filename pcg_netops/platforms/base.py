"""What the engine must know of a platform. All of it is data: nothing here connects anywhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class ArtifactKind:
    """One file of a platform, and the device's own commands for it.

    `{file}` in a command stands for the path of the uploaded file, which holds no metacharacters.
    `residue` takes what `read_back` and `reference` printed and returns what still differs.
    """

    name: str  # file name, such as "frr.conf"
    template: str  # path below the workspace's templates folder
    saved: str  # where the device keeps it for its next start
    validate: str
    apply: str
    read_back: str
    reference: str | None  # prints what `read_back` has to print, without touching what runs
    residue: Callable[[str, str], str]


@dataclass(frozen=True)
class Platform:
    """A kind of device."""

    name: str
    netmiko_type: str
    staging: str  # folder on the device for uploads
    guard: str  # script for the device: `arm SECONDS`, `confirm`, `revert`
    artifacts: tuple[ArtifactKind, ...]  # in the order in which they are applied
