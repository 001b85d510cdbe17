"""A lab of the background, from another process."""

from __future__ import annotations

import os
import select
import signal
import socket as sockets
from pathlib import Path

from pcg_netops.errors import InputError, LabError, PcgError
from pcg_netops.lab.background import folders
from pcg_netops.lab.background.folders import KNOWN_HOSTS, LOG, SOCKET
from pcg_netops.lab.embedded.calls import Calls

_END_PATIENCE_S = {"netns": 10.0, "containerlab": 150.0}


class RunningLab(Calls):
    """A lab (`Lab`) that somebody else started. Its methods may be called from any thread."""

    def __init__(self, record: folders.Record) -> None:
        self.record = record
        self.folder = folders.folder_of(record.name)

    @property
    def known_hosts(self) -> Path:
        """An OpenSSH known_hosts file with the host key of every managed node."""
        return self.folder / KNOWN_HOSTS

    def down(self) -> None:
        """End the lab; returns when nothing of it is left. Idempotent."""
        try:
            process = os.pidfd_open(self.record.pid)
        except ProcessLookupError:
            return
        patience = _END_PATIENCE_S[self.record.backend]
        try:
            if folders.read(self.record.name) != self.record:
                return
            signal.pidfd_send_signal(process, signal.SIGTERM)
            if not select.select([process], [], [], patience)[0]:
                signal.pidfd_send_signal(process, signal.SIGKILL)
                select.select([process], [], [], patience)
        finally:
            os.close(process)

    def _dial(self) -> sockets.socket:
        channel = sockets.socket(sockets.AF_UNIX)
        try:
            channel.connect(str(self.folder / SOCKET))
        except OSError:
            channel.close()
            raise
        return channel

    def _ended(self) -> PcgError:
        return LabError(
            f"the lab '{self.record.name}' does not answer",
            remedy=f"end what is left of it: pcg lab down {self.record.name}; "
            f"its log: {self.folder / LOG}",
        )


def find(name: str | None) -> RunningLab:
    """The lab of a name or a topology file; without one, the only lab. Raises InputError."""
    found = folders.running()
    if name is None:
        if len(found) == 1:
            return RunningLab(found[0])
        raise InputError(
            "no lab is running" if not found else "several labs are running",
            remedy="start one: pcg lab up TOPOLOGY"
            if not found
            else f"name one of them: {', '.join(record.name for record in found)}",
        )
    path = Path(name)
    topology = str(path.resolve()) if path.is_file() else None
    for record in found:
        if record.name == name or record.topology == topology:
            return RunningLab(record)
    names = ", ".join(record.name for record in found)
    remedy = f"running: {names}" if names else "start one: pcg lab up TOPOLOGY"
    raise InputError(f"no lab '{name}' is running", remedy=remedy)
