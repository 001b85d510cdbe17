"""A router with IOS-XE 17 as its command line shows it.

Sources [S]: Cisco "Configuration Replace and Configuration Rollback" and "Configuration Rollback
Confirmed Change" for IOS XE 17 (the archive comes first; `configure terminal revert timer` of 1 to
120 minutes keeps the running configuration, `configure revert timer` sets the time anew,
`configure revert now` rolls back, `configure confirm` ends it); the command reference of
`configure revert` (only the user who armed the timer may do so). Words of the device: published
captures of `configure terminal revert timer` ("Rollback Confirmed Change: Backing up ...", "%Turn
config archive on before using Rollback Confirmed Change"), of `show archive config rollback timer`
("Timer type: absolute timer", "%No Rollback Confirmed Change pending") and of `show archive`
("Archive feature not enabled"), `show clock`, `show file systems`, `show ip bgp summary` and `show
bfd neighbors`; Netmiko's `cisco_ios.py` for prompts (at most 20 characters of the
host name in configuration mode) [S]. Typed-ahead lines are echoed when they are taken [K].
"""

from __future__ import annotations

import asyncio
import re

from tests.fake_device import FakeDevice, Fault, Kind, Terminal
from tests.fakes.ios_print import Habits, printed
from tests.fakes.ios_tree import Editor, LineError, Section, invalid, load

_TERMINAL = re.compile(r"terminal (length|width) (\d+)")
_REVERT = re.compile(r"configure terminal revert timer (\d+)")
_RESET = re.compile(r"configure revert timer (\d+)")
_NO_SPACE = "%Error opening {} (No space left on device)\n"
_NONE_PENDING = "%No Rollback Confirmed Change pending\n"
_ARCHIVE = "archive\n path bootflash:archive\n"


class FakeIosXe(FakeDevice):
    """The router's state; each session is a `_Shell`."""

    def __init__(
        self, name: str, startup: str = "", *, archive: bool = True, minute_s: float = 60.0,
        latency_s: float = 0.0, boot_s: float = 0.2, hostname: str = "", enable_secret: str = "",
    ) -> None:  # fmt: skip
        """With an `enable_secret` each session begins without privileges."""
        super().__init__(name, minute_s=minute_s, latency_s=latency_s, boot_s=boot_s)
        text = f"hostname {hostname or name}\n" + (_ARCHIVE if archive else "") + startup
        self.startup = load(text)
        self.enable_secret = enable_secret
        self.motd = ""  # before the first prompt
        self.stamps = False  # as `exec prompt timestamp`
        self.habits = Habits()
        self.restart()

    def restart(self) -> None:
        self.running = self.startup.copy()
        self.kept: Section | None = None  # what the revert timer will put back
        self._timer: asyncio.TimerHandle | None = None
        self.minutes = 0

    @property
    def running_text(self) -> str:
        return _shown(self.running)

    @property
    def saved_text(self) -> str:
        return _shown(self.startup)

    @property
    def pending(self) -> bool:
        return self.kept is not None

    @property
    def archive_path(self) -> str | None:
        archive = self.running.below.get("archive", Section())
        return next((w.split()[1] for w in archive.below if w.startswith("path ")), None)

    @property
    def hostname(self) -> str:
        lines = self.running.below
        return next((line.split()[1] for line in lines if line.startswith("hostname ")), "Router")

    @property
    def neighbours(self) -> list[tuple[str, str]]:
        routers = [s for line, s in self.running.below.items() if line.startswith("router bgp ")]
        lines = [line for section in routers for line in section.below]
        known = [line.split() for line in lines if " remote-as " in line]
        return [
            (words[1], words[3]) for words in known if f"neighbor {words[1]} shutdown" not in lines
        ]

    def arm(self, minutes: int) -> None:
        if self._timer:
            self._timer.cancel()
        self.minutes = minutes
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(minutes * self.minute_s, self.time_is_up)

    def time_is_up(self) -> None:
        if self.kept is not None:
            self.running = self.kept
        self.confirm()

    def confirm(self) -> None:
        self.kept = None
        if self._timer:
            self._timer.cancel()
            self._timer = None

    async def converse(self, terminal: Terminal) -> None:
        await _Shell(self, terminal).run()


# What `exec prompt timestamp` adds.
_STAMP = (
    "Load for five secs: 1%/0%; one minute: 2%; five minutes: 2%\n"
    "Time source is NTP, 11:02:33.123 UTC Thu Nov 26 2026\n\n"
)


def _shown(tree: Section) -> str:
    return "\n".join([*tree.lines(), "end", ""])


class _Shell:
    def __init__(self, device: FakeIosXe, terminal: Terminal) -> None:
        self._device = device
        self._terminal = terminal
        self._editor: Editor | None = None
        self._privileged = not device.enable_secret

    @property
    def _prompt(self) -> str:
        if self._editor is None:
            return f"{self._device.hostname}{'#' if self._privileged else '>'}"
        return f"{self._device.hostname[:20]}({self._editor.mode})#"

    async def run(self) -> None:
        terminal = self._terminal
        terminal.write(f"\n{self._device.motd}")
        while True:
            text, fault = await terminal.line(self._prompt)
            words = " ".join(text.split())
            if fault and fault.kind is Kind.PROMPT:
                terminal.write(f"{self._device.hostname}#\n{self._device.hostname}(config)#\n")
            if fault and fault.kind is Kind.REJECT:
                terminal.write(str(invalid(text, self._prompt)))
            elif self._editor is None:
                if self._device.stamps and words and not words.startswith("!"):
                    terminal.write(_STAMP)
                if words in ("exit", "logout", "quit"):
                    return
                await self._execute(words, fault)
            else:
                await self._configure(text, fault)
            await terminal.after(fault)

    async def _configure(self, text: str, fault: Fault | None) -> None:
        assert self._editor is not None
        words = text.strip()
        if words in ("end", "\x1a"):
            self._editor = None
            return
        if words == "exit":
            if self._editor.leave():
                self._editor = None
            return
        if words.startswith("do "):
            await self._execute(words.removeprefix("do "), fault)
        elif words.startswith("banner "):
            await self._banner(words, fault)
        elif not words.startswith("no username ") or await self._sure():
            try:
                self._editor.take(
                    words, self._prompt, fault is not None and fault.kind is Kind.LOSE
                )
            except LineError as error:
                self._terminal.write(str(error))

    async def _sure(self) -> bool:
        question = (
            "This operation will remove all username related configurations with same name.\n"
            "Do you want to continue? [confirm]"
        )
        sure = await self._terminal.key(question) in "y\r\n"
        self._terminal.write("\n")
        return sure

    async def _banner(self, words: str, fault: Fault | None) -> None:
        """`banner login ^` and its text, until the character comes again."""
        head, _, rest = words.partition(words.split()[2][0])
        mark = words.split()[2][0]
        if mark not in rest:
            self._terminal.write(f"Enter TEXT message.  End with the character '{mark}'.\n")
            while mark not in rest:
                line, _ = await self._terminal.line()
                rest += "\n" + line
        if not (fault and fault.kind is Kind.LOSE):
            shown = f"{head}^C{rest.partition(mark)[0]}^C"
            below = self._device.running.below
            self._device.running.below = {
                line: section for line, section in below.items() if not line.startswith(head)
            } | {shown: Section()}

    async def _execute(self, words: str, fault: Fault | None) -> None:
        device, terminal = self._device, self._terminal
        lost = fault is not None and fault.kind is Kind.LOSE
        if words == "" or words.startswith(("!", "clear ip bgp ")):
            return
        if match := _TERMINAL.fullmatch(words):
            terminal.length = int(match[2]) if match[1] == "length" else terminal.length
        elif words == "enable":
            await self._enable()
        elif words.startswith("show "):
            await terminal.page(self._shown(words) or str(invalid(words, self._prompt)))
        elif words in ("write memory", "write mem", "copy running-config startup-config"):
            await self._save(words, lost)
        elif words == "configure terminal" and self._privileged:
            terminal.write("Enter configuration commands, one per line.  End with CNTL/Z.\n")
            self._editor = Editor(device.running)
        elif not (words.startswith("configure ") and self._privileged and self._timed(words, lost)):
            terminal.write(str(invalid(words, self._prompt)))

    def _timed(self, words: str, lost: bool) -> bool:
        """A command about the revert timer; whether it was one."""
        if match := _REVERT.fullmatch(words):
            self._revertible(int(match[1]), lost)
        elif match := _RESET.fullmatch(words):
            self._reset(int(match[1]), lost)
        elif words == "configure revert now":
            self._revert_now(lost)
        elif words == "configure confirm":
            self._confirm(lost)
        else:
            return False
        return True

    async def _enable(self) -> None:
        self._terminal.write("Password: ")
        secret, _ = await self._terminal.line(echo=False)
        self._privileged = secret == self._device.enable_secret
        if not self._privileged:
            self._terminal.write("% Bad secrets\n\n")

    def _shown(self, words: str) -> str:
        device = self._device
        what = words.removeprefix("show ")
        if what == "version":
            return _VERSION.format(hostname=device.hostname)
        if not self._privileged:
            return ""
        if what == "clock":
            return f"*{device.now:%H:%M:%S.519 UTC %a %b %d %Y}\n".replace(" 0", " ")
        if what == "file systems":
            return _FILE_SYSTEMS.format(free=0 if device.disk_full else 4193079296)
        if what in ("ip bgp summary", "bfd neighbors"):
            return self._sessions(what)
        if what in ("running-config", "startup-config"):
            return self._listing(what == "startup-config")
        if what == "archive config rollback timer":
            return self._timer_shown()
        if what == "archive" and device.archive_path:
            return "The maximum archive configurations allowed is 10.\n"
        return "Archive feature not enabled\n" if what == "archive" else ""

    def _sessions(self, what: str) -> str:
        shown = _BGP if what == "ip bgp summary" else _BFD
        for address, asn in self._device.neighbours:
            up = address not in self._device.down
            if what == "ip bgp summary":
                shown += f"{address:<15} 4 {asn:>12}      89      92        7    0    0 01:12:31 "
                shown += "       2\n" if up else "Idle\n"
            else:
                state = "Up        Up  " if up else "Down      Down"
                shown += f"{address:<36} 4097/4097       {state}      Gi2\n"
        return shown

    def _listing(self, saved: bool) -> str:
        entered = self._device.saved_text if saved else self._device.running_text
        text = f"{printed(entered, self._device.habits)}end\n"
        heading = f"Building configuration...\n\nCurrent configuration : {len(text)} bytes\n"
        if saved:
            heading = f"Using {len(text)} out of 33554432 bytes\n"
        return (
            f"{heading}!\n! Last configuration change at 19:03:11 UTC Sun Nov 22 2026 by netops\n"
            f"!\nversion 17.9\n{text}"
        )

    def _timer_shown(self) -> str:
        if not self._device.pending:
            return _NONE_PENDING
        return (
            "Time configured(or reconfigured): 19:03:11 UTC Sun Nov 22 2026\n"
            "Timer type: absolute timer\n"
            f"Timer value: {self._device.minutes} min\nUser: netops\n"
        )

    def _revertible(self, minutes: int, lost: bool) -> None:
        device, terminal = self._device, self._terminal
        path = device.archive_path
        if path is None:
            terminal.write("%Turn config archive on before using Rollback Confirmed Change\n")
        elif not 1 <= minutes <= 120:
            terminal.write(str(invalid("", self._prompt)))
        elif device.pending:
            terminal.write("%Rollback Confirmed Change already pending\n")
        elif device.disk_full:
            terminal.write(_NO_SPACE.format(f"{path}-Nov-22-19-03-11.519-0"))
        else:
            terminal.write(
                "Rollback Confirmed Change: Backing up current running config to "
                f"{path}-Nov-22-19-03-11.519-0\n\n"
                "Enter configuration commands, one per line.  End with CNTL/Z.\n"
            )
            if not lost:
                device.kept = device.running.copy()
                device.arm(minutes)
            self._editor = Editor(device.running)

    def _reset(self, minutes: int, lost: bool) -> None:
        if not self._device.pending:
            self._terminal.write(_NONE_PENDING)
        elif not lost:
            self._device.arm(minutes)

    def _revert_now(self, lost: bool) -> None:
        if not self._device.pending:
            self._terminal.write(_NONE_PENDING)
            return
        self._terminal.write("Rollback Confirmed Change: rolling to the saved configuration\n")
        if not lost:
            self._device.time_is_up()
        self._terminal.write("Total number of passes: 1\nRollback Done\n\n")

    def _confirm(self, lost: bool) -> None:
        if not self._device.pending:
            self._terminal.write(_NONE_PENDING)
        elif not lost:
            self._device.confirm()

    async def _save(self, words: str, lost: bool) -> None:
        device, terminal = self._device, self._terminal
        if words.startswith("copy"):
            terminal.write("Destination filename [startup-config]? ")
            await terminal.line()
        terminal.write("Building configuration...\n")
        if device.disk_full:
            terminal.write(_NO_SPACE.format("nvram:/startup-config"))
            return
        if not lost:
            device.startup = device.running.copy()
        terminal.write("[OK]\n")


_FILE_SYSTEMS = """\
File Systems:

       Size(b)       Free(b)      Type  Flags  Prefixes
             -             -    opaque     rw   system:
*   5712637952    {free}      disk     rw   bootflash:
      33554432      33538048     nvram     rw   nvram:

"""
_BGP = """\
BGP router identifier 10.30.0.1, local AS number 65001
BGP table version is 7, main routing table version 7

Neighbor        V           AS MsgRcvd MsgSent   TblVer  InQ OutQ Up/Down  State/PfxRcd
"""
_BFD = """\

IPv4 Sessions
NeighAddr                              LD/RD         RH/RS     State     Int
"""
_VERSION = """\
Cisco IOS XE Software, Version 17.09.04a
Cisco IOS Software [Cupertino], Virtual XE Software, Version 17.9.4a, RELEASE SOFTWARE (fc3)
{hostname} uptime is 2 weeks, 3 days, 4 hours, 5 minutes
cisco C8000V (VXE) processor (revision VXE) with 2028465K/3075K bytes of memory.
Configuration register is 0x2102

"""
