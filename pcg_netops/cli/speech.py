"""The one place where `pcg` speaks: all it says is text, and a lost listener is no error.

What comes from devices, topologies and files reaches a terminal as text, whatever is in it. An
output that breaks, as its reader left or its disk is full, is dropped from then on: what a command
does, and how it ends, does not hang on who listens. Whoever has to know asks `lost`.
"""

from __future__ import annotations

import errno
import io
import os
import select
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO, cast

import typer

from pcg_netops.printable import printable


def say(text: object = "", *, err: bool = False, nl: bool = True, **style: Any) -> None:
    """Print a text for people; `style` is Typer's, for terminals."""
    typer.secho(printable(str(text)), err=err, nl=nl, **style)


def say_raw(text: str, *, err: bool = False) -> None:
    """Print what a command has written: as it is to a file or program, as text to a terminal."""
    stream = sys.stderr if err else sys.stdout
    typer.echo(printable(text) if stream.isatty() else text, nl=False, err=err)


_ends_alike = False
_AT_ONCE = 1000  # characters, which are at most the 4096 bytes that a pipe takes if it takes any


class _Stream(io.TextIOBase):
    """Standard output or error that no write to can fail."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self._held = ""
        self._lock = threading.RLock()
        self.lost: OSError | None = None
        if isinstance(stream, io.TextIOWrapper):  # whose encoding may lack a character
            stream.reconfigure(errors="backslashreplace")

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return getattr(self._stream, "encoding", None) or "utf-8"

    @property
    def errors(self) -> str:  # type: ignore[override]
        return "backslashreplace"

    def write(self, text: str) -> int:
        if self._stream is not None and self.lost is None:
            with self._lock:
                self._held += text
        return len(text)

    def flush(self) -> None:
        """Hand on what is held; while nobody is waited for, as much as is taken at once."""
        with self._lock:
            try:
                while self._stream is not None and self._held and self._may_write():
                    size = _AT_ONCE if _ends_alike else len(self._held)
                    part, self._held = self._held[:size], self._held[size:]
                    self._stream.write(part)
                    self._stream.flush()
            except OSError as error:
                self._held = ""
                self._lose(error)

    def _may_write(self) -> bool:
        """Whether that would not wait for a reader that has stopped, or may."""
        if not _ends_alike:
            return True
        with suppress(OSError, ValueError):  # no file: it takes everything
            poll = select.poll()
            poll.register(self.fileno(), select.POLLOUT)
            return bool(poll.poll(0))
        return True

    def isatty(self) -> bool:
        return self._stream is not None and self.lost is None and self._stream.isatty()

    def fileno(self) -> int:
        if self._stream is None:
            raise io.UnsupportedOperation("closed")
        return self._stream.fileno()

    def writable(self) -> bool:
        return True

    @property
    def buffer(self) -> Any:
        return getattr(self._stream, "buffer", None)

    def _lose(self, error: OSError) -> None:
        self.lost = error
        # What is still in the buffer must not come up again as the interpreter ends.
        with suppress(OSError, ValueError):
            _fill(cast(TextIO, self._stream).fileno())


def _fill(descriptor: int) -> None:
    """Have what is written there go nowhere."""
    nothing = os.open(os.devnull, os.O_RDWR)
    if nothing != descriptor:  # which it gets where that was closed
        os.dup2(nothing, descriptor)
        os.close(nothing)


@contextmanager
def steady() -> Iterator[None]:
    """Have standard output and error lose what they cannot write."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:  # closed: a file that is opened later would be taken for it
            _fill(descriptor)
    global _ends_alike
    _ends_alike = False
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (cast(TextIO, _Stream(stream)) for stream in before)
    try:
        yield
    finally:
        _ends_alike = False  # all is done: now a reader may take its time
        sys.stdout.flush()
        sys.stderr.flush()
        sys.stdout, sys.stderr = before


def lost() -> str:
    """Why something could not be said, for a journal or the exit; "" if all was."""
    for name, stream in (("output", sys.stdout), ("messages", sys.stderr)):
        if isinstance(stream, _Stream):
            stream.flush()
            if stream.lost is not None:
                return f"the {name} could not be written: {stream.lost.strerror}"
    return ""


def whoever_listens() -> None:
    """From here on, how this command ends is told by what it did, and not by what was heard.

    Nor does it wait for a reader that has stopped: that hears the rest when all is done.
    """
    global _ends_alike
    _ends_alike = True


def unsaid() -> str:
    """Why a command has failed that only speaks; "" where its reader did not want to hear more."""
    stream = sys.stdout
    error = stream.lost if isinstance(stream, _Stream) else None
    return "" if _ends_alike or error is None or error.errno == errno.EPIPE else lost()
