"""Where labs that run in the background are found: one private folder for each user, in memory."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import stat
import tempfile
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pcg_netops.errors import EnvironmentLack, InputError

# In a lab's run folder.
SOCKET = "socket"  # where its agent is called
KEY = "key"  # that every node lets in, for OpenSSH
KNOWN_HOSTS = "known_hosts"
LOG = "supervisor.log"
_LOGS = "logs"  # where nodes write: see `logs_in`
SSH_CONFIG = "ssh_config"  # beside the topology
_RECORD = "lab.json"
_ALIVE = "alive"
_LOCK = ".lock"
_LONGEST = 90  # of a socket's path, of which Linux takes 107 bytes


@dataclass(frozen=True)
class NodeRecord:
    """What others need to know of a node. `ssh_port` is on this machine's 127.0.0.1."""

    name: str
    long_name: str
    kind: str
    image: str
    group: str
    ipv4: str
    ipv6: str
    ssh_port: int | None
    labels: dict[str, str]
    is_bridge: bool


@dataclass(frozen=True)
class Record:
    """A running lab. Times are seconds since 1970; `folder` is where its inventories are."""

    name: str
    topology: str
    folder: str
    pid: int
    started: float
    owner: str
    nodes: tuple[NodeRecord, ...]
    links: tuple[tuple[str, str], ...]
    failure: str = ""
    backend: str = "netns"

    def node(self, name: str) -> NodeRecord:
        """A node by its short or long name. Raises InputError."""
        for node in self.nodes:
            if name in (node.name, node.long_name):
                return node
        raise InputError(
            f"lab '{self.name}' has no node '{name}'",
            remedy=f"its nodes: {', '.join(node.name for node in self.nodes)}",
        )


def home() -> Path:
    """This user's folder of running labs. Raises EnvironmentLack if it is not this user's alone."""
    user = os.getuid()
    runtime = os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{user}"
    if os.access(runtime, os.W_OK) and Path(runtime).stat().st_uid == user:
        folder = Path(runtime, "pcg")
    else:
        folder = Path(tempfile.gettempdir(), f"pcg-{user}")
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != user:
        whose = "a link" if stat.S_ISLNK(status.st_mode) else "not a folder of yours"
        raise EnvironmentLack(
            f"must be a folder of yours alone, and is {whose}: somebody else may have put it there",
            place=str(folder),
            remedy="set XDG_RUNTIME_DIR to a folder of yours, and have this one looked into",
        )
    if status.st_mode & 0o077:
        raise EnvironmentLack(
            "must be a folder of yours alone, and others may enter it",
            place=str(folder),
            remedy=f"chmod 700 {folder}",
        )
    return folder


def folder_of(name: str) -> Path:
    """A lab's run folder, whether it runs or not. Raises InputError for a name that is too long."""
    folder = home() / name
    if len(str(folder)) > _LONGEST:
        raise InputError(f"the lab's name is too long: {name}", remedy="choose a shorter one")
    return folder


def claim(name: str) -> tuple[Path, int]:
    """A new run folder, and a descriptor that says the lab lives as long as anybody holds it.

    Raises InputError if a lab of that name runs or starts. What a killed one has left is removed.
    """
    folder = folder_of(name)
    with (home() / _LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _is_alive(folder):
            found = read(name)
            raise InputError(
                f"a lab '{name}' is running already, from {found.topology}"
                if found
                else f"a lab '{name}' is being started or ended",
                remedy=f"end it with `pcg lab down {name}`, or give this one another name",
            )
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        alive = os.open(folder / _ALIVE, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(alive, fcntl.LOCK_EX)
    return folder, alive


def write(record: Record, folder: Path) -> None:
    """Make a lab known."""
    path = folder / _RECORD
    part = path.with_suffix(".part")
    part.write_text(json.dumps(asdict(record)), encoding="utf-8")
    part.replace(path)


def read(name: str) -> Record | None:
    """A lab that runs, or None."""
    try:
        data = json.loads((folder_of(name) / _RECORD).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    record = _from_json(data)
    return record if _is_alive(folder_of(name)) else None


def running() -> tuple[Record, ...]:
    """Every lab of this user that runs, by name."""
    names = sorted(path.parent.name for path in home().glob(f"*/{_RECORD}"))
    return tuple(record for name in names if (record := read(name)) is not None)


def logs_in(run_dir: Path) -> Path:
    """Where what runs in a lab writes its logs. All in it is the lab's: follow no link there."""
    return run_dir / _LOGS


def _is_alive(folder: Path) -> bool:
    try:
        with (folder / _ALIVE).open() as alive:
            fcntl.flock(alive, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def _from_json(data: dict[str, Any]) -> Record:
    nodes = tuple(NodeRecord(**node) for node in data.pop("nodes"))
    links = tuple((near, far) for near, far in data.pop("links"))
    return Record(nodes=nodes, links=links, **data)
