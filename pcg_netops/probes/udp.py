"""The client of a UDP flow: numbered datagrams, from one port until it is given a fresh one."""

from __future__ import annotations

import asyncio
import socket
from functools import partial

from pcg_netops.probes.echo import BATCH, PACKET, close
from pcg_netops.probes.record import Record
from pcg_netops.probes.schedule import now_ns


class UdpFlow:
    """Sends one datagram each interval and takes its echo. `sock` is bound and connected."""

    def __init__(self, number: int, interval_ns: int, sock: socket.socket) -> None:
        self.interval_ns = interval_ns
        self.record = Record()
        self._number = number
        self._socket = sock
        asyncio.get_running_loop().add_reader(sock, self._readable, sock)

    def renew(self, sock: socket.socket, patience_s: float) -> None:
        """Go on from another port, a new flow to every firewall; answers to the old still count."""
        loop = asyncio.get_running_loop()
        loop.call_later(patience_s, partial(close, self._socket))
        self._socket = sock
        loop.add_reader(sock, self._readable, sock)

    def fire(self, now: int) -> None:
        packet = PACKET.pack(self._number, self.record.add(now), now)
        for _ in range(2):  # the first try may only report an ICMP error for an earlier packet
            try:
                self._socket.send(packet)
                return
            except OSError:
                continue

    def _readable(self, sock: socket.socket) -> None:
        for _ in range(BATCH):
            try:
                packet = sock.recv(64)
            except OSError:
                return  # nothing more, or an ICMP error: the probe it answers stays unanswered
            if len(packet) == PACKET.size:
                self.record.answered(PACKET.unpack(packet)[1], now_ns())
