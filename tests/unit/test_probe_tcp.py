"""What a TCP probe says of a connection that was over before the held-up worker looked at it."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pcg_netops.probes.echo import Files
from pcg_netops.probes.record import Record
from pcg_netops.probes.schedule import Schedule, now_ns
from pcg_netops.probes.session import Life, SessionClient
from pcg_netops.probes.tcp import Attempt

RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@pytest.fixture
def reset() -> Iterator[socket.socket]:
    """A client's socket: connected, then reset by a gateway that does not know the session."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as client:
        client.setblocking(False)
        client.connect_ex(server.getsockname())
        served, _ = server.accept()
        served.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        served.close()
        yield client


@pytest.fixture
def refused() -> Iterator[socket.socket]:
    """A client's socket: its SYN was answered by a reset."""
    with socket.socket() as nobody, socket.socket() as client:
        nobody.bind(("127.0.0.1", 0))
        client.setblocking(False)
        client.connect_ex(nobody.getsockname())
        yield client


def attempted(sock: socket.socket) -> Record:
    record = Record()
    sequence = record.add(now_ns())

    async def attempt() -> None:
        Attempt(sock, b"a packet", sequence, record, 0, Files(10))

    asyncio.run(attempt())
    return record


def lived(sock: socket.socket) -> list[Life]:
    spec = SimpleNamespace(session_interval_ns=1, deadline_ns=10**9, session_dead_ns=10**9)
    client = SessionClient(
        0, cast(Any, spec), cast(Any, SimpleNamespace(dial=lambda: sock)), Schedule()
    )

    async def live() -> None:
        client.fire(1)
        await asyncio.sleep(0.05)

    asyncio.run(live())
    return list(client.lives)


def test_a_connection_that_was_reset_at_once_had_connected(reset: socket.socket) -> None:
    assert all(attempted(reset).columns.connected)


def test_a_connection_that_was_refused_had_not(refused: socket.socket) -> None:
    assert not any(attempted(refused).columns.connected)


def test_a_session_that_was_reset_at_once_was_opened_and_lost(reset: socket.socket) -> None:
    (life,) = lived(reset)
    assert life.lost is not None
    assert life.how == "reset"


def test_a_session_that_was_refused_never_was(refused: socket.socket) -> None:
    assert lived(refused) == []
