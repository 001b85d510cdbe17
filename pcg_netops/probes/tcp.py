"""The client of a TCP flow: a new connection each interval."""

from __future__ import annotations

import asyncio
import errno
import socket
import struct
from collections import deque

from pcg_netops.probes.echo import PACKET, Files, close
from pcg_netops.probes.namespaces import IP_BIND_ADDRESS_NO_PORT, Namespaces
from pcg_netops.probes.record import Record
from pcg_netops.probes.schedule import Schedule, now_ns
from pcg_netops.probes.wire import Spec

RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # struct linger


def was_connected(error: int | None) -> bool:
    """Whether a socket with this error had connected before it was reset.

    A worker that is held up for some milliseconds finds both behind it. The kernel tells them
    apart: a reset in answer to a SYN is ECONNREFUSED (RFC 9293, section 3.10.7.3).
    """
    return error in (errno.ECONNRESET, errno.EPIPE)


class Dialler:
    """Opens the connections of one flow."""

    def __init__(self, spec: Spec, spaces: Namespaces, files: Files) -> None:
        self.files = files
        self._spec = spec
        self._spaces = spaces

    def dial(self) -> socket.socket:
        """A socket on its way to the target. Raises OSError if there is no way to begin.

        Closing it resets the connection: that leaves no TIME-WAIT on either host, and connection
        trackers forget it after seconds instead of minutes.
        """
        try:
            sock = self._spaces.socket(self._spec.client, socket.SOCK_STREAM)
        except OSError as error:
            raise RuntimeError("no further socket: not the network's fault") from error
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            sock.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.bind((self._spec.source, 0))
            sock.connect_ex((self._spec.target, self._spec.port))
        except OSError:
            sock.close()
            raise
        return sock


class TcpFlow:
    """Opens one connection each interval, whatever became of those before it.

    The deadline must be shorter than 1 s, after which the kernel repeats a lost SYN: so a lost SYN
    is a lost attempt, and the time of the loss is the time of the attempt.
    """

    def __init__(self, number: int, spec: Spec, dialler: Dialler, schedule: Schedule) -> None:
        self.interval_ns = spec.interval_ns
        self.record = Record()
        self._number = number
        self._deadline_ns = spec.deadline_ns
        self._dialler = dialler
        self._schedule = schedule
        self._attempts: deque[Attempt] = deque()

    def fire(self, now: int) -> None:
        if self._dialler.files.are_out():
            return  # nothing was sent, so nothing can be lost
        sequence = self.record.add(now)
        try:
            sock = self._dialler.dial()
        except OSError:
            return  # the attempt counts as lost: the source address or the route is gone
        packet = PACKET.pack(self._number, sequence, now)
        expires = self._schedule.unstalled(now) + self._deadline_ns
        attempt = Attempt(sock, packet, sequence, self.record, expires, self._dialler.files)
        self._attempts.append(attempt)

    def sweep(self, now: int) -> None:
        """Give up attempts past their deadline."""
        active = self._schedule.unstalled(now)
        attempts = self._attempts
        while attempts and (attempts[0].closed or attempts[0].expires < active):
            attempts.popleft().close()


class Attempt:
    """One new connection: connect, one request, one answer, reset."""

    __slots__ = (
        "_files",
        "_packet",
        "_record",
        "_sequence",
        "_socket",
        "_waiting",
        "closed",
        "expires",
    )

    def __init__(
        self,
        sock: socket.socket,
        packet: bytes,
        sequence: int,
        record: Record,
        expires: int,
        files: Files,
    ) -> None:
        self.closed = False
        self.expires = expires
        self._files = files
        files.open += 1
        self._socket = sock
        self._packet = packet
        self._sequence = sequence
        self._record = record
        self._waiting = False
        self._send()  # between namespaces of one machine the handshake is often over by now

    def _send(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            self._socket.send(self._packet)
        except BlockingIOError:
            if not self._waiting:
                self._waiting = True
                loop.add_writer(self._socket, self._send)
            return
        except OSError as error:
            if was_connected(error.errno):
                self._record.connected(self._sequence, now_ns())
            self.close()
            return
        self._record.connected(self._sequence, now_ns())
        if self._waiting:
            loop.remove_writer(self._socket)
        loop.add_reader(self._socket, self._readable)

    def _readable(self) -> None:
        try:
            if self._socket.recv(64) == self._packet:
                self._record.answered(self._sequence, now_ns())
        except OSError:
            pass  # reset on the way: no answer
        self.close()

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self._files.open -= 1
            close(self._socket)
