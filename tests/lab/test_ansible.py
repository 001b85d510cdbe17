"""The inventory that a lab leaves for Ansible works with ansible-core as it is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pcg_netops.lab.topology.file import to_yaml
from tests.conftest import PCG, REPOSITORY
from tests.lab.small import ring

pytestmark = pytest.mark.lab

_ANSIBLE = (sys.executable, "-m", "ansible", "adhoc")


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Nothing of Ansible's comes from, or goes to, the home of whoever tests."""
    config = tmp_path / "ansible.cfg"
    config.touch()
    return os.environ | {
        "PYTHONPATH": str(REPOSITORY),
        "XDG_RUNTIME_DIR": str(tmp_path),
        "ANSIBLE_HOME": str(tmp_path / "ansible"),
        "ANSIBLE_LOCAL_TEMP": str(tmp_path / "ansible" / "tmp"),
        "ANSIBLE_SSH_CONTROL_PATH_DIR": "/tmp/pcg-ansible-test",
        "ANSIBLE_CONFIG": str(config),
        "ANSIBLE_NOCOLOR": "1",
        "LC_ALL": "C.UTF-8",
    }


def test_every_node_answers_command_and_raw(tmp_path: Path, environment: dict[str, str]) -> None:
    path = tmp_path / "lab.clab.yml"
    path.write_text(to_yaml(ring(tmp_path, 3)))
    up = subprocess.run(
        (*PCG, "lab", "up", str(path)), env=environment, capture_output=True, text=True
    )
    assert up.returncode == 0, up.stderr
    try:
        (inventory,) = tmp_path.glob("clab-*/ansible-inventory.yml")
        for module in ("command", "raw"):
            done = subprocess.run(
                (*_ANSIBLE, "all", "-i", str(inventory), "-m", module, "-a", "hostname", "-o"),
                env=environment,
                capture_output=True,
                text=True,
                timeout=60,
            )
            assert done.returncode == 0, done.stdout + done.stderr
            said = sorted(line.partition("(stdout) ")[2][:2] for line in done.stdout.splitlines())
            assert said == ["r1", "r2", "r3"], done.stdout
    finally:
        subprocess.run((*PCG, "lab", "down", "--all"), env=environment, check=True)
