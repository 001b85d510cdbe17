"""A device's command line: lines go out in chunks, and each gets its own answer back.

Netmiko waits for the echo of every line before it sends the next, about 11 ms each. Here a chunk
is written at once and ended by a mark: a comment, which the device echoes like any line and does
nothing about. The echoes, each behind a prompt, part the answers from one another, so a line that
was rejected, or never taken, is found and named; text that merely looks like a prompt is not taken
for one.

Nothing that is sent or received is logged: it may hold secrets. Netmiko would log both.
"""

from __future__ import annotations

import codecs
import re
import secrets as random
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from paramiko import Channel, SSHException

from pcg_netops.errors import InputError, PushError
from pcg_netops.push.driver import Unreachable
from pcg_netops.push.secrets import Secrets

SILENCE_S = 30.0  # a device that says nothing for so long has failed
_CHUNK_LINES, _CHUNK_LETTERS = 40, 2_000  # a device has to buffer what it was sent ahead
_LONGEST = 480  # letters of a line: less than the width of the terminal
_MOST_ROWS = 40  # of an error: nobody reads more of one device
_SOME_PROMPT = re.compile(r"\S.*[#>%$] ?")
# Question marks and tabs ask for help; other control characters edit the line.
_UNSENDABLE = re.compile(r"[?\x00-\x1f\x7f]")


@dataclass(frozen=True)
class Dialect:
    """How a maker's command line is read."""

    comment: str  # what begins a line that does nothing
    prompt: re.Pattern[str]  # a whole prompt
    accompaniment: re.Pattern[str] | None  # whole lines that come with a prompt and say nothing
    refusal: re.Pattern[str]  # found in the answer to a line that was not carried out
    takes_ahead: bool  # whether lines may be sent before the last one is answered


class CommandLine:
    """One session. After a `PushError` about the connection it is `broken`, and of no more use."""

    def __init__(
        self,
        name: str,
        channel: Channel,
        dialect: Dialect,
        secrets: Secrets,
        concealed: re.Pattern[str] | None = None,
        silence_s: float = SILENCE_S,
        hang_up: Callable[[], None] = lambda: None,
    ) -> None:
        """`name` is what errors call the device; `silence_s` ends the wait for an answer.

        What follows the first group of `concealed` is not shown in errors. `hang_up` breaks the
        connection.
        """
        self.broken = False
        self.prompt = ""
        self.said = ""  # all of the last exchange, also what comes with prompts
        self._name = name
        self._channel = channel
        self._dialect = dialect
        self._secrets = secrets
        self._concealed = concealed
        self._hang_up = hang_up
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        channel.settimeout(silence_s)

    def begin(self, settings: Sequence[str]) -> None:
        """Wait for the first prompt, however long the greeting, and make these settings."""
        text = ""
        while not _SOME_PROMPT.fullmatch(text.rpartition("\n")[2]):
            text += self._read(lambda _: "the log-in", text)
        last = text.rpartition("\n")[2]
        # A greeting that does not end its line stands before the first prompt, and no other.
        prompt = re.search(f"(?:{self._dialect.prompt.pattern})\\Z", last)
        self.prompt = prompt[0] if prompt else last
        self.run(*settings)

    def run(self, *commands: str) -> list[str]:
        """The answer to each command, whatever it is. Raises PushError if there is none."""
        return self._exchange(commands)

    def send(self, lines: Sequence[str], numbers: Sequence[int]) -> None:
        """Send lines, and stop at the first that the device does not accept.

        Lines may hold markers of secrets; `numbers` are what errors call them. Raises PushError
        with the line's number, the line without secrets and the device's own words. At most the
        rest of one chunk went out after that line.
        """
        for part in _chunks(lines):
            chunk = lines[part]
            answers = self._exchange(
                [self._secrets.fill(line) for line in chunk], chunk, numbers[part]
            )
            for number, line, answer in zip(numbers[part], chunk, answers, strict=True):
                if self._dialect.refusal.search(answer):
                    raise self.rejected(number, line, answer)

    def rejected(self, number: int, line: str, words: str) -> PushError:
        """The error for a line that the device did not accept."""
        return self.failed(f"line {number} was rejected: {line}\n{words}")

    def failed(
        self, message: str, remedy: str = "", kind: type[PushError] = PushError
    ) -> PushError:
        """An error of this device, without secrets."""
        return kind(self.shown(message), place=self._name, remedy=remedy)

    def shown(self, text: str) -> str:
        """What a device said or holds, as people may see it: without secrets, and not for ever."""
        if self._concealed:
            text = self._concealed.sub(r"\1(not shown)", text)
        first, rest = text.strip().split("\n")[:_MOST_ROWS], text.count("\n") - _MOST_ROWS
        shown = "\n".join([*first, f"… and {rest} more lines"] if rest > 0 else first)
        return self._secrets.conceal(shown)

    def write(self, text: str) -> None:
        """Type this, and wait for nothing."""
        try:
            self._channel.sendall(self._secrets.fill(text).encode())
        except (OSError, SSHException) as error:
            raise self._lost(f"the connection broke: {error}") from None

    def write_secret(self, text: str) -> None:
        """Type the answer to a question for a password, which is not echoed."""
        self.write(f"{text}\n")

    def wait_for(self, words: re.Pattern[str], what: str) -> str:
        """Read until the device has said this; what came before it too."""
        text = ""
        while not words.search(text):
            text += self._read(lambda _: what, text)
        self.prompt = text.rpartition("\n")[2]  # the next one may have begun to arrive
        return text

    def answer(self) -> str:
        """What the device says until it has taken a mark that is sent now."""
        before = self.prompt
        self._exchange([])
        said = self.said.rpartition(f"{self._dialect.comment} pcg ")[0]
        return self._stripped(said.removeprefix(before).rpartition("\n")[0])

    def close(self, farewell: str) -> None:
        """Log out, and break the connection."""
        with suppress(PushError):  # it may be gone already
            self.write(f"{farewell}\n")
        self._hang_up()

    def _exchange(
        self, sent: Sequence[str], named: Sequence[str] = (), numbers: Sequence[int] = ()
    ) -> list[str]:
        """The answer to each line."""
        mark = f"{self._dialect.comment} pcg {random.token_hex(4)}"
        typed = [*sent, mark]
        places = [f"line {n}: {line}" for n, line in zip(numbers, named, strict=True)] or sent
        places = [*(f"'{place}'" for place in places), "the end of what was sent"]

        def waiting(text: str) -> str:
            _, missing = self._part(text, typed)
            return places[max(0, (len(typed) if missing is None else missing) - 1)]

        if self._dialect.takes_ahead:
            self.write("".join(f"{line}\n" for line in typed))
            text = self.prompt
        else:
            text = self._one_by_one(typed, waiting)
        self.said = text = self._until(mark, text, waiting)
        answers, missing = self._part(text, typed)
        if missing is None:
            return answers
        if missing and named and self._dialect.refusal.search(answers[-1]):
            raise self.rejected(numbers[missing - 1], named[missing - 1], answers[-1])
        raise self.failed(f"{places[missing]} was not taken:\n{text}")

    def _one_by_one(self, typed: Sequence[str], waiting: Callable[[str], str]) -> str:
        """Each line after the prompt that ends the last answer, for devices that flush input."""
        text = self.prompt
        for line in typed:
            begun = len(text)
            self.write(f"{line}\n")
            while "\n" not in text[begun:] or not self._at_prompt(text):
                text += self._read(waiting, text)
        return text

    def _until(self, mark: str, text: str, waiting: Callable[[str], str]) -> str:
        """Everything up to the prompt after the echo of the mark."""
        while (marked := text.find(f"{mark}\n")) < 0 or not self._at_prompt(text[marked:]):
            text += self._read(waiting, text)
        self.prompt = text.rpartition("\n")[2]
        return text

    def _at_prompt(self, text: str) -> bool:
        return bool(self._dialect.prompt.fullmatch(text.rpartition("\n")[2]))

    def _part(self, text: str, typed: Sequence[str]) -> tuple[list[str], int | None]:
        """The answers to all but the mark; and which line has no echo, if one has none."""
        text += "\n"
        answers: list[str] = []
        begin = 0  # of the answer to the last line that was found
        for number, line in enumerate(typed):
            echo = self._echo(text, line, begin)
            if number:
                answers.append(self._stripped(text[begin : echo.start if echo else None]))
            if echo is None:
                return answers, number
            begin = echo.stop
        return answers, None

    def _echo(self, text: str, line: str, begin: int) -> slice | None:
        """The first row from here on that is a line behind a prompt, or behind nothing."""
        found = text.find(f"{line}\n", begin)
        while found >= 0:
            start = max(begin, text.rfind("\n", begin, found) + 1)
            if start == found or self._dialect.prompt.fullmatch(text, start, found):
                return slice(start, found + len(line) + 1)
            found = text.find(f"{line}\n", found + 1)
        return None

    def _stripped(self, text: str) -> str:
        if plain := self._dialect.accompaniment:
            text = "\n".join(row for row in text.split("\n") if not plain.fullmatch(row))
        return text.strip("\n")

    def _read(self, waiting: Callable[[str], str], text: str) -> str:
        """What comes next; `waiting` says, of the text so far, what is being waited for."""
        try:
            data = self._channel.recv(65_536)
        except TimeoutError:
            raise self._lost(f"no answer to {waiting(text)}") from None
        except (OSError, SSHException) as error:
            raise self._lost(f"the connection broke at {waiting(text)}: {error}") from None
        if not data:
            raise self._lost(f"the connection was closed at {waiting(text)}")
        return self._decoder.decode(data).replace("\r", "")

    def _lost(self, message: str) -> PushError:
        self.broken = True
        return self.failed(
            message, remedy="look at the device: what was sent may have been done", kind=Unreachable
        )


def check_sendable(name: str, lines: Sequence[str]) -> None:
    """Raise InputError for a line that a terminal would not take as it stands."""
    for number, line in enumerate(lines, 1):
        if _UNSENDABLE.search(line) or len(line) > _LONGEST or not line.strip():
            raise InputError(
                f"line {number} of the change cannot be typed: {line[:_LONGEST]!r}",
                place=name,
                remedy=f"use up to {_LONGEST} printable letters and no question mark",
            )


def _chunks(lines: Sequence[str]) -> Iterator[slice]:
    """Parts that are small enough to be sent at once."""
    begin = letters = 0
    for number, line in enumerate(lines):
        letters += len(line)
        if number > begin and (number - begin == _CHUNK_LINES or letters > _CHUNK_LETTERS):
            yield slice(begin, number)
            begin, letters = number, len(line)
    yield slice(begin, len(lines))
