"""From a `Device` to the files of its platform, the same bytes every time."""

from __future__ import annotations

import hashlib
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from jinja2 import FileSystemLoader, StrictUndefined, TemplateNotFound, TemplateSyntaxError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from pcg_netops.design.devices import design
from pcg_netops.design.steering import Stage
from pcg_netops.errors import InputError, InputErrors
from pcg_netops.inventory.workspace import Workspace
from pcg_netops.model.device import Device, Role
from pcg_netops.platforms import platform_named
from pcg_netops.platforms.base import Platform


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
        self._templates = templates
        self._environment = ImmutableSandboxedEnvironment(
            loader=FileSystemLoader(templates),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
            autoescape=False,
        )

    def render(self, device: Device) -> dict[str, Artifact]:
        """All files of a device.

        Raises InputError naming the template that is wrong, or InputErrors with everything of the
        device that its platform cannot say.
        """
        platform = platform_named(device.platform)
        unsayable = [_refusal(platform, device, what) for what in platform.unsayable(device)]
        if unsayable:
            raise InputErrors(unsayable)
        view = platform.view(device)
        return {
            kind.name: Artifact(
                device.name, kind.name, kind.derive(self._text(kind.template, device, view))
            )
            for kind in platform.artifacts
        }

    def _text(self, template: str, device: Device, view: Mapping[str, object]) -> str:
        try:
            return self._environment.get_template(template).render(device=device, **view)
        except TemplateSyntaxError as error:
            raise InputError(
                f"{error.message}",
                place=f"templates/{error.name or template}:{error.lineno}",
                remedy="correct the template",
            ) from None
        except TemplateNotFound as error:
            raise InputError(
                "no such template",
                place=f"templates/{error.name or template}",
                remedy="copy it from a new workspace: pcg init FOLDER",
            ) from None
        except Exception as error:  # a template can raise anything
            raise InputError(
                f"cannot be rendered for '{device.name}': {error}",
                place=self._place(template, error),
                remedy="correct the template, or copy it from a new workspace: pcg init FOLDER",
            ) from None

    def _place(self, template: str, error: Exception) -> str:
        """The innermost line of a template that an error came through."""
        lines = [
            f"templates/{Path(frame.filename).relative_to(self._templates).as_posix()}:{frame.lineno}"
            for frame in traceback.extract_tb(error.__traceback__)
            if Path(frame.filename).is_relative_to(self._templates)
        ]
        return lines[-1] if lines else f"templates/{template}"


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


def _refusal(platform: Platform, device: Device, what: str) -> InputError:
    return InputError(
        f"'{device.name}' needs what {platform.title} cannot say: {what}",
        place=device.name,
        remedy=f"give it another platform than '{platform.name}' (docs/platforms.md)",
        code="PCG021",
    )


def render_stage(workspace: Workspace, stage: Stage) -> Artifacts:
    """Every managed device's files at a stage.

    Raises InputErrors with everything that any device's platform cannot say, at the host's line.
    """
    renderer = Renderer(workspace.templates)
    hosts = workspace.sources.hosts[0]
    found: Artifacts = {}
    unsayable: list[InputError] = []
    for device in design(workspace, stage).values():
        if device.role is Role.HOST:
            continue
        _check_platform(workspace, device)
        try:
            found[device.name] = renderer.render(device)
        except InputErrors as errors:
            unsayable += [
                InputError(
                    error.message,
                    place=hosts.place(device.name),
                    remedy=error.remedy,
                    code=error.code,
                )
                for error in errors.errors
            ]
    if unsayable:
        raise InputErrors(unsayable)
    return found
