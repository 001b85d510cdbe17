"""Pushing to Linux gateways and routers: whole files, and a guard script that puts back.

The device's own programs check every file before anything is changed, and tell afterwards what they
run. The guard, a shell script on the device, keeps what runs and puts it back when the time is up;
it needs neither the controller nor the session.
"""

from __future__ import annotations

import re
import shlex
from typing import Any

from netmiko.exceptions import NetmikoBaseException
from paramiko import SSHException

from pcg_netops.errors import PushError
from pcg_netops.platforms.base import Delivery, Platform
from pcg_netops.push.driver import Change, Running
from pcg_netops.push.secrets import Secrets
from pcg_netops.render import Artifact

# What precedes the first mark is the echo, and at times the prompt of the command before.
_PRINTED = re.compile(r"pcg-began:\r?\n(.*?)\r?\n?pcg-ended:(\d+)\r?\n", re.DOTALL)


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
                f"printf 'pcg-began%s\\n' :; {command}; printf '\\npcg-ended:%d\\n' $?",
                expect_string=r"pcg-ended:\d+\r?\n",
                read_timeout=timeout,
                strip_prompt=False,
                strip_command=True,
            )
        except (NetmikoBaseException, SSHException, OSError) as error:
            self.broken = True
            raise PushError(
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


class Linux:
    """A gateway or router with FRR and nftables."""

    def __init__(self, shell: Shell, name: str, platform: Platform) -> None:
        self._shell = shell
        self._name = name
        self._platform = platform
        self._guard = f"{platform.staging}/guard"

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

    def stage(self, change: Change) -> None:
        """Upload every file, and let the device's own programs check it."""
        if difference := change.difference_from_base(self.running):
            raise PushError(
                f"was changed since this was planned:\n{difference}",
                place=self._name,
                remedy="plan again",
            )
        self._shell.upload(self._guard, self._platform.guard)
        for delivery, path, artifact in self._files(change):
            self._shell.upload(path, artifact.text)
            self._shell.run(delivery.validate.format(file=shlex.quote(path)))

    def arm(self, seconds: int) -> None:
        self._shell.run(f"sh {self._guard} arm {seconds:d}")

    def apply(self, change: Change, seconds: int) -> None:
        for delivery, path, _ in self._files(change):
            self._shell.run(delivery.apply.format(file=shlex.quote(path)))

    def verify(self, change: Change) -> None:
        for delivery, path, artifact in self._files(change):
            quoted = shlex.quote(path)
            running = self._shell.run(delivery.read_back.format(file=quoted))
            reference = delivery.reference
            wanted = self._shell.run(reference.format(file=quoted)) if reference else ""
            if residue := delivery.residue(running, wanted):
                raise PushError(
                    f"{artifact.name} was applied, but the device still differs:\n{residue}",
                    place=self._name,
                    remedy="somebody else may have changed the device; look at it and push again",
                )

    def extend(self, change: Change, seconds: int) -> None:
        self._shell.run(f"sh {self._guard} extend {seconds:d}")

    def confirm(self, change: Change) -> None:
        saved = [(path, delivery.saved) for delivery, path, _ in self._files(change)]
        for path, target in saved:
            self._shell.run(f"cp {path} {target}.new")
        try:
            self._shell.run(f"sh {self._guard} confirm")
        except PushError as error:
            if self.broken or not self._arrived(change):
                raise error from None
        for _, target in saved:
            self._shell.run(f"mv {target}.new {target}")

    def _arrived(self, change: Change) -> bool:
        """Whether the device runs the change, as after a confirmation whose answer was lost."""
        try:
            self.verify(change)
        except PushError:
            return False
        return True

    def revert(self, change: Change) -> None:
        self._shell.run(f"sh {self._guard} revert")
        if difference := change.difference_from_base(self.running):
            raise PushError(f"is not as it was before:\n{difference}", place=self._name)

    def close(self) -> None:
        self._shell.close()

    def _files(self, change: Change) -> list[tuple[Delivery, str, Artifact]]:
        """How each file is delivered, the path of its upload, and the artifact."""
        return [
            (kind.delivery, f"{self._platform.staging}/{kind.name}", change.files[kind.name])
            for kind in self._platform.artifacts
            if kind.delivery and kind.name in change.files
        ]
