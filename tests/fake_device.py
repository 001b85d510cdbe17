"""Devices of two makers behind real SSH servers on the loopback, with faults on demand.

`serving(devices)` runs one thread with an event loop for all of them. Each device listens on a port
of its own, has a host key of its own and keeps its configuration as a tree that applied lines
change, so a test reads what the device holds. The shells are `tests/fakes/iosxe.py` and
`tests/fakes/junos.py`; their docstrings name the source of each behaviour.
"""

from __future__ import annotations

import asyncio
import re
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum, auto

import asyncssh

USER, PASSWORD = "netops", "wherefore-9f"
_LINE_ENDS = re.compile(r"\r\n|\r|\n|\x04|\x1a")


class Kind(Enum):
    """What can go wrong at a line that a device is sent."""

    REFUSE_LOGIN = auto()  # at no line: from the beginning
    CHANGED_KEY = auto()  # at no line: from the beginning, the key is not the one made known
    CHUNKED = auto()  # at no line: every answer byte by byte
    DROP_BEFORE = auto()  # the connection breaks before the line is carried out
    DROP_WITHIN = auto()  # ... while half of it has been echoed
    DROP_AFTER = auto()  # ... after it was carried out, before the answer
    HANG = auto()  # the session never answers again; the line is not carried out
    HANG_AFTER = auto()  # ... but it is carried out
    LATE = auto()  # carried out, and answered after `seconds`
    REJECT = auto()  # the device's own words for a line that it does not take
    LOSE = auto()  # says that all is well, and does nothing
    REBOOT = auto()  # the device restarts from what it has saved; the line is not carried out
    DISK_FULL = auto()  # from here on nothing can be written on the device
    PROMPT = auto()  # the answer holds text that looks like prompts


@dataclass
class Fault:
    """Something that goes wrong the `nth` time that a line matches `at`."""

    kind: Kind
    at: str = "^$a"  # a regular expression; by default no line at all
    nth: int = 1
    seconds: float = 0.3

    def strikes(self, line: str) -> bool:
        if not re.search(self.at, line):
            return False
        self.nth -= 1
        return self.nth == 0


class HungUpError(Exception):
    """The session is over."""


class Terminal:
    """One session's line discipline: echo as the line is taken, pages, answers in one write."""

    def __init__(self, channel: asyncssh.SSHServerChannel[str], device: FakeDevice) -> None:
        self.length = 24  # lines of a page; 0 for no paging
        self.device = device
        self._channel = channel
        self._typed = ""
        self._more = asyncio.Event()
        self._unsent: list[str] = []

    def feed(self, data: str) -> None:
        """What the other side typed, after the network's delay."""
        if self.device.latency_s:
            asyncio.get_running_loop().call_later(self.device.latency_s, self._arrive, data)
        else:
            self._arrive(data)

    def _arrive(self, data: str) -> None:
        self._typed += data
        self._more.set()

    def hang_up(self) -> None:
        """Break the connection without a word."""
        self._channel.get_connection().abort()
        raise HungUpError

    async def line(self, prompt: str = "", echo: bool = True) -> tuple[str, Fault | None]:
        """The next line, without what ended it unless that is a control character."""
        self.write(prompt)
        while not (end := _LINE_ENDS.search(self._typed)):
            await self._wait()
        text, self._typed = self._typed[: end.start()], self._typed[end.end() :]
        fault = self.device.fault_at(text)
        await self._strike(fault, text)
        if echo:
            self.write(text)
        self.write("" if end[0] == "\x04" else "\n")
        self.device.received.append(text)
        control = end[0] if end[0] in "\x04\x1a" else ""
        return text + control, fault

    async def key(self, question: str) -> str:
        """One key, in answer to a question."""
        self.write(question)
        while not self._typed:
            await self._wait()
        key, self._typed = self._typed[0], self._typed[1:]
        return key

    async def _strike(self, fault: Fault | None, text: str) -> None:
        kind = fault.kind if fault else None
        if kind is Kind.DROP_WITHIN:
            self.write(text[: len(text) // 2])
            await self.flush()
            await asyncio.sleep(0.02)
        if kind in (Kind.DROP_BEFORE, Kind.DROP_WITHIN):
            self.hang_up()
        if kind is Kind.HANG:
            await self.silence()
        if kind is Kind.REBOOT:
            self.device.reboot()
            raise HungUpError
        if kind is Kind.DISK_FULL:
            self.device.disk_full = True

    async def after(self, fault: Fault | None) -> None:
        """What goes wrong once the line is carried out and its answer written."""
        if fault and fault.kind is Kind.DROP_AFTER:
            self.hang_up()
        if fault and fault.kind is Kind.HANG_AFTER:
            self._unsent.clear()
            await self.silence()
        if fault and fault.kind is Kind.LATE:
            await asyncio.sleep(fault.seconds)

    async def silence(self) -> None:
        """Never answer again."""
        await asyncio.Event().wait()

    def write(self, text: str) -> None:
        self._unsent.append(text.replace("\n", "\r\n"))

    async def page(self, text: str) -> None:
        """Write an answer page by page; a space shows the next page, any other key ends it."""
        lines = text.splitlines(keepends=True)
        while self.length and len(lines) > self.length:
            self.write("".join(lines[: self.length]))
            del lines[: self.length]
            pager = self.device.pager
            if await self.key(pager) != " ":
                lines = []
            self.write("\b" * len(pager) + " " * len(pager) + "\b" * len(pager))
        self.write("".join(lines))

    async def _wait(self) -> None:
        self._more.clear()
        await self.flush()
        await self._more.wait()
        if self._channel.is_closing():
            raise HungUpError

    async def flush(self) -> None:
        data = "".join(self._unsent)
        self._unsent.clear()
        for part in data if self.device.chunked else [data] if data else []:
            self._channel.write(part)
            if self.device.chunked:
                await asyncio.sleep(0)


class FakeDevice(ABC):
    """What outlives a session: configuration, timers, faults, and the SSH server's key."""

    pager = " --More-- "

    def __init__(
        self, name: str, *, minute_s: float = 60.0, latency_s: float = 0.0, boot_s: float = 0.2
    ) -> None:
        """`minute_s` is how long the device's own minute lasts, `boot_s` how long a restart."""
        self.name = name
        self.minute_s = minute_s
        self.latency_s = latency_s
        self.boot_s = boot_s
        self.faults: list[Fault] = []
        self.disk_full = False
        self.clock_off_s = 0.0
        self.down: set[str] = set()  # neighbours whose sessions are configured and not up
        self.received: list[str] = []  # every line of every session
        self.key = asyncssh.generate_private_key("ssh-ed25519")
        self.known_key = self.key.export_public_key("openssh").decode().strip()
        self.port = 0
        self.connections: set[asyncssh.SSHServerConnection] = set()
        self.loop: asyncio.AbstractEventLoop | None = None
        self._server: asyncssh.SSHAcceptor | None = None

    @abstractmethod
    async def converse(self, terminal: Terminal) -> None:
        """One session, from the first prompt to the end."""

    @abstractmethod
    def restart(self) -> None:
        """Lose what only ran, and run what is saved."""

    @property
    @abstractmethod
    def running_text(self) -> str:
        """What the device runs now, as it would print it."""

    @property
    @abstractmethod
    def saved_text(self) -> str:
        """What it would start from."""

    @property
    @abstractmethod
    def pending(self) -> bool:
        """Whether it will put back what ran before, unless somebody confirms."""

    @abstractmethod
    def time_is_up(self) -> None:
        """Put back what ran before, as the device does by itself in the end."""

    @property
    @abstractmethod
    def neighbours(self) -> list[tuple[str, str]]:
        """Address and autonomous system of each BGP neighbour that is not shut down."""

    @property
    def now(self) -> datetime:
        """The time that the device has."""
        return datetime.now(UTC) + timedelta(seconds=self.clock_off_s)

    def hurry(self) -> None:
        """Let the time be up now, if the device is waiting for a confirmation."""
        if self.loop and self.pending:
            self.loop.call_soon_threadsafe(self.time_is_up)

    def suffers(self, kind: Kind) -> bool:
        return any(fault.kind is kind for fault in self.faults)

    @property
    def listening(self) -> bool:
        return self._server is not None

    @property
    def chunked(self) -> bool:
        return self.suffers(Kind.CHUNKED)

    def fault_at(self, line: str) -> Fault | None:
        return next((fault for fault in self.faults if fault.strikes(line)), None)

    def reboot(self) -> None:
        """Drop every connection, be away for a while, and come back with what is saved."""
        self.restart()
        for connection in list(self.connections):
            connection.abort()
        task = asyncio.get_running_loop().create_task(self._come_back())
        self._coming_back = task  # the loop itself holds tasks weakly

    async def _come_back(self) -> None:
        self.close()
        await asyncio.sleep(self.boot_s)
        await self.listen()

    async def listen(self) -> None:
        self.loop = asyncio.get_running_loop()
        if self.suffers(Kind.CHANGED_KEY):
            self.key = asyncssh.generate_private_key("ssh-ed25519")
        self._server = await asyncssh.listen(
            "127.0.0.1",
            self.port,
            server_factory=lambda: _Door(self),
            server_host_keys=[self.key],
            encoding="utf-8",
            errors="replace",
            line_editor=False,
            gss_host=None,
            config=None,
            reuse_address=True,
        )
        self.port = self._server.get_port()

    def close(self) -> None:
        if self._server:
            self._server.close()
            self._server = None

    @property
    def known_hosts_line(self) -> str:
        return f"[127.0.0.1]:{self.port} {self.known_key}\n"


class _Door(asyncssh.SSHServer):
    """Lets in one user with one password, or a key that was made known."""

    def __init__(self, device: FakeDevice) -> None:
        self._device = device

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn
        self._device.connections.add(conn)

    def connection_lost(self, exc: Exception | None) -> None:
        self._device.connections.discard(self._connection)

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        right = (username, password) == (USER, PASSWORD)
        return right and not self._device.suffers(Kind.REFUSE_LOGIN)

    def session_requested(self) -> asyncssh.SSHServerSession[str]:
        return _Session(self._device)


class _Session(asyncssh.SSHServerSession[str]):
    def __init__(self, device: FakeDevice) -> None:
        self._device = device
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, chan: asyncssh.SSHServerChannel[str]) -> None:
        self._channel = chan
        self._terminal = Terminal(chan, self._device)

    def pty_requested(
        self, term_type: str, term_size: tuple[int, int, int, int], term_modes: Mapping[int, int]
    ) -> bool:
        return True

    def shell_requested(self) -> bool:
        return True

    def session_started(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._converse())

    async def _converse(self) -> None:
        with suppress(HungUpError):
            await self._device.converse(self._terminal)
            await self._terminal.flush()
            self._channel.exit(0)

    def data_received(self, data: str, datatype: asyncssh.DataType) -> None:
        self._terminal.feed(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._task:
            self._task.cancel()


@dataclass
class _Servers:
    devices: Sequence[FakeDevice]
    ready: threading.Event = field(default_factory=threading.Event)
    wrong: BaseException | None = None

    def live(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            self.wrong = error
            self.ready.set()

    async def _serve(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.end = asyncio.Event()
        for device in self.devices:
            await device.listen()
        self.ready.set()
        await self.end.wait()
        for device in self.devices:
            device.close()
            for connection in list(device.connections):
                connection.abort()
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)


@contextmanager
def serving(devices: Sequence[FakeDevice]) -> Iterator[None]:
    """Every device listens, each on a port of its own, until the end of the block."""
    servers = _Servers(devices)
    thread = threading.Thread(target=servers.live, name="fake devices", daemon=True)
    thread.start()
    servers.ready.wait()
    if servers.wrong:
        raise servers.wrong
    try:
        yield
    finally:
        servers.loop.call_soon_threadsafe(servers.end.set)
        thread.join()
