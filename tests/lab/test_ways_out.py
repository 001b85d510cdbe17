"""No way out of a lab: root on a node is nobody on the machine, and sees nothing of its people."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.lab

_ROOT = Path(__file__).parents[2]
_NOBODY = (sys.executable, "-m", "tests.lab.nobody")
_CANARY = "canary-of-the-person-who-starts-labs"
_KINDS = ("saved", "own files")


@pytest.fixture(scope="module", params=[(), _NOBODY], ids=["root", "an ordinary user"])
def tried(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, list[str]]:
    """What led out, by kind of node."""
    folder = tmp_path_factory.mktemp("outside")
    home = folder / "home"
    (home / ".ssh").mkdir(parents=True)
    (home / ".ssh" / "id_ed25519").write_text(_CANARY)
    for path in (home, *home.rglob("*"), *home.parents[:1]):
        path.chmod(0o755)
    session = [*request.param, sys.executable, "-m", "tests.lab.ways_out_session", _CANARY]
    done = subprocess.run(
        session,
        cwd=_ROOT,
        env=os.environ | {"HOME": str(home), "CI_JOB_TOKEN": _CANARY},
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, list[str]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("kind", _KINDS)
def test_no_known_way_leads_out_of_a_node(tried: dict[str, list[str]], kind: str) -> None:
    assert tried[kind] == ["tried"]


def test_nothing_is_written_outside(tried: dict[str, list[str]]) -> None:
    assert tried["left behind"] == []


def test_root_on_a_node_is_nobody_on_the_machine(tried: dict[str, list[str]]) -> None:
    assert tried["user outside"] == ["unknown"]
