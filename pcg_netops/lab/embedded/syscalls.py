"""The Linux calls for namespaces and mounts that Python's standard library lacks."""

from __future__ import annotations

import ctypes
import os
import platform
import signal
from collections.abc import Iterable

CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000
_CLONE_FS = 0x00000200

MS_NOSUID = 0x2
MS_NODEV = 0x4
MS_NOEXEC = 0x8
MS_BIND = 0x1000
MS_MOVE = 0x2000
MS_REC = 0x4000
MS_PRIVATE = 0x40000
_MNT_DETACH = 0x2

# Numbered alike on every architecture (all calls added since Linux 5.1 are); Linux 5.12 has it.
_SYS_MOUNT_SETATTR = 442
_AT_FDCWD = -100
_AT_RECURSIVE = 0x8000
_MOUNT_ATTR_RDONLY = 0x1

# Elsewhere the caller's keys stay where they are: nothing is lost but this defence.
_SYS_KEYCTL = {"x86_64": 250, "aarch64": 219, "riscv64": 219}.get(platform.machine())
_JOIN_SESSION_KEYRING = 1

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_CAPBSET_DROP = 24
_PR_SET_NO_NEW_PRIVS = 38
# Of the whole machine, or of no use to a node (capabilities(7)): modules, raw I/O, accounting,
# reboot, clock, consoles, device files, audit, mandatory access control, kernel log, wake alarms,
# suspending, performance counters, BPF, checkpoints.
_CAPABILITIES_LEFT = (16, 17, 20, 22, 25, 26, 27, 29, 30, 32, 33, 34, 35, 36, 37, 38, 39, 40)

_libc = ctypes.CDLL(None, use_errno=True)


class _MountAttributes(ctypes.Structure):
    _fields_ = (
        ("attr_set", ctypes.c_uint64),
        ("attr_clr", ctypes.c_uint64),
        ("propagation", ctypes.c_uint64),
        ("userns_fd", ctypes.c_uint64),
    )


def _check(result: int, what: str) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), what)


def unshare(flags: int) -> None:
    """Give the calling thread, and no other, new namespaces."""
    _check(_libc.unshare(flags), "unshare")


def enter(namespaces: Iterable[int]) -> None:
    """Move the calling thread into open namespaces, with what it starts or opens from now on."""
    # A thread may change its mount namespace only when it shares root and working folder with none.
    unshare(_CLONE_FS)
    for descriptor in namespaces:
        _check(_libc.setns(descriptor, 0), "setns")


def open_namespaces(process: int) -> tuple[int, int, int]:
    """Descriptors of a process's network, UTS and mount namespaces, in the order to enter them."""
    net, uts, mnt = (
        os.open(f"/proc/{process}/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC)
        for kind in ("net", "uts", "mnt")
    )
    return net, uts, mnt


def set_hostname(name: str) -> None:
    """Name the calling thread's UTS namespace."""
    data = name.encode()
    _check(_libc.sethostname(data, len(data)), "sethostname")


def mount(
    source: str, target: str, kind: str | None = None, flags: int = 0, options: str = ""
) -> None:
    """mount(2)."""
    arguments = (source.encode(), target.encode(), kind.encode() if kind else None)
    _check(_libc.mount(*arguments, ctypes.c_ulong(flags), options.encode() or None), target)


def unmount(target: str) -> None:
    """Detach a mount and all mounts below it, busy or not."""
    _check(_libc.umount2(target.encode(), _MNT_DETACH), target)


def set_read_only(path: str, read_only: bool, *, recursive: bool = False) -> None:
    """Forbid or allow writing through the mount at `path`, with `recursive` also below it."""
    attributes = _MountAttributes(
        attr_set=_MOUNT_ATTR_RDONLY if read_only else 0,
        attr_clr=0 if read_only else _MOUNT_ATTR_RDONLY,
    )
    result = _libc.syscall(
        ctypes.c_long(_SYS_MOUNT_SETATTR),
        ctypes.c_int(_AT_FDCWD),
        ctypes.c_char_p(path.encode()),
        ctypes.c_uint(_AT_RECURSIVE if recursive else 0),
        ctypes.byref(attributes),
        ctypes.c_size_t(ctypes.sizeof(attributes)),
    )
    _check(result, path)


def move_root(path: str) -> None:
    """Make a mounted folder the root of the calling thread's mount namespace."""
    os.chdir(path)  # this thread's alone: a thread with its own mounts shares it with none
    mount(".", "/", flags=MS_MOVE)
    os.chroot(".")
    os.chdir("/")


def pivot_root(path: str) -> None:
    """Make a mounted folder the root of this process's mount namespace; the old one is gone."""
    os.chdir(path)
    _check(_libc.pivot_root(b".", b"."), "pivot_root")
    unmount(".")  # the old root, which now lies on the new one
    os.chdir("/")


def _prctl(option: int, value: int) -> None:
    more = (ctypes.c_ulong(value), *(ctypes.c_ulong(0) for _ in range(3)))
    _check(_libc.prctl(ctypes.c_int(option), *more), "prctl")


def become(user: int) -> None:
    """Take this id for user and group, and no other group, for good."""
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
    _prctl(_PR_SET_DUMPABLE, 1)  # else its own files of /proc stay root's


def gain_nothing() -> None:
    """What this process starts gets no more rights, and not those that no node needs."""
    for capability in _CAPABILITIES_LEFT:
        _prctl(_PR_CAPBSET_DROP, capability)
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def forget_keys() -> None:
    """Leave the kernel's keyrings of whoever started this process (keyctl(2))."""
    if _SYS_KEYCTL is not None:  # fails only where a kernel has no keyrings
        _libc.syscall(ctypes.c_long(_SYS_KEYCTL), ctypes.c_int(_JOIN_SESSION_KEYRING), None)


def end_with_parent() -> None:
    """Have the kernel kill this process when the one that forked it ends."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
