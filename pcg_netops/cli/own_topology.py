"""The topology that a workspace keeps of its own network, and what `pcg lab up` needs with it."""

from __future__ import annotations

from pathlib import Path

from pcg_netops.errors import InputError
from pcg_netops.lab.topology import HEADER, to_yaml


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

    from pcg_netops.cutover.bench import stand_ins, topology_of, write_startup
    from pcg_netops.design.devices import design
    from pcg_netops.design.steering import stages
    from pcg_netops.inventory.workspace import load_workspace
    from pcg_netops.render import render_stage

    workspace = load_workspace(root)
    first = stages(workspace.cutover(None)[1], workspace.services)[0]
    if text != to_yaml(topology_of(workspace, design(workspace, first))):
        raise InputError(
            "is not what the inventory describes", place=str(path), remedy="run: pcg lab topology"
        )
    write_startup(folder, render_stage(stand_ins(workspace), first))
    return True
