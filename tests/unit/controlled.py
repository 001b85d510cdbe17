"""`pcg` in processes that a test can end, or break the output of, at any moment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.conftest import REPOSITORY
from tests.unit.pushed import ENVIRONMENT


class Controller:
    """A process that runs `pcg` in others."""

    def __init__(self, process: subprocess.Popen[str], output: Path) -> None:
        self._process = process
        self.output = output

    def run(self, arguments: list[str], **wrong: object) -> int:
        """The exit status of `pcg` with these, negative for a signal.

        What goes wrong is named as in `push_controller`.
        """
        assert self._process.stdin
        assert self._process.stdout
        own = {name: value for name, value in os.environ.items() if name.startswith("XDG_")}
        asked = {"arguments": arguments, "output": str(self.output), "environment": own, **wrong}
        self._process.stdin.write(f"{json.dumps(asked)}\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


@contextmanager
def controlling(output: Path) -> Iterator[Controller]:
    """A controller whose `pcg` prints to a file."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.unit.push_controller"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
        env={**os.environ, **ENVIRONMENT, "PYTHONPATH": str(REPOSITORY)},
    ) as process:
        yield Controller(process, output)
        assert process.stdin
        process.stdin.close()
