"""The far ends of all flows: they note each probe, with the address it came from, and echo it.

A probe is one packet of 16 bytes: flow, sequence, send time. As client and server live in one
process, the server's sighting is noted at once, so that a probe lost on its way there can be told
from one lost on its way back.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import struct
from collections.abc import Mapping
from typing import Protocol

from pcg_netops.probes.schedule import Schedule, now_ns
from pcg_netops.probes.wire import ATTEMPT_IDLE_NS, SESSION_IDLE_NS

PACKET = struct.Struct("!IIQ")
SESSION = 0x80000000  # set in the flow number of a lasting session's messages
BATCH = 64  # what is taken at once before others have their turn


class Files:
    """How many connections of attempts are open at both ends, and how many there may be.

    A machine that does not keep up closes them later than it opens new ones.
    """

    def __init__(self, most: int) -> None:
        self.open = 0
        self._most = most

    def are_out(self) -> bool:
        """Whether there is none for a further attempt, which needs two."""
        return self.open + 2 > self._most


class Seen(Protocol):
    """Takes note of a probe that reached the server."""

    def seen(self, sequence: int, now: int, address: str) -> None: ...


Sightings = Mapping[int, Seen]  # by flow number


def whole(stream: bytes) -> tuple[list[tuple[int, int, int]], bytes]:
    """The complete packets at the start of a stream, and what is left."""
    end = len(stream) - len(stream) % PACKET.size
    return [PACKET.unpack_from(stream, at) for at in range(0, end, PACKET.size)], stream[end:]


def close(sock: socket.socket) -> None:
    """Close a socket that the event loop watches."""
    loop = asyncio.get_running_loop()
    loop.remove_reader(sock)
    loop.remove_writer(sock)
    sock.close()


class UdpEcho:
    """Answers every datagram to the address that it came from."""

    def __init__(self, sock: socket.socket, sightings: Sightings) -> None:
        self._socket = sock
        self._sightings = sightings
        asyncio.get_running_loop().add_reader(sock, self._readable)

    def _readable(self) -> None:
        # All that waits, not one at a time: several flows may share this socket, and on a busy
        # machine its queue would grow until probes look lost.
        for _ in range(BATCH):
            try:
                packet, peer = self._socket.recvfrom(64)
            except OSError:
                return
            if len(packet) == PACKET.size:
                self._answer(packet, peer)

    def _answer(self, packet: bytes, peer: tuple[str, int]) -> None:
        number, sequence, _ = PACKET.unpack(packet)
        if number in self._sightings:
            self._sightings[number].seen(sequence, now_ns(), peer[0])
            with contextlib.suppress(OSError):  # no way back: lost on its return
                self._socket.sendto(packet, peer)


class TcpEcho:
    """Answers every packet on every connection that it accepts."""

    def __init__(self, sock: socket.socket, sightings: Sightings, files: Files) -> None:
        self.sightings = sightings
        self.files = files
        self.connections: set[Connection] = set()
        self._socket = sock
        asyncio.get_running_loop().add_reader(sock, self._readable)

    def _readable(self) -> None:
        for _ in range(BATCH):
            try:
                sock, peer = self._socket.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in (errno.EMFILE, errno.ENFILE):
                    raise  # not the network's fault
                continue  # reset before it was accepted
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections.add(Connection(self, sock, peer[0]))

    def sweep(self, now: int, schedule: Schedule) -> None:
        """Forget connections whose end was lost on the way."""
        for connection in [c for c in self.connections if c.is_idle(now, schedule)]:
            connection.close()


class Connection:
    """The server's end of one connection."""

    __slots__ = ("_peer", "_rest", "_server", "_socket", "active", "lasts")

    def __init__(self, server: TcpEcho, sock: socket.socket, peer: str) -> None:
        self.active = now_ns()
        self.lasts = False  # whether it is a session's
        self._server = server
        server.files.open += 1
        self._socket = sock
        self._peer = peer
        self._rest = b""
        asyncio.get_running_loop().add_reader(sock, self._readable)

    def _readable(self) -> None:
        try:
            stream = self._socket.recv(4096)
            if not stream:
                self.close()
                return
            self.active = now_ns()
            packets, self._rest = whole(self._rest + stream)
            for number, sequence, _ in packets:
                self.lasts = bool(number & SESSION)
                if number in self._server.sightings:
                    self._server.sightings[number].seen(sequence, self.active, self._peer)
            self._socket.send(b"".join(PACKET.pack(*packet) for packet in packets))
        except BlockingIOError:
            return
        except OSError:
            self.close()

    def is_idle(self, now: int, schedule: Schedule) -> bool:
        """Whether nothing was heard for longer than its client waits; stalls do not count."""
        limit = SESSION_IDLE_NS if self.lasts else ATTEMPT_IDLE_NS
        idle = now - self.active
        return idle > limit and idle - schedule.stalled_since(self.active) > limit

    def close(self) -> None:
        close(self._socket)
        if self in self._server.connections:
            self._server.connections.remove(self)
            self._server.files.open -= 1
