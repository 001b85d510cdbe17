"""Reaching devices as in production: host keys that were made known, jump hosts, credentials."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from pcg_netops.errors import PushError
from pcg_netops.inventory.workspace import Workspace, load_workspace
from pcg_netops.model.hosts import Entry, Login
from pcg_netops.push.known_hosts import known_hosts
from pcg_netops.push.login import place_of, production
from pcg_netops.push.runner import Pusher
from pcg_netops.push.secrets import Secrets
from pcg_netops.push.trust import Trust, asked_for
from tests.conftest import Pcg
from tests.fake_device import PASSWORD, USER, serving
from tests.fakes.iosxe import FakeIosXe
from tests.unit.fake_network import CANARY, IOSXE, small_workspace

NAME = "hq-border"


@pytest.fixture
def router() -> Iterator[FakeIosXe]:
    device = FakeIosXe(NAME, IOSXE.startup)
    with serving([device]):
        yield device


def _network(folder: Path, host: str, port: int, login: Login | None) -> Workspace:
    entry = Entry(hostname=host, port=port, username=USER, platform="iosxe", login=login, data={})
    return replace(small_workspace(folder), hosts={NAME: entry})


def _trust(workspace: Workspace, router: FakeIosXe) -> None:
    trust = Trust.of(workspace)
    trust.allow(asked_for(workspace))
    trust.known_hosts.write_text(router.known_hosts_line)


def _push(workspace: Workspace, router: FakeIosXe, ssh_config: Path) -> None:
    change = {NAME: IOSXE.change(router)}
    extras = production(workspace, ssh_config)
    with closing(Pusher(workspace, extras, Secrets(lambda _: CANARY))) as pusher:
        pusher.push_changes(change, [[NAME]], lambda _: None)


def test_a_password_is_looked_up_where_the_inventory_says(
    router: FakeIosXe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    login = Login(password="env:ROUTER_PASSWORD")
    workspace = _network(tmp_path, "127.0.0.1", router.port, login)
    _trust(workspace, router)
    monkeypatch.delenv("ROUTER_PASSWORD", raising=False)
    with pytest.raises(PushError, match="secret 'password' has no value: env:ROUTER_PASSWORD"):
        _push(workspace, router, tmp_path / "none")
    assert router.received == []
    monkeypatch.setenv("ROUTER_PASSWORD", PASSWORD)
    _push(workspace, router, tmp_path / "none")
    assert not router.pending
    assert PASSWORD not in json.dumps(str(vars(workspace)))


def test_trusting_is_asked_for_and_a_changed_key_is_never_taken(
    router: FakeIosXe, pcg: Pcg, workspace: Path, tmp_path: Path
) -> None:
    config = tmp_path / "config"
    config.write_text(f"Host 198.18.7.10\n  HostName 127.0.0.1\n  Port {router.port}\n")
    file = Trust.of(load_workspace(workspace)).known_hosts
    ask = ("hosts", "trust", NAME, "--ssh-config", str(config))

    shown = pcg(*ask)
    fingerprint = router.key.convert_to_public().get_fingerprint()
    assert shown.code == 0
    assert fingerprint in shown.out
    assert shown.out.startswith("new ")
    assert "nothing was written" in shown.out
    assert not file.exists()

    assert pcg(*ask, "--write").code == 0
    place = place_of(Entry(hostname="198.18.7.10", data={}), config)
    assert len(known_hosts(file).keys(place.name)) == 1
    written = file.read_text()
    assert pcg(*ask, "--write").out.startswith("known ")
    assert file.read_text() == written

    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key("openssh").decode()
    file.write_text(f"{place.name} {other}")
    changed = pcg(*ask, "--write")
    assert changed.code == 1
    assert changed.out.startswith("CHANGED ")
    assert file.read_text() == f"{place.name} {other}"


def test_a_host_that_is_not_there_is_named(pcg: Pcg) -> None:
    done = pcg("hosts", "trust", "hq-bord")
    assert done.code == 2
    assert "hq-border" in done.err


@contextmanager
def _jump_host(folder: Path) -> Iterator[Path]:
    """An SSH server that passes connections on; the configuration file that leads through it."""
    server_key, user_key = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
    ready = threading.Event()
    ends: list[Any] = []

    connections: list[asyncssh.SSHServerConnection] = []

    class Door(asyncssh.SSHServer):
        def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
            connections.append(conn)

        def begin_auth(self, username: str) -> bool:
            return True

        def public_key_auth_supported(self) -> bool:
            return True

        def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
            return key == user_key.convert_to_public()

        def connection_requested(
            self, dest_host: str, dest_port: int, orig_host: str, orig_port: int
        ) -> bool:
            return True

    async def live() -> None:
        end = asyncio.Event()
        server = await asyncssh.listen(
            "127.0.0.1", 0, server_factory=Door, server_host_keys=[server_key], config=None
        )
        ends.extend([asyncio.get_running_loop(), end, server.get_port()])
        ready.set()
        await end.wait()
        server.close()
        for connection in connections:
            connection.abort()
        await asyncio.gather(*(connection.wait_closed() for connection in connections))
        await server.wait_closed()

    thread = threading.Thread(target=asyncio.run, args=(live(),), daemon=True)
    thread.start()
    ready.wait()
    loop, end, port = ends
    identity = folder / "id"
    identity.write_bytes(user_key.export_private_key())
    identity.chmod(0o600)
    (folder / "jump_known").write_text(
        f"[127.0.0.1]:{port} {server_key.export_public_key('openssh').decode()}"
    )
    config = folder / "config"
    config.write_text(
        f"Host jump\n  HostName 127.0.0.1\n  Port {port}\n  User anybody\n"
        f"  IdentityFile {identity}\n  IdentitiesOnly yes\n  BatchMode yes\n"
        f"  UserKnownHostsFile {folder / 'jump_known'}\n  StrictHostKeyChecking yes\n"
        "Host 198.18.7.10\n  HostName 127.0.0.1\n  ProxyJump jump\n"
    )
    try:
        yield config
    finally:
        loop.call_soon_threadsafe(end.set)
        thread.join()


def test_a_device_is_reached_through_a_jump_host(
    router: FakeIosXe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROUTER_PASSWORD", PASSWORD)
    workspace = _network(
        tmp_path, "198.18.7.10", router.port, Login(password="env:ROUTER_PASSWORD")
    )
    with _jump_host(tmp_path) as config:
        Trust.of(workspace).allow(asked_for(workspace))
        with pytest.raises(PushError, match="not found in known_hosts"):
            _push(workspace, router, config)
        _trust(workspace, router)
        _push(workspace, router, config)
    assert not router.pending
    assert router.saved_text == router.running_text


@pytest.mark.parametrize("motd", ["Authorised use only. ", "Line one\nLine two# ", "\n\nWelcome: "])
@pytest.mark.parametrize("stamps", [False, True], ids=["", "exec prompt timestamp"])
def test_a_greeting_without_end_and_stamps_before_answers_stop_no_push(
    router: FakeIosXe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, motd: str, stamps: bool
) -> None:
    monkeypatch.setenv("ROUTER_PASSWORD", PASSWORD)
    router.motd, router.stamps = motd, stamps
    login = Login(password="env:ROUTER_PASSWORD")
    workspace = _network(tmp_path, "127.0.0.1", router.port, login)
    _trust(workspace, router)
    _push(workspace, router, tmp_path / "none")
    assert not router.pending
    assert router.saved_text == router.running_text
