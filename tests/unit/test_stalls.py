"""What fails while the machine stands still is tried again, and nothing else is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.conftest import REPOSITORY

_CONFTEST = 'pytest_plugins = ["tests.stalls"]\n'
_TESTS = '''
import os, signal, time
import pytest
from tests.stalls import LONG_S

@pytest.fixture
def stand_still(request):
    """Have the watching process see what it would see if the machine stood still."""
    watching = request.config.pluginmanager.get_plugin("watch").process.pid
    os.kill(watching, signal.SIGSTOP)
    time.sleep(2 * LONG_S)
    os.kill(watching, signal.SIGCONT)
    time.sleep(0.1)

tries = {"once": 0, "always": 0}

def test_held_up_once(request):
    tries["once"] += 1
    if tries["once"] == 1:
        request.getfixturevalue("stand_still")
        assert False, "held up"

def test_held_up_always(stand_still):
    tries["always"] += 1
    assert False, f"try {tries['always']}"

def test_wrong_without_being_held_up():
    assert False, "wrong"
'''


def _run(folder: Path) -> str:
    (folder / "conftest.py").write_text(_CONFTEST)
    (folder / "test_some.py").write_text(_TESTS)
    command = [sys.executable, "-m", "pytest", "-rfR", "-p", "no:cacheprovider", "-c", os.devnull]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(
        [*command, "--rootdir=."],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout


def test_a_failure_counts_unless_the_machine_stood_still_and_three_count_anyhow(
    tmp_path: Path,
) -> None:
    said = _run(tmp_path).splitlines()
    told = [line.partition(" - ")[0] for line in said if line.startswith(("RERUN", "FAILED"))]
    assert "RERUN test_some.py::test_held_up_once" in told
    assert "FAILED test_some.py::test_held_up_once" not in told
    assert told.count("RERUN test_some.py::test_held_up_always") == 2
    assert "FAILED test_some.py::test_held_up_always" in told
    assert any("try 3" in line for line in said)
    assert "FAILED test_some.py::test_wrong_without_being_held_up" in told
    assert "RERUN test_some.py::test_wrong_without_being_held_up" not in told
