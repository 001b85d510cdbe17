"""One node: a process that holds its namespaces, its own view of the file system, its start."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from pcg_netops.errors import LabError
from pcg_netops.lab import links
from pcg_netops.lab.base import Completed
from pcg_netops.lab.environment import NODE_ENVIRONMENT
from pcg_netops.lab.plan import NodePlan
from pcg_netops.lab.syscalls import (
    CLONE_NEWNET,
    CLONE_NEWNS,
    CLONE_NEWUTS,
    MS_BIND,
    MS_MOVE,
    MS_REC,
    enter,
    mount,
    open_namespaces,
    set_hostname,
    set_read_only,
    unmount,
    unshare,
)

_MEMORY = ("/run", "/tmp")  # noqa: S108  empty again after a power cut
_DISK = ("/var/tmp", "/var/log", "/etc/frr")  # noqa: S108
_SAVED = "pcg"  # in /var/lib

# A new namespace inherits the machine's IPv4 settings: what matters is set, so that a lab behaves
# alike everywhere. PSN carries no IPv6; a kernel without it lacks those files.
_SETTINGS = {
    "ipv4/ip_forward": "0",
    "ipv4/conf/all/rp_filter": "0",
    "ipv4/conf/default/rp_filter": "0",
    "ipv6/conf/all/disable_ipv6": "1",
    "ipv6/conf/default/disable_ipv6": "1",
}

_START = files("pcg_netops.lab").joinpath("node-start.sh").read_text()
_START_TIMEOUT = 30.0
_LAST_LINES = 10


class Node:
    """A running node. A method that says so moves the calling thread into the node for good."""

    def __init__(self, plan: NodePlan) -> None:
        self.plan = plan
        self.powered = True
        self._bind_sources: list[int] = []
        self.holder = 0
        self.namespaces: tuple[int, int, int] = (-1, -1, -1)

    @property
    def network(self) -> int:
        """A descriptor of the network namespace."""
        return self.namespaces[0]

    def create(self) -> None:
        """Make the namespaces and file system view. Moves the calling thread into the node."""
        unshare(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWNET)
        set_hostname(self.plan.name)
        self._make_view()
        for setting, value in _SETTINGS.items():
            path = Path("/proc/sys/net", setting)
            if path.exists():
                path.write_text(value)
        # The holder is not waited for: it ends with the lab.
        self.holder = subprocess.Popen(
            ["sleep", "infinity"],
            env=NODE_ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        ).pid
        self.namespaces = open_namespaces(self.holder)

    def boot(self) -> None:
        """Raise the links, start from the saved configuration. Moves the calling thread there."""
        enter([self.network])
        links.raise_links(self.plan.management)
        enter(self.namespaces)
        for command in self.plan.commands:
            done = self._run(command, "", _START_TIMEOUT)
            if done.returncode:
                raise LabError(
                    f"`{' '.join(command)}`: {done.stderr.strip()}", place=self.plan.name
                )
        if self.plan.starts_daemons:
            done = self._run(["sh", "-c", _START, "node-start"], "", _START_TIMEOUT)
            if done.returncode:
                words = "\n".join(done.stderr.strip().splitlines()[-_LAST_LINES:])
                raise LabError(f"did not start:\n{words}", place=self.plan.name)

    def forget(self) -> None:
        """Lose what a power cut loses, when nothing runs. Moves the calling thread there."""
        enter([self.network])
        links.forget_addresses_and_connections()
        enter(self.namespaces)
        self._run(["nft", "flush", "ruleset"], "", _START_TIMEOUT)
        for folder in _MEMORY:
            unmount(folder)
            mount("tmpfs", folder, "tmpfs")
        self._bind()

    def run(self, argv: Sequence[str], stdin: str, timeout: float) -> Completed:
        """Run a command to its end. Moves the calling thread into the node."""
        enter(self.namespaces)
        return self._run(argv, stdin, timeout)

    def _run(self, argv: Sequence[str], stdin: str, timeout: float) -> Completed:
        pipe = subprocess.PIPE
        try:
            process = subprocess.Popen(
                argv,
                env=NODE_ENVIRONMENT,
                cwd="/",
                stdin=pipe,
                stdout=pipe,
                stderr=pipe,
                start_new_session=True,
                text=True,
                errors="replace",
            )
        except (OSError, ValueError) as error:
            raise LabError(f"cannot start `{argv[0]}`: {error}", place=self.plan.name) from None
        with process:
            try:
                out, err = process.communicate(stdin, timeout)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, 9)
                raise LabError(
                    f"`{' '.join(argv)}` did not end within {timeout:g} s", place=self.plan.name
                ) from None
        return Completed(process.returncode, out, err)

    def _make_view(self) -> None:
        """The machine's files, read-only, with folders and an /etc that are the node's own.

        Read-only matters where the lab runs as root: nothing on a node may alter the machine.
        """
        # Opened before a tmpfs covers the folder they may be in.
        flags = os.O_PATH | os.O_CLOEXEC
        self._bind_sources = [os.open(bind.source, flags) for bind in self.plan.binds]
        set_read_only("/", True, recursive=True)
        set_read_only("/proc", False)
        for folder in (*_MEMORY, *_DISK):
            mount("tmpfs", folder, "tmpfs")
        _make_var_lib(Path("/run/lib"))
        _make_group(Path("/etc/frr/group"))
        self._bind()

    def _bind(self) -> None:
        for source, bind in zip(self._bind_sources, self.plan.binds, strict=True):
            target = Path(bind.target)
            if stat.S_ISDIR(os.fstat(source).st_mode):
                target.mkdir(parents=True, exist_ok=True)
            else:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.touch()
            mount(f"/proc/self/fd/{source}", bind.target, flags=MS_BIND | MS_REC)
            set_read_only(bind.target, bind.read_only)


def _make_var_lib(new: Path) -> None:
    """A /var/lib with room for the saved configuration; the rest of it is links."""
    new.mkdir()
    mount("tmpfs", str(new), "tmpfs")
    machine = new / ".machine"
    machine.mkdir()
    mount("/var/lib", str(machine), flags=MS_BIND | MS_REC)
    for entry in machine.iterdir():
        (new / entry.name).symlink_to(f".machine/{entry.name}")
    (new / _SAVED).mkdir()
    mount(str(new), "/var/lib", flags=MS_MOVE)
    new.rmdir()


def _make_group(new: Path) -> None:
    """FRR gives its sockets to the group frrvty; the lab's user namespace has root's group only."""
    groups = Path("/etc/group").read_text().splitlines()
    kept = [group for group in groups if not group.startswith("frrvty:")]
    new.write_text("\n".join([*kept, "frrvty:x:0:root"]) + "\n")
    mount(str(new), "/etc/group", flags=MS_BIND)
