"""Other lab tools beside ours: each brings up the same network, and is timed from outside.

A tool that is not installed is named with its remedy. Nothing here installs one.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

DEBIANS_PYTHON = "/usr/bin/python3"
INSTALL = {"mininet": "Debian package mininet", "munet": "pip install munet"}
NOT_MEASURED = {
    "ipmininet": "not measured: release 1.0 has no BFD and takes no configuration of FRR as it is",
}


class Peers:
    """The tools that one interpreter imports, and what has been measured of each.

    Each run is in namespaces of its own, made by `unshare`, which take with them all that a tool
    leaves behind.
    """

    def __init__(self, python: str, unshare: Sequence[str]) -> None:
        self._python = python
        self._unshare = unshare
        self._figures: dict[str, list[dict[str, float]]] = {
            name: [] for name in INSTALL if self._imports(name)
        }
        self._failures: dict[str, str] = {}

    def run(self, prepare: Callable[[Path], None]) -> None:
        """Every tool once more; `prepare` writes the network into a folder as `peer.py` reads it.

        A tool that has failed is left alone from then on.
        """
        for name, runs in self._figures.items():
            if name in self._failures:
                continue
            with tempfile.TemporaryDirectory(prefix="pcg-") as folder:
                prepare(Path(folder))
                try:
                    runs.append(self._measure(name, Path(folder)))
                except PeerError as error:
                    self._failures[name] = str(error)

    def show(self, ours: float) -> None:
        """A line for each tool; `ours` is the seconds that our lab takes to converge."""
        print(f"  other lab tools that {self._python} imports:")
        print("  name     converged     (least to most)  ours/theirs     down    memory")
        for name, remedy in INSTALL.items():
            if name not in self._figures:
                print(f"  {name}: not installed ({remedy})")
            elif name in self._failures:
                print(f"  {name}: does not run here: {self._failures[name]}")
            else:
                print(f"  {name:<8} {_line(self._figures[name], ours)}")
        for name, why in NOT_MEASURED.items():
            print(f"  {name}: {why}", flush=True)

    def _imports(self, name: str) -> bool:
        # From "/", lest a folder of that name where the benchmark was started be taken for it.
        command = [self._python, "-c", f"import {name}"]
        try:
            return subprocess.run(command, cwd="/", capture_output=True).returncode == 0
        except OSError:  # no such interpreter
            return False

    def _measure(self, name: str, folder: Path) -> dict[str, float]:
        program = str(Path(__file__).with_name("peer.py"))
        errors = folder / "errors"
        begun = time.monotonic()
        with errors.open("w") as file:
            command = [*self._unshare, self._python, program, name, str(folder)]
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=file, text=True)
        if done.returncode:
            raise PeerError((errors.read_text().splitlines() or ["it said nothing"])[-1])
        figures: dict[str, float] = json.loads(done.stdout)
        figures["converged"] -= begun
        return figures


class PeerError(Exception):
    """A tool did not bring the network up; the message is its last line."""


def _line(runs: Sequence[dict[str, float]], ours: float) -> str:
    converged = [figures["converged"] for figures in runs]
    middle = median(converged)
    down, memory = (median(figures[name] for figures in runs) for name in ("down", "memory"))
    spread = f"({min(converged):.2f} to {max(converged):.2f})"
    return f"{middle:7.2f} s  {spread:>17} {ours / middle:12.2f} {down:6.2f} s {memory:6.0f} MB"
