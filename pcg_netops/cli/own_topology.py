"""The topology that a workspace keeps of its own network, and what `pcg lab up` needs with it."""

from __future__ import annotations

from pathlib import Path

from pcg_netops.errors import InputError
from pcg_netops.lab.topology.file import HEADER, to_yaml


def provide_startup(path: Path) -> bool:
    """Write the first stage's startup files beside it, if they are not there yet; whether it did.

    They hold keys, so a fresh clone has none. Raises InputErrors as the workspace's loading does,
    and InputError if the file is not what the inventory describes.
    """
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    folder = path.resolve().parent
    root = folder.parent.parent
    is_own = text.startswith(HEADER) and (root / "inventory").is_dir()
    if not is_own or (folder / "startup").exists():
        return False

    from pcg_netops.cutover.bench import topology_of, write_startup
    from pcg_netops.design.devices import design
    from pcg_netops.design.steering import stages
    from pcg_netops.inventory.workspace import load_workspace
    from pcg_netops.push.practice import stand_ins
    from pcg_netops.render import render_stage

    workspace = load_workspace(root)
    first = stages(workspace.cutover(None)[1], workspace.services)[0]
    if text != to_yaml(topology_of(workspace, design(workspace, first))):
        raise InputError(
            "is not what the inventory describes", place=str(path), remedy="run: pcg lab topology"
        )
    write_startup(folder, render_stage(stand_ins(workspace), first))
    return True


def lab_at(root: Path, cutover: str | None, phase: str) -> Path:
    """Write the lab of a workspace's network as a phase or wave leaves it; its topology file.

    It lies in `build/<network>/lab`. Raises InputErrors as the workspace's loading does, and
    InputError for an unknown phase.
    """
    from pcg_netops.confined import require_inside
    from pcg_netops.cutover.bench import topology_of, write_startup
    from pcg_netops.design.devices import design
    from pcg_netops.design.steering import find_stage, stages
    from pcg_netops.files import write_whole
    from pcg_netops.inventory.workspace import load_workspace
    from pcg_netops.push.practice import stand_ins
    from pcg_netops.render import render_stage

    workspace = load_workspace(root)
    stage = find_stage(stages(workspace.cutover(cutover)[1], workspace.services), phase)
    folder = workspace.root / "build" / workspace.network.name / "lab"
    path = folder / "topology.clab.yml"
    require_inside(workspace.root, path)
    write_whole(path, to_yaml(topology_of(workspace, design(workspace, stage))))
    write_startup(folder, render_stage(stand_ins(workspace), stage))
    return path
