"""One SSH connection to one device, with its host key strictly checked.

Registered with Nornir as `pcg` (`pcg_netops.nornir.connection`); what it gives is a `Driver`.
Extras are arguments of Netmiko's ConnectHandler, and ours:

- `name`: what errors call the device;
- `known_hosts`: the file that holds its host key; every other key is refused;
- `dial`: opens the connection (a lab's management network is not this machine's; a jump host);
- `private_key`: an Ed25519 key as text, which never touches a disk;
- `credentials`: gives further arguments, such as a password, when they are needed;
- `secrets`: gives values to the markers in what is sent; what a device prints is told without them;
- `silence_s`: after how many seconds without a word a device with a command line has failed.
"""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO
from pathlib import Path
from socket import socket
from typing import Any

from netmiko.exceptions import (
    NetmikoAuthenticationException,
    NetmikoBaseException,
    NetmikoTimeoutException,
)
from paramiko import AuthenticationException, BadHostKeyException, Ed25519Key, SSHException

from pcg_netops.errors import PushError
from pcg_netops.platforms.base import Platform
from pcg_netops.push import iosxe, junos, ssh_words
from pcg_netops.push.driver import Driver, Unreachable
from pcg_netops.push.iosxe import IosXe
from pcg_netops.push.junos import Junos
from pcg_netops.push.known_hosts import strict
from pcg_netops.push.lines import SILENCE_S, CommandLine, Dialect
from pcg_netops.push.linux import Linux, Shell
from pcg_netops.push.secrets import Secrets, looked_up

CONNECTION = "pcg"


def log_in(platform: Platform, arguments: dict[str, Any]) -> Driver:
    """A logged-in device; `arguments` are Netmiko's and our extras. Raises PushError."""
    name: str = arguments.pop("name", arguments["host"])
    secrets: Secrets = arguments.pop("secrets", None) or Secrets(looked_up({}, Path()))
    silence_s: float = arguments.pop("silence_s", SILENCE_S)
    credentials: Callable[[], dict[str, Any]] = arguments.pop("credentials", dict)
    arguments |= credentials()
    try:
        netmiko = _connected(platform, arguments)
    except (NetmikoBaseException, SSHException, OSError, EOFError, ValueError) as error:
        raise Unreachable(
            f"cannot log in: {_words(error)}", place=name, remedy=_remedy(name, error)
        ) from None

    def line(dialect: Dialect) -> CommandLine:
        return CommandLine(
            name,
            netmiko.remote_conn,
            dialect,
            secrets,
            platform.concealed,
            silence_s,
            netmiko.paramiko_cleanup,
        )

    try:
        if platform.name == "iosxe":
            return IosXe(line(iosxe.DIALECT), name, netmiko.secret)
        if platform.name == "junos":
            return Junos(line(junos.DIALECT), name)
    except PushError:
        netmiko.paramiko_cleanup()
        raise
    return Linux(Shell(name, netmiko, secrets, platform.concealed), name, platform)


def _cause(error: Exception) -> Exception:
    """What Netmiko met, where its own words say no more."""
    return error.__context__ if isinstance(error.__context__, SSHException) else error


def _no_way_left(error: Exception) -> bool:
    """Whether the device answered, and nothing that we have lets us in."""
    none = "No authentication methods available" in str(error)  # no key, agent or password at all
    if "Authentication timeout" in str(error):
        return False
    return none or isinstance(error, NetmikoAuthenticationException | AuthenticationException)


def _words(error: Exception) -> str:
    """What went wrong, without Netmiko's advice for programmers."""
    error = _cause(error)
    if isinstance(error, BadHostKeyException):
        return "it shows another host key than the one that you trust"
    return ssh_words.words(error)


def _remedy(name: str, error: Exception) -> str:
    error = _cause(error)
    said = str(error)
    if isinstance(error, BadHostKeyException):
        return "find out why; take the old key out of your known_hosts only if the device is new"
    if "not found in known_hosts" in said:
        return f"compare its key with what the device shows on its console: pcg hosts trust {name}"
    if "encrypted" in said:
        return "hand it to the SSH agent by ssh-add, and leave 'key_file' out of its login"
    if _no_way_left(error):
        return "check user name and 'login' in hosts.yaml, the keys in ~/.ssh and of the agent"
    if isinstance(error, NetmikoTimeoutException | OSError | EOFError):
        return "check the address and the way there"
    return "check that SSH answers there, and try it by hand"


def _connected(platform: Platform, arguments: dict[str, Any]) -> Any:
    """Netmiko's connection; sessions of the makers whose lines we read ourselves are raw."""
    dial: Callable[[], socket] | None = arguments.pop("dial", None)
    private_key: str | None = arguments.pop("private_key", None)
    raw = platform.name != "linux"
    netmiko = strict(platform.netmiko_type)(
        device_type=platform.netmiko_type,
        known_hosts=arguments.pop("known_hosts", Path("~/.ssh/known_hosts").expanduser()),
        sock=dial() if dial else None,
        pkey=Ed25519Key.from_private_key(StringIO(private_key)) if private_key else None,
        auto_connect=not raw,
        **arguments,
    )
    if raw:
        netmiko.establish_connection()
    return netmiko
