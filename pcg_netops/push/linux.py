"""Pushing to Linux gateways and routers: whole files, and a guard script that puts back.

The device's own programs check every file before anything is changed, and tell afterwards what they
run. The guard, a shell script on the device, keeps what runs and puts it back when the time is up;
it needs neither the controller nor the session.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from netmiko.exceptions import NetmikoBaseException, ReadTimeout
from paramiko import SSHException

from pcg_netops.errors import PushError
from pcg_netops.platforms.base import Delivery, Platform
from pcg_netops.push.driver import (
    Change,
    Facts,
    Lapsed,
    Running,
    Session,
    Unreachable,
    Unsaved,
    sessions_up,
)
from pcg_netops.push.secrets import Secrets
from pcg_netops.render import Artifact

# What precedes the first mark is the echo, and at times the prompt of the command before.
_PRINTED = re.compile(r"pcg-began:\r?\n(.*?)\r?\n?pcg-ended:(\d+)\r?\n", re.DOTALL)
_PATIENCE_S = 30.0  # for a command whose work does not grow
_LETTERS_A_SECOND = 5_000  # of a file; a router with two slow cores compares five times as many
_PROGRAMS = "nft awk mktemp setsid unshare python3 /usr/lib/frr/frr-reload.py"
# "FRRouting 8.4.4 (name)", then KiB available under a heading, then seconds since 1970
_FACTS = re.compile(r"FRRouting (\S+).*Avail\s+((?:\d+\s+)+)(\d+)$", re.DOTALL)


class Shell:
    """A shell on a device; one command at a time."""

    def __init__(
        self, name: str, netmiko: Any, secrets: Secrets, concealed: re.Pattern[str] | None
    ) -> None:
        self.broken = False
        self._name = name
        self._netmiko = netmiko
        self._secrets = secrets
        self._concealed = concealed

    def upload(self, path: str, text: str) -> None:
        """Write a file on the device over SFTP, readable by its owner only, with its secrets."""
        filled = self._secrets.fill(text)
        try:
            self._upload(path, filled)
        except (SSHException, EOFError):
            self.broken = True
            raise Unreachable(
                f"the connection ended while {path} was written",
                place=self._name,
                remedy="look at the device: nothing that runs was changed by this",
            ) from None
        except OSError as error:
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

    def run(self, command: str, timeout: float = _PATIENCE_S) -> str:
        """What a command printed. Raises PushError with the device's own words if it failed.

        The device states the exit status: one that answers nothing has failed, not succeeded.
        """
        try:
            output = self._netmiko.send_command(
                f"printf 'pcg-began%s\\n' :; {command}; printf '\\npcg-ended:%d\\n' $?",
                expect_string=r"pcg-ended:\d+\r?\n",
                read_timeout=timeout,
                strip_prompt=False,
                strip_command=True,
            )
        except ReadTimeout:
            self.broken = True
            raise Unreachable(
                f"'{self._conceal(command)}' did not end within {timeout:.0f} s",
                place=self._name,
                remedy="look at the device: the command may still run",
            ) from None
        except (NetmikoBaseException, SSHException, OSError, EOFError) as error:
            self.broken = True
            raise Unreachable(
                f"no answer to '{command}': {self._conceal(str(error))}",
                place=self._name,
                remedy="look at the device: the command may have run",
            ) from None
        whole = _PRINTED.search(output)
        if whole is None:
            raise PushError(f"'{command}' gave no exit status", place=self._name)
        printed = self._conceal(whole[1].replace("\r\n", "\n").strip("\n"))
        if whole[2] != "0":
            raise PushError(
                f"'{command}' failed with status {whole[2]}:\n{printed}",
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


def _patience(artifact: Artifact) -> float:
    """Seconds that the device's own programs may take to read a file and compare it."""
    return _PATIENCE_S + len(artifact.text) / _LETTERS_A_SECOND


class Linux:
    """A gateway or router with FRR and nftables."""

    def __init__(self, shell: Shell, name: str, platform: Platform) -> None:
        self._shell = shell
        self._name = name
        self._platform = platform
        self._guard = f"{platform.staging}/guard"
        self._staged: dict[str, str] = {}  # what this session has uploaded, by path
        self._has_guard = False

    @property
    def broken(self) -> bool:
        return self._shell.broken

    def running(self) -> Running:
        return {
            kind.name: self._shell.run(kind.delivery.running)
            for kind in self._platform.artifacts
            if kind.delivery
        }

    def pending(self) -> bool:
        return self._shell.run(f"[ ! -e {self._guard} ] || sh {self._guard} pending") == "pending"

    def facts(self) -> Facts:
        """Needs the programs that check, apply and put back; the guard of a push is one pending."""
        self._shell.run(f"type {_PROGRAMS} >/dev/null")
        said = self._shell.run(
            "vtysh -c 'show version' && df -k --output=avail /run /var/lib/pcg && date -u +%s"
        )
        found = _FACTS.search(said)
        if not found:
            raise PushError(f"is no router with FRR:\n{said}", place=self._name)
        if self.pending():
            raise PushError(
                "somebody's change waits to be confirmed",
                place=self._name,
                remedy="wait until its time is up",
            )
        free = min(int(number) for number in found[2].split())
        return Facts(found[1], free * 1024, datetime.fromtimestamp(int(found[3]), UTC))

    def sessions(self) -> frozenset[Session]:
        bgp = json.loads(self._shell.run("vtysh -c 'show bgp ipv4 unicast summary json'") or "{}")
        bfd = json.loads(self._shell.run("vtysh -c 'show bfd peers json'") or "[]")
        peers = bgp.get("peers", {}).items()
        return sessions_up(
            (peer for peer, one in peers if one["state"] == "Established"),
            (one["peer"] for one in bfd if one["status"] == "up"),
        )

    def drift(self, change: Change) -> str:
        """The base is put beside what was staged for as long as the device compares."""
        return self._compared(change.base_files, "base-")

    def residue(self, change: Change) -> str:
        return self._compared(change.files, "")

    def _compared(self, files: Mapping[str, Artifact], prefix: str) -> str:
        """How what runs differs from files, as the device's own programs see it."""
        differences = []
        self._upload_guard()  # with which tunnels are tried
        for delivery, path, artifact in self._uploaded(files, prefix):
            quoted = shlex.quote(path)
            patience = _patience(artifact)
            running = self._shell.run(delivery.read_back.format(file=quoted), patience)
            reference = delivery.reference
            wanted = self._shell.run(reference.format(file=quoted), patience) if reference else ""
            if residue := delivery.residue(running, wanted):
                differences.append(f"{artifact.name}:\n{residue}")
            if prefix:
                self._shell.run(f"rm {quoted}")
                del self._staged[path]
        return "\n".join(differences)

    def stage(self, change: Change) -> None:
        """Upload every file, and let the device's own programs check it."""
        self._upload_guard()
        for delivery, path, artifact in self._uploaded(change.files):
            command = delivery.validate.format(file=shlex.quote(path))
            self._shell.run(command, _patience(artifact))

    def arm(self, seconds: int) -> None:
        self._shell.run(f"sh {self._guard} arm {seconds:d}")

    def apply(self, change: Change, seconds: int) -> None:
        """What is judged is what runs. Once the time is up, the device puts everything back itself.

        frr-reload.py of FRR 8.4 ends with 1 where an entry of a community list has changed under
        its number, though all is there: it takes away the old entry, which has gone already.
        """
        for delivery, path, artifact in self._uploaded(change.files):
            try:
                self._shell.run(delivery.apply.format(file=shlex.quote(path)), seconds)
            except PushError:
                if self.broken or self._compared({artifact.name: artifact}, ""):
                    raise

    def extend(self, change: Change, seconds: int) -> None:
        self._shell.run(f"sh {self._guard} extend {seconds:d}")

    def confirm(self, change: Change) -> None:
        saved = [(path, delivery.saved) for delivery, path, _ in self._uploaded(change.files)]
        for path, target in saved:
            self._shell.run(f"cp {path} {target}.new")
        try:
            self._shell.run(f"sh {self._guard} confirm")
        except PushError as error:
            if self.broken:
                raise
            if self.residue(change):  # or it was confirmed, and the answer was lost
                raise Lapsed(error.message, place=error.place) from None
        try:
            for _, target in saved:
                self._shell.run(f"mv {target}.new {target}")
        except PushError as error:
            if self.broken:
                raise
            raise Unsaved(error.message, place=error.place, remedy=error.remedy) from None

    def revert(self, change: Change) -> None:
        patience = max(
            [_PATIENCE_S, *map(_patience, (*change.files.values(), *change.base_files.values()))]
        )
        self._shell.run(f"[ ! -e {self._guard} ] || sh {self._guard} revert", patience)
        if difference := self.drift(change):
            raise PushError(f"is not as it was before:\n{difference}", place=self._name)

    def close(self) -> None:
        self._shell.close()

    def _upload_guard(self) -> None:
        """Once for each session: a device that lost it, with its memory, has ended that too."""
        if not self._has_guard:
            self._shell.upload(self._guard, self._platform.guard)
            self._has_guard = True

    def _uploaded(
        self, files: Mapping[str, Artifact], prefix: str = ""
    ) -> Iterator[tuple[Delivery, str, Artifact]]:
        """How each file is delivered, the path of its upload, and the artifact."""
        for kind in self._platform.artifacts:
            if kind.delivery and kind.name in files:
                artifact, path = files[kind.name], f"{self._platform.staging}/{prefix}{kind.name}"
                if self._staged.get(path) != artifact.text:
                    self._shell.upload(path, artifact.text)
                    self._staged[path] = artifact.text
                yield kind.delivery, path, artifact
