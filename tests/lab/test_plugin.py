"""The pytest plug-in, used as somebody's own tests would."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

pytestmark = pytest.mark.lab

_TESTS = """
def test_the_workspace_is_ours(pcg_workspace):
    assert pcg_workspace.network.name == "ambulance"

def test_the_lab_runs_the_chosen_phase(pcg_lab):
    running = pcg_lab.run("hq-border", ["vtysh", "-c", "show running-config"]).stdout
    assert running.count(" shutdown\\n") == 1

def test_routes_are_there_already(pcg_lab):
    routes = pcg_lab.run("hq-border", ["ip", "route", "show", "proto", "bgp"]).stdout
    assert "10.2.0.16/28 " in routes

def test_that_fails(pcg_lab):
    assert pcg_lab.run("hospital", ["false"]).returncode == 0
"""
_INI = "[pytest]\npcg_workspace = workspace\npcg_phase = leave\n"


def test_a_users_tests_get_a_workspace_and_its_running_lab(workspace: Path) -> None:
    project = workspace.parent
    (project / "pytest.ini").write_text(_INI)
    (project / "test_network.py").write_text(_TESTS)
    # Where the package is installed, pytest finds the plug-in by itself.
    installed = any(point.name == "pcg_netops" for point in entry_points(group="pytest11"))
    plug_in = [] if installed else ["-p", "pcg_netops.pytest_plugin"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *plug_in],
        cwd=project,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "1 failed, 3 passed" in done.stdout, done.stdout + done.stderr
    assert "FAILED test_network.py::test_that_fails" in done.stdout
    assert done.returncode == 1
