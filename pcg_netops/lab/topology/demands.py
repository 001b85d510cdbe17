"""What a topology asks of the machine that it starts on, beyond its own folder and its own nodes.

Whoever writes a topology decides what is in it, so a lab of somebody else's gets such things only
where the person who starts it says so (`--trust`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pcg_netops.confined import require_inside
from pcg_netops.errors import InputError
from pcg_netops.lab.topology.definitions import NodeDefinition
from pcg_netops.lab.topology.variables import magic

if TYPE_CHECKING:
    from pcg_netops.lab.embedded.layout import Layout

_REMEDY = "look at what it asks for; if you trust it: --trust"


def require_trust(nodes: Mapping[str, NodeDefinition], base_dir: Path, folder: Path) -> None:
    """Raise InputError naming all that these nodes ask for; `folder` is `clab-<lab>`."""
    asked = [
        f"node '{name}' {said}"
        for name, node in nodes.items()
        for said in _asked(name, node, base_dir, folder)
    ]
    if asked:
        words = "the topology asks for what is not in its folder:"
        raise InputError("\n  ".join([words, *asked]), remedy=_REMEDY)


def _asked(name: str, node: NodeDefinition, base_dir: Path, folder: Path) -> Iterator[str]:
    for source, target, is_fixed in map(_parts, node.binds):
        if _leads_out(magic(source, folder, name), base_dir):
            how = "read-only" if is_fixed else "and may change it"
            yield f"sees {source} as {target}, {how}"
    yield from _reads(name, node, base_dir, folder)


def _parts(bind: str) -> tuple[str, str, bool]:
    source, target, *mode = bind.split(":")
    return source, target, "ro" in ",".join(mode).split(",")


def _reads(name: str, node: NodeDefinition, base_dir: Path, folder: Path) -> Iterator[str]:
    for file in node.env_files:
        if _leads_out(file, base_dir):
            yield f"takes variables from {file}"
    for what, path in (("starts from", node.startup_config), ("is licensed by", node.license)):
        is_file = path and "\n" not in path and "://" not in path
        if path and is_file and _leads_out(magic(path, folder, name), base_dir):
            yield f"{what} {path}"
    stages = (its for _, its in node.stages.items()) if node.stages else ()
    for command in (command for its in stages for command in its.commands):
        if command.target == "host":
            yield f"runs on the machine itself: {command.command}"


def _leads_out(path: str, base_dir: Path) -> bool:
    if path.startswith("~"):
        return True
    try:
        require_inside(base_dir, base_dir / path)
    except InputError:
        return True
    return False


def what_it_does(layout: Layout) -> Iterator[str]:
    """Lines for people: what nodes see of the machine, and which commands run on them."""
    nodes, folder = layout.nodes, layout.folder
    for name, node in nodes.items():
        for said in _asked(name, node, layout.base_dir, folder):
            yield f"trusted: node '{name}' {said}"
    seen = [
        is_fixed
        for name, node in nodes.items()
        for source, _, is_fixed in map(_parts, node.binds)
        if not _leads_out(magic(source, folder, name), layout.base_dir)
    ]
    if seen:
        changeable = seen.count(False)
        yield f"binds {len(seen)} of its own files and folders, {changeable} to be written to"
    commands = [command for node in nodes.values() for command in node.exec]
    if commands:
        more = f", and {len(commands) - 1} more" if len(commands) > 1 else ""
        yield f"runs on its nodes: `{commands[0]}`{more}"


def taken_from(environment: Mapping[str, str], names: Iterator[str], place: str) -> None:
    """Raise InputError if a topology takes any of its variables from this environment."""
    found = sorted({name for name in names if name in environment})
    if found:
        raise InputError(
            f"takes variables of the environment: {', '.join(found)}",
            place=place,
            remedy=_REMEDY,
        )
