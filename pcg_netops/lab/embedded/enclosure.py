"""What a lab can see and touch of the machine: a root folder of its own, of what programs need.

A workspace or topology decides what runs on a node, so nothing of a lab is trusted. It has no
folder of people, no socket of a service and no device but those that programs need, and what it
sees it cannot change: the mounts are made in one user namespace and used in another inside it,
where the kernel lets nobody change or remove them (mount_namespaces(7), "locked"). Started by root,
a lab gets a user id that nobody has: root on a node is that user on the machine.
"""

from __future__ import annotations

import json
import os
import pwd
import stat
import sys
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from pcg_netops.lab.embedded.syscalls import (
    CLONE_NEWIPC,
    CLONE_NEWNET,
    CLONE_NEWNS,
    CLONE_NEWPID,
    CLONE_NEWUSER,
    CLONE_NEWUTS,
    MS_BIND,
    MS_NODEV,
    MS_NOEXEC,
    MS_NOSUID,
    MS_PRIVATE,
    MS_REC,
    become,
    forget_keys,
    gain_nothing,
    mount,
    pivot_root,
    set_read_only,
    unshare,
)

SOURCES = "/.pcg"  # where a lab finds what its topology binds
PROGRAMS = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc")
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty", "net/tun")
_FOLDERS = (
    *("root", "home", "sys", "srv", "opt", "mnt", "media"),
    *("var/lib", "var/log", "var/cache", "var/spool"),
)
_OPEN_FOLDERS = ("run", "tmp", "var/tmp")
_DEVICE_LINKS = {
    "fd": "/proc/self/fd",
    "stdin": "/proc/self/fd/0",
    "stdout": "/proc/self/fd/1",
    "stderr": "/proc/self/fd/2",
    "ptmx": "pts/ptmx",
}
# As container runtimes do (OCI runtime specification, maskedPaths and readonlyPaths).
_MASKED = ("acpi", "asound", "kcore", "keys", "kmsg", "latency_stats", "sched_debug", "scsi")
_MASKED_TOO = ("timer_list", "timer_stats", "kpagecount", "kpageflags", "kallsyms", "config.gz")
_FIXED = ("bus", "fs", "irq", "sys", "sysrq-trigger")
_OWN = "sys/net"  # settings of a node's own network
# Ids that people and services never get: above those of containers, below the kernel's last; or
# those that Debian reserves, where a container has no more.
_UNUSED = (range(2_000_000_000, 2_000_065_536), range(65_000, 65_500))


@dataclass(frozen=True)
class Enclosure:
    """What a lab gets of the machine. Paths are the machine's."""

    user: int | None  # that the lab becomes; it stays who it is without
    programs: tuple[str, ...]  # of Python
    logs: str  # the folder it writes to
    sources: tuple[tuple[str, bool], ...]  # bound at SOURCES, in this order; read-only or not

    @classmethod
    def of(cls, logs: Path, sources: Iterable[tuple[str, bool]]) -> Self:
        """What a lab of this process gets. The folder for logs becomes the lab's."""
        user = _unused() if os.getuid() == 0 else None
        if user is not None:
            os.chown(logs, user, user)
        return cls(user, tuple(sorted(_programs())), str(logs), tuple(sources))

    def file(self) -> int:
        """A descriptor from which `read` reads it."""
        descriptor = os.memfd_create("enclosure")
        os.write(descriptor, json.dumps(asdict(self)).encode())
        os.lseek(descriptor, 0, os.SEEK_SET)
        return descriptor

    @classmethod
    def read(cls, descriptor: int) -> Self:
        """What `file` wrote."""
        with os.fdopen(descriptor, "rb") as file:
            data = json.load(file)
        data["programs"] = tuple(data["programs"])
        data["sources"] = tuple((path, read_only) for path, read_only in data["sources"])
        return cls(**data)

    def leave_the_machine(self) -> None:
        """Become the lab's user, with namespaces of its own. The next child is their first process.

        Raises OSError where this user may not make them.
        """
        if self.user is not None:
            unshare(CLONE_NEWNS)
            mount("none", "/", flags=MS_REC | MS_PRIVATE)
            _open_ways([Path(p) for p in (*self.programs, self.logs, *dict(self.sources))])
            _open_tun()
            for source, read_only in self.sources:
                if read_only:
                    _hand_over(Path(source), self.user)
            become(self.user)
        _become_root(CLONE_NEWNS | CLONE_NEWPID)

    def enter(self) -> None:
        """See nothing but what is the lab's; called by its first process."""
        mount("none", "/", flags=MS_REC | MS_PRIVATE)
        root = Path("/tmp")  # noqa: S108  covered for this process alone
        sources = [os.open(path, os.O_PATH | os.O_CLOEXEC) for path, _ in self.sources]
        ways = {
            path: os.open(path, os.O_PATH | os.O_CLOEXEC) for path in (*self.programs, self.logs)
        }
        mount("tmpfs", str(root), "tmpfs", MS_NOSUID | MS_NODEV, "mode=755")
        make_folders(root)
        for path in map(Path, PROGRAMS):
            _show(path, root)
        _make_devices(root / "dev")
        (root / "proc").mkdir()
        mount("proc", str(root / "proc"), "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
        _restrict(root / "proc")
        for way, descriptor in ways.items():
            _bind(descriptor, root / way.lstrip("/"), read_only=way != self.logs)
        for number, (descriptor, (_, fixed)) in enumerate(zip(sources, self.sources, strict=True)):
            _bind(descriptor, root / SOURCES.lstrip("/") / str(number), read_only=fixed)
        pivot_root(str(root))
        # From here on nothing that was mounted can be changed.
        _become_root(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC)
        gain_nothing()
        forget_keys()


def make_folders(root: Path) -> None:
    """Make what every system has, where it is not there; it is empty."""
    for name in (*_FOLDERS, *_OPEN_FOLDERS):
        (root / name).mkdir(parents=True, exist_ok=True)
    for name in _OPEN_FOLDERS:
        (root / name).chmod(0o1777)
    (root / "var/run").symlink_to("/run")


def _make_devices(folder: Path) -> None:
    for name in ("pts", "shm"):
        (folder / name).mkdir(parents=True)
    for name, target in _DEVICE_LINKS.items():
        (folder / name).symlink_to(target)
    for name in _DEVICES:
        with suppress(FileNotFoundError):
            _bind(os.open(f"/dev/{name}", os.O_PATH | os.O_CLOEXEC), folder / name)
    options = "newinstance,ptmxmode=0666,mode=0620"
    mount("devpts", str(folder / "pts"), "devpts", MS_NOSUID | MS_NOEXEC, options)


def _become_root(namespaces: int) -> None:
    user, group = os.geteuid(), os.getegid()
    unshare(CLONE_NEWUSER | namespaces)
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"0 {user} 1"),
        ("gid_map", f"0 {group} 1"),
    ):
        Path("/proc/self", name).write_text(text)


def _show(path: Path, root: Path) -> None:
    """Have a folder of the machine, or what it links to, in the new root as well."""
    place = root / path.name
    if path.is_symlink():
        place.symlink_to(path.readlink())
    elif path.is_dir():
        _bind(os.open(path, os.O_PATH | os.O_CLOEXEC), place, read_only=True)


def _bind(descriptor: int, place: Path, *, read_only: bool = False) -> None:
    """Mount an open file or folder and close it."""
    source = f"/proc/self/fd/{descriptor}"
    with suppress(FileExistsError):
        if Path(source).is_dir():
            place.mkdir(parents=True)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.touch(exist_ok=False)
    mount(source, str(place), flags=MS_BIND | MS_REC)
    if read_only:
        set_read_only(str(place), True, recursive=True)
    os.close(descriptor)


def _restrict(proc: Path) -> None:
    """Hide and fix what is the whole machine's."""
    for name in (*_MASKED, *_MASKED_TOO):
        path = proc / name
        if path.is_dir():
            mount("tmpfs", str(path), "tmpfs", options="size=4k,mode=555")
        elif path.exists():
            mount("/dev/null", str(path), flags=MS_BIND)
    for name in (*_FIXED, _OWN):
        path = proc / name
        if path.exists():
            mount(str(path), str(path), flags=MS_BIND | MS_REC)
            set_read_only(str(path), name != _OWN)


def _programs() -> set[str]:
    """The folders of this process's Python and of its modules."""
    found = {str(Path(prefix).resolve()) for prefix in (sys.base_prefix, sys.base_exec_prefix)}
    found |= {sys.prefix}
    loaded = {name.partition(".")[0] for name in list(sys.modules)}
    for entry in map(Path, sys.path):
        folder = entry if entry.is_absolute() else Path.cwd() / entry
        if folder.name in ("site-packages", "dist-packages") or folder.is_file():
            found.add(str(folder))
        else:  # such as a checkout: what else is there is nobody's business
            found |= {str(folder / name) for name in loaded if (folder / name).is_dir()}
    shown = (*map(Path, PROGRAMS),)
    wide = {path for path in map(Path, found) if path != Path("/")}
    return {
        str(path)
        for path in wide
        if not any(path.is_relative_to(other) for other in (*shown, *(wide - {path})))
        and path.exists()
    }


def _unused() -> int | None:
    """An id that nobody has; None where root is nobody outside, for it has no other id."""
    mapped = [
        range(int(first), int(first) + int(count))
        for first, _, count in map(str.split, Path("/proc/self/uid_map").read_text().splitlines())
    ]
    for ids in _UNUSED:
        user = ids[os.getpid() % len(ids)]
        if any(user in known for known in mapped):
            with suppress(KeyError):
                pwd.getpwuid(user)
                continue
            return user
    return None


def _open_ways(wanted: list[Path]) -> None:
    """Let everybody reach these files and folders, and nothing beside them, in this view."""
    while closed := next((c for path in wanted if (c := _closed_parent(path))), None):
        inside = [path for path in dict.fromkeys(wanted) if path.is_relative_to(closed)]
        inside = [p for p in inside if p != closed]
        opened = [(path, os.open(path, os.O_PATH | os.O_CLOEXEC)) for path in inside]
        mount("tmpfs", str(closed), "tmpfs", options="mode=755")
        for path, descriptor in opened:
            _bind(descriptor, path)


def _closed_parent(path: Path) -> Path | None:
    """The topmost folder on the way to `path` that others may not enter."""
    return next((p for p in reversed(path.parents) if not p.stat().st_mode & 0o001), None)


def _open_tun() -> None:
    """Let everybody open the device of tunnels, which acts on the opener's own network alone."""
    tun = Path("/dev/net/tun")
    if not tun.exists() or tun.stat().st_mode & 0o006:
        return
    device = tun.stat().st_rdev
    with suppress(PermissionError):  # a container that may make no devices
        mount("tmpfs", str(tun.parent), "tmpfs", options="mode=755")
        os.mknod(tun, stat.S_IFCHR | 0o600, device)
        tun.chmod(0o666)


def _hand_over(folder: Path, user: int) -> None:
    """Cover a folder with files of root's alone, such as a node's secrets, by a copy for the lab.

    Links stay links: what they lead to is not handed over.
    """
    if not folder.is_dir() or _is_readable(folder):
        return
    everything = sorted(folder.rglob("*"))  # a folder comes before what is in it
    links = {path: path.readlink() for path in everything if path.is_symlink()}
    folders = [path for path in everything if path.is_dir() and path not in links]
    files = {path: content for path in everything if (content := _content(path)) is not None}
    mount("tmpfs", str(folder), "tmpfs", options=f"mode=700,uid={user},gid={user}")
    for path in folders:
        path.mkdir(mode=0o700)
    for path, content in files.items():
        path.touch(mode=0o600)
        path.write_bytes(content)
    for path, target in links.items():
        path.symlink_to(target)
    for path in (*folders, *files):
        os.chown(path, user, user)


def _is_readable(folder: Path) -> bool:
    """Whether everybody may read all of it."""
    modes = {path: path.lstat().st_mode for path in (folder, *folder.rglob("*"))}
    return all(
        mode & 0o005 == 0o005 if stat.S_ISDIR(mode) else mode & 0o004 for mode in modes.values()
    )


def _content(path: Path) -> bytes | None:
    """What a regular file holds; None of anything else."""
    with suppress(OSError):  # a link, or gone
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            if stat.S_ISREG(os.fstat(descriptor).st_mode):
                return file.read()
    return None
