"""The workspace that the benchmarks measure is one that `pcg check` has nothing against."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.conftest import REPOSITORY, Pcg


def test_the_large_workspace_of_the_benchmarks_is_valid(tmp_path: Path, pcg: Pcg) -> None:
    command = [sys.executable, "benchmarks/big_workspace.py", str(tmp_path / "big")]
    size = ["--devices", "120", "--services", "24"]
    subprocess.run([*command, *size], cwd=REPOSITORY, check=True)
    done = pcg("check", "-w", str(tmp_path / "big"))
    assert (done.code, done.err) == (0, "")
    assert "120 nodes, 24 services, 1 cutover: no errors" in done.out
