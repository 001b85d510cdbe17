"""Pushing to Junos: a candidate of our own, and a commit that rolls back unless it is confirmed.

`configure exclusive` keeps everybody else out, and its uncommitted lines go when the session ends.
(`configure private` does not take `commit confirmed` on every device.) Another `commit confirmed`
within the time lets it begin anew, and the device still goes back to what ran before the first. A
`commit check` within the time would confirm, so none is sent then. Sources: Juniper, "Commit the
Configuration" and "Committing the Candidate Configuration Only After Confirmation" [S].

Lines go through `load set terminal`, so that no file with secrets is left on the device.
"""

from __future__ import annotations

import re
from datetime import datetime

from pcg_netops.errors import PushError
from pcg_netops.push.driver import Change, Facts, Lapsed, Running, Session, minutes, sessions_up
from pcg_netops.push.lines import CommandLine, Dialect, check_sendable

DIALECT = Dialect(
    comment="#",
    prompt=re.compile(r"[\w.\-]{1,64}@[\w.\-]{1,255}[>#] |\S*% ?|root@\S* # "),
    accompaniment=re.compile(
        r"\[edit.*\]|\{\w+(:\S+)?\}(\[edit.*\])?|# commit confirmed will be rolled back in .*|"
    ),
    refusal=re.compile(
        r"^ *(?:error:|syntax error|unknown command|missing argument|invalid )"
        r"|statement not found|\[yes,no\]",
        re.MULTILINE,
    ),
    takes_ahead=False,
)
_FILE = "junos.set"
_PENDING = "commit confirmed will be rolled back"
# "terminal:3:(41) syntax error: topology"; the load goes on, and may end with "load complete".
_LOAD_ERROR = re.compile(r"^terminal:(\d+):.*(?:\n(?!terminal:|load complete).*)*", re.MULTILINE)
# "0   2026-11-22 19:03:11 UTC by netops via cli commit confirmed, rollback in 2mins", and a comment
_ENTRY = re.compile(r"^ *\d+ +\d{4}-\d\d-\d\d .*(?:\n(?! *\d+ +\d{4}-).*)*", re.MULTILINE)
# "/dev/gpt/config  793M  60K  729M  0%  /.mount/config": what is available, and where
_FREE = re.compile(r"^\S+ +\S+ +\S+ +([\d.]+[BKMGT]?) +\d+% +(/\S*)", re.MULTILINE)
_CONFIG_MOUNTS = ("/config", "/.mount/config", "/.mount", "/")  # the nearest above /config
_UNITS = {"B": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
# The last column of a session that is up: "Establ", or counts of routes such as "3/3/3/0".
_BGP_UP = re.compile(r"^(\d+\.\d+\.\d+\.\d+) .*(?: Establ| \d+/\d+/\d+/\d+)", re.MULTILINE)
_BFD_UP = re.compile(r"^(\d+\.\d+\.\d+\.\d+) +Up ", re.MULTILINE)
_LOADED = re.compile(r"\n(load (complete|failed).*|error: .*)\n")


class Junos:
    """A gateway or router with Junos."""

    def __init__(self, line: CommandLine, name: str) -> None:
        self._line = line
        self._name = name
        line.begin([])
        if not line.prompt.endswith("> "):  # the shell, where root lands
            line.run("cli")
        options = ("screen-width 511", "screen-length 0", "complete-on-space off")
        line.run(*(f"set cli {option}" for option in options))

    @property
    def broken(self) -> bool:
        return self._line.broken

    def running(self) -> Running:
        text = self._run("show configuration | display set | no-more")
        begins = re.search(r"^set ", text, re.MULTILINE)
        if not begins:
            raise self._line.failed(f"did not print its configuration:\n{text[:200]}")
        return {_FILE: f"{text[begins.start() :]}\n"}

    def pending(self) -> bool:
        """The device says so above each prompt."""
        self._line.answer()
        return _PENDING in self._line.said

    def facts(self) -> Facts:
        version, uptime, room = (
            self._run(f"show {what} | no-more")
            for what in ("version", "system uptime", "system storage")
        )
        if self.pending():
            raise self._somebodys()
        known = re.search(r"^Junos: (\S+)", version, re.MULTILINE)
        free = {found[2]: _bytes(found[1]) for found in _FREE.finditer(room)}
        place = next((mount for mount in _CONFIG_MOUNTS if mount in free), None)
        if not known or not place:
            raise self._line.failed(f"is no device with Junos:\n{version}\n{room}")
        return Facts(known[1], free[place], _time_of(uptime))

    def sessions(self) -> frozenset[Session]:
        bgp, bfd = self._run("show bgp summary | no-more"), self._run("show bfd session | no-more")
        return sessions_up(_BGP_UP.findall(bgp), _BFD_UP.findall(bfd))

    def drift(self, change: Change) -> str:
        return self._line.shown(change.drift(self.running))

    def residue(self, change: Change) -> str:
        return self._line.shown(change.residue(self.running))

    def stage(self, change: Change) -> None:
        check_sendable(self._name, change.lines)
        self._enter()
        if _PENDING in self._line.said:
            raise self._somebodys()
        try:
            self._load(change)
            [said] = self._line.run("commit check")
            if "configuration check succeeds" not in said:
                raise self._line.failed(f"the change does not pass the check:\n{said}")
        except PushError:
            self._discard()
            raise

    def arm(self, seconds: int) -> None:
        """The time begins with the commit."""

    def apply(self, change: Change, seconds: int) -> None:
        self._commit_confirmed(change, seconds)

    def extend(self, change: Change, seconds: int) -> None:
        if self.pending():
            self._enter()
            self._commit_confirmed(change, seconds)

    def confirm(self, change: Change) -> None:
        if not self.pending():
            if change.arrived(self.running):
                return
            raise self._line.failed("the time was up: it has put back what ran before", kind=Lapsed)
        self._enter()
        [said] = self._line.run(f'commit comment "{_comment(change)} confirmed"')
        if "commit complete" not in said or self.pending():
            raise self._line.failed(f"did not confirm:\n{said}")
        self._discard()
        if residue := self.residue(change):
            raise self._line.failed(f"confirmed, but still differs:\n{residue}")

    def revert(self, change: Change) -> None:
        self._discard()
        if self.pending():
            number = self._commits_of(change)
            self._enter()
            undo = (f"rollback {number}", f'commit comment "{_comment(change)} reverted"')
            said = "\n".join(self._line.run(*undo))
            if "commit complete" not in said or self.pending():
                raise self._line.failed(f"did not go back:\n{said}")
            self._discard()
        if difference := self.drift(change):
            raise self._line.failed(f"is not as it was before:\n{difference}")

    def close(self) -> None:
        """What is not committed goes with the session."""
        self._line.close("exit")

    @property
    def _configuring(self) -> bool:
        return self._line.prompt.endswith("# ")

    def _run(self, command: str) -> str:
        """An operational command, in whichever mode."""
        return self._line.run(f"run {command}" if self._configuring else command)[0]

    def _somebodys(self) -> PushError:
        return self._line.failed(
            "somebody's commit waits to be confirmed",
            remedy="confirm it or roll it back on the device, or wait until its time is up",
        )

    def _enter(self) -> None:
        if self._configuring:
            return
        [said] = self._line.run("configure exclusive")
        if not self._configuring:
            raise self._line.failed(
                f"the configuration cannot be locked:\n{said}",
                remedy="end the other session, or let it commit or roll back",
            )

    def _discard(self) -> None:
        """Out of configuration mode, without what is not committed."""
        if self._configuring and not self._line.broken:
            self._line.run("rollback 0", "exit configuration-mode")

    def _load(self, change: Change) -> None:
        self._line.write("load set terminal\n")
        self._line.wait_for(re.compile(r"\[Type \^D at a new line to end input\]\n"), "load set")
        self._line.write("".join(f"{line}\n" for line in change.lines))
        self._line.write("\x04")
        said = self._line.wait_for(_LOADED, "the lines of the change") + self._line.answer()
        if wrong := _LOAD_ERROR.search(said):
            number = int(wrong[1])
            raise self._line.rejected(number, change.lines[number - 1], wrong[0])
        if "statement not found" in said or not re.search(r"^load complete *$", said, re.MULTILINE):
            raise self._line.failed(f"did not take the change:\n{said[-400:]}")

    def _commit_confirmed(self, change: Change, seconds: int) -> None:
        command = f'commit confirmed {minutes(seconds)} comment "{_comment(change)}"'
        [said] = self._line.run(command)
        if "commit complete" not in said or _PENDING not in self._line.said:
            raise self._line.failed(f"did not commit:\n{said}")

    def _commits_of(self, change: Change) -> int:
        """How many commits ago the device ran what it ran before this push."""
        number = 0
        for entry in _ENTRY.findall(self._run("show system commit | no-more")):
            if "commit confirmed" not in entry or _comment(change) not in entry:
                break
            number += 1
        if not number:
            raise self._line.failed(
                "the commit that waits to be confirmed is not ours",
                remedy="look at 'show system commit' on the device",
            )
        return number


def _bytes(size: str) -> int:
    """A size as `show system storage` has it: 4.9G; without a letter, blocks of 512 bytes."""
    unit = _UNITS.get(size[-1])
    return int(float(size[:-1]) * unit) if unit else int(size) * 512


def _time_of(uptime: str) -> datetime | None:
    """What `show system uptime` says, if it says it in UTC."""
    found = re.search(r"^Current time: (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC", uptime, re.MULTILINE)
    return datetime.fromisoformat(f"{found[1]}+00:00") if found else None


def _comment(change: Change) -> str:
    """By which `show system commit` tells our commits."""
    return f"pcg {change.label}"
