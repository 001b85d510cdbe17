"""A topology as a drawing: in Mermaid's or Graphviz's language, or laid out by Graphviz."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from typing import Literal

from pcg_netops.errors import EnvironmentLack, LabError
from pcg_netops.lab.topology.definitions import LinkDefinition, Topology

_TIMEOUT_S = 30


def draw(topology: Topology, form: Literal["mermaid", "dot", "svg"]) -> str:
    """The drawing's text. Raises EnvironmentLack where `svg` is wanted and `dot` is lacking."""
    if form == "mermaid":
        return "\n".join(_mermaid(topology)) + "\n"
    source = "\n".join(_dot(topology)) + "\n"
    return source if form == "dot" else _lay_out(source)


def _ends(link: LinkDefinition) -> tuple[tuple[str, str], tuple[str, str]]:
    near, far = link.ends[0], link.ends[-1]
    if len(link.ends) == 1:
        return (near.node, near.interface), (link.type or "", "")
    return (near.node, near.interface), (far.node, far.interface)


def _names(topology: Topology) -> dict[str, str]:
    """An identifier of each node and of each special end of a link."""
    ends = (name for link in topology.links for name, _ in _ends(link))
    return {name: f"n{i}" for i, name in enumerate(dict.fromkeys((*topology.nodes, *ends)))}


def _mermaid(topology: Topology) -> Iterator[str]:
    names = _names(topology)
    yield "graph LR"
    for name, identifier in names.items():
        yield f'  {identifier}["{name}"]'
    for link in topology.links:
        (near, left), (far, right) = _ends(link)
        label = " – ".join(filter(None, (left, right)))
        yield f'  {names[near]} ---|"{label}"| {names[far]}'


def _dot(topology: Topology) -> Iterator[str]:
    names = _names(topology)
    yield "graph lab {"
    yield '  rankdir=LR; node [shape=box, fontname="Helvetica"]; edge [fontsize=9];'
    for name, identifier in names.items():
        yield f'  {identifier} [label="{name}"];'
    for link in topology.links:
        (near, left), (far, right) = _ends(link)
        yield f'  {names[near]} -- {names[far]} [taillabel="{left}", headlabel="{right}"];'
    yield "}"


def _lay_out(source: str) -> str:
    try:
        done = subprocess.run(
            ["dot", "-Tsvg"],
            input=source,
            capture_output=True,
            check=True,
            encoding="utf-8",
            timeout=_TIMEOUT_S,
        )
    except FileNotFoundError:
        raise EnvironmentLack(
            "there is no dot, which lays a drawing out",
            remedy="as root: apt-get install graphviz; or use --format mermaid",
        ) from None
    except subprocess.SubprocessError as error:
        raise LabError(f"dot could not lay the drawing out: {error}") from None
    return done.stdout
