"""The client of a UDP flow: numbered datagrams from one fixed port."""

from __future__ import annotations

import asyncio
import socket

from pcg_netops.probes.echo import BATCH, PACKET
from pcg_netops.probes.record import Record
from pcg_netops.probes.schedule import now_ns


class UdpFlow:
    """Sends one datagram each interval and takes its echo. `sock` is bound and connected."""

    def __init__(self, number: int, interval_ns: int, sock: socket.socket) -> None:
        self.interval_ns = interval_ns
        self.record = Record()
        self._number = number
        self._socket = sock
        asyncio.get_running_loop().add_reader(sock, self._readable)

    def fire(self, now: int) -> None:
        packet = PACKET.pack(self._number, self.record.add(now), now)
        for _ in range(2):  # the first try may only report an ICMP error for an earlier packet
            try:
                self._socket.send(packet)
                return
            except OSError:
                continue

    def _readable(self) -> None:
        for _ in range(BATCH):
            try:
                packet = self._socket.recv(64)
            except OSError:
                return  # nothing more, or an ICMP error: the probe it answers stays unanswered
            if len(packet) == PACKET.size:
                self.record.answered(PACKET.unpack(packet)[1], now_ns())
