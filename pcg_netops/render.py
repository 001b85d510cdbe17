"""From a `Device` to the files of its platform, the same bytes every time."""

from __future__ import annotations

import hashlib
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import FileSystemLoader, StrictUndefined, TemplateNotFound, TemplateSyntaxError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from pcg_netops.design.devices import Designer
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


@cache
def _fields(kind: type) -> frozenset[str]:
    """The public fields of a kind of dataclass; none of any other kind."""
    names = (field.name for field in fields(kind)) if is_dataclass(kind) else ()
    return frozenset(name for name in names if not name.startswith("_"))


class _Sandbox(ImmutableSandboxedEnvironment):
    """The sandbox, made quick for large networks without letting through anything else."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        """A field of a device's part is data that was made for templates; else as it always is."""
        kind: type = type(obj)
        if attribute in _fields(kind):
            return getattr(obj, attribute)
        return super().getattr(obj, attribute)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Jinja's own decision, which goes by kind and name alone, made once for each."""
        decision = (type(obj), attr)
        if decision not in self._decided:
            self._decided[decision] = super().is_safe_attribute(obj, attr, value)
        return self._decided[decision]

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._decided: dict[tuple[type, str], bool] = {}


class Renderer:
    """Renders devices with one workspace's templates, each compiled once."""

    def __init__(self, templates: Path) -> None:
        self._templates = templates
        self._environment = _Sandbox(
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
        wanted = [kind for kind in platform.artifacts if kind.wanted(device)]
        texts = {
            template: self._text(template, device, view)
            for template in dict.fromkeys(kind.template for kind in wanted)
        }
        return {
            kind.name: Artifact(device.name, kind.name, kind.derive(texts[kind.template]))
            for kind in wanted
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
        found: Artifacts = {}
        unsayable: list[InputError] = []
        for device in self._designer.design(stage).values():
            if device.role is Role.HOST:
                continue
            try:
                found[device.name] = self._files(device)
            except InputErrors as errors:
                place = self._workspace.sources.hosts[0].place(device.name)
                unsayable += [
                    InputError(error.message, place=place, remedy=error.remedy, code=error.code)
                    for error in errors.errors
                ]
        if unsayable:
            raise InputErrors(unsayable)
        return found

    def _files(self, device: Device) -> dict[str, Artifact]:
        latest = self._latest.get(device.name)
        if latest is None or (latest[0] is not device and latest[0] != device):
            _check_platform(self._workspace, device)
            latest = (device, self._renderer.render(device))
            self._latest[device.name] = latest
        return latest[1]


def render_stage(workspace: Workspace, stage: Stage) -> Artifacts:
    """Every managed device's files at one stage; for several stages, keep a `StageRenderer`."""
    return StageRenderer(workspace).render(stage)
