"""Practice: the same pushes as in production, to the workspace's lab that is up.

Only what a connection needs differs: the lab's ports and keys, and secrets of its own. Journals and
the lock are the lab's too, so that no drill is taken for a push, or keeps one from going on.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pcg_netops.confined import require_inside
from pcg_netops.diff import ChangeSet
from pcg_netops.errors import EnvironmentLack, InputError
from pcg_netops.files import write_private
from pcg_netops.inventory.nornir import Extras
from pcg_netops.inventory.workspace import Workspace
from pcg_netops.lab.background import folders
from pcg_netops.lab.background.client import RunningLab
from pcg_netops.lab.controller import USERNAME
from pcg_netops.push.secrets import Secrets

AT_ONCE = 8  # devices of a lab, which share this machine's processors
PLATFORM = "linux"  # of every node of a lab
LAB_KEY = Path("startup", "secrets.key")
_LOCAL = "127.0.0.1"


def stand_ins(workspace: Workspace) -> Workspace:
    """The same network as a lab runs it: every device in its Linux rendering."""
    hosts = {
        name: entry.model_copy(update={"platform": PLATFORM})
        for name, entry in workspace.hosts.items()
    }
    return replace(workspace, hosts=hosts)


def lab_secrets(folder: Path) -> Secrets:
    """Values for a lab's secrets, at random for each folder: a lab needs none of production's.

    They follow from a key beside the startup files, so that a later push has the same ones.
    """
    path = folder / LAB_KEY
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_private(path, secrets.token_hex())
    key = path.read_bytes()
    return Secrets(lambda name: hmac.new(key, name.encode(), hashlib.sha256).hexdigest()[:24])


@dataclass(frozen=True)
class Practice:
    """What an `Operation` needs to push to a lab."""

    workspace: Workspace  # with the lab's stand-ins
    lab: RunningLab
    secrets: Secrets
    pushes: Path  # where its journals go

    def port(self, name: str) -> int:
        """Where a node's SSH server is, on 127.0.0.1. Raises InputError if it has none."""
        port = self.lab.record.node(name).ssh_port
        if port is None:
            raise InputError(f"node '{name}' has no SSH server", place=self.lab.record.topology)
        return port

    @property
    def extras(self) -> Extras:
        """What connections to the nodes need (`push.connection`)."""
        key = (self.lab.folder / folders.KEY).read_text(encoding="utf-8")

        def extras(name: str) -> dict[str, Any]:
            return {
                "host": _LOCAL,
                "port": self.port(name),
                "username": USERNAME,
                "private_key": key,
                "known_hosts": self.lab.known_hosts,
                "look_for_keys": False,
                "allow_agent": False,
            }

        return extras

    def require_fit(self, change: ChangeSet) -> None:
        """Raise InputError for a change set that no lab can take."""
        others = [device.device for device in change.devices if device.platform != PLATFORM]
        if others:
            raise InputError(
                f"is not for what a lab runs: {', '.join(others)}",
                place="change set",
                remedy="plan it for the lab's stand-ins: add --lab to pcg diff",
            )


def practice(workspace: Workspace) -> Practice:
    """The lab of a workspace's network. Raises EnvironmentLack if none is up."""
    name = workspace.network.name
    found = next((record for record in folders.running() if record.name == name), None)
    if found is None:
        raise EnvironmentLack(
            f"no lab of the network '{name}' is up",
            remedy="start it at a phase: pcg lab up --phase PHASE",
        )
    started = datetime.fromtimestamp(found.started, UTC)
    pushes = Path("build", name, f"practice-{started:%Y%m%dT%H%M%SZ}", "pushes")
    require_inside(workspace.root, workspace.root / pushes)
    return Practice(
        stand_ins(workspace),
        RunningLab(found),
        lab_secrets(Path(found.topology).parent),
        workspace.root / pushes,
    )
