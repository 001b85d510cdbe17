"""Host keys: the file that holds those of the devices, and connections that accept no others.

The file is OpenSSH's `known_hosts`; hashed names and `@revoked` keys are understood, certificates
are not. It is read once, not for every connection: paramiko takes 0.3 s for a thousand keys.
"""

from __future__ import annotations

import functools
import logging
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from netmiko import ssh_dispatcher
from paramiko import HostKeys, PKey, RejectPolicy, SSHClient
from paramiko.hostkeys import HostKeyEntry

_SESSION_S = 30.0  # as long as paramiko gives a log-in
_reading = threading.Lock()
_HASHED = re.compile(r"\|1\|[A-Za-z0-9+/]{27}=\|[A-Za-z0-9+/]{27}=")  # salt and hash, 20 bytes each
# Else Python prints what paramiko's threads say of a device that breaks off, with tracebacks.
logging.getLogger("paramiko").addHandler(logging.NullHandler())


class KnownHosts:
    """The keys of a file by the names that they are for."""

    def __init__(self, text: str) -> None:
        self._by_name: dict[str, list[PKey]] = {}
        self._hashed: list[tuple[str, PKey]] = []
        self._revoked: list[tuple[str, PKey]] = []
        for number, line in enumerate(text.splitlines(), 1):
            revoked = line.startswith("@revoked ")
            if line.startswith(("#", "@")) and not revoked:
                continue
            for name, key in _entry(line.removeprefix("@revoked "), number):
                if revoked:
                    self._revoked.append((name, key))
                elif _HASHED.fullmatch(name):
                    self._hashed.append((name, key))
                else:
                    self._by_name.setdefault(name, []).append(key)

    def keys(self, name: str) -> list[PKey]:
        """The keys that `name`, an address or `[address]:port`, may show."""
        hashed = [key for mark, key in self._hashed if _is_of(mark, name)]
        revoked = [key for mark, key in self._revoked if mark in (name, "*") or _is_of(mark, name)]
        return [key for key in (*self._by_name.get(name, ()), *hashed) if key not in revoked]


def _is_of(mark: str, name: str) -> bool:
    """Whether a hashed name is this one."""
    return bool(_HASHED.fullmatch(mark)) and HostKeys.hash_host(name, mark) == mark


def _entry(line: str, number: int) -> Iterator[tuple[str, PKey]]:
    try:
        entry = HostKeyEntry.from_line(line, number)
    except Exception:  # each kind of key has a reader of its own, with errors of its own
        return  # as OpenSSH leaves out a line that it cannot read
    if entry is not None and entry.key is not None:
        yield from ((name, entry.key) for name in entry.hostnames or ())


def known_hosts(path: Path) -> KnownHosts:
    """What a file holds now; nothing if there is none. Raises OSError if it cannot be read."""
    if not path.exists():
        return KnownHosts("")
    status = path.stat()
    with _reading:  # or a hundred connections would read it at once
        return _read(path, status.st_mtime_ns, status.st_size)


@functools.lru_cache(maxsize=4)
def _read(path: Path, _changed: int, _size: int) -> KnownHosts:
    return KnownHosts(path.read_text(encoding="utf-8", errors="replace"))


@functools.cache
def strict(device_type: str) -> Any:
    """Netmiko's class for a type of device, refusing every host key that is not in the file."""
    netmiko: Any = ssh_dispatcher(device_type)

    class Strict(netmiko):  # type: ignore[misc]  # the class depends on the type of device
        """Netmiko itself would read the whole file for each connection."""

        def __init__(
            self, *, known_hosts: Path, look_for_keys: bool = False, **arguments: Any
        ) -> None:
            self._known_hosts = known_hosts
            self._look_for_keys = look_for_keys
            super().__init__(**arguments)

        def _connect_params_dict(self) -> dict[str, Any]:
            """Netmiko takes the keys in ~/.ssh only together with the file of another one.

            And paramiko gives a device that froze after the log-in an hour to open a session.
            """
            found: dict[str, Any] = super()._connect_params_dict()
            mine = {"look_for_keys": self._look_for_keys, "channel_timeout": _SESSION_S}
            return found | mine

        def _build_ssh_client(self) -> SSHClient:
            client = SSHClient()
            known = known_hosts(self._known_hosts)
            name = self.host if self.port == 22 else f"[{self.host}]:{self.port}"
            for key in known.keys(name):
                client.get_host_keys().add(name, key.get_name(), key)
            client.set_missing_host_key_policy(RejectPolicy())
            return client

    return Strict
