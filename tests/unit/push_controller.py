"""Runs `pcg` in a process of its own for each line of arguments, so that a test can kill it.

Each line of standard input is {"arguments": [...], "output": file}, and may have "kill_after_s": a
number or null; "signal" and "record": the signal comes once so many records of the journal are
written; "heard": so many lines are read of what is said; or "full": what is said has no room. The
exit status, negative for a signal, is told when it has ended. What takes time to import is
imported once.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pcg_netops.cli.pushing  # noqa: F401  # so that no child has to
from pcg_netops.cli import main
from pcg_netops.push.journal import Journal


def signalled(number: int, record: int) -> None:
    """Have the signal come when that many records are written."""
    written = 0
    write = Journal._write

    def count(journal: Journal, **content: object) -> None:
        nonlocal written
        write(journal, **content)
        written += 1
        if written == record:
            os.kill(os.getpid(), number)

    Journal._write = count  # type: ignore[method-assign, assignment]


def heard(lines: int, output: str) -> int:
    """A descriptor of which that many lines are read, and then no more."""
    reading, writing = os.pipe()

    def read() -> None:
        with os.fdopen(reading, encoding="utf-8") as pipe, Path(output).open("a") as file:
            for _ in range(lines):
                file.write(pipe.readline())

    threading.Thread(target=read, daemon=True).start()
    return writing


def child(asked: dict[str, Any]) -> None:
    """Become `pcg`. Does not return."""
    file = os.open(asked["output"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    said = file
    if asked.get("full"):
        said = os.open("/dev/full", os.O_WRONLY)
    elif asked.get("heard") is not None:
        said = heard(asked["heard"], asked["output"])
    os.dup2(said, 1)
    os.dup2(said if asked.get("full") else file, 2)
    if asked.get("signal"):
        signalled(asked["signal"], asked["record"])
    sys.argv = ["pcg", *asked["arguments"]]
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
            child(asked)
        if asked.get("kill_after_s") is not None:
            time.sleep(asked["kill_after_s"])
            os.kill(process, signal.SIGKILL)  # not waited for yet, so the number is still its own
        print(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), flush=True)
