"""The two backends: namespaces of this machine's own programs, or containers of containerlab."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Literal

from pcg_netops.lab.containers import program as containerlab
from pcg_netops.lab.controller import OwnedLab
from pcg_netops.lab.embedded.lab import NetnsLab
from pcg_netops.lab.embedded.layout import Layout, lay_out
from pcg_netops.lab.machine.needs import require_programs
from pcg_netops.lab.topology.definitions import Topology

Backend = Literal["netns", "containerlab"]


def prepare(
    backend: Backend,
    topology: Topology,
    base_dir: Path,
    accepted: Collection[str] = (),
    *,
    trusted: bool = False,
) -> Layout:
    """The topology as it can run there. Raises InputError, InputErrors, EnvironmentLack."""
    if backend == "netns":
        layout = lay_out(topology, base_dir, accepted, trusted=trusted)
        require_programs()
        return layout
    containerlab.require()
    return lay_out(topology, base_dir, accepted, in_containers=True, trusted=trusted)


def start(
    backend: Backend,
    layout: Layout,
    topology: Path,
    run_dir: Path,
    *,
    strict: bool = True,
    keep: bool = False,
) -> OwnedLab:
    """Start a lab of a topology file that is laid out. Raises what the backends' `start` does."""
    if backend == "netns":
        return NetnsLab.start(layout, run_dir, strict=strict, keep=keep)
    # Brings pyroute2 along, which the embedded lab has in its own process only.
    from pcg_netops.lab.containers.lab import ContainerlabLab

    return ContainerlabLab.start(layout, topology, run_dir, strict=strict, keep=keep)
