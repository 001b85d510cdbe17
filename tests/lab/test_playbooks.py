"""The playbooks of docs/nornir.md, as they stand there, with others' plug-ins as released."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.fake_device import PASSWORD, USER, serving
from tests.fakes.iosxe import FakeIosXe
from tests.unit.fake_network import IOSXE
from tests.unit.test_docs import blocks, checkout, run

pytestmark = pytest.mark.lab
__all__ = ["checkout"]  # a fixture

OTHERS = ("nornir-netmiko", "nornir-napalm", "nornir-utils", "nornir-rich")
NAPALM = """\
from nornir import InitNornir
from nornir_napalm.plugins.tasks import napalm_get

nr = InitNornir(inventory=dict(plugin="PcgInventory")).filter(name="hospital")
host = nr.inventory.hosts["hospital"]
host.hostname, host.port, host.username, host.password = "127.0.0.1", {port}, "{user}", "{password}"
done = nr.run(task=napalm_get, getters=["config"])
done.raise_on_error()
print(done["hospital"][0].result["config"]["running"])
nr.close_connections()
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of an environment with this project and the plug-ins, and nothing else."""
    folder = tmp_path_factory.mktemp("playbooks") / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    constraints = ("constraints.txt", "tests/playbooks/constraints.txt")
    pins = [word for name in constraints for word in ("-c", str(REPOSITORY / name))]
    subprocess.run(
        [folder / "bin/python", "-m", "pip", "install", "--quiet", *pins, ".", *OTHERS],
        cwd=REPOSITORY,
        check=True,
        env=os.environ | {"PIP_BUILD_CONSTRAINT": "constraints.txt"},
    )
    return folder / "bin/python"


def play(python: Path, text: str, folder: Path) -> str:
    done = subprocess.run(
        [python, "-c", text],
        cwd=folder,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture
def lab(tmp_path: Path, checkout: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A workspace whose lab is up at p3, and the change sets that follow."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    for command in (
        "pcg lab up --phase p3",
        "pcg diff --from p3 --to p4.1 --lab --output p4.1.json",
        "pcg diff --from p4.1 --to p4.2 --lab --output p4.2.json",
    ):
        done = run(command, checkout)
        assert done.returncode == 0, done.stdout
    yield checkout
    run("pcg lab down --all", checkout)


def test_the_playbooks_do_what_they_say(python: Path, lab: Path) -> None:
    texts = [b.text for b in blocks("docs/nornir.md") if b.text.startswith("from nornir import")]
    assert len(texts) == 3
    assert all(len(text.splitlines()) <= 25 for text in texts)
    rendering, pushing, between = texts
    said = play(python, rendering, lab)
    assert (lab / "build/p4.1/dc1-edge1/frr.conf").is_file()
    assert "+ set local-preference" in said
    said = play(python, pushing, lab)
    assert "changed and confirmed" in said
    assert (lab / "build/p4.1-tasks.jsonl").stat().st_size > 0
    said = play(python, between, lab)
    assert said.count("Established") or "64498" in said
    assert "not touched: pcg-a, pcg-b" in said
    assert run("pcg diff --running --lab --to p4.2", lab).stdout == ""


ALONE = """\
from nornir import InitNornir

from pcg_netops.nornir import collect, diff

nr = InitNornir(inventory=dict(plugin="PcgInventory", options=dict(lab=True)))
nr = nr.filter(name="dc1-edge1")
done = nr.run(task=collect)
done.raise_on_error()
assert "router bgp" in done["dc1-edge1"][0].result["frr.conf"], done["dc1-edge1"][0].result
for phase in ("p3", "p4.1"):
    found = nr.run(task=diff, after=phase)
    found.raise_on_error()
    print(phase, found["dc1-edge1"][0].changed)
"""


def test_an_inventory_of_the_lab_has_every_task_work_on_the_lab(python: Path, lab: Path) -> None:
    assert play(python, ALONE, lab) == "p3 False\np4.1 True\n"


def test_napalm_reads_a_router_by_way_of_our_inventory(
    python: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.conftest import copy_small

    root = copy_small(tmp_path / "workspace")
    router = FakeIosXe("hospital", IOSXE.startup)
    with serving([router]):
        hosts = root / "inventory/hosts.yaml"
        text = hosts.read_text()
        hosts.write_text(text.replace("198.18.7.60}", "198.18.7.60, platform: iosxe}"))
        trust = tmp_path / "trust"
        trust.mkdir(mode=0o700)
        (trust / "known_hosts").write_text(router.known_hosts_line)
        monkeypatch.setenv("PCG_TRUST", str(trust))
        text = NAPALM.format(port=router.port, user=USER, password=PASSWORD)
        assert "hostname hq-border" in play(python, text, root)
