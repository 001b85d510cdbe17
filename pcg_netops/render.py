"""From a `Device` to the files of its platform, the same bytes every time."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pcg_netops.confined import require_inside
from pcg_netops.design.devices import Designer
from pcg_netops.design.steering import Stage
from pcg_netops.errors import InputError, InputErrors
from pcg_netops.files import write_whole
from pcg_netops.inventory.workspace import Workspace
from pcg_netops.model.device import Device, Role
from pcg_netops.platforms import platform_named
from pcg_netops.platforms.base import ArtifactKind
from pcg_netops.templating import worker


@dataclass(frozen=True)
class Artifact:
    """One rendered file of one device."""

    device: str
    name: str
    text: str

    @property
    def digest(self) -> str:
        """SHA-256 of the file's bytes, in hexadecimal."""
        return hashlib.sha256(self.text.encode()).hexdigest()


# device -> file name -> artifact
Artifacts = dict[str, dict[str, Artifact]]


class Renderer:
    """Renders devices with one workspace's templates, each compiled once."""

    def __init__(self, templates: Path) -> None:
        self._templates = templates.resolve()
        worker.prepare()

    def render(self, device: Device) -> dict[str, Artifact]:
        """All files of a device. Raises as `render_all` does."""
        return self.render_all([device])[0]

    def render_all(
        self, devices: Sequence[Device], place: Callable[[str], str] = str
    ) -> list[dict[str, Artifact]]:
        """All files of each device; `place` says where a device is chosen to be what it is.

        Raises InputErrors with everything that platforms cannot say, or InputError naming the first
        template that is wrong.
        """
        refusals = [
            _refusal(device, what, place(device.name))
            for device in devices
            for what in platform_named(device.platform).unsayable(device)
        ]
        if refusals:
            raise InputErrors(refusals)
        texts = worker.render(self._templates, [(d, _templates_of(d)) for d in devices])
        return list(map(_artifacts, devices, texts))


def _artifacts(device: Device, texts: Mapping[str, str]) -> dict[str, Artifact]:
    return {
        kind.name: Artifact(device.name, kind.name, kind.derive(texts[kind.template]))
        for kind in _wanted(device)
    }


def _templates_of(device: Device) -> list[str]:
    return list(dict.fromkeys(kind.template for kind in _wanted(device)))


def _wanted(device: Device) -> list[ArtifactKind]:
    return [kind for kind in platform_named(device.platform).artifacts if kind.wanted(device)]


def _check_platform(workspace: Workspace, device: Device) -> None:
    """Raises InputError at the host's line if its platform is not known."""
    try:
        platform_named(device.platform)
    except InputError as error:
        raise InputError(
            error.message,
            place=workspace.sources.hosts[0].place(device.name),
            remedy=error.remedy,
            code="PCG020",
        ) from None


def _refusal(device: Device, what: str, place: str) -> InputError:
    platform = platform_named(device.platform)
    return InputError(
        f"'{device.name}' needs what {platform.title} cannot say: {what}",
        place=place,
        remedy=f"give it another platform than '{platform.name}' (docs/platforms.md)",
        code="PCG021",
    )


class StageRenderer:
    """Renders the stages of one workspace. What a stage leaves as it was is not rendered again."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._designer = Designer(workspace)
        self._renderer = Renderer(workspace.templates)
        self._latest: dict[str, tuple[Device, dict[str, Artifact]]] = {}

    def render(self, stage: Stage) -> Artifacts:
        """Every managed device's files at a stage.

        Raises InputErrors with everything that any device's platform cannot say, at the host's
        line.
        """
        devices = self._designer.design(stage)
        managed = [device for device in devices.values() if device.role is not Role.HOST]
        changed = [device for device in managed if not self._is_latest(device)]
        for device in changed:
            _check_platform(self._workspace, device)
        place = self._workspace.sources.hosts[0].place
        files = self._renderer.render_all(changed, place)
        self._latest |= {d.name: (d, found) for d, found in zip(changed, files, strict=True)}
        return {device.name: self._latest[device.name][1] for device in managed}

    def _is_latest(self, device: Device) -> bool:
        latest = self._latest.get(device.name, (None,))[0]
        return latest is device or latest == device


def render_stage(workspace: Workspace, stage: Stage) -> Artifacts:
    """Every managed device's files at one stage; for several stages, keep a `StageRenderer`."""
    return StageRenderer(workspace).render(stage)


def written(files: Mapping[str, Artifact], folder: Path) -> int:
    """Write one device's files to `<folder>/<device>/`; how many were not there as they are.

    Raises InputError where one cannot be written, or a link would have it elsewhere.
    """
    changed = 0
    for artifact in files.values():
        path = _path(artifact, folder)
        if _held(path) != artifact.text.encode():
            write_whole(path, artifact.text)
            changed += 1
    return changed


def compared(files: Mapping[str, Artifact], folder: Path) -> str:
    """How one device's files differ from those in `<folder>/<device>/`, as unified diffs."""
    lines: list[str] = []
    for artifact in files.values():
        held = (_held(_path(artifact, folder)) or b"").decode(errors="replace")
        label = f"{artifact.device}/{artifact.name}"
        lines += difflib.unified_diff(
            held.splitlines(), artifact.text.splitlines(), f"a/{label}", f"b/{label}", lineterm=""
        )
    return "\n".join(lines)


def _path(artifact: Artifact, folder: Path) -> Path:
    path = folder / artifact.device / artifact.name
    require_inside(folder, path.parent)
    return path


def _held(path: Path) -> bytes | None:
    """What a file holds; None for none, and for what is to become one."""
    try:
        return path.read_bytes() if path.is_file() and not path.is_symlink() else None
    except OSError:
        return None
