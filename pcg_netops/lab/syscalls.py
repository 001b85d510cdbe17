"""The Linux calls for namespaces and mounts that Python's standard library lacks."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable

CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWNET = 0x40000000
_CLONE_FS = 0x00000200

MS_RDONLY = 0x1
MS_REMOUNT = 0x20
MS_BIND = 0x1000
MS_MOVE = 0x2000
MS_REC = 0x4000
_MNT_DETACH = 0x2

# Numbered alike on every architecture (all calls added since Linux 5.1 are); Linux 5.12 has it.
_SYS_MOUNT_SETATTR = 442
_AT_FDCWD = -100
_AT_RECURSIVE = 0x8000
_MOUNT_ATTR_RDONLY = 0x1

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
