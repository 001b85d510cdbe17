"""Packets of a node's interface as a pcap stream, without any program on the node.

Format: draft-ietf-opsawg-pcap, with nanoseconds. Frames are read from an AF_PACKET socket of the
node's network, see packet(7).
"""

from __future__ import annotations

import errno
import select
import socket
import struct
import time
from typing import BinaryIO

from pcg_netops.errors import InputError
from pcg_netops.lab.embedded.calls import Calls

_MAGIC_NS = 0xA1B23C4D
_LONGEST = 1 << 18
_ETHERNET, _RAW_IP = 1, 101
_ARPHRD_ETHER, _ARPHRD_LOOPBACK = 1, 772
_ETH_P_ALL = 3
_SO_TIMESTAMPNS = 35
_TIMESPEC = struct.Struct("@qq")


def capture(
    lab: Calls, node: str, interface: str, out: BinaryIO, *, count: int = 0, seconds: float = 0
) -> None:
    """Write packets of both directions until `count` of them, `seconds`, or the reader's end.

    0 means no limit. Raises InputError for an interface that does not exist, LabError.
    """
    # With a protocol it would take packets of every interface until it is bound to one (packet(7)).
    with lab.socket(node, socket.AF_PACKET, socket.SOCK_RAW) as packets:
        packets.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        try:
            packets.bind((interface, _ETH_P_ALL))
        except OSError as error:
            if error.errno != errno.ENODEV:
                raise
            raise InputError(
                f"node '{node}' has no interface '{interface}'",
                remedy=f"see: pcg lab exec {node} ip -br link",
            ) from None
        hardware = packets.getsockname()[3]
        link = _ETHERNET if hardware in (_ARPHRD_ETHER, _ARPHRD_LOOPBACK) else _RAW_IP
        out.write(struct.pack("=IHHiIII", _MAGIC_NS, 2, 4, 0, 0, _LONGEST, link))
        out.flush()
        _copy(packets, out, count, time.monotonic() + seconds if seconds else None)


def _copy(packets: socket.socket, out: BinaryIO, count: int, deadline: float | None) -> None:
    written = 0
    while not count or written < count:
        left = None if deadline is None else deadline - time.monotonic()
        # Also wakes when the reader of the output has left.
        poll = select.poll()
        poll.register(packets, select.POLLIN)
        poll.register(out, select.POLLERR)
        ready = dict(poll.poll(None if left is None else max(0, left * 1000)))
        if not ready or out.fileno() in ready:
            return
        data, notes, _, _ = packets.recvmsg(_LONGEST, socket.CMSG_SPACE(_TIMESPEC.size))
        at, nanoseconds = _timestamp(notes)
        out.write(struct.pack("=IIII", at, nanoseconds, len(data), len(data)) + data)
        out.flush()
        written += 1


def _timestamp(notes: list[tuple[int, int, bytes]]) -> tuple[int, int]:
    for level, kind, data in notes:
        if (level, kind) == (socket.SOL_SOCKET, _SO_TIMESTAMPNS):
            at, nanoseconds = _TIMESPEC.unpack(data)
            return at, nanoseconds
    now = time.time_ns()
    return divmod(now, 10**9)
