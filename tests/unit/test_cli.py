"""The `pcg` command as a user meets it."""

from __future__ import annotations

import hashlib
import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main

import pcg_netops
from pcg_netops.cli.commands import app
from pcg_netops.cli.own_topology import provide_startup
from pcg_netops.push.practice import lab_secrets
from tests.conftest import PCG, REPOSITORY, Pcg

ROUTERS = {"hq-border", "legacy-fw", "cloud-north", "cloud-south", "health-net", "hospital"}
FILES = ("nftables.conf", "frr.conf", "sshd.conf", "issue.net")


def test_version(pcg: Pcg) -> None:
    done = pcg("--version")
    assert (done.code, done.out, done.err) == (0, f"pcg-netops {pcg_netops.__version__}\n", "")


def test_help_names_every_command_and_what_it_does(pcg: Pcg) -> None:
    done = pcg("--help")
    commands = typer.main.get_group(app).commands
    assert {"init", "check", "render", "diff", "rehearse", "lab"} <= set(commands)
    listed = done.out.partition("Commands:")[2].splitlines()
    for name, command in commands.items():
        (line,) = (line for line in listed if line.startswith(f"  {name} "))
        assert command.help
        assert line.removeprefix(f"  {name}").strip()[:20] in command.help
    assert done.code == 0


def test_no_arguments_is_a_call_for_help(pcg: Pcg) -> None:
    done = pcg()
    assert (done.code, done.err) == (2, pcg("--help").out)


def test_check_counts_what_it_read(pcg: Pcg) -> None:
    done = pcg("check")
    assert done.out == "Northern Ambulance (test): 6 nodes, 2 services, 1 cutover: no errors\n"
    assert (done.code, done.err) == (0, "")


def test_render_writes_the_files_and_sums_that_sha256sum_confirms(
    workspace: Path, pcg: Pcg
) -> None:
    done = pcg("render", "--phase", "move", "--out", "out")
    assert done.out == "24 files of stage move written to out\n"
    out = workspace / "out"
    found = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    assert found == {f"{r}/{f}" for r in ROUTERS for f in FILES} | {"MANIFEST"}
    sums = ["sha256sum", "--strict", "-c", "MANIFEST"]
    assert subprocess.run(sums, cwd=out, capture_output=True).returncode == 0
    (out / "hospital/frr.conf").write_text("changed\n")
    assert subprocess.run(sums, cwd=out, capture_output=True).returncode == 1


def test_render_of_one_host_prints_just_its_files(workspace: Path, pcg: Pcg) -> None:
    pcg("render", "--phase", "move", "--out", "out")
    done = pcg("render", "--phase", "move", "--host", "hospital")
    expected = ""
    for name in FILES:
        text = (workspace / "out/hospital" / name).read_text()
        digest = hashlib.sha256(text.encode()).hexdigest()
        expected += f"# hospital/{name} sha256 {digest}\n{text}\n"
    assert (done.code, done.out) == (0, expected)


def test_render_shows_the_first_phase_unless_told(pcg: Pcg) -> None:
    assert pcg("render").out == pcg("render", "--phase", "before").out
    assert pcg("render").out != pcg("render", "--phase", "move").out


def test_diff_turns_the_one_phase_into_the_other(workspace: Path, pcg: Pcg) -> None:
    for phase in ("before", "move"):
        pcg("render", "--phase", phase, "--out", phase)
    done = pcg("diff", "--from", "before", "--to", "move", "--fresh")
    assert (done.code, done.err) == (0, "")
    before, after = (_configurations(workspace / phase) for phase in ("before", "move"))
    assert before != after
    apply = ["git", "apply", "-p1", "--unsafe-paths", "--directory=before", "-"]
    subprocess.run(apply, cwd=workspace, input=done.out, text=True, check=True)
    assert _configurations(workspace / "before") == after
    one = pcg("diff", "--from", "before", "--to", "move", "--host", "hq-border").out
    assert one.count("+++ ") == 1
    assert one in done.out


def _configurations(folder: Path) -> dict[str, str]:
    return {p.relative_to(folder).as_posix(): p.read_text() for p in folder.rglob("*.conf")}


def test_diff_of_a_move_is_short_and_on_the_edge_alone(pcg: Pcg) -> None:
    """What a board reads: local preferences and prepends."""
    lines = pcg("diff", "--from", "build", "--to", "move").out.splitlines()
    assert [line for line in lines if line.startswith("+++")] == ["+++ b/hq-border/frr.conf"]
    changed = {line[1:].split()[0:2][1] for line in lines if line[:1] in "+-" and line[1] == " "}
    assert changed == {"local-preference", "as-path"}


def test_diff_is_empty_where_nothing_changes(pcg: Pcg) -> None:
    done = pcg("diff", "--from", "move", "--to", "move", "--fresh")
    assert (done.code, done.out, done.err) == (0, "", "")


def _diff_on(workspace: Path, terminal: bool) -> str:
    """What `pcg diff` writes, to a terminal or to a pipe."""
    command = [*PCG, "diff", "--from", "build", "--to", "move", "-w", str(workspace)]
    environment = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR")}
    environment |= {"PYTHONPATH": str(REPOSITORY), "TERM": "xterm"}
    if not terminal:
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, check=True
        ).stdout
    ours, theirs = pty.openpty()
    with subprocess.Popen(command, env=environment, stdin=theirs, stdout=theirs) as process:
        os.close(theirs)
        written = b""
        try:
            while part := os.read(ours, 65536):
                written += part
        except OSError:
            pass  # how a terminal's end reads when the other one is closed
        assert process.wait() == 0
    os.close(ours)
    return written.decode().replace("\r\n", "\n")


def test_diff_is_coloured_on_a_terminal_only(workspace: Path) -> None:
    plain, shown = _diff_on(workspace, terminal=False), _diff_on(workspace, terminal=True)
    assert "\x1b" not in plain
    added = next(line for line in plain.splitlines() if line.startswith("+ "))
    removed = next(line for line in plain.splitlines() if line.startswith("- "))
    assert f"\x1b[32m{added}\x1b[0m\n" in shown
    assert f"\x1b[31m{removed}\x1b[0m\n" in shown


def test_init_makes_a_workspace_that_is_clean(
    workspace: Path, pcg: Pcg, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = pcg("init", "new")
    assert (done.code, done.out) == (0, "made new; try: cd new && pcg check\n")
    new = workspace / "new"
    assert {path.name for path in new.iterdir()} == {"inventory", "templates", "simulations"}
    checked = pcg("check", "-w", "new")
    assert (checked.code, checked.err) == (0, "")
    assert "13 services" in checked.out
    assert pcg("lab", "topology", "--check", "-w", "new").out == "up to date\n"


def test_the_committed_topology_is_what_the_inventory_describes(pcg: Pcg) -> None:
    done = pcg("lab", "topology", "--check", "-w", str(REPOSITORY))
    assert (done.code, done.out, done.err) == (0, "up to date\n", "")


def test_an_outdated_topology_is_found(workspace: Path, pcg: Pcg) -> None:
    place = "simulations/ambulance/topology.clab.yml"
    outdated = (
        f"error: {place}: is not what the inventory describes\n  remedy: run: pcg lab topology\n"
    )
    missing = pcg("lab", "topology", "--check")
    assert (missing.code, missing.out, missing.err) == (2, "", outdated)
    written = pcg("lab", "topology")
    assert written.out == f"wrote {place} and the startup files beside it\n"
    assert pcg("lab", "topology", "--check").code == 0
    pcg("render", "--out", "out")
    startup = workspace / "simulations/ambulance/startup"
    shutil.rmtree(startup)
    assert provide_startup(workspace / place)  # as `pcg lab up` does in a fresh clone
    assert not provide_startup(workspace / place)
    values = lab_secrets(workspace / "simulations/ambulance")
    for path in (workspace / "out").rglob("*.conf"):
        written_too = startup / path.relative_to(workspace / "out")
        assert written_too.read_text() == values.fill(path.read_text())
    network = workspace / "inventory/network.yaml"
    network.write_text(network.read_text().replace("mtu: 1400", "mtu: 1300"))
    edited = pcg("lab", "topology", "--check")
    assert (edited.code, edited.out, edited.err) == (2, "", outdated)


def test_a_reader_that_leaves_early_gives_no_traceback(workspace: Path) -> None:
    command = [*PCG, "render", "-w", str(workspace)]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.read(1)
        process.stdout.close()
        assert b"Traceback" not in process.stderr.read()


def test_the_quick_commands_load_no_heavy_library(workspace: Path) -> None:
    script = (
        "import sys; from pcg_netops.cli.main import _run; sys.argv[1:] = [{0}]; _run();"
        "print([name for name in ('nornir', 'netmiko', 'pyroute2', 'asyncssh', 'rich.live')"
        " if name in sys.modules])"
    )
    here = f"'-w', {str(workspace)!r}"
    for arguments in (
        "'--help'",
        f"'check', {here}",
        f"'render', '--out', {str(workspace / 'out')!r}, {here}",
        f"'diff', '--from', 'build', '--to', 'move', {here}",
    ):
        done = subprocess.run(
            [sys.executable, "-P", "-c", script.format(arguments)],
            env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.splitlines()[-1] == "[]", done.stdout
