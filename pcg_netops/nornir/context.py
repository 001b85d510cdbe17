"""What the tasks of one `Nornir` have in common: its workspace, and how to reach its devices."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from nornir.core import Nornir
from nornir.core.configuration import Config
from nornir.core.task import Result, Task

from pcg_netops.errors import InputError, PcgError

if TYPE_CHECKING:
    from pcg_netops.design.steering import Stage
    from pcg_netops.inventory.nornir import Extras
    from pcg_netops.inventory.workspace import Workspace
    from pcg_netops.push.practice import Practice
    from pcg_netops.push.secrets import Secrets
    from pcg_netops.render import Artifact, StageRenderer

KEY = "pcg"  # in the configuration's `user_defined`, and in what our inventory says
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


_known: dict[tuple[Path, bool, Path], tuple[object, Context]] = {}
_knowing = threading.Lock()
Asked = Mapping[str, Any]  # `workspace`, `lab`, `ssh_config`


def context_of(nornir: Nornir) -> Context:
    """What a Nornir works on: as its configuration says, and its inventory if that is ours.

    Raises InputError if these two differ, and as `_context` does.
    """
    return _context(_asked(nornir.config, nornir.inventory.defaults.data.get(KEY)))


def reach(
    config: Config | None, says: Asked | None, name: str, host: str | None, platform: str | None
) -> dict[str, Any]:
    """What a connection needs that no stock inventory says: whom to trust, and how to log in.

    The host is known by its name, or else by its address. `says` is what our inventory says of
    where it is from. Raises InputError for a host that is not the workspace's, or that is of
    another platform there, as a lab's stand-ins may be; and as `_context` does.
    """
    context = _context(_asked(config or Config(), says))
    known = context.workspace.hosts
    found = name or next((n for n, entry in known.items() if entry.hostname == host), "")
    if found not in known:
        raise InputError(
            f"is no host of the workspace {context.workspace.root}",
            place=found or str(host),
            remedy="add it to hosts.yaml, or name the workspace in user_defined (docs/nornir.md)",
        )
    if known[found].platform != platform:
        raise InputError(
            f"is '{platform}' in this inventory, and '{known[found].platform}' on what it works on",
            place=found,
            remedy="for a lab use the inventory PcgInventory with the option lab",
        )
    return {"name": found, "secrets": context.secrets, **context.extras(found)}


def _asked(config: Config, says: Asked | None) -> Asked:
    """What the configuration asks for, and what our inventory says: no drill goes astray."""
    asked, known = config.user_defined.get(KEY) or {}, says or {}
    for name in known.keys() & asked.keys():
        if _plain(name, known[name]) != _plain(name, asked[name]):
            raise InputError(
                f"the inventory says {name}: {known[name]}, user_defined says {asked[name]}",
                remedy="say it once, or the same",
            )
    return {**known, **asked}


def _plain(name: str, value: Any) -> object:
    return Path(value).resolve() if name == "workspace" else value


def _context(asked: Asked) -> Context:
    """Of a workspace; read anew once a file of it has changed, or a lab was started again.

    Raises InputErrors as the workspace's loading does, EnvironmentLack if a lab is asked for and
    none is up.
    """
    from pcg_netops.inventory.workspace import load_workspace
    from pcg_netops.push.login import SSH_CONFIG, production
    from pcg_netops.push.practice import practice
    from pcg_netops.push.secrets import Secrets
    from pcg_netops.push.trust import values_of

    root, lab = Path(asked.get("workspace", ".")).resolve(), bool(asked.get("lab"))
    ssh_config = Path(asked.get("ssh_config", SSH_CONFIG))
    key = root, lab, ssh_config
    with _knowing:
        state = _state(root), _labs() if lab else ()
        if key in _known and _known[key][0] == state:
            return _known[key][1]
        workspace = load_workspace(root)
        if lab:
            lab_up = practice(workspace)
            found = Context(lab_up.workspace, lab_up, lab_up.secrets, lab_up.extras)
        else:
            # Rendering needs no leave to use secrets: it is asked for as a device is logged in to.
            extras: Extras = lambda name: production(workspace, ssh_config)(name)  # noqa: E731
            found = Context(workspace, None, Secrets(values_of(workspace)), extras)
        _known[key] = state, found
        return found


def _state(root: Path) -> object:
    """What tells a workspace from itself after an edit."""
    files = [path for folder in _FOLDERS for path in sorted((root / folder).rglob("*"))]
    return [(path, path.stat().st_mtime_ns) for path in files if path.is_file()]


def _labs() -> object:
    """What tells the labs that are up from those that were."""
    from pcg_netops.lab.background import folders

    return [(record.name, record.started) for record in folders.running()]


def told(function: Function) -> Function:
    """A task whose failures are results: Nornir would print a traceback for what is raised."""

    @wraps(function)
    def task(task: Task, *args: Any, **kwargs: Any) -> Result:
        try:
            return function(task, *args, **kwargs)
        except PcgError as error:
            return Result(host=task.host, result=str(error), failed=True, exception=error)

    return task  # type: ignore[return-value]
