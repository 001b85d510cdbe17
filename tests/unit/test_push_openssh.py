"""Every documented way to log in, tried on OpenSSH's own server, which runs as this user."""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from pcg_netops.errors import InputError
from pcg_netops.inventory.workspace import Workspace
from pcg_netops.model.hosts import Entry, Login
from pcg_netops.platforms import platform_named
from pcg_netops.push.connection import log_in
from pcg_netops.push.driver import Unreachable
from pcg_netops.push.login import production
from pcg_netops.push.trust import Trust, asked_for
from tests.unit.fake_network import small_workspace

NAME = "hospital"
PASSWORD = "correct horse"
PASSWORD_HASH = (  # of crypt(3)
    "$6$abcdefgh$yIZAF3gQPvtKZO/9qOJKffAKKbtS3ef3qmwyugk4uWVjX8YZ"
    "f/GV3A8SkFxEPY0T56CcilGrHKLffBsp6dLMG."
)


@dataclass
class Server:
    """An sshd on loopback with a user's home that holds no key yet."""

    port: int
    folder: Path
    host_key: str

    @property
    def home(self) -> Path:
        return self.folder / "home"

    def workspace(self, login: Login | None = None, host: str = "127.0.0.1") -> Workspace:
        entry = Entry(
            hostname=host,
            port=self.port,
            username=getpass.getuser(),
            platform="linux",
            login=login,
            data={},
        )
        workspace = replace(small_workspace(self.folder / "workspace"), hosts={NAME: entry})
        trust = Trust.of(workspace)
        trust.allow(asked_for(workspace))
        trust.known_hosts.write_text(f"[127.0.0.1]:{self.port} {self.host_key}\n")
        return workspace

    def logged_in(self, workspace: Workspace) -> None:
        extras = production(workspace, self.folder / "ssh_config")(NAME)
        arguments = {"name": NAME, "username": getpass.getuser(), **extras}
        log_in(platform_named("linux"), arguments).close()


def _key(path: Path, *more: str) -> Path:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path), *more)
    return path


def _run(*argv: str) -> str:
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[Server]:
    """Tests that ask for it by `parametrize` get one that takes that way alone, and a password."""
    way = getattr(request, "param", "publickey")
    host = _key(tmp_path / "host")
    authority = _key(tmp_path / "authority")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (tmp_path / "authorized").touch()
    (tmp_path / "sshd_config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {host}\nPidFile none\nStrictModes no\n"
        f"AuthorizedKeysFile {tmp_path / 'authorized'}\nTrustedUserCAKeys {authority}.pub\n"
        f"PermitRootLogin yes\nAuthenticationMethods {way}\n"
        f"PasswordAuthentication {_yes(way == 'password')}\n"
        f"KbdInteractiveAuthentication {_yes(way == 'keyboard-interactive')}\n"
        f"UsePAM {_yes(way == 'keyboard-interactive')}\n"
    )
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # which sshd insists on as root
    argv = [_sshd(), "-D", "-e", "-f", str(tmp_path / "sshd_config")]
    if way != "publickey":
        argv = _with_password(tmp_path, argv)
    with (tmp_path / "log").open("w") as log, subprocess.Popen(argv, stderr=log) as process:
        deadline = time.monotonic() + 10
        while "listening" not in (tmp_path / "log").read_text():
            assert time.monotonic() < deadline, (tmp_path / "log").read_text()
            time.sleep(0.02)
        yield Server(port, tmp_path, " ".join(Path(f"{host}.pub").read_text().split()[:2]))
        process.terminate()


def _yes(said: bool) -> str:
    return "yes" if said else "no"


def _with_password(folder: Path, argv: list[str]) -> list[str]:
    """The command in a mount namespace where root has PASSWORD: the machine's accounts stay."""
    accounts = Path("/etc/shadow").read_text().splitlines()
    others = [line for line in accounts if not line.startswith("root:")]
    shadow = folder / "shadow"
    shadow.touch(0o600)
    shadow.write_text("\n".join([f"root:{PASSWORD_HASH}:20000:0:99999:7:::", *others, ""]))
    script = 'mount --bind "$0" /etc/shadow && exec "$@"'
    return ["unshare", "--mount", "sh", "-c", script, str(shadow), *argv]


def _sshd() -> str:
    found = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
    assert found, "needs the Debian package openssh-server"
    return found


def _authorise(server: Server, key: Path) -> None:
    (server.folder / "authorized").write_text(Path(f"{key}.pub").read_text())


def _default_key(server: Server, _: pytest.MonkeyPatch) -> Login | None:
    _authorise(server, _key(server.home / ".ssh/id_ed25519"))
    return None


def _agents_key(server: Server, monkeypatch: pytest.MonkeyPatch) -> Login | None:
    key = _key(server.folder / "elsewhere")
    _authorise(server, key)
    _in_agent(server, monkeypatch, key)
    return None


def _in_agent(server: Server, monkeypatch: pytest.MonkeyPatch, key: Path) -> None:
    monkeypatch.setenv("SSH_AUTH_SOCK", str(server.folder / "agent"))
    said = _run("ssh-agent", "-a", str(server.folder / "agent"))
    monkeypatch.setenv("AGENT_OF_TEST", said.partition("SSH_AGENT_PID=")[2].partition(";")[0])
    _run("ssh-add", "-q", str(key))


def _named_key(server: Server, _: pytest.MonkeyPatch) -> Login | None:
    key = _key(server.folder / "named")
    _authorise(server, key)
    return Login(key_file=str(key))


def _certificate(server: Server, _: pytest.MonkeyPatch) -> Login | None:
    key = _key(server.home / ".ssh/id_ed25519")
    authority = server.folder / "authority"
    user = getpass.getuser()
    _run("ssh-keygen", "-q", "-s", str(authority), "-I", "test", "-n", user, f"{key}.pub")
    return None


def _certificate_in_agent(server: Server, monkeypatch: pytest.MonkeyPatch) -> Login | None:
    _certificate(server, monkeypatch)
    _in_agent(server, monkeypatch, server.home / ".ssh/id_ed25519")
    for file in (server.home / ".ssh").iterdir():
        file.unlink()
    return None


WAYS = [_default_key, _agents_key, _named_key, _certificate, _certificate_in_agent]


@pytest.fixture
def _agents_end(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    yield
    if process := os.environ.get("AGENT_OF_TEST"):
        os.kill(int(process), signal.SIGTERM)


@pytest.mark.usefixtures("_agents_end")
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__.strip("_"))
def test_a_documented_way_logs_in(
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    way: Callable[[Server, pytest.MonkeyPatch], Login | None],
) -> None:
    login = way(server, monkeypatch)
    server.logged_in(server.workspace(login))


def test_without_any_key_what_to_check_is_said(server: Server) -> None:
    with pytest.raises(Unreachable) as refused:
        server.logged_in(server.workspace())
    assert "cannot log in" in str(refused.value)
    assert "~/.ssh" in refused.value.remedy


def test_a_named_key_that_is_locked_by_a_passphrase_is_refused(server: Server) -> None:
    key = _key(server.folder / "locked")
    _authorise(server, key)
    _run("ssh-keygen", "-q", "-p", "-P", "", "-N", "a passphrase", "-f", str(key))
    with pytest.raises(Unreachable) as refused:
        server.logged_in(server.workspace(Login(key_file=str(key))))
    assert "encrypted" in str(refused.value)
    assert "ssh-add" in refused.value.remedy


def test_a_named_key_that_is_missing_is_refused(server: Server) -> None:
    with pytest.raises(InputError, match="/no/such/key: the private key cannot be read"):
        server.logged_in(server.workspace(Login(key_file="/no/such/key")))


def test_a_jump_host_leads_to_the_device(server: Server) -> None:
    key = _key(server.home / ".ssh/id_ed25519")
    _authorise(server, key)
    known = server.folder / "jump_known"
    known.write_text(f"[127.0.0.1]:{server.port} {server.host_key}\n")
    (server.folder / "ssh_config").write_text(
        f"Host jump\n  HostName 127.0.0.1\n  Port {server.port}\n  IdentityFile {key}\n"
        f"  IdentitiesOnly yes\n  BatchMode yes\n  UserKnownHostsFile {known}\n"
        "  StrictHostKeyChecking yes\n"
        "Host 198.18.7.10\n  HostName 127.0.0.1\n  ProxyJump jump\n"
    )
    server.logged_in(server.workspace(host="198.18.7.10"))
    assert (server.folder / "log").read_text().count("Accepted publickey") == 2


needs_root = pytest.mark.skipif(
    os.getuid() != 0, reason="only root can give OpenSSH's server a password of its own"
)


@needs_root
@pytest.mark.parametrize("server", ["password", "keyboard-interactive"], indirect=True)
def test_a_password_logs_in(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROUTER_PASSWORD", PASSWORD)
    server.logged_in(server.workspace(Login(password="env:ROUTER_PASSWORD")))
    said = (server.folder / "log").read_text()
    assert "Accepted password" in said or "Accepted keyboard-interactive" in said


@needs_root
@pytest.mark.parametrize("server", ["password", "keyboard-interactive"], indirect=True)
def test_a_wrong_password_is_told_and_never_shown(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROUTER_PASSWORD", "wrong battery")
    with pytest.raises(Unreachable) as refused:
        server.logged_in(server.workspace(Login(password="env:ROUTER_PASSWORD")))
    assert "check user name and 'login'" in refused.value.remedy
    assert "battery" not in str(refused.value)
