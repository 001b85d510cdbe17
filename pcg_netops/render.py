"""From a `Device` to the files of its platform, the same bytes every time."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from jinja2 import FileSystemLoader, StrictUndefined, TemplateError, TemplateSyntaxError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from pcg_netops.design.devices import design
from pcg_netops.design.steering import Stage
from pcg_netops.errors import InputError
from pcg_netops.inventory.workspace import Workspace
from pcg_netops.model.device import Device, Role
from pcg_netops.platforms import platform_named


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
        self._environment = ImmutableSandboxedEnvironment(
            loader=FileSystemLoader(templates),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
            autoescape=False,
        )

    def render(self, device: Device) -> dict[str, Artifact]:
        """All files of a device. Raises InputError naming the template that is wrong."""
        found = {}
        for kind in platform_named(device.platform).artifacts:
            try:
                text = self._environment.get_template(kind.template).render(device=device)
            except TemplateSyntaxError as error:
                place = f"templates/{kind.template}:{error.lineno}"
                raise InputError(
                    f"{error.message}", place=place, remedy="correct the template"
                ) from None
            except TemplateError as error:
                raise InputError(
                    f"cannot be rendered for '{device.name}': {error.message or error!r}",
                    place=f"templates/{kind.template}",
                    remedy="correct the template, or copy it again from a new workspace",
                ) from None
            found[kind.name] = Artifact(device.name, kind.name, text)
        return found


def render_stage(workspace: Workspace, stage: Stage) -> Artifacts:
    """Every managed device's files at a stage."""
    renderer = Renderer(workspace.templates)
    return {
        device.name: renderer.render(device)
        for device in design(workspace, stage).values()
        if device.role is not Role.HOST
    }
