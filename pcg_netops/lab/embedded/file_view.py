"""A node's own view of the machine's files.

Read-only matters where the lab runs as root: nothing on a node may alter the machine. A node of
somebody else's topology may write anywhere, as in a container, and only it sees that.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Sequence
from pathlib import Path

from pcg_netops.lab.embedded import ipsec
from pcg_netops.lab.embedded.build_plan import BindPlan, NodePlan
from pcg_netops.lab.embedded.enclosure import PROGRAMS, SOURCES, make_folders
from pcg_netops.lab.embedded.syscalls import (
    MS_BIND,
    MS_MOVE,
    MS_REC,
    mount,
    move_root,
    set_read_only,
    unmount,
)

MEMORY = ("/run", "/tmp")  # noqa: S108  empty again after a power cut
_DISK = ("/var/tmp", "/var/log", "/etc/frr")  # noqa: S108
_SAVED = "pcg"  # in /var/lib
_ANEW = ("run", "tmp", "var", "home", "srv", "opt", "mnt", "media")
_MACHINE = ".machine"


class View:
    """What one node sees. Everything here acts in the mount namespace of the calling thread."""

    def __init__(self, plan: NodePlan) -> None:
        self._binds = plan.binds
        self._tmpfs = plan.tmpfs
        self._sources: list[int] = []
        self._own_files = plan.own_files
        self._files = plan.files
        self._more = (ipsec.FOLDER,) if plan.tunnels else ()

    def make(self) -> None:
        """Turn a copy of the machine's mounts into the node's view."""
        # Opened before a tmpfs covers the folder they may be in.
        flags = os.O_PATH | os.O_CLOEXEC
        self._sources = [os.open(bind.source, flags) for bind in self._binds]
        set_read_only("/", True, recursive=True)
        for path in ("/proc", "/proc/sys/net", "/dev/pts"):  # a node's own
            set_read_only(path, False)
        if self._sources:
            mount("tmpfs", SOURCES, "tmpfs", options="mode=555")
        mount("tmpfs", "/run", "tmpfs")
        if self._own_files:
            _writable_root(Path("/run/.root"), Path("/run/.changes"))
            mount("tmpfs", "/run", "tmpfs")
        for folder in ("/tmp", "/dev/shm", *_DISK, *self._more):  # noqa: S108
            mount("tmpfs", folder, "tmpfs")
        _make_var_lib(Path("/run/lib"))
        _make_group(Path("/etc/frr/group"))
        for path, text in self._files:
            _replace(Path(path), text)
        for folder in self._tmpfs:
            _provide(Path(folder), is_folder=True)
            mount("tmpfs", folder, "tmpfs")
        self.bind()

    def forget(self) -> None:
        """Lose what is in memory."""
        for folder in MEMORY:
            unmount(folder)
            mount("tmpfs", folder, "tmpfs")
        self.bind()

    def bind(self) -> None:
        """Mount what the topology binds."""
        for source, bind in zip(self._sources, self._binds, strict=True):
            _bind(source, bind)


def _bind(source: int, bind: BindPlan) -> None:
    _provide(Path(bind.target), is_folder=stat.S_ISDIR(os.fstat(source).st_mode))
    mount(f"/proc/self/fd/{source}", bind.target, flags=MS_BIND | MS_REC)
    set_read_only(bind.target, bind.read_only)


def _provide(path: Path, *, is_folder: bool) -> None:
    """Make a file or folder to mount on, where need be in a writable copy of its surroundings."""
    if path.exists():
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir() if is_folder else path.touch()
    except OSError:
        _farm(next(parent for parent in path.parents if parent.exists()))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(exist_ok=True) if is_folder else path.touch()


def _replace(path: Path, text: str) -> None:
    """Write a file anew: one of the machine's may belong to a user unknown here."""
    path.unlink(missing_ok=True)
    path.write_text(text)


def _writable_root(root: Path, changes: Path) -> None:
    """A root folder like the machine's, whose changes stay in memory."""
    for folder in (root, changes):
        folder.mkdir()
        mount("tmpfs", str(folder), "tmpfs")
    for entry in Path("/").iterdir():
        place = root / entry.name
        if entry.is_symlink():
            place.symlink_to(entry.readlink())
        elif entry.name not in _ANEW:
            place.mkdir()
            if str(entry) not in PROGRAMS or not _overlay(entry, place, changes):
                mount(str(entry), str(place), flags=MS_BIND | MS_REC)
    make_folders(root)
    unmount(str(changes))
    move_root(str(root))


def _overlay(lower: Path, place: Path, changes: Path) -> bool:
    """Whether the folder could be made writable; not where other mounts are in it."""
    upper, work = changes / lower.name, changes / f".{lower.name}"
    for folder in (upper, work):
        folder.mkdir()
    upper.chmod(stat.S_IMODE(lower.stat().st_mode))
    options = f"lowerdir={lower},upperdir={upper},workdir={work},userxattr"
    try:
        mount("overlay", str(place), "overlay", options=options)
    except OSError:
        return False
    return True


def _make_var_lib(new: Path) -> None:
    """A /var/lib with room for the saved configuration; the rest of it is links."""
    _farm(Path("/var/lib"), new, (_SAVED,))


def _farm(folder: Path, new: Path = Path("/run/.farm"), added: Sequence[str] = ()) -> None:
    """Cover a folder by one that can be written to; what was in it is links."""
    new.mkdir()
    mount("tmpfs", str(new), "tmpfs")
    machine = new / _MACHINE
    machine.mkdir()
    mount(str(folder), str(machine), flags=MS_BIND | MS_REC)
    for entry in machine.iterdir():
        (new / entry.name).symlink_to(f"{_MACHINE}/{entry.name}")
    for name in added:
        (new / name).mkdir()
    mount(str(new), str(folder), flags=MS_MOVE)
    new.rmdir()


def _make_group(new: Path) -> None:
    """FRR gives its sockets to the group frrvty; the lab's user namespace has root's group only."""
    groups = Path("/etc/group").read_text().splitlines()
    kept = _without(groups, "frrvty:")
    new.write_text("\n".join([*kept, "frrvty:x:0:root"]) + "\n")
    mount(str(new), "/etc/group", flags=MS_BIND)


def _without(lines: Iterable[str], beginning: str) -> list[str]:
    return [line for line in lines if not line.startswith(beginning)]
