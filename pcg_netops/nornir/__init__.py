"""For Nornir playbooks: tasks that render, compare and push, and plug-ins for Nornir itself.

They work on any `Nornir` whose hosts are called as the workspace's. Where that workspace is, the
configuration says; these are the defaults:

    nr = InitNornir(
        config_file="inventory/config.yaml",
        user_defined={"pcg": {"workspace": ".", "lab": False, "ssh_config": "~/.ssh/config"}},
    )

With `lab` everything goes to the workspace's lab that is up, which stands in for its devices.

A task that fails gives a failed `Result` with our own error as its `exception`, and no traceback.
Importing this loads nothing but Nornir: what a task needs is loaded as it runs.
"""

from pcg_netops.nornir.inventory import PcgInventory
from pcg_netops.nornir.processors import Journaled, Progress
from pcg_netops.nornir.push import push
from pcg_netops.nornir.runner import WavesRunner
from pcg_netops.nornir.tasks import (
    apply,
    arm,
    collect,
    confirm,
    diff,
    extend,
    preflight,
    render,
    revert,
    stage,
    verify,
)

__all__ = [
    "Journaled",
    "PcgInventory",
    "Progress",
    "WavesRunner",
    "apply",
    "arm",
    "collect",
    "confirm",
    "diff",
    "extend",
    "preflight",
    "push",
    "render",
    "revert",
    "stage",
    "verify",
]
