"""Injected packets are what a device on the wire would take for real ones."""

from __future__ import annotations

import struct
from ipaddress import IPv4Address

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pcg_netops.model.flow import Protocol
from pcg_netops.probes.injection import Injection, packet

TOKEN = b"pcg-injection" + bytes(range(12))
NUMBERS = {Protocol.TCP: 6, Protocol.UDP: 17}


def _injection(
    protocol: Protocol,
    source: str | int = "192.0.2.1",
    target: str | int = "198.51.100.1",
    port: int = 443,
) -> Injection:
    return Injection(
        device="gateway",
        device_interface="eth1",
        neighbour="edge",
        interface="eth2",
        source=IPv4Address(source),
        target=IPv4Address(target),
        protocol=protocol,
        port=port,
    )


def _sum(data: bytes) -> int:
    """One's complement sum, byte by byte and a carry at a time: 0xFFFF where a checksum fits."""
    total = 0
    for index, byte in enumerate(data):
        total += byte << 8 if index % 2 == 0 else byte
        if total > 0xFFFF:
            total -= 0xFFFF
    return total


def _pseudo_header(data: bytes) -> bytes:
    return data[12:20] + bytes([0, data[9]]) + (len(data) - 20).to_bytes(2, "big")


@pytest.mark.parametrize("protocol", list(Protocol))
def test_a_packet_of_known_bytes(protocol: Protocol) -> None:
    data = packet(_injection(protocol), TOKEN)
    assert data[0] == 0x45
    assert int.from_bytes(data[2:4], "big") == len(data)
    assert data[6:8] == b"\0\0", "not a fragment"
    assert data[8] > 1, "survives a hop"
    assert data[9] == NUMBERS[protocol]
    assert data[12:16] == bytes([192, 0, 2, 1])
    assert data[16:20] == bytes([198, 51, 100, 1])
    assert int.from_bytes(data[22:24], "big") == 443
    assert data.endswith(TOKEN)
    if protocol is Protocol.TCP:
        offset, flags = data[32], data[33]
        assert (offset >> 4, flags) == (5, 0x02), "a SYN without options"
    else:
        assert int.from_bytes(data[24:26], "big") == 8 + len(TOKEN)


@given(
    protocol=st.sampled_from(Protocol),
    source=st.integers(0, 2**32 - 1),
    target=st.integers(0, 2**32 - 1),
    port=st.integers(1, 65_535),
    token=st.binary(min_size=2, max_size=64),
)
# Sums whose first carry makes a second one.
@example(Protocol.TCP, 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFF, b".\xe1")
@example(Protocol.UDP, 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFF, b"X\xde")
def test_both_checksums_fit_for_any_addresses_ports_and_tokens(
    protocol: Protocol, source: int, target: int, port: int, token: bytes
) -> None:
    data = packet(_injection(protocol, source, target, port), token)
    assert _sum(data[:20]) == 0xFFFF
    assert _sum(_pseudo_header(data) + data[20:]) == 0xFFFF
    (carried,) = struct.unpack("!H", data[22:24])
    assert carried == port
    assert (data[12:16], data[16:20]) == (source.to_bytes(4, "big"), target.to_bytes(4, "big"))
    if protocol is Protocol.UDP:
        assert data[26:28] != b"\0\0", "zero would mean: no checksum (RFC 768)"


@given(token=st.binary(min_size=25, max_size=25))
def test_the_source_port_is_an_ordinary_one(token: bytes) -> None:
    (port,) = struct.unpack("!H", packet(_injection(Protocol.UDP), token)[20:22])
    assert 20_000 <= port < 60_000
