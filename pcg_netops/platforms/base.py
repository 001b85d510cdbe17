"""What the engine must know of a platform. All of it is data: nothing here connects anywhere."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from pcg_netops.model.device import Device
from pcg_netops.platforms.features import Feature


@dataclass(frozen=True)
class Delivery:
    """How a file gets onto a device: the device's own commands for it.

    `{file}` in a command stands for the path of the uploaded file, which holds no metacharacters.
    `residue` takes what `read_back` and `reference` printed and returns what still differs.
    """

    saved: str  # where the device keeps it for its next start
    validate: str
    apply: str
    read_back: str
    reference: str | None  # prints what `read_back` has to print, without touching what runs
    residue: Callable[[str, str], str]
    running: str  # prints what runs, whatever was uploaded


def as_rendered(text: str) -> str:
    """The template's own text."""
    return text


def always(device: Device) -> bool:
    """Every device has the file."""
    return True


@dataclass(frozen=True)
class ArtifactKind:
    """One file of a platform."""

    name: str  # file name, such as "frr.conf"
    template: str  # path below the workspace's templates folder
    delivery: Delivery | None  # None: it is rendered to be read and compared, and not pushed yet
    derive: Callable[[str], str] = as_rendered  # makes the file from the template's text
    wanted: Callable[[Device], bool] = always  # whether a device has something to say in it


def nothing_further(device: Device) -> Mapping[str, object]:
    """For templates that need the device alone."""
    return {}


def no_limits(device: Device) -> Iterator[str]:
    """For platforms that can say every value of the features they spell."""
    return iter(())


@dataclass(frozen=True)
class Platform:
    """A kind of device.

    `spells` and `refuses` tell for every feature how it is said, or why it cannot be. `limits`
    yields what is beyond the platform in one device although it spells the feature. `view` gives a
    template what it needs besides the device; it is asked only about devices that can be said.
    """

    name: str
    title: str
    netmiko_type: str
    staging: str  # folder on the device for uploads
    artifacts: tuple[ArtifactKind, ...]  # in the order in which they are applied
    spells: Mapping[Feature, str]
    refuses: Mapping[Feature, str]
    concealed: re.Pattern[str] | None = None  # what of its output is not to be shown, after \1
    guard: str = ""  # shell script of a platform that is pushed to: arm SECONDS, confirm, revert
    limits: Callable[[Device], Iterator[str]] = no_limits
    view: Callable[[Device], Mapping[str, object]] = nothing_further

    @property
    def delivered(self) -> frozenset[str]:
        """The names of the files that a push carries to the device."""
        return frozenset(kind.name for kind in self.artifacts if kind.delivery)

    def unsayable(self, device: Device) -> Iterator[str]:
        """What of this device the platform cannot say, and why."""
        refused = [feature for feature in self.refuses if feature.used_by(device)]
        yield from (f"{feature.value}: {self.refuses[feature]}" for feature in refused)
        if not refused:
            yield from self.limits(device)
