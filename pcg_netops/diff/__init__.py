"""What changes between two states of a network, for people to read and for devices to apply."""

from __future__ import annotations

from pcg_netops.diff.changeset import ChangeSet, DeviceChange, load, save
from pcg_netops.diff.files import FileDiff, changed_files, compared, diff_artifacts
from pcg_netops.diff.planning import (
    plan,
    plan_running,
    plan_stages,
    residue,
    stale,
    without_secrets,
)

__all__ = [
    "ChangeSet",
    "DeviceChange",
    "FileDiff",
    "changed_files",
    "compared",
    "diff_artifacts",
    "load",
    "plan",
    "plan_running",
    "plan_stages",
    "residue",
    "save",
    "stale",
    "without_secrets",
]
