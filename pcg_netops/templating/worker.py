"""The process that renders templates: started when first needed, replaced when one overstepped."""

from __future__ import annotations

import atexit
import json
import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from pcg_netops.errors import InputError, PcgError
from pcg_netops.templating.messages import receive, send

if TYPE_CHECKING:  # whoever starts the process early must not wait for this
    from pcg_netops.model.device import Device

    Job = tuple[Device, Sequence[str]]

# What one file of one device may take: far more than the largest of a national network does.
SECONDS = 20  # of a processor
MEMORY = 1 << 30  # bytes
_AT_ONCE = 16  # devices that it gets at a time: they take its memory
_MODULE = "pcg_netops.templating.sandbox"
_REMEDY = "look for a loop without end, or a text that grows in one"


class Worker:
    """A process that renders."""

    def __init__(self) -> None:
        self._said = os.memfd_create("said")
        self._process = subprocess.Popen(
            (sys.executable, "-P", "-m", _MODULE, str(SECONDS), str(MEMORY)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            cwd="/",
            # Nothing of the caller's, whose environment may hold secrets.
            env={"PYTHONPATH": os.pathsep.join(str(Path(entry).resolve()) for entry in sys.path)},
        )
        assert self._process.stdin
        assert self._process.stdout
        self._requests: BinaryIO = self._process.stdin  # type: ignore[assignment]
        self._answers: BinaryIO = self._process.stdout  # type: ignore[assignment]

    def ask(self, folder: Path, jobs: Sequence[Job]) -> None:
        """Have these templates rendered, while somebody else takes the answers."""
        with suppress(BrokenPipeError):  # it has died: who waits for the answer will know
            for start in range(0, len(jobs), _AT_ONCE):
                part = (folder, jobs[start : start + _AT_ONCE])
                send(self._requests, pickle.dumps(part, protocol=5))

    def answer(self) -> str:
        """The next text. Raises InputError, and EOFError where the process has died of it."""
        answer = receive(self._answers)
        if answer[:1] == b"t":
            return answer[1:].decode()
        message, place, remedy = json.loads(answer[1:])
        raise InputError(message, place=place, remedy=remedy)

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()

    def close(self) -> tuple[int, str]:
        """End it; its exit code, and what it has said beside."""
        for stream in (self._requests, self._answers):
            try:
                stream.close()
            except BrokenPipeError:
                continue
        self._process.wait()
        with os.fdopen(self._said, "rb") as said:
            said.seek(0)
            return self._process.returncode, said.read().decode(errors="replace")


_lock = threading.Lock()
_current: Worker | None = None


def prepare() -> None:
    """Start the process, so that it is there when it is needed."""
    global _current
    with _lock:
        if _current is None:
            _current = Worker()


def render(folder: Path, jobs: Sequence[Job]) -> list[dict[str, str]]:
    """Each device's texts, by template.

    Raises InputError for the first template that is wrong or takes too much.
    """
    global _current
    prepare()
    device = template = ""
    found: list[dict[str, str]] = []
    with _lock:
        _current = worker = _current or Worker()
        asking = threading.Thread(target=worker.ask, args=(folder, jobs), daemon=True)
        asking.start()
        try:
            for job, templates in jobs:
                found.append({})
                for template in templates:
                    device = job.name
                    found[-1][template] = worker.answer()
        except BaseException as error:
            _current = None
            if not isinstance(error, EOFError):
                worker.kill()  # other answers are on their way, which nobody wants
            asking.join()
            code, said = worker.close()
            if not isinstance(error, EOFError):
                raise
        else:
            asking.join()
            return found
    if -code in (signal.SIGPROF, signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT):
        took = f"more than {SECONDS} s" if -code == signal.SIGPROF else "too much memory"
        raise InputError(
            f"cannot be rendered for '{device}': it takes {took}",
            place=f"templates/{template}",
            remedy=_REMEDY,
        )
    raise PcgError(f"the process that renders templates has ended with {code}:\n{said}")


def end() -> None:
    """End the process, if there is one; the next rendering starts another."""
    global _current
    with _lock:
        if _current is not None:
            _current.close()
            _current = None


atexit.register(end)
