"""Sockets that live in another node's network, and a 1 ms clock, from the standard library alone.

Python gained os.setns in 3.12 and os.timerfd_create in 3.13; until then libc is called directly.
"""

from __future__ import annotations

import ctypes
import os
import socket
from collections.abc import Mapping
from pathlib import Path

CLONE_NEWNET = 0x40000000
IP_BIND_ADDRESS_NO_PORT = 24  # linux/in.h; in the socket module from Python 3.12

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")
    return result


class Namespaces:
    """Opens sockets in the network namespaces of nodes. For a process with one thread only."""

    def __init__(self, paths: Mapping[str, str]) -> None:
        self._paths = paths
        self._open: dict[str, tuple[int, int]] = {}  # node: (descriptor, inode)
        self._current = Path("/proc/self/ns/net").stat().st_ino

    def socket(self, node: str, kind: int) -> socket.socket:
        """A non-blocking IPv4 socket in the node's network. Raises OSError or KeyError.

        The process stays in that namespace: every socket it makes comes through here.
        """
        known = self._open.get(node)
        if known is None:
            descriptor = os.open(self._paths[node], os.O_RDONLY | os.O_CLOEXEC)
            known = self._open[node] = (descriptor, os.fstat(descriptor).st_ino)
        descriptor, inode = known
        if inode != self._current:
            _check(_libc.setns(descriptor, CLONE_NEWNET), f"cannot enter the network of {node}")
            self._current = inode
        return socket.socket(socket.AF_INET, kind | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)


class _Timerspec(ctypes.Structure):
    _fields_ = [(name, ctypes.c_long) for name in ("every_s", "every_ns", "first_s", "first_ns")]


def ticker(interval_ns: int) -> int:
    """A file descriptor that becomes readable each `interval_ns` (under a second)."""
    flags = os.O_NONBLOCK | os.O_CLOEXEC
    timer = int(_check(_libc.timerfd_create(1, flags), "timerfd_create"))  # 1: CLOCK_MONOTONIC
    spec = _Timerspec(0, interval_ns, 0, interval_ns)
    _check(_libc.timerfd_settime(timer, 0, ctypes.byref(spec), None), "timerfd_settime")
    return timer
