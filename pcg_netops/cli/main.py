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
# What can be wrong with any file, wherever it is used.
_MACHINE = (ExitCode.ENVIRONMENT, "make room or mend it there")
_NO_PATH = (ExitCode.INPUT, "name another file or folder")
_FORBIDDEN = (ExitCode.ENVIRONMENT, "be let in there, or name another file or folder")
_OF_FILES = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ENOMEM), _MACHINE),
    **dict.fromkeys((errno.EMFILE, errno.ENFILE), _MACHINE),
    **dict.fromkeys((errno.ENAMETOOLONG, errno.ELOOP), _NO_PATH),
    **dict.fromkeys((errno.EACCES, errno.EPERM), _FORBIDDEN),
}
_LONGEST = 200  # characters of a path that are shown


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
    if isinstance(error, OSError) and error.errno in _OF_FILES:
        code, remedy = _OF_FILES[error.errno]
        say(f"error: {_shortened(error.filename)}{error.strerror}\n  remedy: {remedy}", err=True)
        return code
    return _defect()


def _shortened(path: object) -> str:
    text = str(path) if path else ""
    return f"{text[:_LONGEST]}{'…' * (len(text) > _LONGEST)}: " if text else ""


def _defect() -> ExitCode:
    say(traceback.format_exc(), err=True, nl=False)
    say("error: this is a defect of pcg-netops; please report the lines above", err=True)
    return ExitCode.INTERNAL
