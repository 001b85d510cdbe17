"""What the tasks of one `Nornir` have in common: its workspace, and how to reach its devices."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from nornir.core.configuration import Config
from nornir.core.task import Result, Task

from pcg_netops.errors import PcgError

if TYPE_CHECKING:
    from pcg_netops.design.steering import Stage
    from pcg_netops.inventory.nornir import Extras
    from pcg_netops.inventory.workspace import Workspace
    from pcg_netops.push.practice import Practice
    from pcg_netops.push.secrets import Secrets
    from pcg_netops.render import Artifact, StageRenderer

KEY = "pcg"  # in the configuration's `user_defined`
_FOLDERS = ("inventory", "templates")
Function = TypeVar("Function", bound=Callable[..., Result])


@dataclass
class Context:
    """A workspace as it was read, and what was rendered of it."""

    workspace: Workspace
    practice: Practice | None
    secrets: Secrets
    extras: Extras
    _rendered: dict[tuple[str, str], Mapping[str, Mapping[str, Artifact]]] = field(
        default_factory=dict
    )
    _renderer: StageRenderer | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def stage(self, phase: str, cutover: str | None) -> tuple[str, Stage]:
        """The cutover's name, and the stage that a phase or wave leaves. Raises InputError."""
        from pcg_netops.design.steering import find_stage, stages

        name, found = self.workspace.cutover(cutover)
        return name, find_stage(stages(found, self.workspace.services), phase)

    def files(self, phase: str, cutover: str | None, host: str) -> Mapping[str, Artifact]:
        """A device's files at a stage; none of a host that is no device of the network.

        Everything of a stage is rendered once, whoever asks first.
        """
        from pcg_netops.render import StageRenderer

        name, stage = self.stage(phase, cutover)
        with self._lock:
            if (name, stage.name) not in self._rendered:
                self._renderer = self._renderer or StageRenderer(self.workspace)
                self._rendered[name, stage.name] = self._renderer.render(stage)
            return self._rendered[name, stage.name].get(host, {})


_known: dict[tuple[Path, bool], tuple[object, Context]] = {}
_knowing = threading.Lock()


def context_of(config: Config) -> Context:
    """The context that a configuration names; read anew once a file of it has changed.

    Raises InputErrors as the workspace's loading does, InputError for secrets that it may not have
    (`pcg secrets`), EnvironmentLack if a lab is asked for and none is up.
    """
    from pcg_netops.inventory.workspace import load_workspace
    from pcg_netops.push.login import SSH_CONFIG, production
    from pcg_netops.push.practice import practice
    from pcg_netops.push.secrets import Secrets
    from pcg_netops.push.trust import values_of

    asked = config.user_defined.get(KEY) or {}
    root, lab = Path(asked.get("workspace", ".")).resolve(), bool(asked.get("lab"))
    ssh_config = Path(asked.get("ssh_config", SSH_CONFIG))
    with _knowing:
        state = _state(root), _labs() if lab else ()
        if (root, lab) in _known and _known[root, lab][0] == state:
            return _known[root, lab][1]
        workspace = load_workspace(root)
        if lab:
            lab_up = practice(workspace)
            found = Context(lab_up.workspace, lab_up, lab_up.secrets, lab_up.extras)
        else:
            secrets = Secrets(values_of(workspace))
            reach_them = _when_asked(lambda: production(workspace, ssh_config))
            found = Context(workspace, None, secrets, reach_them)
        _known[root, lab] = state, found
        return found


def _when_asked(make: Callable[[], Extras]) -> Extras:
    """Rendering needs no leave to use secrets: it is asked for as a device is logged in to."""

    def extras(name: str) -> dict[str, Any]:
        return make()(name)

    return extras


def _state(root: Path) -> object:
    """What tells a workspace from itself after an edit."""
    files = [path for folder in _FOLDERS for path in sorted((root / folder).rglob("*"))]
    return [(path, path.stat().st_mtime_ns) for path in files if path.is_file()]


def _labs() -> object:
    """What tells the labs that are up from those that were."""
    from pcg_netops.lab import home

    return [(record.name, record.started) for record in home.running()]


def reach(host: str | None, port: int | None, config: Config | None) -> dict[str, Any]:
    """What a connection needs that no stock inventory says: whom to trust, and how to log in."""
    context = context_of(config or Config())
    for name, entry in context.workspace.hosts.items():
        if entry.hostname == host and (port is None or (entry.port or 22) == port):
            return {"name": name, "secrets": context.secrets, **context.extras(name)}
    return {}


def told(function: Function) -> Function:
    """A task whose failures are results: Nornir would print a traceback for what is raised."""

    @wraps(function)
    def task(task: Task, *args: Any, **kwargs: Any) -> Result:
        try:
            return function(task, *args, **kwargs)
        except PcgError as error:
            return Result(host=task.host, result=str(error), failed=True, exception=error)

    return task  # type: ignore[return-value]
