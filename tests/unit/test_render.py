"""Rendering: the same bytes every time and everywhere, and nothing but what intent says."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pcg_netops.design.steering import find_stage, stages
from pcg_netops.errors import InputError
from pcg_netops.inventory.workspace import load_workspace
from pcg_netops.model.device import Role
from pcg_netops.platforms.linux import LINUX
from pcg_netops.render import Artifacts, StageRenderer, render_stage
from pcg_netops.templating import worker
from tests.conftest import REPOSITORY, SMALL, Pcg

_DIGESTS = """
import sys
from pathlib import Path
from pcg_netops.design.steering import stages
from pcg_netops.errors import InputError
from pcg_netops.inventory.workspace import load_workspace
from pcg_netops.render import render_stage
workspace = load_workspace(Path(sys.argv[1]))
for stage in stages(workspace.cutover()[1], workspace.services):
    for device, files in render_stage(workspace, stage).items():
        for name, artifact in files.items():
            print(stage.name, device, name, artifact.digest)
"""
_ENVIRONMENTS = {
    "plain": {"PYTHONHASHSEED": "1", "LC_ALL": "C", "TZ": "UTC"},
    "other hash seed": {"PYTHONHASHSEED": "4242", "LC_ALL": "C", "TZ": "UTC"},
    "UTF-8 and Kiritimati": {
        "PYTHONHASHSEED": "7",
        "LC_ALL": "C.UTF-8",
        "TZ": "Pacific/Kiritimati",
    },
    "Turkish and Apia": {"PYTHONHASHSEED": "8", "LC_ALL": "tr_TR.UTF-8", "TZ": "Pacific/Apia"},
}


def _digests(root: Path, environment: dict[str, str]) -> str:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("LC_", "LANG", "PYTHON"))}
    return subprocess.run(
        [sys.executable, "-P", "-c", _DIGESTS, str(root)],
        env=clean | environment | {"PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_the_same_intent_gives_the_same_bytes_in_every_environment(workspace: Path) -> None:
    found = {name: _digests(workspace, env) for name, env in _ENVIRONMENTS.items()}
    assert len(found["plain"].splitlines()) == 4 * 6 * 4
    for name, digests in found.items():
        assert digests == found["plain"], name


def test_the_demonstration_renders_alike_with_another_hash_seed() -> None:
    runs = [_digests(REPOSITORY, _ENVIRONMENTS[name]) for name in ("plain", "Turkish and Apia")]
    assert runs[0] == runs[1]
    assert len(runs[0].splitlines()) > 300


def test_where_a_workspace_lies_does_not_matter(workspace: Path) -> None:
    moved = workspace.parent / "another folder"
    workspace.rename(moved)
    before = _digests(moved, _ENVIRONMENTS["plain"])
    moved.rename(workspace)
    assert _digests(workspace, _ENVIRONMENTS["plain"]) == before


def _rendered(root: Path, phase: str) -> Artifacts:
    workspace = load_workspace(root)
    _, cutover = workspace.cutover()
    return render_stage(workspace, find_stage(stages(cutover, workspace.services), phase))


@pytest.mark.parametrize("root", [REPOSITORY, SMALL], ids=["demonstration", "small"])
def test_what_stages_share_changes_nothing(root: Path, workspace: Path) -> None:
    """One renderer for all stages, in any order, says what a new one says for each."""
    loaded = load_workspace(root if root is REPOSITORY else workspace)
    every = stages(loaded.cutover()[1], loaded.services)
    shared = StageRenderer(loaded)
    for stage in (*every, *reversed(every), every[2]):
        assert shared.render(stage) == render_stage(loaded, stage), stage.name


def test_a_changed_copy_of_a_network_knows_its_own_sites(workspace: Path) -> None:
    network = load_workspace(workspace).network
    prefix = network.sites["ward"].prefix
    assert (network.site_of(prefix), network.exchange_of("legacy-fw")) == ("ward", "legacy")
    changed = network.model_copy(update={"sites": {}, "nodes": {}})
    assert (changed.site_of(prefix), changed.with_role(Role.EDGE)) == (None, ())
    assert network.site_of(prefix) == "ward"


def test_a_digest_is_that_of_the_bytes(workspace: Path) -> None:
    for files in _rendered(workspace, "move").values():
        for artifact in files.values():
            assert artifact.digest == hashlib.sha256(artifact.text.encode()).hexdigest()


def test_every_device_has_every_file_of_its_platform(workspace: Path) -> None:
    # The small network says nothing of its management plane: what is left is the default.
    wanted = {"nftables.conf", "frr.conf", "sshd.conf", "issue.net"}
    assert wanted <= {kind.name for kind in LINUX.artifacts}
    artifacts = _rendered(workspace, "before")
    assert len(artifacts) == 6
    for device, files in artifacts.items():
        assert files.keys() == wanted, device
        assert all(artifact.text.endswith("\n") for artifact in files.values())


@pytest.mark.parametrize("root", [REPOSITORY, SMALL], ids=["demonstration", "small"])
def test_every_filter_and_translation_line_says_whom_it_serves(root: Path, workspace: Path) -> None:
    folder = root if root is REPOSITORY else workspace
    loaded = load_workspace(folder)
    for stage in stages(loaded.cutover()[1], loaded.services):
        for device, files in render_stage(loaded, stage).items():
            lines = files["nftables.conf"].text.splitlines()
            for line in map(str.strip, lines):
                state = line.startswith(("ct state ", 'iifname "lo"', "type "))
                if not state and line.endswith((" accept", " drop")):
                    pytest.fail(f"{device} at {stage.name}: {line} has no owner")
            said = [line for line in lines if ' comment "' in line]
            assert all(line.split(' comment "')[1].strip('"\n') for line in said)
            assert len(said) >= 3


def test_management_is_the_only_way_to_log_in_and_forwards_nothing(workspace: Path) -> None:
    for device, files in _rendered(workspace, "move").items():
        text = files["nftables.conf"].text
        chain = text.partition("chain input {")[2].partition("}\n\n")[0]
        assert "policy drop;" in chain, device
        limited, ssh = [line for line in chain.splitlines() if "dport 22 " in line]
        assert "limit rate over 10/second" in limited
        assert 'iifname "eth0" ip saddr 198.18.7.0/24 tcp dport 22 accept' in ssh
        forward = text.partition("chain forward {")[2].splitlines()
        assert forward[2:4] == [
            '\t\tiifname "eth0" drop comment "management"',
            '\t\toifname "eth0" drop comment "management"',
        ]


def test_what_a_session_is_at_first_shows_in_one_line(pcg: Pcg) -> None:
    """Bringing an exchange up is a change that a tired engineer can read."""
    lines = pcg("diff", "--from", "before", "--to", "build", "--host", "hq-border").out
    changed = [x for x in lines.splitlines() if x[:1] in "+-" and x[:3] not in ("+++", "---")]
    assert changed == [f"- neighbor {address} shutdown" for address in ("10.30.1.3", "10.30.1.5")]


def test_an_undefined_variable_is_refused_wherever_it_stands(workspace: Path, pcg: Pcg) -> None:
    path = workspace / "templates/linux/nftables.conf.j2"
    path.write_text(path.read_text() + "{{ nothing.of.the.kind }}\n")
    assert pcg("check").code == 2
    path.write_text(
        path.read_text().replace("{{ nothing.of.the.kind }}", "{% if nothing %}{% endif %}")
    )
    assert pcg("check").code == 2


def test_a_template_cannot_reach_beyond_the_device(workspace: Path, pcg: Pcg) -> None:
    path = workspace / "templates/linux/frr.conf.j2"
    path.write_text(path.read_text() + "{{ device.__class__.__mro__ }}\n")
    done = pcg("check")
    assert "access to attribute '__class__' of 'Device' object is unsafe." in done.err
    assert done.code == 2


# --- a template that takes too much ---------------------------------------------------------------


def test_the_next_rendering_is_none_the_worse_for_one_that_took_too_much(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "SECONDS", 1)
    worker.end()
    template = workspace / "templates/linux/frr.conf.j2"
    good = template.read_text()
    loaded = load_workspace(workspace)
    first, *_ = stages(loaded.cutovers["to-cloud"], loaded.services)
    before = render_stage(loaded, first)
    loop = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
    template.write_text(good + loop)
    with pytest.raises(InputError, match="takes more than 1 s") as caught:
        render_stage(loaded, first)
    assert caught.value.place == "templates/linux/frr.conf.j2"
    template.write_text(good)
    assert render_stage(loaded, first) == before
    worker.end()


def test_what_renders_gets_nothing_of_the_environment(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI_JOB_TOKEN", "canary")
    worker.end()
    worker.prepare()
    assert worker._current
    process = worker._current._process.pid
    assert b"canary" not in Path(f"/proc/{process}/environ").read_bytes()
