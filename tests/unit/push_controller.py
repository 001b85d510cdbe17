"""Runs `pcg` in a process of its own for each line of arguments, so that a test can end it.

Each line of standard input is a JSON object: `arguments`, the file `output`, what is added to the
`environment`, and what goes wrong:

- `kill_after_s`: seconds after which it is killed;
- `signals`: pairs of a signal's number and the record of a journal, counted from 1, which it gets
  as soon as that is written;
- `ignored`: numbers of signals that it is started to ignore;
- `broken`, `at_write` and `kind`: "stdout", "stderr" or "both", which break as something is written
  there for that time, counted from 1, with that error: EPIPE, ENOSPC, EIO or EBADF.

The exit status, negative for a signal, is told when it has ended. What takes time to import is
imported once.
"""

from __future__ import annotations

import io
import json
import os
import pty
import signal
import sys
import time
from typing import Any

import pcg_netops.cli.pushing  # noqa: F401  # so that no child has to
from pcg_netops.cli import main
from pcg_netops.push.journal import Journal


class Breaking(io.FileIO):
    """A standard stream that the kernel refuses to write to from some moment on."""

    def __init__(self, descriptor: int, at_write: int, kind: str) -> None:
        super().__init__(descriptor, "wb", closefd=False)
        self._left = at_write
        self._kind = kind

    def write(self, data: Any) -> int:
        self._left -= 1
        if self._left == 0:
            broken = unwritable(self._kind)
            if broken is None:
                os.close(self.fileno())
            else:
                os.dup2(broken, self.fileno())
        return super().write(data) or 0


def unwritable(kind: str) -> int | None:
    """A descriptor that writing to gives this error; None for one that has to be closed."""
    if kind == "EPIPE":
        reader, writer = os.pipe()
        os.close(reader)
        return writer
    if kind == "ENOSPC":
        return os.open("/dev/full", os.O_WRONLY)
    if kind == "EIO":  # a terminal that is gone
        master, terminal = pty.openpty()
        os.close(master)
        return terminal
    return None


def signalled(signals: list[tuple[int, int]]) -> None:
    """Have each signal come as soon as its record is on disk."""
    write, written = Journal._write, 0

    def then(journal: Journal, **content: object) -> None:
        nonlocal written
        write(journal, **content)
        written += 1
        for number, at_record in signals:
            if at_record == written:
                os.kill(os.getpid(), number)

    Journal._write = then  # type: ignore[method-assign, assignment]


def child(asked: dict[str, Any]) -> None:
    """Become `pcg`. Does not return."""
    os.environ.update(asked["environment"])
    file = os.open(asked["output"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(file, 1)
    os.dup2(file, 2)
    for number, name in enumerate(("stdout", "stderr"), 1):
        if asked.get("broken") in (name, "both"):
            raw = Breaking(number, asked["at_write"], asked["kind"])
            stream = io.TextIOWrapper(io.BufferedWriter(raw), write_through=True)
            setattr(sys, name, stream)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell's job ignores
    for number in asked.get("ignored", ()):
        signal.signal(number, signal.SIG_IGN)
    signalled(asked.get("signals", []))
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
