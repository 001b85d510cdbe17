"""One SSH connection to one device, with its host key strictly checked.

Registered with Nornir as `pcg`. It is Netmiko's ConnectHandler with two differences from
nornir_netmiko's plug-in: a host key that is not already known is refused, and three more extras are
taken. `name` is what errors call the device, `dial` opens the TCP connection (a lab's management
network is not this machine's), `private_key` is an Ed25519 key as text, which never touches a disk.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from io import StringIO
from socket import socket
from typing import Any

from netmiko import ConnectHandler
from netmiko.exceptions import NetmikoBaseException
from nornir.core.configuration import Config
from nornir.core.plugins.connections import ConnectionPluginRegister
from paramiko import Ed25519Key, SSHException

from pcg_netops.errors import PushError
from pcg_netops.platforms import platform_named

CONNECTION = "pcg"
_ENDED = re.compile(r"\r?\n?pcg-ended:(\d+)\r?\n")


class DeviceConnection:
    """A shell on a device; one command at a time."""

    def __init__(self, name: str, netmiko: Any) -> None:
        self._name = name
        self._netmiko = netmiko

    def upload(self, path: str, text: str) -> None:
        """Write a file on the device over SFTP, readable by its owner only."""
        try:
            self._upload(path, text)
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
                file.write(text)
            sftp.chmod(path, 0o600)

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
                f"no answer to '{command}': {error}",
                place=self._name,
                remedy="look at the device: the command may have run",
            ) from error
        ended = _ENDED.search(output)
        if ended is None:
            raise PushError(f"'{command}' gave no exit status", place=self._name)
        printed: str = output[: ended.start()].replace("\r\n", "\n").strip("\n")
        if ended[1] != "0":
            raise PushError(
                f"'{command}' failed with status {ended[1]}:\n{printed}",
                place=self._name,
                remedy="correct the named line; nothing after it was sent",
            )
        return printed

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
        try:
            netmiko = ConnectHandler(
                device_type=platform_named(platform or "").netmiko_type,
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
        self.connection = DeviceConnection(name, netmiko)

    def close(self) -> None:
        """Log out, if ever logged in."""
        if self.connection is not None:
            self.connection.close()


ConnectionPluginRegister.register(CONNECTION, DevicePlugin)
