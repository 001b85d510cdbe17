"""What every lab of this process has, whichever backend runs its nodes: a key, and who may ask."""

from __future__ import annotations

import socket as sockets
from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from pcg_netops.errors import PcgError
from pcg_netops.lab.embedded.calls import Calls

USERNAME = "pcg"


class OwnedLab(Calls):
    """A running lab (`Lab`) of this process. As a context manager it is down afterwards."""

    backend: str  # its name in evidence

    def __init__(self, run_dir: Path) -> None:
        self._known_hosts = run_dir / "known_hosts"
        self._key = Ed25519PrivateKey.generate()
        self.warnings: tuple[str, ...] = ()
        self.failures: tuple[str, ...] = ()
        # Management addresses with prefix length, by node, that the topology alone does not tell.
        self.addresses: Mapping[str, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.down()

    @property
    def known_hosts(self) -> Path:
        """An OpenSSH known_hosts file with the host key of every managed node."""
        return self._known_hosts

    @property
    def client_key(self) -> str:
        """The private key that every node lets in as user `USERNAME`, in OpenSSH's text form."""
        return self._key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()

    @abstractmethod
    def down(self) -> None:
        """End everything; returns when nothing runs any more. Idempotent."""

    @abstractmethod
    def hand_over(self, call: sockets.socket) -> None:
        """Have the agent serve the call at the other end of this stream socket."""

    @abstractmethod
    def fileno(self) -> int:
        """Readable when the lab has ended by itself."""

    def _dial(self) -> sockets.socket:
        ours, theirs = sockets.socketpair()
        try:
            with theirs:
                self.hand_over(theirs)
        except PcgError:
            ours.close()
            raise
        return ours

    def _public_key(self) -> str:
        key = self._key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
        return key.decode()

    def _know(self, addresses: Mapping[str, str], keys: Mapping[str, str]) -> None:
        """Write down the host keys of nodes, by name, and their addresses."""
        lines = [f"{address},{name} {keys[name]}\n" for name, address in addresses.items()]
        self._known_hosts.write_text("".join(lines))
