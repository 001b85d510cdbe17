"""Packets put on a wire by hand, to see whether a device lets through what it must not.

A neighbour that ignores routing policy can send a device anything. So a forbidden packet is not
left to routing, which might lose it on the way: it is written to the neighbour's end of the link,
addressed to the device's own hardware address, and looked for in everything the device sends out.
A tunnel's end has no hardware address: what is written there is encrypted and crosses the tunnel.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import json
import select
import socket
import struct
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address

from pcg_netops.errors import LabError
from pcg_netops.lab.protocol import Lab
from pcg_netops.model.flow import Protocol

_MAGIC = b"pcg-injection"
_ETH_P_ALL = 3
_ETH_P_IP = 0x0800
_SO_ATTACH_FILTER = 26  # asm-generic/socket.h
_PACKET_OUTGOING = 4  # linux/if_packet.h
_SYN = 0x02
# Marks injected packets among all others, so that a watch's buffer cannot overflow with traffic.
_TYPE_OF_SERVICE = 0x5C
_TOKEN = len(_MAGIC) + 12
_AT_ONCE = 32  # packets between two looks at what came out: a watch's buffer holds some 270
_FULL_S = 0.001


def _filter() -> bytes:
    """A classic BPF program (linux/filter.h): outgoing packets with our type of service."""
    packet_type = 0xFFFFF000 + 4  # SKF_AD_OFF + SKF_AD_PKTTYPE
    program = (
        (0x30, 0, 0, packet_type),
        (0x15, 0, 3, _PACKET_OUTGOING),
        (0x30, 0, 0, 1),
        (0x15, 0, 1, _TYPE_OF_SERVICE),
        (0x06, 0, 0, 0xFFFF),
        (0x06, 0, 0, 0),
    )
    return b"".join(struct.pack("HBBI", *instruction) for instruction in program)


@dataclass(frozen=True)
class Injection:
    """A packet for `device`, put on the wire at `neighbour`'s `interface`."""

    device: str
    device_interface: str
    neighbour: str
    interface: str
    source: IPv4Address
    target: IPv4Address
    protocol: Protocol
    port: int


def _checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    data += b"\0" * (len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF


def packet(injection: Injection, token: bytes) -> bytes:
    """An IPv4 packet that opens a connection: a UDP datagram or a TCP SYN, carrying the token."""
    tcp = injection.protocol is Protocol.TCP
    number = socket.IPPROTO_TCP if tcp else socket.IPPROTO_UDP
    source_port = 20_000 + struct.unpack("!H", token[-2:])[0] % 40_000
    if tcp:
        head = struct.pack(
            "!HHLLBBHHH", source_port, injection.port, 1, 0, 5 << 4, _SYN, 1024, 0, 0
        )
    else:
        head = struct.pack("!HHHH", source_port, injection.port, 8 + len(token), 0)
    addresses = injection.source.packed + injection.target.packed
    pseudo = addresses + struct.pack("!BBH", 0, number, len(head) + len(token))
    checksum = struct.pack("!H", _checksum(pseudo + head + token))
    at = 16 if tcp else 6
    segment = head[:at] + checksum + head[at + 2 :] + token
    ip = (
        struct.pack("!BBHHHBBH", 0x45, _TYPE_OF_SERVICE, 20 + len(segment), 0, 0, 63, number, 0)
        + addresses
    )
    return ip[:10] + struct.pack("!H", _checksum(ip)) + ip[12:] + segment


class Injector:
    """Injects packets in one lab. Hardware addresses are looked up once."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._hardware: dict[str, dict[str, bytes]] = {}
        self._count = 0

    def passed(self, injections: Sequence[Injection], wait_s: float = 0.3) -> list[bool]:
        """For each packet, whether its device sent it on by any interface within `wait_s`."""
        tokens = [self._token() for _ in injections]
        with contextlib.ExitStack() as stack:
            devices = sorted({injection.device for injection in injections})
            watches = {stack.enter_context(self._watch(device)): device for device in devices}
            wires: dict[tuple[str, str], socket.socket] = {}
            seen: set[tuple[str, bytes]] = set()
            for number, (injection, token) in enumerate(zip(injections, tokens, strict=True), 1):
                end = (injection.neighbour, injection.interface)
                if end not in wires:
                    wires[end] = stack.enter_context(self._wire(*end))
                hardware = self._address(injection.device, injection.device_interface)
                to = (injection.interface, _ETH_P_IP, 0, 0, hardware)
                _send(wires[end], packet(injection, token), to)
                if number % _AT_ONCE == 0:
                    seen |= _outgoing(watches, time.monotonic())
            seen |= _outgoing(watches, time.monotonic() + wait_s)
        return [
            (injection.device, token) in seen
            for injection, token in zip(injections, tokens, strict=True)
        ]

    def _token(self) -> bytes:
        self._count += 1
        return _MAGIC + time.monotonic_ns().to_bytes(8) + self._count.to_bytes(4)

    def _watch(self, node: str) -> socket.socket:
        """Everything that a node sends out of what is injected."""
        # Packets without the frame around them, which tunnels do not have.
        kind = socket.SOCK_DGRAM
        watch = self._lab.socket(node, socket.AF_PACKET, kind, socket.htons(_ETH_P_ALL))
        program = ctypes.create_string_buffer(_filter())
        attached = struct.pack("HP", len(_filter()) // 8, ctypes.addressof(program))
        watch.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, attached)
        watch.setblocking(False)
        return watch

    def _wire(self, node: str, interface: str) -> socket.socket:
        """One end of a link, to write packets to; the kernel puts a frame around each."""
        wire = self._lab.socket(node, socket.AF_PACKET, socket.SOCK_DGRAM, 0)
        wire.bind((interface, 0))
        return wire

    def _address(self, node: str, interface: str) -> bytes:
        """The hardware address of an interface; none for the clear side of a tunnel."""
        if node not in self._hardware:
            done = self._lab.run(node, ["ip", "-j", "link"])
            if done.returncode:
                raise LabError(f"cannot list interfaces: {done.stderr.strip()}", place=node)
            self._hardware[node] = {
                link["ifname"]: bytes.fromhex(link.get("address", "").replace(":", ""))
                for link in json.loads(done.stdout)
                if link.get("link_type") in ("ether", "none")
            }
        return self._hardware[node][interface]


def _send(wire: socket.socket, data: bytes, to: tuple[object, ...]) -> None:
    """Put a packet on a wire, once it has room: a tunnel's daemon takes them one by one."""
    while True:
        try:
            wire.sendto(data, to)
            return
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                raise
        time.sleep(_FULL_S)


def _outgoing(watches: Mapping[socket.socket, str], deadline: float) -> set[tuple[str, bytes]]:
    """Which device sent out which token (the end of a frame) by the deadline, or has by now.

    A device may be the neighbour of another one, so what it sends says nothing about that one.
    """
    seen: set[tuple[str, bytes]] = set()
    poll = select.poll()  # select() takes no descriptor above 1023
    by_number = {watch.fileno(): watch for watch in watches}
    for number in by_number:
        poll.register(number, select.POLLIN)
    while ready := poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
        for number, _ in ready:
            watch = by_number[number]
            with contextlib.suppress(BlockingIOError):
                while True:
                    seen.add((watches[watch], watch.recv(2048)[-_TOKEN:]))
    return seen
