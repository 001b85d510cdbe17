"""A lab as a folder of its own: the topology file, and every file that it names.

What is written is for a machine with containerlab, or a cluster with Clabernetes (`clabernetes`).
"""

from __future__ import annotations

import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path, PurePosixPath

from pcg_netops.confined import require_all_inside
from pcg_netops.errors import InputError, InputErrors
from pcg_netops.files import write_private, write_whole
from pcg_netops.lab.topology.definitions import NodeDefinition, Topology
from pcg_netops.lab.topology.file import to_yaml
from pcg_netops.lab.topology.inheritance import settled
from pcg_netops.lab.topology.support import OWN_IMAGE

TOPOLOGY = "topology.clab.yml"
IMAGE_FOLDER = "image"
_START = "node-start.sh"
_NODE_NAME = "__clabNodeName__"
_FOLDERS_OF_CONTAINERLAB = "__clab"  # its other variables are for places that it makes itself
_AUTHORIZED = "authorized_keys"


@dataclass(frozen=True)
class File:
    """A file that a node reads, by its path below the topology file's folder."""

    path: str
    content: bytes
    executable: bool


def nodes_of(topology: Topology) -> dict[str, NodeDefinition]:
    """Every node with all that it inherits."""
    return {name: settled(topology.topology, name) for name in topology.nodes}


def files_of(topology: Topology, base_dir: Path) -> dict[str, tuple[File, ...]]:
    """The files that each node needs from beside the topology, folders file by file.

    Raises InputErrors naming every one that is missing or lies elsewhere.
    """
    errors: list[InputError] = []
    found: dict[str, tuple[File, ...]] = {}
    for name, node in nodes_of(topology).items():
        paths = dict.fromkeys(path for path in _sources(name, node) if not _is_of_machine(path))
        try:
            found[name] = tuple(file for path in paths for file in _read(name, path, base_dir))
        except InputError as error:
            errors.append(error)
    if errors:
        raise InputErrors(errors)
    return found


def from_elsewhere(topology: Topology) -> dict[str, tuple[str, ...]]:
    """What nodes take from the machine that they run on, by node: it is not in the folder."""
    found = {
        name: tuple(p for p in _sources(name, node) if _is_of_machine(p))
        for name, node in nodes_of(topology).items()
    }
    return {name: paths for name, paths in found.items() if paths}


def _sources(name: str, node: NodeDefinition) -> Iterator[str]:
    startup = node.startup_config or ""
    if "\n" in startup or "://" in startup:
        startup = ""
    paths = [*(bind.partition(":")[0] for bind in node.binds), *node.env_files]
    paths += [path for path in (node.license, startup) if path]
    return (path.replace(_NODE_NAME, name) for path in paths)


def _is_of_machine(path: str) -> bool:
    return path.startswith(("/", "~", _FOLDERS_OF_CONTAINERLAB))


def _read(node: str, path: str, base_dir: Path) -> Iterator[File]:
    relative = PurePosixPath(path)
    if ".." in relative.parts:
        raise InputError(
            f"node '{node}' needs {path}, which is outside the topology's folder",
            place=str(base_dir),
            remedy="put it beside the topology file",
        )
    source = base_dir / path
    if not source.exists():
        raise InputError(f"node '{node}' needs a file that does not exist", place=str(source))
    require_all_inside(base_dir, (path,))
    inside = sorted(source.rglob("*")) if source.is_dir() else [source]
    for file in inside:
        if file.is_file():
            executable = bool(file.stat().st_mode & stat.S_IXUSR)
            name = file.relative_to(base_dir).as_posix()
            yield File(name, file.read_bytes(), executable)


def write_folder(
    topology: Topology, needed: Mapping[str, Sequence[File]], readme: str, folder: Path
) -> None:
    """Write all that containerlab needs. Files are readable by their owner alone: lab passwords."""
    for file in {file.path: file for found in needed.values() for file in found}.values():
        target = folder / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        write_private(target, file.content)
        if file.executable:
            target.chmod(0o700)
    write_whole(folder / TOPOLOGY, to_yaml(topology))
    write_whole(folder / "README.md", readme)


def needs_our_image(topology: Topology) -> bool:
    """Whether any node runs the image of this project."""
    return any(OWN_IMAGE in (node.image or "") for node in nodes_of(topology).values())


def write_image(source: Path, folder: Path) -> None:
    """What the node image is built from: the workspace's files, and our start script."""
    if not (source / "Dockerfile").is_file():
        raise InputError(
            "there is no Dockerfile of the node image",
            place=str(source),
            remedy="copy simulations/node from a new workspace: pcg init FOLDER",
        )
    for path in sorted(source.iterdir()):
        write_whole(folder / IMAGE_FOLDER / path.name, path.read_bytes())
    start = files("pcg_netops.lab.embedded").joinpath(_START).read_text(encoding="utf-8")
    write_whole(folder / IMAGE_FOLDER / _START, start)


def let_in(base_dir: Path, key: Path) -> None:
    """Let the owner of a public key log in on every node with a startup folder below `base_dir`."""
    try:
        text = key.expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read: {error}", place=str(key)) from None
    if "PRIVATE KEY" in text or not text.startswith(("ssh-", "ecdsa-", "sk-")):
        raise InputError(
            "is not a public key of OpenSSH",
            place=str(key),
            remedy="name the .pub file beside the key",
        )
    for startup in sorted((base_dir / "startup").iterdir()):
        if startup.is_dir():
            write_whole(startup / _AUTHORIZED, text)
