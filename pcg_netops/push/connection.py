"""One SSH connection to one device, with its host key strictly checked.

Registered with Nornir as `pcg`. It is Netmiko's ConnectHandler with two differences from
nornir_netmiko's plug-in: a host key that is not already known is refused, and four more extras are
taken. `name` is what errors call the device, `dial` opens the TCP connection (a lab's management
network is not this machine's), `private_key` is an Ed25519 key as text, which never touches a disk,
`secrets` gives values to files that are uploaded. What a device prints is told without them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from socket import socket
from typing import Any

from netmiko import ConnectHandler
from netmiko.exceptions import NetmikoBaseException
from nornir.core.configuration import Config
from nornir.core.plugins.connections import ConnectionPluginRegister
from paramiko import Ed25519Key, SSHException

from pcg_netops.errors import PushError
from pcg_netops.platforms import platform_named
from pcg_netops.push.secrets import Secrets, looked_up

CONNECTION = "pcg"
_ENDED = re.compile(r"\r?\n?pcg-ended:(\d+)\r?\n")


class DeviceConnection:
    """A shell on a device; one command at a time."""

    def __init__(
        self, name: str, netmiko: Any, secrets: Secrets, concealed: re.Pattern[str] | None
    ) -> None:
        self._name = name
        self._netmiko = netmiko
        self._secrets = secrets
        self._concealed = concealed

    def upload(self, path: str, text: str) -> None:
        """Write a file on the device over SFTP, readable by its owner only, with its secrets."""
        filled = self._secrets.fill(text)
        try:
            self._upload(path, filled)
        except (SSHException, OSError) as error:
            raise PushError(
                f"cannot write {path}: {error}",
                place=self._name,
                remedy="check the free space and the rights of that folder on the device",
            ) from error

    def _upload(self, path: str, text: str) -> None:
        with self._netmiko.remote_conn_pre.open_sftp() as sftp:
            folder = path.rpartition("/")[0]
            try:
                sftp.stat(folder)
            except FileNotFoundError:
                sftp.mkdir(folder, mode=0o700)
            with sftp.open(path, "w") as file:
                sftp.chmod(path, 0o600)
                file.write(text)

    def run(self, command: str, timeout: float = 30.0) -> str:
        """What a command printed. Raises PushError with the device's own words if it failed.

        The device states the exit status: one that answers nothing has failed, not succeeded.
        """
        try:
            output = self._netmiko.send_command(
                f"{command}; printf '\\npcg-ended:%d\\n' $?",
                expect_string=r"pcg-ended:\d+\r?\n",
                read_timeout=timeout,
                strip_prompt=False,
                strip_command=True,
            )
        except (NetmikoBaseException, SSHException, OSError) as error:
            raise PushError(
                f"no answer to '{command}': {self._conceal(str(error))}",
                place=self._name,
                remedy="look at the device: the command may have run",
            ) from None
        ended = _ENDED.search(output)
        if ended is None:
            raise PushError(f"'{command}' gave no exit status", place=self._name)
        printed = self._conceal(output[: ended.start()].replace("\r\n", "\n").strip("\n"))
        if ended[1] != "0":
            raise PushError(
                f"'{command}' failed with status {ended[1]}:\n{printed}",
                place=self._name,
                remedy="correct the named line; nothing after it was sent",
            )
        return printed

    def _conceal(self, printed: str) -> str:
        """Without the values that we know, and those that stood on the device before."""
        if self._concealed:
            printed = self._concealed.sub(r"\1(not shown)", printed)
        return self._secrets.conceal(printed)

    def close(self) -> None:
        """Log out."""
        self._netmiko.disconnect()


class DevicePlugin:
    """Nornir's connection plug-in for `DeviceConnection`."""

    connection: Any = None

    def open(
        self,
        hostname: str | None,
        username: str | None,
        password: str | None,
        port: int | None,
        platform: str | None,
        extras: dict[str, Any] | None = None,
        configuration: Config | None = None,
    ) -> None:
        """Connect and log in. Raises PushError for an unknown host key or a refused log-in."""
        arguments: dict[str, Any] = {
            "host": hostname,
            "username": username,
            "password": password,
            "port": port,
            "fast_cli": True,
        }
        arguments |= extras or {}
        dial: Callable[[], socket] | None = arguments.pop("dial", None)
        private_key: str | None = arguments.pop("private_key", None)
        name: str = arguments.pop("name", hostname)
        secrets: Secrets = arguments.pop("secrets", None) or Secrets(looked_up({}, Path()))
        kind = platform_named(platform or "")
        try:
            netmiko = ConnectHandler(
                device_type=kind.netmiko_type,
                sock=dial() if dial else None,
                pkey=Ed25519Key.from_private_key(StringIO(private_key)) if private_key else None,
                ssh_strict=True,
                **arguments,
            )
        except (NetmikoBaseException, SSHException, OSError) as error:
            raise PushError(
                f"cannot log in: {error}",
                place=name,
                remedy="check the address, the credentials and the known host key",
            ) from error
        self.connection = DeviceConnection(name, netmiko, secrets, kind.concealed)

    def close(self) -> None:
        """Log out, if ever logged in."""
        if self.connection is not None:
            self.connection.close()


ConnectionPluginRegister.register(CONNECTION, DevicePlugin)
