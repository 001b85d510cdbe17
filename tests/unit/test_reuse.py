"""What an earlier run rendered is used again only where a run of its own would say the same."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pcg_netops.cli import reuse
from pcg_netops.cli.reuse import Rendering, Renderings
from pcg_netops.inventory.workspace import Workspace, load_workspace
from tests.conftest import Pcg, copy_small

# Places where one text may become another; each shows in some device's files.
CHANGES = [
    ("inventory/network.yaml", "asn: 65005", "asn: 65006"),
    ("inventory/network.yaml", "mtu: 1400", "mtu: 1300"),
    ("inventory/network.yaml", "{health: 10.20.0.16/28}", "{health: 10.20.0.48/28}"),
    ("inventory/services.yaml", "ports: 8443", "ports: 8444"),
    ("inventory/hosts.yaml", "hostname: 198.18.7.60", "hostname: 198.18.7.61"),
    ("inventory/cutovers/to-cloud.yaml", "exchanges: [legacy]\n", "exchanges: [legacy, cloud] #\n"),
    ("inventory/cutovers/to-cloud.yaml", "allow_lists: [legacy, cloud]", "allow_lists: [cloud]"),
    ("inventory/defaults.yaml", "platform: linux", "platform: linux # as ever"),
    ("templates/linux/frr.conf.j2", "frr defaults traditional", "frr defaults datacenter"),
    ("templates/linux/nftables.conf.j2", "policy drop", "policy  drop"),
]
PHASES = [None, "before", "build", "leave"]


@pytest.fixture
def cache() -> Path:
    return Path(os.environ["XDG_CACHE_HOME"]) / "pcg-netops"


def render(root: Path, phase: str | None = "build") -> Rendering:
    return Renderings(root, None).stage(phase)


def test_whatever_changes_the_files_are_those_of_a_first_run(tmp_path: Path) -> None:
    workspace = copy_small(tmp_path / "workspace")
    changed: set[int] = set()
    asked: set[tuple[frozenset[int], str | None]] = set()

    @settings(
        max_examples=15,
        database=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(st.integers(0, len(CHANGES) - 1), st.sampled_from(PHASES))
    def property_(number: int, phase: str | None) -> None:
        name, old, new = CHANGES[number]
        if number in changed:
            old, new = new, old
        text = (workspace / name).read_text()
        assert text.count(old) >= 1
        (workspace / name).write_text(text.replace(old, new))
        changed.symmetric_difference_update({number})
        first = Renderings(workspace, None, fresh=True).stage(phase)
        again = render(workspace, phase)
        assert (again.stage, again.artifacts) == (first.stage, first.artifacts)
        if (frozenset(changed), phase) not in asked:
            assert not again.reused
        asked.add((frozenset(changed), phase))
        assert render(workspace, phase) == Rendering(first.stage, first.artifacts, reused=True)

    property_()


def new_template(workspace: Path) -> None:
    (workspace / "templates/linux/new.j2").write_text("")


def other_engine(workspace: Path) -> None:
    (workspace.parent / "engine/render.py").write_text("changed = True\n")


def other_package(workspace: Path) -> None:
    (workspace.parent / "site/jinja2-3.1.6.dist-info").rename(
        workspace.parent / "site/jinja2-3.1.7.dist-info"
    )


def removed_file(workspace: Path) -> None:
    (workspace / "inventory/config.yaml").unlink()


def renamed_cutover(workspace: Path) -> None:
    (workspace / "inventory/cutovers/to-cloud.yaml").rename(
        workspace / "inventory/cutovers/renamed.yaml"
    )


@pytest.mark.parametrize(
    "change", [new_template, other_engine, other_package, removed_file, renamed_cutover]
)
def test_any_other_input_means_rendering_anew(
    change: Callable[[Path], None], workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(reuse._ENGINE, workspace.parent / "engine", ignore=lambda *_: ["_workspace"])
    (workspace.parent / "site/jinja2-3.1.6.dist-info").mkdir(parents=True)
    monkeypatch.setattr(reuse, "_ENGINE", workspace.parent / "engine")
    monkeypatch.syspath_prepend(workspace.parent / "site")
    assert not render(workspace).reused
    assert render(workspace).reused
    change(workspace)
    assert not render(workspace).reused
    assert render(workspace).reused


def test_what_changes_while_it_is_read_is_not_kept(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even where it has changed back by the end."""
    path = workspace / "inventory/services.yaml"
    text = path.read_text()

    def edited_meanwhile(root: Path) -> Workspace:
        path.write_text(text.replace("ports: 8443", "ports: 9999"))
        loaded = load_workspace(root)
        path.write_text(text)
        return loaded

    with monkeypatch.context() as patched:
        patched.setattr(reuse, "load_workspace", edited_meanwhile)
        assert "9999" in render(workspace).artifacts["cloud-north"]["nftables.conf"].text
    now = render(workspace)
    assert not now.reused
    assert "9999" not in now.artifacts["cloud-north"]["nftables.conf"].text


def test_a_damaged_result_is_rendered_anew(workspace: Path, cache: Path) -> None:
    whole = render(workspace)
    (kept,) = cache.iterdir()
    data = kept.read_bytes()
    places = [*range(0, len(data), len(data) // 5), len(data) - 1]
    for damaged in [
        *(data[:at] for at in places),
        *(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :] for at in places),
    ]:
        kept.write_bytes(damaged)
        assert render(workspace) == whole
    assert not whole.reused


def test_a_cache_that_others_can_write_to_is_not_trusted(workspace: Path, cache: Path) -> None:
    render(workspace)
    for mode in (0o770, 0o701, 0o707):
        cache.chmod(mode)
        assert not render(workspace).reused
    cache.chmod(0o700)
    assert render(workspace).reused
    moved = cache.rename(cache.parent / "moved")
    cache.symlink_to(moved)
    assert not render(workspace).reused


def test_nothing_is_kept_in_the_workspace_or_for_others(workspace: Path, cache: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in workspace.rglob("*")}
    render(workspace)
    assert {path: path.stat().st_mtime_ns for path in workspace.rglob("*")} == before
    assert cache.stat().st_mode & 0o777 == 0o700


def test_a_link_to_a_folder_of_templates_is_never_trusted(workspace: Path) -> None:
    """What it leads to could change unseen."""
    linux = workspace / "templates/linux"
    linux.rename(workspace / "linux")
    linux.symlink_to("../linux")
    assert not render(workspace).reused
    assert not render(workspace).reused


def test_a_link_to_a_template_is_followed(workspace: Path) -> None:
    path = workspace / "templates/linux/frr.conf.j2"
    real = path.rename(workspace / "elsewhere.j2")
    path.symlink_to(real)
    render(workspace)
    real.write_text(real.read_text().replace("traditional", "datacenter"))
    assert "datacenter" in render(workspace).artifacts["hospital"]["frr.conf"].text


def test_the_cache_does_not_grow_for_ever(workspace: Path, cache: Path) -> None:
    path = workspace / "inventory/services.yaml"
    for number in range(12):
        path.write_text(path.read_text() + f"# {number}\n")
        render(workspace)
    assert len(list(cache.iterdir())) == 8
    assert render(workspace).reused


def test_no_home_means_no_reuse(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/nowhere")
    assert not render(workspace).reused
    assert not render(workspace).reused


def test_render_says_what_it_reused_and_left_as_it_was(pcg: Pcg, workspace: Path) -> None:
    first = pcg("render", "--phase", "move", "--out", "out")
    count = sum(path.is_file() for path in (workspace / "out").glob("*/*"))
    assert (first.out, first.err) == (f"{count} files of stage move written to out\n", "")
    again = pcg("render", "--phase", "move", "--out", "out")
    assert again.out == f"{count} files of stage move written to out ({count} were there already)\n"
    assert again.err == (
        "stage move: reused what was rendered before for 6 devices, as nothing has changed since\n"
    )
    fresh = pcg("render", "--phase", "move", "--out", "out", "--fresh")
    assert (fresh.out, fresh.err) == (again.out, "")
    (workspace / "out/hospital/frr.conf").write_text("edited\n")
    mended = pcg("render", "--phase", "move", "--out", "out")
    assert f"({count - 1} were there already)" in mended.out
    assert (workspace / "out/hospital/frr.conf").read_text() != "edited\n"


def test_diff_shows_the_same_when_it_reuses(pcg: Pcg) -> None:
    arguments = ("diff", "--from", "build", "--to", "move")
    first = pcg(*arguments)
    again = pcg(*arguments)
    assert first.err == ""
    assert again.out == first.out
    assert [line.split(":")[0] for line in again.err.splitlines()] == ["stage build", "stage move"]


def test_a_broken_workspace_is_refused_whatever_was_rendered_before(
    pcg: Pcg, workspace: Path
) -> None:
    assert pcg("render").code == 0
    (workspace / "inventory/groups.yaml").write_text("everything: {unknown: 1}\n")
    assert pcg("render").code == 2
