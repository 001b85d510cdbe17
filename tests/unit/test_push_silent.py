"""Devices that freeze, or that do not speak SSH, are told as such, soon and without a traceback."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from pcg_netops.errors import PushError
from pcg_netops.platforms import platform_named
from pcg_netops.push import known_hosts as hosts
from pcg_netops.push import login
from pcg_netops.push.connection import log_in
from tests.conftest import Pcg

# What answers, and what is said of it.
ANSWERS = {
    "nothing": (b"", "it takes the connection, and SSH gets no answer"),
    "a web server": (b"HTTP/1.0 400 Bad Request\r\n\r\n", "SSH gets no answer"),
    "noise": (bytes(range(256)) * 100, "does not speak SSH"),
    "a long line": (b"x" * 100_000 + b"\n", "SSH gets no answer"),
    "a greeting alone": (b"SSH-2.0-x\r\n", "it takes the connection, and SSH gets no answer"),
    "an old version": (b"SSH-1.5-\x1b[31mx\r\n", "Incompatible version"),
}


@contextmanager
def _answering(data: bytes) -> Iterator[int]:
    """The port at which every connection is greeted so, and kept."""
    held: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def run() -> None:
            with suppress(OSError):
                while True:
                    held.append(server.accept()[0])
                    held[-1].sendall(data)

        thread = threading.Thread(target=run)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join()
    for connection in held:
        connection.close()


@pytest.mark.parametrize("what", ANSWERS)
def test_what_does_not_speak_ssh_shows_no_key(
    what: str, pcg: Pcg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(login, "_PATIENCE_S", 0.5)
    data, said = ANSWERS[what]
    config = tmp_path / "config"
    with _answering(data) as port:
        config.write_text(f"Host *\n  HostName 127.0.0.1\n  Port {port}\n")
        done = pcg("hosts", "trust", "hq-border", "--ssh-config", str(config))
    assert (done.code, done.err) == (1, "")
    assert done.out.startswith("no key")
    assert said in done.out
    assert len(done.out) < 300
    assert done.out.replace("\n", "").isprintable()


connections: list[asyncssh.SSHServerConnection] = []


class _Frozen(asyncssh.SSHServer):
    """Lets everybody in, and opens no session."""

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        connections.append(conn)

    def begin_auth(self, username: str) -> bool:
        return False

    async def _never(self) -> Any:
        await asyncio.Event().wait()

    def session_requested(self) -> Any:
        return self._never()


def test_a_device_that_freezes_after_the_log_in_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hosts, "_SESSION_S", 0.5)
    key = asyncssh.generate_private_key("ssh-ed25519")
    file = tmp_path / "known_hosts"

    async def run() -> PushError:
        server = await asyncssh.listen(
            "127.0.0.1", 0, server_factory=_Frozen, server_host_keys=[key], config=None
        )
        async with server:
            port = server.get_port()
            public = key.export_public_key("openssh").decode()
            file.write_text(f"[127.0.0.1]:{port} {public}")
            arguments = {
                "name": "r1",
                "host": "127.0.0.1",
                "port": port,
                "username": "u",
                "password": "none",
                "known_hosts": file,
            }
            logging_in = asyncio.to_thread(log_in, platform_named("iosxe"), arguments)
            try:
                with pytest.raises(PushError) as failed:
                    await asyncio.wait_for(logging_in, 20)
            finally:
                for connection in connections:
                    connection.abort()
                    await connection.wait_closed()
        return failed.value

    error = asyncio.run(run())
    assert error.message == "cannot log in: it lets us in and does not answer"
    assert "by hand" in error.remedy
