"""An SRX with Junos 21 as its command line shows it.

Sources [S]: Juniper "Commit the Configuration" (`commit confirmed` rolls back after so many
minutes, 10 by default; `commit` *or `commit check`* within that time confirms; a further `commit
confirmed` within it delays the rollback: "Committing the Candidate Configuration Only After
Confirmation"); "configure exclusive" and its lock (uncommitted changes go when the session ends).
Words of the device: published captures of `commit confirmed` ("# commit confirmed will be rolled
back in 2 minutes" above each prompt), of `load set terminal` ("terminal:1:(41) syntax error:
topology", then "load complete" all the same), of `show system commit`, of a private candidate
("commit confirmed not supported for private configuration"), of a check that fails ("error:
configuration check-out failed") and of the lock ("configuration database locked by"). That a
commit without changes is an entry of the history, and that a pending rollback outlives a restart,
are assumptions [A].
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass

from tests.fake_device import USER, FakeDevice, Fault, Kind, Terminal
from tests.fakes.junos_print import Habits, printed
from tests.fakes.junos_tree import Editor, StatementError, Statements, load

_CONFIRMED = re.compile(r'commit confirmed(?: (\d+))?(?: comment "([^"]*)")?')
_COMMIT = re.compile(r'commit(?: comment "([^"]*)")?')
_DATE = "2026-11-22 19:03:11 UTC"
_BGP_GROUP = ("protocols", "bgp", "group")
_STORAGE = """\
Filesystem              Size       Used      Avail  Capacity   Mounted on
/dev/gpt/junos           16G       957M        13G        7%  /.mount
/dev/gpt/config         793M        60K       {free}        0%  /.mount/config
"""
_BGP = """\
Groups: 3 Peers: 3 Down peers: 0
Peer                     AS      InPkt     OutPkt    OutQ   Flaps Last Up/Dwn State|#Active/Received/Accepted/Damped...
"""  # noqa: E501  # as it is printed
_BFD = """\
                                                  Detect   Transmit
Address                  State     Interface      Time     Interval  Multiplier
"""
_FULL = (
    "error: could not write to /config/juniper.conf+: No space left on device\n"
    "error: configuration check-out failed\n"
)


@dataclass
class _Committed:
    """One entry of the history."""

    statements: Statements
    by: str
    comment: str = ""


class FakeJunos(FakeDevice):
    """The gateway's state; each session is a `_Shell`."""

    pager = "---(more)---"

    def __init__(
        self, name: str, startup: str = "", *, minute_s: float = 60.0,
        latency_s: float = 0.0, boot_s: float = 0.2,
    ) -> None:  # fmt: skip
        super().__init__(name, minute_s=minute_s, latency_s=latency_s, boot_s=boot_s)
        active = load(f"set system host-name {name}\n{startup}")
        self.history = [_Committed(active, "root via other")]
        self.candidate = active.copy()
        self.owner: object | None = None  # the session that holds the candidate alone
        self._base: Statements | None = None  # what comes back unless somebody confirms
        self._timer: asyncio.TimerHandle | None = None
        self.minutes = 0
        self.terminals: list[Terminal] = []
        self.habits = Habits()

    @property
    def active(self) -> Statements:
        return self.history[0].statements

    @property
    def hostname(self) -> str:
        found = [p[2] for p in self.active.paths if p[:2] == ("system", "host-name")]
        return found[0] if found else "Amnesiac"

    @property
    def running_text(self) -> str:
        return "\n".join([*self.active.lines(), ""])

    @property
    def saved_text(self) -> str:
        return "\n".join([*(self._base or self.active).lines(), ""])

    @property
    def pending(self) -> bool:
        return self._base is not None

    @property
    def neighbours(self) -> list[tuple[str, str]]:
        """Each is in a group of its own, which `deactivate` shuts."""
        paths = self.active.paths
        groups = {p[3]: p[5] for p in paths if p[:3] == _BGP_GROUP and p[4:5] == ("neighbor",)}
        asns = {p[3]: p[5] for p in paths if p[:3] == _BGP_GROUP and p[4:5] == ("peer-as",)}
        asns |= {p[3]: p[7] for p in paths if p[:3] == _BGP_GROUP and p[6:7] == ("peer-as",)}
        return [
            (address, asns.get(name, "0"))
            for name, address in groups.items()
            if (*_BGP_GROUP, name) not in self.active.inactive
        ]

    def restart(self) -> None:
        self.candidate = self.active.copy()
        self.owner = None

    def commit(self, by: str, comment: str = "") -> None:
        """Make the candidate active, for good."""
        self.history.insert(0, _Committed(self.candidate.copy(), by, comment))
        self.settle()

    def commit_confirmed(self, minutes: int, comment: str) -> None:
        base = self._base or self.active
        self.settle()
        by = f"{USER} via cli commit confirmed, rollback in {minutes}mins"
        self.history.insert(0, _Committed(self.candidate.copy(), by, comment))
        self._base, self.minutes = base, minutes
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(minutes * self.minute_s, self.time_is_up)

    def settle(self) -> None:
        self._base = None
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def time_is_up(self) -> None:
        if self._base is None:
            return
        self.candidate = self._base.copy()
        self.commit("root via other")
        for terminal in self.terminals:
            terminal.write(
                f"\n\nBroadcast Message from root@{self.hostname}\n"
                f"        (no tty) at 19:03 UTC...\n\n"
                "Commit was not confirmed; automatic rollback complete.\n\n"
            )

    async def converse(self, terminal: Terminal) -> None:
        shell = _Shell(self, terminal)
        self.terminals.append(terminal)
        try:
            await shell.run()
        finally:
            self.terminals.remove(terminal)
            shell.leave()


class _Shell:
    def __init__(self, device: FakeJunos, terminal: Terminal) -> None:
        self._device = device
        self._terminal = terminal
        self._editor: Editor | None = None
        self._private = False

    @property
    def _prompt(self) -> str:
        pending = ""
        if self._device.pending:
            minutes = self._device.minutes
            pending = f"# commit confirmed will be rolled back in {minutes} minutes\n"
        if self._editor is None:
            return f"{pending}\n{USER}@{self._device.hostname}> "
        level = " ".join(["[edit", *self._editor.level])
        return f"{pending}\n{level}]\n{USER}@{self._device.hostname}# ".replace("\n\n", "\n", 1)

    def leave(self) -> None:
        """Out of configuration mode: a candidate of one's own goes."""
        if self._device.owner is self:
            self._device.owner = None
            self._device.candidate = self._device.active.copy()
        self._editor = None

    async def run(self) -> None:
        terminal = self._terminal
        terminal.write("--- JUNOS 21.4R3.15 Kernel 64-bit XEN JNPR-12.1-20220610.7d5b8f0_buil\n")
        while True:
            text, fault = await terminal.line(self._prompt)
            words = " ".join(text.split())
            if fault and fault.kind is Kind.PROMPT:
                name = f"{USER}@{self._device.hostname}"
                terminal.write(f"{name}> \n\n[edit]\n{name}# \n")
            if fault and fault.kind is Kind.REJECT:
                self._unknown("syntax error." if self._editor else "unknown command.")
            elif self._editor is None:
                if words in ("exit", "quit"):
                    return
                await self._operate(words)
            else:
                await self._configure(text.strip(), fault)
            await terminal.after(fault)

    def _unknown(self, words: str) -> None:
        self._terminal.write(f"{' ' * len(self._prompt.splitlines()[-1])}^\n{words}\n")

    async def _operate(self, words: str) -> None:
        device, terminal = self._device, self._terminal
        command, *pipes = [part.strip() for part in words.split("|")]
        text = ""
        if command == "" or command.startswith("#"):
            return
        if command.startswith("set cli "):
            text = self._set_cli(command)
        elif command == "show configuration" and "display set" in pipes:
            text = printed(device.active, device.habits)
        elif command == "show system commit":
            text = self._history()
        elif command in ("configure", "configure exclusive", "configure private"):
            text = self._enter(command)
        else:
            text = self._told(command)
        if not text:
            self._unknown("unknown command.")
        elif "no-more" in pipes:
            terminal.write(text)
        else:
            await terminal.page(text)

    def _told(self, command: str) -> str:
        """What the device says of itself."""
        device = self._device
        if command == "show version":
            return f"Hostname: {device.hostname}\nModel: vSRX\nJunos: 21.4R3.15\n"
        if command == "show system uptime":
            return f"Current time: {device.now:%Y-%m-%d %H:%M:%S} UTC\n"
        if command == "show system storage":
            return _STORAGE.format(free="0B" if device.disk_full else "729M")
        known = command in ("show bgp summary", "show bfd session")
        return self._sessions(command) if known else ""

    def _sessions(self, command: str) -> str:
        bgp = command == "show bgp summary"
        shown = _BGP if bgp else _BFD
        for address, asn in self._device.neighbours:
            up = address not in self._device.down
            if bgp:
                shown += (
                    f"{address:<20} {asn:>6}         89         92       0       0     1:12:31 "
                )
                shown += "Establ\n  inet.0: 2/2/2/0\n" if up else "Active\n"
            else:
                state = "Up  " if up else "Down"
                shown += f"{address:<24} {state}      ge-0/0/0.0     0.900     0.300        3   \n"
        return shown

    def _set_cli(self, command: str) -> str:
        option, _, value = command.removeprefix("set cli ").partition(" ")
        if option == "screen-length":
            self._terminal.length = int(value)
            return f"Screen length set to {value}\n"
        if option == "screen-width":
            return f"Screen width set to {value}\n"
        return "Disabling complete-on-space\n" if option == "complete-on-space" else ""

    def _history(self) -> str:
        shown = []
        for number, entry in enumerate(self._device.history):
            shown.append(f"{number:<4}{_DATE} by {entry.by}\n")
            if entry.comment:
                shown.append(f"    {entry.comment}\n")
            if number == 0 and self._device.pending:
                shown.append("    rollback pending\n")
        return "".join(shown)

    def _enter(self, command: str) -> str:
        device = self._device
        if device.owner not in (None, self):
            return (
                "error: configuration database locked by:\n"
                f"  {USER} terminal pts/0 (pid 4242) on since {_DATE}\n      exclusive [edit]\n"
            )
        changed = device.candidate != device.active
        if command == "configure exclusive" and changed:
            return "error: configuration database modified\n"
        self._private = command == "configure private"
        if command == "configure exclusive":
            device.owner = self
        self._editor = Editor(device.active.copy() if self._private else device.candidate)
        warning = "" if command == "configure" else (
            "warning: uncommitted changes will be discarded on exit\n"
        )  # fmt: skip
        return f"{warning}Entering configuration mode\n"

    async def _configure(self, words: str, fault: Fault | None) -> None:
        device, terminal = self._device, self._terminal
        assert self._editor is not None
        lost = fault is not None and fault.kind is Kind.LOSE
        if words.startswith("commit"):
            self._commits(words, lost)
        elif words in ("exit", "exit configuration-mode", "quit"):
            await self._exit()
        elif words == "load set terminal":
            await self._load()
        elif words in ("show | compare", "show | compare | no-more"):
            terminal.write(_compared(device.active, self._editor.candidate))
        elif match := re.fullmatch(r"rollback (\d+)", words):
            self._roll_back(int(match[1]))
        elif words.startswith("run "):
            await self._operate(words.removeprefix("run "))
        else:
            try:
                terminal.write(self._editor.take(words, lost))
            except StatementError:
                self._unknown("syntax error.")

    def _commits(self, words: str, lost: bool) -> None:
        if words == "commit check":
            if self._sound():
                self._device.settle()  # it confirms what is pending
                self._terminal.write("configuration check succeeds\n")
        elif match := _CONFIRMED.fullmatch(words):
            self._commit_confirmed(int(match[1] or 10), match[2] or "", lost)
        elif match := _COMMIT.fullmatch(words):
            self._commit(match[1] or "", lost)
        else:
            self._unknown("syntax error.")

    async def _exit(self) -> None:
        assert self._editor is not None
        if self._editor.candidate != self._device.active:
            self._terminal.write("The configuration has been changed but not committed\n")
            question = "Exit with uncommitted changes? [yes,no] (yes) "
            answer, _ = await self._terminal.line(question)
            if answer.strip() not in ("", "yes"):
                return
        self.leave()
        self._terminal.write("Exiting configuration mode\n")

    async def _load(self) -> None:
        assert self._editor is not None
        self._terminal.write("[Type ^D at a new line to end input]\n")
        said = ""
        editor = Editor(self._editor.candidate)
        number = 0
        while True:
            text, fault = await self._terminal.line()
            number += 1
            kind = fault.kind if fault else None
            try:
                if kind is Kind.REJECT:
                    raise StatementError(text.split()[-1], text.rindex(" ") + 1)
                said += editor.take(text.removesuffix("\x04"), kind is Kind.LOSE)
            except StatementError as error:
                said += f"terminal:{number}:({error.at}) {error}\n"
            if text.endswith("\x04"):
                break
            await self._terminal.after(fault)
        self._terminal.write(f"{said}load complete\n")

    def _sound(self) -> bool:
        assert self._editor is not None
        wrong = self._editor.candidate.wrong()
        if wrong:
            self._terminal.write("\n".join([*wrong, "error: configuration check-out failed", ""]))
        elif self._device.disk_full:
            self._terminal.write(_FULL)
            return False
        return not wrong

    def _commit_confirmed(self, minutes: int, comment: str, lost: bool) -> None:
        if self._private:
            self._terminal.write(
                "error: commit confirmed not supported for private configuration\n"
            )
        elif self._sound():
            if not lost:
                self._device.commit_confirmed(minutes, comment)
            self._terminal.write(
                f"commit confirmed will be automatically rolled back in {minutes} minutes"
                " unless confirmed\ncommit complete\n\n"
            )

    def _commit(self, comment: str, lost: bool) -> None:
        assert self._editor is not None
        if self._sound():
            if not lost:
                self._device.candidate = self._editor.candidate
                self._device.commit(f"{USER} via cli", comment)
            self._terminal.write("commit complete\n")

    def _roll_back(self, number: int) -> None:
        assert self._editor is not None
        if number >= len(self._device.history):
            self._terminal.write(f"error: could not find rollback {number}\n")
            return
        restored = self._device.history[number].statements.copy()
        self._editor.candidate = restored
        if not self._private:
            self._device.candidate = restored
        self._terminal.write("load complete\n")


def _compared(old: Statements, new: Statements) -> str:
    """Which statements go and come, by the level above them."""
    before, after = list(old.lines()), list(new.lines())
    changes = [("-", line) for line in before if line not in after]
    changes += [("+", line) for line in after if line not in before]
    shown = ""
    for sign, line in changes:
        verb, *path = line.split()
        mark = "inactive: " if verb == "deactivate" else ""
        shown += f"[edit {' '.join(path[:-1])}]\n{sign}   {mark}{path[-1]};\n"
    return shown
