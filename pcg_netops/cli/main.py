"""Entry point: runs a command and turns every error into one message and an exit code."""

from __future__ import annotations

import errno
import io
import signal
import sys
import traceback

import typer
from typer.exceptions import TyperException

from pcg_netops.cli.interrupts import interrupted_by_signals, received
from pcg_netops.cli.speech import say, steady, unsaid
from pcg_netops.errors import ExitCode, InputErrors, PcgError

_SIGNALLED = 128  # and the signal's number, as shells say it
# What only the machine's administrator can mend, whichever file it is about.
_OF_THE_MACHINE = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM}
)


def main() -> None:
    """Run the `pcg` command and leave the process with one of `ExitCode`."""
    with steady(), interrupted_by_signals():
        code = _run()
        if reason := unsaid():
            say(f"error: {reason}\n  remedy: make room, or write to another place", err=True)
            code = code or ExitCode.ENVIRONMENT
    sys.exit(code)


def _run() -> int:
    from pcg_netops.cli.commands import app

    try:
        result = int(app(prog_name="pcg", standalone_mode=False) or 0)
    except (Exception, KeyboardInterrupt, SystemExit) as error:
        result = _told(error)
    if result == _SIGNALLED + signal.SIGINT:  # which Typer makes of every KeyboardInterrupt
        say("stopped", err=True)
        return _SIGNALLED + received()
    return result


def _told(error: BaseException) -> int:
    """Say what went wrong; the exit code."""
    if isinstance(error, typer.Exit):
        return int(error.exit_code)
    if isinstance(error, KeyboardInterrupt | typer.Abort):
        return _SIGNALLED + signal.SIGINT
    if isinstance(error, TyperException):
        words = io.StringIO()
        error.show(file=words)  # type: ignore[attr-defined]  # it keeps the class that has it private
        say(words.getvalue(), err=True, nl=False)
        return ExitCode.INPUT
    if isinstance(error, PcgError):
        for part in error.errors if isinstance(error, InputErrors) else (error,):
            say(f"error: {part}", err=True)
        return error.exit_code
    if isinstance(error, OSError) and error.errno in _OF_THE_MACHINE:
        place = f"{error.filename}: " if error.filename else ""
        say(f"error: {place}{error.strerror}\n  remedy: make room or mend it there", err=True)
        return ExitCode.ENVIRONMENT
    return _defect()


def _defect() -> ExitCode:
    say(traceback.format_exc(), err=True, nl=False)
    say("error: this is a defect of pcg-netops; please report the lines above", err=True)
    return ExitCode.INTERNAL
