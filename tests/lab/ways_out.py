"""Known ways out of a container, tried on a node: `python ways_out.py PROCESS FOLDER...`.

Prints a line for each way that led somewhere. On standard input is a word that only the machine's
people know, PROCESS is the number of a process outside, and each FOLDER is of the Python outside.
No value is altered: what can be written gets what it had.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import platform
import signal
import socket
import stat
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from pathlib import Path

LEFT_BEHIND = "written-by-a-node"
_libc = ctypes.CDLL(None, use_errno=True)
_X86 = platform.machine() == "x86_64"
_CALLS = {  # x86-64 and the generic table, which every newer architecture has
    "reboot": (169, 142),
    "swapon": (167, 224),
    "settimeofday": (164, 170),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "kexec_load": (246, 104),
    "ptrace": (101, 117),
    "keyctl": (250, 219),
    "acct": (163, 89),
}


def _call(name: str, *arguments: object) -> int:
    number = _CALLS[name][0 if _X86 else 1]
    return int(_libc.syscall(ctypes.c_long(number), *arguments))


def settings() -> Iterator[str]:
    """Each of the machine's settings that takes its own value again."""
    for path in Path("/proc/sys").rglob("*"):
        if path.is_relative_to("/proc/sys/net") or not path.is_file():
            continue
        try:
            value = path.read_bytes()
        except OSError:
            value = b""
        try:
            descriptor = os.open(path, os.O_WRONLY)
        except OSError:
            continue
        with os.fdopen(descriptor, "wb") as file:
            try:
                file.write(value)
                file.flush()
            except OSError:
                pass
        yield f"open for writing: {path}"


def kernel_files() -> Iterator[str]:
    """Files of the kernel that say or do what is the whole machine's."""
    for name in ("sysrq-trigger", "kcore", "kmsg", "keys", "timer_list", "1/mem"):
        for flags in (os.O_RDONLY, os.O_WRONLY):
            path = Path("/proc", name)
            try:
                descriptor = os.open(path, flags)
            except OSError:
                continue
            hidden = os.fstat(descriptor).st_rdev == os.makedev(1, 3)
            os.close(descriptor)
            if not hidden and not name.endswith("mem"):
                yield f"open: {path}"
    for path in Path("/sys").rglob("*"):
        if path.is_file() and os.access(path, os.W_OK):
            yield f"writable: {path}"


def devices() -> Iterator[str]:
    """Device files that are there, or can be made and opened."""
    known = {(1, n) for n in (3, 5, 7, 8, 9)} | {(5, 0), (5, 2), (10, 200)}
    for path in Path("/dev").rglob("*"):
        status = path.lstat()
        number = (os.major(status.st_rdev), os.minor(status.st_rdev))
        if stat.S_ISBLK(status.st_mode):
            yield f"a disk: {path}"
        elif stat.S_ISCHR(status.st_mode) and number not in known and number[0] != 136:
            yield f"a device: {path}"
    for number in ((8, 0), (254, 0), (1, 1)):
        path = Path("/tmp/device")
        try:
            os.mknod(
                path,
                0o600 | (stat.S_IFCHR if number[0] == 1 else stat.S_IFBLK),
                os.makedev(*number),
            )
            os.close(os.open(path, os.O_RDONLY))
        except OSError:
            continue
        yield f"made and opened device {number}"


def mounts() -> Iterator[str]:
    """Mounts that would show or change the machine's files."""
    place = Path("/tmp/place")
    place.mkdir(exist_ok=True)
    kinds = [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()]
    ours = {path for path, kind in kinds if kind == "overlay"}  # with changes of its own
    tries: list[tuple[str, ...]] = [
        ("mount", "-o", "remount,rw,bind", path)
        for path in ("/usr", "/etc", "/proc/sys", *sys.argv[2:])
        if path not in ours
    ]
    tries += [
        ("mount", "-t", kind, "none", str(place))
        for kind in (
            "sysfs",
            "cgroup2",
            "debugfs",
            "securityfs",
            "tracefs",
            "bpf",
            "devtmpfs",
            "configfs",
        )
    ]
    tries += [("mount", "-t", "cgroup", "-o", "memory", "cgroup", str(place))]
    tries += [("mount", "/dev/vda", str(place)), ("mount", "/dev/sda1", str(place))]
    tries += [("umount", "/proc/sys"), ("umount", "/proc/keys")]
    tries += [("umount", folder) for folder in sys.argv[2:]]
    for argv in tries:
        if not Path(argv[-1]).exists() or subprocess.run(argv, capture_output=True).returncode:
            continue
        if argv[-1] != str(place) or any(place.iterdir()):  # mounted, and not empty
            yield " ".join(argv)
    # A user namespace of one's own has all capabilities, over nothing of what lies outside it.
    again = "umount /proc/sys || mount -o remount,rw,bind /proc/sys"
    if not subprocess.run(["unshare", "-Urm", "sh", "-c", again], capture_output=True).returncode:
        yield "a user namespace inside can change what is mounted"


def files(holds: str) -> Iterator[str]:
    """What belongs to people: their word, anywhere."""
    folders = ["/root", "/home", "/srv", "/mnt", "/opt", "/media", "/run", "/tmp", "/var", "/.pcg"]
    argv = ["grep", "-rlsaF", holds, *folders]
    found = subprocess.run(argv, capture_output=True, text=True).stdout.split()
    yield from (f"holds the word: {name}" for name in found)
    for path in (*Path("/proc").glob("*/environ"), *Path("/proc").glob("*/cmdline")):
        try:
            if holds.encode() in path.read_bytes():
                yield f"holds the word: {path}"
        except OSError:
            continue


def doors() -> Iterator[str]:
    """What only the machine's root may read, what a node may not write, services' sockets."""
    for name in ("shadow", "gshadow", "ssh/ssh_host_ed25519_key", "ssl/private"):
        for root in ("/", "/proc/1/root/"):
            path = Path(root, "etc", name)
            if path.exists() and os.access(path, os.R_OK):
                yield f"readable: {path}"
    for folder in ("/usr", "/etc", "/bin", *sys.argv[2:]):
        for root in ("", "/proc/1/root", "/proc/2/root"):
            try:
                Path(f"{root}{folder}", LEFT_BEHIND).touch()  # whoever started the lab looks for it
            except OSError:
                continue
    for name in ("docker.sock", "dbus/system_bus_socket", "systemd/private", "containerd"):
        if Path("/run", name).exists():
            yield f"a service's socket: /run/{name}"


def outside(process: int) -> Iterator[str]:
    """Processes, namespaces and terminals outside."""
    if Path(f"/proc/{process}/root").exists() and process > 10_000:
        yield f"process {process} is seen"
    try:
        os.kill(process, 0)
        yield f"process {process} can be signalled"
    except (ProcessLookupError, PermissionError):
        pass
    if _call("ptrace", 16, process, 0, 0) >= 0:
        yield f"process {process} can be traced"
    for depth in ("..", "../../../../../.."):
        # The classic way out of a chroot: a folder held open, a root below it, and up.
        there = os.open("/", os.O_RDONLY)
        child = os.fork()
        if child == 0:
            try:
                Path("/tmp/jail").mkdir(exist_ok=True)
                os.chroot("/tmp/jail")
                os.fchdir(there)
                os.chdir(depth)
                os.chroot(".")
                os._exit(1 if Path("/lost+found").exists() or Path("/.dockerenv").exists() else 0)
            except OSError:
                os._exit(0)
        if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
            yield "out of the root folder"
    try:
        with Path("/dev/tty").open("wb") as terminal:
            fcntl.ioctl(terminal, termios.TIOCSTI, b"#")
        yield "typed on a terminal"
    except OSError:
        pass
    with socket.socket(socket.AF_UNIX) as channel:
        try:
            channel.connect("\0/tmp/.X11-unix/X0")
            yield "an abstract socket of the machine"
        except OSError:
            pass


def calls() -> Iterator[str]:
    """System calls that act on the whole machine, with arguments that do nothing."""
    pointer = ctypes.create_string_buffer(256)
    tries: dict[str, tuple[object, ...]] = {
        "reboot": (0xFEE1DEAD, 672274793, 0x89ABCDEF, None),  # Ctrl-Alt-Del as it is by default
        "swapon": (b"/tmp/none", 0),
        "settimeofday": (None, pointer),
        "kexec_load": (0, 0, None, 0),
        "acct": (b"/tmp/none",),
    }
    allowed = {2, 9, 14, 22, 116}  # no such file, bad handle, fault, invalid, stale: it was let in
    for name, arguments in tries.items():
        result = _call(name, *arguments)
        if result >= 0 or ctypes.get_errno() in allowed:
            yield f"{name}: {os.strerror(ctypes.get_errno()) if result < 0 else 'done'}"
    for name in ("init_module", "finit_module"):
        if _call(
            name, -1 if name[0] == "f" else pointer, 0, b""
        ) >= 0 or ctypes.get_errno() not in (1, 38):
            yield f"{name}: {os.strerror(ctypes.get_errno())}"
    if (
        _call("keyctl", 6, -3, pointer, 256, 0) >= 0
        and b"_ses" not in pointer.value
        and (b"keyring;" not in pointer.value)
    ):
        yield f"a session keyring of somebody's: {pointer.value!r}"


WAYS: tuple[Callable[..., Iterator[str]], ...] = (
    settings,
    kernel_files,
    devices,
    mounts,
    calls,
    doors,
)


def main() -> None:
    """Try everything."""
    signal.alarm(50)
    holds, process = Path("/dev/stdin").read_text().strip(), int(sys.argv[1])
    for way in WAYS:
        for found in way():
            print(f"{way.__name__}: {found}")
    for found in (*files(holds), *outside(process)):
        print(found)
    print("tried")


if __name__ == "__main__":
    main()
