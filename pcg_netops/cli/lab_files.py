"""`pcg lab topology` and `export`: a lab as files. Commands import what they need when they run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from pcg_netops.cli.options import HERE, CutoverOption, WorkspaceOption
from pcg_netops.cli.speech import say
from pcg_netops.errors import InputError

app = typer.Typer()


@app.command()
def topology(
    check: Annotated[
        bool, typer.Option("--check", help="Only say whether it is up to date.")
    ] = False,
    workspace: WorkspaceOption = HERE,
    cutover: CutoverOption = None,
) -> None:
    """Write the containerlab topology of the network, with the first stage's startup files."""
    from pcg_netops.confined import require_inside
    from pcg_netops.cutover.bench import topology_of, write_startup
    from pcg_netops.design.devices import design
    from pcg_netops.design.steering import stages
    from pcg_netops.files import write_whole
    from pcg_netops.inventory.workspace import load_workspace
    from pcg_netops.lab.topology.file import to_yaml
    from pcg_netops.push.practice import stand_ins
    from pcg_netops.render import render_stage

    loaded = load_workspace(workspace)
    first = stages(loaded.cutover(cutover)[1], loaded.services)[0]
    folder = loaded.root / "simulations" / loaded.network.name
    path = folder / "topology.clab.yml"
    text = to_yaml(topology_of(loaded, design(loaded, first)))
    if check:
        require_inside(loaded.root, path)
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            raise InputError(
                "is not what the inventory describes",
                place=path.relative_to(loaded.root).as_posix(),
                remedy="run: pcg lab topology",
            )
        say("up to date")
        return
    require_inside(loaded.root, path)
    write_whole(path, text)
    write_startup(folder, render_stage(stand_ins(loaded), first))
    say(f"wrote {path.relative_to(loaded.root)} and the startup files beside it")


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(help="New folder to write.")],
    target: Annotated[
        Literal["containerlab", "clabernetes"], typer.Option("--to", help="What will run it.")
    ],
    topology: Annotated[
        Path | None, typer.Option(help="A topology file; default: the workspace's own network.")
    ] = None,
    api: Annotated[
        Literal["c9s", "legacy"],
        typer.Option(help="Clabernetes from 0.7 on (c9s.run), or before it."),
    ] = "c9s",
    namespace: Annotated[
        str | None, typer.Option(help="Of Kubernetes; default: pcg- and the lab's name.")
    ] = None,
    image: Annotated[
        str | None, typer.Option(help="Where nodes get the node image: NAME:TAG.")
    ] = None,
    ssh_key: Annotated[
        Path | None, typer.Option(help="Public key that may log in on the nodes.")
    ] = None,
    trust: Annotated[
        bool, typer.Option("--trust", help="Let a topology file take variables of yours.")
    ] = False,
    workspace: WorkspaceOption = HERE,
    cutover: CutoverOption = None,
) -> None:
    """Write a lab as a folder that containerlab deploys, or manifests for Clabernetes."""
    from pcg_netops.cli.exporting import APIS, Choice
    from pcg_netops.cli.exporting import export as write
    from pcg_netops.inventory.workspace import load_workspace

    choice = Choice(folder, target, APIS[api], namespace, ssh_key, trust)
    own = None if topology else (load_workspace(workspace), cutover)
    write(choice, own, topology, image)
