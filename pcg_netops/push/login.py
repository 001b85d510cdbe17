"""How a push to production reaches devices: addresses, host keys, jump hosts, credentials."""

from __future__ import annotations

import re
import shlex
import socket
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from paramiko import PKey, SSHConfig, SSHException, Transport

from pcg_netops.errors import InputError, PushError
from pcg_netops.inventory.nornir import Extras
from pcg_netops.inventory.workspace import Workspace
from pcg_netops.model.hosts import Entry, Login
from pcg_netops.push.secrets import looked_up
from pcg_netops.push.ssh_words import words
from pcg_netops.push.trust import Trust, asked_for

SSH_CONFIG = Path("~/.ssh/config")
_PATIENCE_S = 15.0


def production(workspace: Workspace, ssh_config: Path = SSH_CONFIG) -> Extras:
    """What connections to a workspace's own devices need (`push.connection`).

    Secrets are looked up only as a device is logged in to, so that no inventory holds them. Raises
    InputError naming all that the workspace asks for and may not have (`push.trust`).
    """
    trust = Trust.of(workspace)
    trust.require(asked_for(workspace))

    def extras(name: str) -> dict[str, Any]:
        entry = workspace.hosts[name]
        place = place_of(entry, ssh_config)
        found: dict[str, Any] = {
            "host": place.host,
            "port": place.port,
            "known_hosts": trust.known_hosts,
            "credentials": _credentials(workspace, entry.login or Login()),
        }
        return found | ({"dial": partial(through, place.through)} if place.through else {})

    return extras


def _credentials(workspace: Workspace, login: Login) -> Callable[[], dict[str, Any]]:
    references = {"password": login.password, "secret": login.enable}

    def credentials() -> dict[str, Any]:
        value = looked_up({k: v for k, v in references.items() if v}, workspace.root)
        found: dict[str, Any] = {name: value(name) for name, where in references.items() if where}
        if login.key_file:
            found["key_file"] = str(_readable(workspace.root / Path(login.key_file).expanduser()))
        # With a password or a key of its own, no other key is shown to the device.
        alone = login.password is not None or login.key_file is not None
        return found | {"look_for_keys": not alone, "allow_agent": not alone}

    return credentials


def _readable(key: Path) -> Path:
    """The file of a private key. Raises InputError, where Netmiko would say that TCP failed."""
    try:
        key.open("rb").close()
    except OSError as error:
        raise InputError(
            f"the private key cannot be read: {error.strerror}",
            place=str(key),
            remedy="correct 'key_file' in hosts.yaml, or put the key there",
        ) from None
    return key


def through(command: str) -> socket.socket:
    """A connection that a command passes on, as `ssh -W` does; it ends when the socket is closed.

    What the command has to say, such as that the jump host refuses a key, goes to our own errors.
    """
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(
            shlex.split(command), stdin=theirs.fileno(), stdout=theirs.fileno()
        )
    threading.Thread(target=process.wait, name="jump host", daemon=True).start()
    return ours


@dataclass(frozen=True)
class Place:
    """Where a device is, as SSH's configuration file says."""

    host: str
    port: int
    through: str | None  # the command that connects, for a jump host

    @property
    def name(self) -> str:
        """By which `known_hosts` knows it."""
        return self.host if self.port == 22 else f"[{self.host}]:{self.port}"


def place_of(entry: Entry, ssh_config: Path = SSH_CONFIG) -> Place:
    """Where a host is, and how to get there."""
    host, port = entry.hostname or "", entry.port or 22
    config = ssh_config.expanduser()
    if not config.exists():
        return Place(host, port, None)
    try:
        found = SSHConfig.from_path(str(config)).lookup(host)
    except (SSHException, OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"cannot be read: {error}", place=str(config), remedy="correct it, or name another"
        ) from None
    host = found["hostname"]
    if port == 22 and "port" in found:
        port = _port(found["port"], config)
    through = found.get("proxycommand")
    if "proxyjump" in found:
        arguments = ["ssh", "-F", str(config), "-W", f"{host}:{port}", found["proxyjump"]]
        through = shlex.join(arguments)
    return Place(host, port, through)


def _port(text: str, config: Path) -> int:
    if not re.fullmatch("[0-9]{1,5}", text) or not 0 < int(text) < 65536:
        raise InputError(f"{text!r:.60} is not a port", place=str(config), remedy="correct 'Port'")
    return int(text)


def host_key(name: str, place: Place) -> PKey:
    """The key that a device shows now; nothing is said of whether it is the right one.

    Raises PushError if it shows none.
    """
    transport = None
    try:
        if place.through:
            way = through(place.through)
        else:
            way = socket.create_connection((place.host, place.port), timeout=_PATIENCE_S)
        transport = Transport(way)
        transport.start_client(timeout=_PATIENCE_S)
        return transport.get_remote_server_key()
    except (SSHException, OSError, EOFError) as error:
        raise PushError(
            f"shows no host key: {words(error)}",
            place=name,
            remedy="check the address and the way there",
        ) from None
    finally:
        if transport:
            transport.close()
