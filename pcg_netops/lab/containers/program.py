"""The containerlab program: deploy a topology file, find its containers, destroy it.

Its command line and the JSON of `inspect --details`: containerlab 0.79, `cmd/` and
`runtime/generic_container.go`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pcg_netops.errors import EnvironmentLack, LabError

PROGRAM = "containerlab"
_DEPLOY_S, _SHORT_S = 900.0, 120.0
_LAST_LINES = 12


@dataclass(frozen=True)
class Container:
    """A node's container: the process that holds its namespaces, and its management address.

    The address has its prefix length, as 198.18.0.11/24; "" is none.
    """

    node: str
    process: int
    address: str


def require() -> None:
    """Raise EnvironmentLack where there is no containerlab, or no right to enter containers."""
    if shutil.which(PROGRAM) is None:
        raise EnvironmentLack(
            f"there is no program '{PROGRAM}'",
            remedy="install it, https://containerlab.dev/install, or leave out --backend: the"
            " embedded lab needs neither it nor Docker",
        )
    if os.geteuid() != 0:
        raise EnvironmentLack(
            "this user may not enter the network of containers",
            remedy="run the same as root, or leave out --backend: the embedded lab needs no root",
        )


def deploy(topology: Path) -> None:
    """Start every node. Raises LabError with containerlab's own words; some may run then."""
    _run("deploy", "--topo", str(topology), timeout=_DEPLOY_S)


def destroy(topology: Path) -> None:
    """End every node and remove what containerlab wrote. Raises LabError."""
    _run("destroy", "--topo", str(topology), "--cleanup", timeout=_SHORT_S)


def inspect(topology: Path, lab: str) -> dict[str, Container]:
    """The running containers by node."""
    said = _run("inspect", "--topo", str(topology), "--details", timeout=_SHORT_S)
    try:
        found = [
            Container(one["Labels"]["clab-node-name"], int(one["Pid"]), _address(one))
            for one in json.loads(said)[lab]
            if one["State"] == "running"
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise LabError(
            f"cannot understand what `{PROGRAM} inspect` says: {error!r}",
            place=str(topology),
            remedy="containerlab 0.79 is known to work",
        ) from None
    return {container.node: container for container in found}


def _address(container: dict[str, Any]) -> str:
    settings = container["NetworkSettings"]
    address = settings["IPv4addr"]
    return f"{address}/{settings['IPv4pLen']}" if address else ""


def _run(*arguments: str, timeout: float) -> str:
    command = (PROGRAM, *arguments)
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for us: it must not stop what destroys a lab
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise LabError(f"`{' '.join(command)}` did not end within {timeout:g} s") from None
    if done.returncode:
        words = "\n".join(done.stderr.strip().splitlines()[-_LAST_LINES:])
        raise LabError(f"`{' '.join(command)}` failed:\n{words}")
    return done.stdout
