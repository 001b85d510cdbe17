"""Runs `pcg` in a process of its own for each line of arguments, so that a test can kill it.

Each line of standard input is {"arguments": [...], "output": file, "kill_after_s": number or null}.
The exit status, negative for a signal, is told when it has ended. What takes time to import is
imported once.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time

import pcg_netops.cli.pushing  # noqa: F401  # so that no child has to
from pcg_netops.cli import main


def child(arguments: list[str], output: str) -> None:
    """Become `pcg`. Does not return."""
    file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(file, 1)
    os.dup2(file, 2)
    sys.argv = ["pcg", *arguments]
    try:
        main()
    except SystemExit as ended:
        sys.stdout.flush()
        os._exit(int(ended.code or 0))


if __name__ == "__main__":
    for line in sys.stdin:
        asked = json.loads(line)
        process = os.fork()
        if process == 0:
            child(asked["arguments"], asked["output"])
        if asked["kill_after_s"] is not None:
            time.sleep(asked["kill_after_s"])
            os.kill(process, signal.SIGKILL)  # not waited for yet, so the number is still its own
        print(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), flush=True)
