"""Pushing to Cisco IOS-XE: lines in configuration mode under a timer that rolls back.

`configure terminal revert timer` keeps the running configuration in the archive and rolls back to
it after so many minutes, by the clock, whether or not the session lives; the idle form would let a
session that hangs hold the timer off. `configure revert timer` lets the time begin anew, `configure
revert now` rolls back at once, `configure confirm` keeps the change. All three have to come from
the user who armed it. Source: Cisco, "Configuration Rollback Confirmed Change", IOS XE 17 [S].
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from pcg_netops.errors import InputError
from pcg_netops.push.driver import (
    Change,
    Facts,
    Lapsed,
    Running,
    Session,
    Unsaved,
    minutes,
    sessions_up,
)
from pcg_netops.push.lines import CommandLine, Dialect, check_sendable

DIALECT = Dialect(
    comment="!",
    prompt=re.compile(r"[\w.\-]{1,64}(?:\([^()\s]{1,40}\))?[#>]"),
    # Of `exec prompt timestamp`, before the answer to each command.
    accompaniment=re.compile(r"Load for five secs: .*|Time source is .*|No time source,? .*"),
    # What is not said with a percent sign, and questions: nothing that we send should be asked
    # about. Some notices begin with a percent sign as well.
    refusal=re.compile(
        r"^ *%(?! ?warning|.*removed due to)|^ *(?:command rejected|error\b|bad mask|invalid )"
        r"|\[(?:confirm|yes/no|yes|no)\]:? *$",
        re.IGNORECASE | re.MULTILINE,
    ),
    takes_ahead=True,
)
_FILE = "iosxe.conf"
_NONE_PENDING = "No Rollback Confirmed Change pending"
_TIMER = "show archive config rollback timer"
_MOST_MINUTES = 120
# "Cisco IOS XE Software, Version 17.09.04a"
_VERSION = re.compile(r"^Cisco IOS XE Software, Version (\S+)", re.MULTILINE)
# "*   5712637952    4193079296      disk     rw   bootflash:": where archives go, and NVRAM [S:
# published captures of `show file systems`].
_FREE = re.compile(r"^(?:\* *\d+ +(?=\d+ )| *\d+ +(?=\d+ +nvram ))(\d+)", re.MULTILINE)
# The last column is the number of prefixes of a session that is up, else its state.
_BGP_UP = re.compile(r"^(\d+\.\d+\.\d+\.\d+) +4 .* \d+ *$", re.MULTILINE)
_BFD_UP = re.compile(r"^(\d+\.\d+\.\d+\.\d+) +\d+/\d+ +Up +Up ", re.MULTILINE)
_LEAVING = re.compile(r"exit(-\S+)?|end")


class IosXe:
    """A router with IOS-XE 17."""

    def __init__(self, line: CommandLine, name: str, enable: str | None = None) -> None:
        """`enable` is the password for privileged mode, where the log-in does not give it."""
        self._line = line
        self._name = name
        line.begin(["terminal width 511", "terminal length 0"])
        if line.prompt.endswith(">"):
            self._raise(enable)

    @property
    def broken(self) -> bool:
        return self._line.broken

    def running(self) -> Running:
        return {_FILE: _whole(self._line, *self._line.run("show running-config"))}

    def pending(self) -> bool:
        return self._armed(*self._line.run(_TIMER))

    def facts(self) -> Facts:
        """An archive is what the device goes back to; the file systems have to have room for it."""
        version, clock, room, archive, timer = self._line.run(
            "show version", "show clock", "show file systems", "show archive", _TIMER
        )
        if "not enabled" in archive:
            raise self._line.failed(
                "keeps no archive, without which it cannot put anything back by itself",
                remedy="configure 'archive' with a 'path' on this device",
            )
        if self._armed(timer):
            raise self._line.failed(
                f"somebody's change waits to be confirmed:\n{timer}",
                remedy="confirm or revert it on the device, or wait until its time is up",
            )
        known = _VERSION.search(version)
        free = [int(found[1]) for found in _FREE.finditer(room)]
        if not known or not free:
            raise self._line.failed(f"is no router with IOS-XE:\n{version}\n{room}")
        return Facts(known[1], min(free), _time_of(clock))

    def sessions(self) -> frozenset[Session]:
        bgp, bfd = self._line.run("show ip bgp summary", "show bfd neighbors")
        return sessions_up(_BGP_UP.findall(bgp), _BFD_UP.findall(bfd))

    def drift(self, change: Change) -> str:
        return self._line.shown(change.drift(self.running))

    def residue(self, change: Change) -> str:
        return self._line.shown(change.residue(self.running))

    def stage(self, change: Change) -> None:
        """IOS-XE checks no line before it takes it."""
        check_sendable(self._name, change.lines)

    def arm(self, seconds: int) -> None:
        arming = f"configure terminal revert timer {_timer_minutes(seconds)}"
        said, _, timer = self._line.run(arming, "end", _TIMER)
        if "Backing up current running config" not in said or not self._armed(timer):
            raise self._line.failed(
                f"did not keep what runs:\n{said}",
                remedy="check the archive's path and the free space on this device",
            )

    def apply(self, change: Change, seconds: int) -> None:
        self._line.run("configure terminal")
        if "(config" not in self._line.prompt:
            raise self._line.failed(f"configuration mode cannot be entered:\n{self._line.said}")
        typed = list(_typed(change.lines))
        try:
            self._line.send([line for _, line in typed], [number for number, _ in typed])
        finally:
            if not self._line.broken:
                self._leave()

    def extend(self, change: Change, seconds: int) -> None:
        number = _timer_minutes(seconds)
        said, timer = self._line.run(f"configure revert timer {number}", _TIMER)
        if said or not re.search(rf"Timer value: {number} min", timer):
            raise self._line.failed(f"did not take more time:\n{said}")

    def confirm(self, change: Change) -> None:
        said, timer = self._line.run("configure confirm", _TIMER)
        if _NONE_PENDING in said and not change.arrived(self.running):
            raise self._line.failed("the time was up: it has put back what ran before", kind=Lapsed)
        if self._armed(timer):
            raise self._line.failed(f"did not confirm:\n{said}")
        said, saved = self._line.run("write memory", "show startup-config")
        if "[OK]" not in said or change.residue(lambda: {_FILE: _whole(self._line, saved)}):
            raise self._line.failed(
                f"runs the change, but has not saved it for its next start:\n{said}",
                remedy="make room on the device, then 'write memory'",
                kind=Unsaved,
            )

    def revert(self, change: Change) -> None:
        self._leave()
        if self.pending():
            said, timer = self._line.run("configure revert now", _TIMER)
            if self._armed(timer):
                raise self._line.failed(f"did not go back:\n{said}")
        if difference := self.drift(change):
            raise self._line.failed(f"is not as it was before:\n{difference}")
        # Routes that met the policies of the change have to meet those that are back.
        self._line.run(*(line[3:] for line in change.lines if line.startswith("do clear ip bgp ")))

    def close(self) -> None:
        self._line.close("exit")

    def _raise(self, enable: str | None) -> None:
        self._line.write("enable\n")
        self._line.wait_for(re.compile("assword:"), "enable")
        self._line.write_secret(enable or "")
        said = self._line.answer()
        if not self._line.prompt.endswith("#"):
            raise self._line.failed(
                f"no privileged mode: {said.strip()}", remedy="give the right enable password"
            )

    def _armed(self, timer: str) -> bool:
        """What `show archive config rollback timer` says."""
        if _NONE_PENDING not in timer and "Timer value" not in timer:
            raise self._line.failed(f"does not tell whether a revert timer runs:\n{timer}")
        return _NONE_PENDING not in timer

    def _leave(self) -> None:
        if "(" in self._line.prompt:
            self._line.run("end")


def _whole(line: CommandLine, text: str) -> str:
    """A configuration as it was printed. Raises PushError if its end is lacking."""
    if not re.search(r"^end\s*$", text, re.MULTILINE):
        raise line.failed(f"did not print the whole configuration:\n{text[-200:]}")
    return text


def _time_of(clock: str) -> datetime | None:
    """What `show clock` says, if it says it in UTC."""
    found = re.search(r"(\d\d:\d\d:\d\d)\.\d+ UTC \w{3} (\w{3} \d{1,2} \d{4})", clock)
    if not found:
        return None
    return datetime.strptime(f"{found[1]} {found[2]}", "%H:%M:%S %b %d %Y").replace(tzinfo=UTC)


def _timer_minutes(seconds: int) -> int:
    number = minutes(seconds)
    if not 1 <= number <= _MOST_MINUTES:
        raise InputError(
            f"a revert timer of {seconds} s", remedy=f"1 to {_MOST_MINUTES} minutes on IOS-XE"
        )
    return number


def _typed(lines: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Each line with its number, and the `exit` of each mode that its indentation leaves.

    Without it a line that is valid in the mode left and in the one above would go to the wrong
    one. Lines that say the same in words are left out.
    """
    modes: list[int] = []  # how far the lines that opened the modes are indented
    previous = (0, 0)
    for number, line in enumerate(lines, 1):
        words = line.strip()
        if _LEAVING.fullmatch(words) or words.startswith("!"):
            continue
        depth = len(line) - len(line.lstrip())
        if depth > previous[1]:
            modes.append(previous[1])
        while modes and modes[-1] >= depth:
            modes.pop()
            yield previous[0], "exit"
        yield number, words
        previous = number, depth
