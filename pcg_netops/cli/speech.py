"""The one place where `pcg` speaks: all it says is text, and a lost listener is no error.

What comes from devices, topologies and files reaches a terminal as text, whatever is in it. An
output that breaks, as its reader left or its disk is full, is dropped from then on: what a command
does, and how it ends, does not hang on who listens. Whoever has to know asks `lost`.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
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


class _Stream(io.TextIOBase):
    """Standard output or error that no write to can fail."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
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
            try:
                self._stream.write(text)
            except OSError as error:
                self._lose(error)
        return len(text)

    def flush(self) -> None:
        if self._stream is not None and self.lost is None:
            try:
                self._stream.flush()
            except OSError as error:
                self._lose(error)

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
        with suppress(OSError, ValueError), Path(os.devnull).open("wb") as nothing:
            os.dup2(nothing.fileno(), cast(TextIO, self._stream).fileno())


@contextmanager
def steady() -> Iterator[None]:
    """Have standard output and error lose what they cannot write."""
    global _ends_alike
    _ends_alike = False
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (cast(TextIO, _Stream(stream)) for stream in before)
    try:
        yield
    finally:
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
    """From here on, how this command ends is told by what it did, and not by what was heard."""
    global _ends_alike
    _ends_alike = True


def unsaid() -> str:
    """Why a command has failed that only speaks; "" where its reader did not want to hear more."""
    stream = sys.stdout
    error = stream.lost if isinstance(stream, _Stream) else None
    return "" if _ends_alike or error is None or error.errno == errno.EPIPE else lost()
