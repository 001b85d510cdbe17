"""Entry point: runs a command and turns every error into one message and an exit code."""

from __future__ import annotations

import sys
import traceback

import typer
from typer.exceptions import TyperException

from pcg_netops.errors import ExitCode, InputErrors, PcgError

_INTERRUPTED = 130  # what shells give for SIGINT


def main() -> None:
    """Run the `pcg` command and leave the process with one of `ExitCode`."""
    sys.exit(_run())


def _run() -> int:
    from pcg_netops.cli.commands import app

    try:
        result = app(prog_name="pcg", standalone_mode=False)
    except typer.Exit as leaving:
        result = leaving.exit_code
    except TyperException as error:
        error.show()  # type: ignore[attr-defined]  # Typer keeps the class that has it private
        return ExitCode.INPUT
    except (KeyboardInterrupt, typer.Abort):
        result = _INTERRUPTED
    except PcgError as error:
        for part in error.errors if isinstance(error, InputErrors) else (error,):
            print(f"error: {part}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output has left: nothing to add
        return ExitCode.PASS
    except Exception:
        traceback.print_exc()
        print(
            "error: this is a defect of pcg-netops; please report the lines above",
            file=sys.stderr,
        )
        return ExitCode.INTERNAL
    if result == _INTERRUPTED:  # which Typer makes of KeyboardInterrupt as well
        print("stopped", file=sys.stderr)
    return int(result or 0)
