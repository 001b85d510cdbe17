"""What the person who pushes trusts a workspace with: host keys, and which of their secrets.

A workspace names devices, addresses and secrets, and comes from a repository. If it also said whom
to believe, whoever can write there could have any file or variable of that person sent to a server
of theirs. So both are kept in a folder of that person's own.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pcg_netops.errors import InputError
from pcg_netops.files import write_whole
from pcg_netops.inventory.workspace import Workspace
from pcg_netops.model.hosts import Login
from pcg_netops.push.secrets import LookUp, looked_up

FOLDER = "PCG_TRUST"  # names another folder, as in a job of CI
_KNOWN_HOSTS, _SECRETS = "known_hosts", "secrets"


@dataclass(frozen=True)
class Trust:
    """The folder for one network's workspace, which may not exist yet."""

    folder: Path

    @classmethod
    def of(cls, workspace: Workspace) -> Trust:
        """This user's for a workspace. Raises InputError if others can write to it."""
        given = os.environ.get(FOLDER)
        folder = Path(given) if given else _home() / "pcg" / workspace.network.name
        if Path(os.path.realpath(folder)).is_relative_to(workspace.root):
            raise InputError(
                "says whom to trust, and is in the workspace that is to be trusted",
                place=str(folder),
                remedy=f"set {FOLDER} to a folder outside the workspace, or unset it",
            )
        for path in (folder, folder / _KNOWN_HOSTS, folder / _SECRETS):
            _require_own(path)
        return cls(folder)

    @property
    def known_hosts(self) -> Path:
        """The file with the host keys of the devices."""
        return self.folder / _KNOWN_HOSTS

    @property
    def secrets(self) -> frozenset[str]:
        """References, such as `env:NAME`, of which the workspace may have the values."""
        try:
            lines = (self.folder / _SECRETS).read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return frozenset()
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"cannot be read: {error}", place=str(self.folder)) from None
        return frozenset(line.strip() for line in lines) - {""}

    def require(self, asked: Mapping[str, str]) -> None:
        """Raise InputError unless every reference is allowed; `asked` says what each is for."""
        missing = {where: what for where, what in asked.items() if where not in self.secrets}
        if missing:
            said = "".join(f"\n  {where} for {what}" for where, what in missing.items())
            raise InputError(
                f"the workspace asks for secrets of yours that you have not allowed it:{said}",
                remedy=f"if it is to have them: pcg secrets allow {' '.join(missing)}",
            )

    def allow(self, references: Iterable[str]) -> None:
        """Let the workspace have these. Raises as `write_whole` does."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lines = sorted(self.secrets | set(references))
        write_whole(self.folder / _SECRETS, "".join(f"{line}\n" for line in lines))


def asked_for(workspace: Workspace) -> dict[str, str]:
    """Every reference of a workspace to a secret, and what it is for."""
    found: dict[str, list[str]] = {}
    for name, where in workspace.network.secrets.items():
        found.setdefault(where, []).append(f"secret '{name}'")
    for host, entry in workspace.hosts.items():
        for reference, what in references_of(entry.login).items():
            found.setdefault(reference, []).append(f"{what} of '{host}'")
    return {
        where: what[0] + (f" and {len(what) - 1} more" if len(what) > 1 else "")
        for where, what in found.items()
    }


def values_of(workspace: Workspace) -> LookUp:
    """Gives the values of a workspace's own secrets, those that its user allows it."""
    return looked_up(
        workspace.network.secrets, workspace.root, lambda a: Trust.of(workspace).require(a)
    )


def references_of(login: Login | None) -> dict[str, str]:
    """What a log-in takes of the person who pushes, each with what it is."""
    if login is None:
        return {}
    key = f"key:{login.key_file}" if login.key_file else None
    parts = ((login.password, "password"), (login.enable, "enable password"), (key, "private key"))
    return {where: what for where, what in parts if where}


def _home() -> Path:
    given = Path(os.environ.get("XDG_CONFIG_HOME", ""))
    return given if given.is_absolute() else Path.home() / ".config"


def _require_own(path: Path) -> None:
    try:
        status = path.stat()
    except OSError:
        return  # not there: then nothing is trusted
    mine = status.st_uid in (os.getuid(), 0)
    if not mine or stat.S_IMODE(status.st_mode) & 0o022:
        raise InputError(
            "says whom to trust, and others can write to it",
            place=str(path),
            remedy=f"look at what it says, then: chmod go-w {path}"
            if mine
            else "make one of yours",
        )
