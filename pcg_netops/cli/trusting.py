"""`pcg hosts trust`: devices' host keys, shown first and written only on demand."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from paramiko import PKey

from pcg_netops.cli.speech import say
from pcg_netops.errors import ExitCode, InputError, PushError
from pcg_netops.files import write_whole
from pcg_netops.inventory.workspace import load_workspace
from pcg_netops.inventory.yamlfile import did_you_mean
from pcg_netops.push.known_hosts import KnownHosts, known_hosts
from pcg_netops.push.login import Place, host_key, place_of
from pcg_netops.push.practice import practice
from pcg_netops.push.trust import Trust

_AT_ONCE = 32


@dataclass(frozen=True)
class _Shown:
    """The key of one device now, or why there is none."""

    name: str
    place: Place
    key: PKey | None
    wrong: str = ""

    def state(self, known: KnownHosts) -> str:
        if self.key is None:
            return "no key"
        found = known.keys(self.place.name)
        if self.key in found:
            return "known"
        return "CHANGED" if found else "new"


def trust(
    root: Path, names: list[str], ssh_config: Path, *, write: bool, lab: bool = False
) -> ExitCode:
    """Show the host key of each device beside what is known; write the new ones if asked to.

    FAIL if a device shows another key than the known one, or none.
    """
    workspace = load_workspace(root)
    for name in names:
        if name not in workspace.hosts:
            raise InputError(f"no host '{name}'", remedy=did_you_mean(name, workspace.hosts))
    practised = practice(workspace) if lab else None
    file = practised.lab.known_hosts if practised else Trust.of(workspace).known_hosts
    known = known_hosts(file)

    def one(name: str) -> _Shown:
        if practised:
            place = Place("127.0.0.1", practised.port(name), None)
        else:
            place = place_of(workspace.hosts[name], ssh_config)
        try:
            return _Shown(name, place, host_key(name, place))
        except PushError as error:
            return _Shown(name, place, None, error.message)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = list(pool.map(one, names or workspace.hosts))
    for shown in found:
        said = f"{shown.key.get_name()} {shown.key.fingerprint}" if shown.key else shown.wrong
        say(f"{shown.state(known):<8} {shown.name:<24} {shown.place.name:<22} {said}")
    new = [shown for shown in found if shown.state(known) == "new"]
    if new:
        _offer(file, new, write=write)
    bad = [shown for shown in found if shown.state(known) in ("CHANGED", "no key")]
    return ExitCode.FAIL if bad else ExitCode.PASS


def _offer(file: Path, new: list[_Shown], *, write: bool) -> None:
    if not write:
        say("nothing was written: compare the fingerprints, then add --write")
        return
    lines = [
        f"{shown.place.name} {shown.key.get_name()} {shown.key.get_base64()}\n"
        for shown in new
        if shown.key
    ]
    before = file.read_text(encoding="utf-8") if file.exists() else ""
    if before and not before.endswith("\n"):
        before += "\n"
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_whole(file, before + "".join(lines))
    say(f"wrote {len(lines)} to {file}")
