"""`pcg lab export`: a lab as a folder for containerlab or Clabernetes."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pcg_netops.cli.speech import say
from pcg_netops.confined import require_all_inside
from pcg_netops.errors import InputError
from pcg_netops.files import write_whole
from pcg_netops.inventory.workspace import Workspace
from pcg_netops.lab.export.clabernetes import Api, manifests
from pcg_netops.lab.export.folder import (
    IMAGE_FOLDER,
    TOPOLOGY,
    files_of,
    from_elsewhere,
    let_in,
    needs_our_image,
    write_folder,
    write_image,
)
from pcg_netops.lab.topology.definitions import Topology
from pcg_netops.lab.topology.support import OWN_IMAGE

Target = Literal["containerlab", "clabernetes"]
APIS = {"c9s": Api.C9S, "legacy": Api.LEGACY}

_BUILD = f"""\
Build the image of its nodes, from Debian's packages. `BASE` may be any image of Debian 12:

    docker build -t {{image}} {IMAGE_FOLDER}

"""
_CONTAINERLAB = f"""\
# {{name}}

A lab of {{count}} nodes for containerlab, written by `pcg lab export --to containerlab`.

{{build}}Start it, look at it, end it:

    sudo containerlab deploy -t {TOPOLOGY}
    sudo containerlab inspect -t {TOPOLOGY}
    sudo containerlab destroy -t {TOPOLOGY} --cleanup

{{log_in}}Passwords and keys below `startup/` are random, of this export alone.
"""
_CLABERNETES = """\
# {name}

A lab of {count} nodes for Clabernetes ({api}), written by `pcg lab export --to clabernetes`.

{build}{push}Apply it server-side: what kubectl else keeps beside a resource takes no large files.

    kubectl apply --server-side -f .
    kubectl --namespace {namespace} get topologies,pods
    kubectl delete -f .

{log_in}Passwords and keys in `10-files.yaml` are random, of this export alone.
"""
_PUSH = "Put it where the cluster finds it:\n\n    docker push {image}\n\n"
_LOG_IN = "Log in as `pcg` with the key that was named by `--ssh-key`.\n\n"


@dataclass(frozen=True)
class Choice:
    """What to export, and how."""

    folder: Path
    target: Target
    api: Api
    namespace: str | None
    ssh_key: Path | None
    trust: bool = False


def export(
    choice: Choice, own: tuple[Workspace, str | None] | None, path: Path | None, image: str | None
) -> None:
    """Export the network of a workspace (and the name of its cutover), or a topology file."""
    folder = choice.folder
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(
            "is not an empty folder",
            place=str(folder),
            remedy="name a new one: nothing was changed",
        )
    if path is not None:
        from pcg_netops.lab.topology.file import load

        if image or choice.ssh_key:
            raise InputError("--image and --ssh-key are for the workspace's own network")
        topology = load(path, trusted=choice.trust)
        base_dir, images = path.resolve().parent, path.resolve().parents[1] / "node"
        _write(choice, topology, base_dir, images)
        return
    assert own
    with _startup(*own, image) as (topology, base_dir):
        if choice.ssh_key:
            let_in(base_dir, choice.ssh_key)
        root = own[0].root
        require_all_inside(root, ("simulations/node",))
        _write(choice, topology, base_dir, root / "simulations" / "node")


@contextmanager
def _startup(
    workspace: Workspace, cutover: str | None, image: str | None
) -> Iterator[tuple[Topology, Path]]:
    """The network's topology, and for a while a folder with the first stage's files."""
    from pcg_netops.cutover.bench import IMAGE, topology_of, write_startup
    from pcg_netops.cutover.vendors import with_vendors
    from pcg_netops.design.devices import design
    from pcg_netops.design.steering import stages
    from pcg_netops.lab.embedded import ipsec
    from pcg_netops.lab.embedded.layout import STARTUP, lay_out, make_plan
    from pcg_netops.push.practice import stand_ins
    from pcg_netops.render import render_stage

    if image and OWN_IMAGE not in image:
        raise InputError(
            f"'{image}' is no name of the node image",
            remedy=f"let its last parts be {OWN_IMAGE}, as registry.example/{OWN_IMAGE}:1",
        )
    first = stages(workspace.cutover(cutover)[1], workspace.services)[0]
    with tempfile.TemporaryDirectory(prefix="pcg-export-") as folder:
        base_dir = Path(folder)
        topology, artifacts = with_vendors(
            workspace,
            first,
            topology_of(workspace, design(workspace, first), image or IMAGE),
            render_stage(stand_ins(workspace), first),
        )
        write_startup(base_dir, artifacts)
        layout = lay_out(topology, base_dir, in_containers=True)
        ipsec.write_startup(make_plan(layout, "", base_dir, strict=True).nodes, STARTUP)
        yield topology, base_dir


def _write(choice: Choice, topology: Topology, base_dir: Path, images: Path) -> None:
    needed = files_of(topology, base_dir)
    ours = needs_our_image(topology)
    words = {
        "name": topology.name,
        "count": str(len(topology.nodes)),
        "build": _BUILD.format(image=_image_of(topology)) if ours else "",
        "log_in": _LOG_IN if choice.ssh_key else "",
    }
    for node, paths in from_elsewhere(topology).items():
        said = ", ".join(paths)
        say(f"not in the folder, taken from the machine it runs on: {node}: {said}")
    if choice.target == "containerlab":
        write_folder(topology, needed, _CONTAINERLAB.format_map(words), choice.folder)
    else:
        namespace = choice.namespace or f"pcg-{topology.name}".lower()
        found = manifests(topology, needed, choice.api, namespace)
        words |= {"api": choice.api, "namespace": namespace}
        words["push"] = _PUSH.format(image=_image_of(topology)) if ours else ""
        for name, text in found.files.items():
            write_whole(choice.folder / name, text)
        write_whole(choice.folder / "README.md", _CLABERNETES.format_map(words))
        for key in found.ignored:
            say(f"Clabernetes does not know, left out: {key}")
    if ours:
        write_image(images, choice.folder)
    say(f"wrote {choice.folder}; what to do with it: {choice.folder / 'README.md'}")


def _image_of(topology: Topology) -> str:
    """The name under which the nodes look for our image."""
    from pcg_netops.lab.export.folder import nodes_of

    return next(i for n in nodes_of(topology).values() if OWN_IMAGE in (i := n.image or ""))
