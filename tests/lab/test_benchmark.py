"""The benchmark of labs runs and prints what the lab's page quotes from it."""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

pytestmark = pytest.mark.lab

_PROGRAM = Path(__file__).parents[2] / "benchmarks" / "lab.py"


def test_the_benchmark_measures_labs_beside_the_floor_and_what_they_leave(
    tmp_path: Path,
) -> None:
    options = ["--nodes", "3", "--runs", "1", "--cycles", "1", "--kills", "1"]
    options += ["--peers-python", str(_python_with_a_broken_munet(tmp_path))]
    done = subprocess.run(
        [sys.executable, "-P", str(_PROGRAM), *options], capture_output=True, text=True, timeout=90
    )
    assert done.returncode == 0, done.stderr
    for name in ("up", "converged", "down", "memory", "floor", "ratio"):
        assert re.search(rf"^  {name} +[0-9.]+", done.stdout, re.MULTILINE), name
    assert "1 cycles: nothing left\n1 kills: nothing left\n" in done.stdout
    assert "  mininet: not installed (Debian package mininet)\n" in done.stdout
    assert "  munet: does not run here: ModuleNotFoundError: No module named 'munet." in done.stdout


def _python_with_a_broken_munet(folder: Path) -> Path:
    venv.create(folder, symlinks=True)
    names = {"base": str(folder), "platbase": str(folder)}
    packages = Path(sysconfig.get_path("purelib", scheme="venv", vars=names))
    (packages / "munet.py").touch()
    return folder / "bin/python"
