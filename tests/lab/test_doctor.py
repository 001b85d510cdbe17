"""`pcg doctor` on machines that have what a lab needs, and on some that lack it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import PCG

pytestmark = pytest.mark.lab

_ROOT = Path(__file__).parents[2]


def _doctor(*arguments: str, before: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*before, *PCG, "doctor", *arguments],
        env=os.environ | {"PYTHONPATH": str(_ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )


def _findings(*, before: Sequence[str] = ()) -> tuple[int, dict[str, Any]]:
    done = _doctor("--format", "json", before=before)
    answer = json.loads(done.stdout)
    assert answer["able"] == (done.returncode == 0)
    return done.returncode, {finding["name"]: finding for finding in answer["findings"]}


def test_a_machine_that_runs_these_tests_is_able(tmp_path: Path) -> None:
    code, found = _findings()
    assert code == 0
    assert all(finding["ok"] for finding in found.values() if finding["needed"])
    assert found["frr"]["found"] != "present"  # the package's version
    assert found["kernel: veth"]["found"] == "present"
    for finding in found.values():
        assert finding["ok"] or finding["remedy"]
    said = _doctor().stdout
    assert said.endswith("this machine can run labs\n")


def test_a_lack_is_told_with_its_remedy() -> None:
    hide = 'mount -t tmpfs none /usr/lib/frr && exec "$@"'
    before = ("unshare", "-Urm", "sh", "-c", hide, "sh")
    code, found = _findings(before=before)
    assert code == 3
    assert found["frr"]["found"] == "lacks zebra, bgpd, bfdd"
    assert found["frr"]["remedy"] == "as root: apt-get install --no-install-recommends frr"
    assert not found["frr-pythontools"]["ok"]


def test_forbidden_namespaces_are_told_with_the_setting() -> None:
    forbid = 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"'
    done = _doctor(before=("unshare", "-Ur", "sh", "-c", forbid, "sh"))
    assert done.returncode == 3
    assert "lacking namespaces: unshare: " in done.stdout
    assert "remedy: as root: sysctl -w user.max_user_namespaces=15000\n" in done.stdout
    assert done.stdout.endswith("this machine cannot run labs\n")
