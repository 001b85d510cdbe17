"""A test that fails while this machine stands still is tried again, twice at most; no other is.

The timers of a lab are as short as 105 ms. A virtual machine stands still for longer when its host
is busy: then daemons give up sound links, and pushes run out of time, whatever the code is like.
Every such failure stands in the summary as RERUN, with its traceback.

`python -I stalls.py` prints a line whenever a processor ran nothing for `LONG_S`, until the end of
its standard input.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

import pytest

LONG_S = 0.05  # half of what the shortest timer of a lab allows
RERUNS = 2
_PAUSE_S = 2.0  # routers find one another again
_TICK_S = 0.005


class Watch:
    """A process of its own that watches the machine: nothing in a test's process holds it up."""

    def __init__(self) -> None:
        command = [sys.executable, "-I", __file__]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, bufsize=0)
        assert self.process.stdout
        self._said = self.process.stdout
        self._said.read(1)  # it watches
        os.set_blocking(self._said.fileno(), False)

    def stood_still(self) -> bool:
        """Whether the machine stood still since this was asked before."""
        found = b""
        while said := self._said.read():
            found += said
        return bool(found)

    def pytest_runtest_logstart(self) -> None:
        """Forget what was before the test."""
        self.stood_still()

    def pytest_unconfigure(self) -> None:
        """Watch no longer."""
        with self.process:
            self.process.kill()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    watch = Watch()
    config.pluginmanager.register(watch, "watch")
    again = pytest.mark.flaky(reruns=RERUNS, reruns_delay=_PAUSE_S, condition=watch.stood_still)
    for item in items:
        item.add_marker(again)


def _watch(processor: int) -> None:
    os.sched_setaffinity(0, {processor})
    before = time.monotonic()
    while True:
        time.sleep(_TICK_S)
        now = time.monotonic()
        if now - before > LONG_S:
            print(processor, round(now - before, 3), flush=True)
        before = now


if __name__ == "__main__":
    for number in os.sched_getaffinity(0):
        threading.Thread(target=_watch, args=(number,), daemon=True).start()
    print("watching", flush=True)
    sys.stdin.read()
