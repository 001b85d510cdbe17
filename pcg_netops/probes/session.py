"""The lasting TCP session of a flow: what becomes of connections that are already established."""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from dataclasses import dataclass

from pcg_netops.probes.echo import PACKET, SESSION, close, whole
from pcg_netops.probes.schedule import Schedule, now_ns
from pcg_netops.probes.tcp import Dialler, was_connected
from pcg_netops.probes.wire import Spec

KEEP_SESSIONS = 10_000


@dataclass
class Life:
    """One session. `lost` is when the first message was sent that got no answer."""

    opened: int
    answered: int
    peer: str | None = None
    lost: int | None = None
    how: str = "alive"


class SessionClient:
    """Keeps one session open with a numbered message each interval, and reconnects when it ends."""

    def __init__(self, number: int, spec: Spec, dialler: Dialler, schedule: Schedule) -> None:
        self.interval_ns = spec.session_interval_ns
        self.lives: deque[Life] = deque(maxlen=KEEP_SESSIONS)
        self._number = number | SESSION
        self._connect_ns = spec.deadline_ns
        self._dead_ns = spec.session_dead_ns
        self._dialler = dialler
        self._schedule = schedule
        self._socket: socket.socket | None = None
        self._connected = False
        self._since = 0  # unstalled time of the dialling, or of the last answer
        self._sequence = 0
        self._first = 0  # sequence number of this session's first message
        self._unanswered: deque[int] = deque()  # send times
        self._rest = b""

    def in_flight(self, until: int) -> bool:
        """Whether a message sent up to `until` may still be answered."""
        return bool(self._unanswered) and self._unanswered[0] <= until

    def seen(self, sequence: int, now: int, address: str) -> None:
        """The server has a message, from this address."""
        if self._connected and sequence >= self._first:
            self.lives[-1].peer = address

    def fire(self, now: int) -> None:
        if self._socket is None:
            self._dial(now)
            return
        limit = self._dead_ns if self._connected else self._connect_ns
        if self._schedule.unstalled(now) - self._since > limit:
            self._end("timeout")
            self._dial(now)
        elif self._connected:
            self._say(now)

    def _dial(self, now: int) -> None:
        try:
            self._socket = self._dialler.dial()
        except OSError:
            return  # again in one interval
        self._since = self._schedule.unstalled(now)
        asyncio.get_running_loop().add_writer(self._socket, self._writable)

    def _writable(self) -> None:
        assert self._socket is not None
        loop = asyncio.get_running_loop()
        loop.remove_writer(self._socket)
        error = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error and not was_connected(error):
            self._end("reset")
            return
        now = now_ns()
        self._connected = True
        self._since = self._schedule.unstalled(now)
        self._first = self._sequence
        self.lives.append(Life(opened=now, answered=now))
        if error:
            self._end("reset")
            return
        loop.add_reader(self._socket, self._readable)
        self._say(now)

    def _say(self, now: int) -> None:
        assert self._socket is not None
        self._unanswered.append(now)
        packet = PACKET.pack(self._number, self._sequence, now)
        self._sequence += 1
        try:
            self._socket.send(packet)
        except OSError:
            self._end("reset")

    def _readable(self) -> None:
        assert self._socket is not None
        try:
            stream = self._socket.recv(4096)
        except BlockingIOError:
            return
        except OSError:
            stream = b""
        if not stream:
            self._end("reset")
            return
        now = now_ns()
        self._since = self._schedule.unstalled(now)
        self.lives[-1].answered = now
        answers, self._rest = whole(self._rest + stream)
        for _ in answers:
            self._unanswered.popleft()

    def _end(self, how: str) -> None:
        assert self._socket is not None
        close(self._socket)
        if self._connected:
            life = self.lives[-1]
            life.lost = self._unanswered[0] if self._unanswered else now_ns()
            life.how = how
        self._socket, self._connected, self._rest = None, False, b""
        self._unanswered.clear()
