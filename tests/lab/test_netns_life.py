"""How a lab comes up, fails to, and goes, as root and as an ordinary user."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from pcg_netops.errors import InputError, LabError
from pcg_netops.lab.embedded.lab import NetnsLab
from tests.lab.small import ring

pytestmark = pytest.mark.lab

_ROOT = Path(__file__).parents[2]
_SESSION = [sys.executable, "-m", "tests.lab.session"]
_NOBODY = [sys.executable, "-m", "tests.lab.nobody"]

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start() -> Iterator[Start]:
    with ExitStack() as stack:

        def start(*command: str) -> subprocess.Popen[str]:
            pipe = subprocess.PIPE
            process = stack.enter_context(
                subprocess.Popen(
                    command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, cwd=_ROOT
                )
            )
            stack.callback(process.kill)
            return process

        yield start


def _ready(session: subprocess.Popen[str]) -> dict[str, Any]:
    assert session.stdout
    assert session.stderr
    line = session.stdout.readline()
    assert line, session.stderr.read()
    facts: dict[str, Any] = json.loads(line)
    return facts


def _pid_namespace(session: subprocess.Popen[str]) -> str:
    """The namespace that all of a session's lab is in."""
    (child,) = Path(f"/proc/{session.pid}/task/{session.pid}/children").read_text().split()
    return str(Path(f"/proc/{child}/ns/pid_for_children").readlink())


def _inhabitants(pid_namespace: str) -> list[int]:
    """Its processes, and the one that waits outside for the first of them."""
    found = []
    for process in Path("/proc").iterdir():
        try:
            if process.name.isdigit() and pid_namespace in (
                str((process / "ns/pid").readlink()),
                str((process / "ns/pid_for_children").readlink()),
            ):
                found.append(int(process.name))
        except OSError:
            continue  # has ended
    return found


def _machine() -> tuple[list[str], str]:
    """What a lab must not change: interfaces and mounts."""
    interfaces = sorted(path.name for path in Path("/sys/class/net").iterdir())
    return interfaces, Path("/proc/self/mountinfo").read_text()


def _finish(session: subprocess.Popen[str]) -> None:
    assert session.stdin
    session.stdin.close()


@pytest.mark.parametrize(
    "end",
    [
        pytest.param(_finish, id="normal end"),
        pytest.param(lambda session: session.send_signal(signal.SIGINT), id="Ctrl-C"),
        pytest.param(lambda session: session.kill(), id="kill -9"),
    ],
)
def test_nothing_is_left_of_a_lab_two_seconds_after_its_end(
    start: Start, tmp_path: Path, end: Callable[[subprocess.Popen[str]], None]
) -> None:
    before = _machine()
    session = start(*_SESSION, str(tmp_path))
    facts = _ready(session)
    namespace = _pid_namespace(session)
    assert len(_inhabitants(namespace)) == facts["processes"] + 1
    assert _machine() == before

    end(session)
    deadline = time.monotonic() + 2
    while left := _inhabitants(namespace):
        assert time.monotonic() < deadline, f"left: {left}"
        time.sleep(0.02)
    assert _machine() == before


def test_two_labs_of_the_same_addresses_run_side_by_side(start: Start, tmp_path: Path) -> None:
    sessions = [start(*_SESSION, str(tmp_path / name)) for name in ("one", "two")]
    facts = [_ready(session) for session in sessions]
    assert facts[0]["processes"] == facts[1]["processes"]
    sessions[0].kill()
    sessions[0].wait()
    time.sleep(0.3)
    assert len(_inhabitants(_pid_namespace(sessions[1]))) == facts[1]["processes"] + 1


def test_an_ordinary_user_runs_a_lab(start: Start) -> None:
    make = "import sys, tempfile; print(tempfile.mkdtemp())"
    made = subprocess.run(
        [*_NOBODY, sys.executable, "-c", make],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    folder = made.stdout.strip()
    session = start(*_NOBODY, *_SESSION, folder)
    facts = _ready(session)
    assert facts["user"] != 0
    assert facts["ssh"] == "SSH-"
    _finish(session)
    assert session.wait(5) == 0
    subprocess.run(["rm", "-r", folder], check=True)


def _spoiled(folder: Path, file: str, text: str) -> NetnsLab:
    topology = ring(folder, 2)
    path = folder / "startup" / "r2" / file
    path.write_text(path.read_text() + text)
    return NetnsLab.up(topology, folder, folder / "run")


def test_a_wrong_line_of_a_saved_configuration_is_named(tmp_path: Path) -> None:
    with pytest.raises(LabError) as error:
        _spoiled(tmp_path / "frr", "frr.conf", "router bogus\n")
    said = str(error.value)
    assert said.startswith("r2: did not start:\nvtysh: line ")
    assert "% Unknown command" in said
    assert "router bogus" in said
    with pytest.raises(LabError) as error:
        _spoiled(tmp_path / "nft", "nftables.conf", "table inet bogus {{\n")
    assert str(error.value).startswith(
        "r2: did not start:\nnft: /var/lib/pcg/nftables.conf:5:19-19: Error: syntax error"
    )


def test_a_daemon_that_does_not_start_is_named(tmp_path: Path) -> None:
    topology = ring(tmp_path, 2)
    (tmp_path / "spoiler").mkdir()
    node = topology.nodes["r1"]
    assert node
    binds = (*node.binds, "spoiler:/run/frr/zserv.api")
    nodes = topology.nodes | {"r1": node.model_copy(update={"binds": binds})}
    body = topology.topology.model_copy(update={"nodes": nodes})
    with pytest.raises(LabError, match=r"^r1: did not start:\nzebra: .*Can't bind zserv"):
        NetnsLab.up(topology.model_copy(update={"topology": body}), tmp_path, tmp_path / "run")


def test_a_missing_saved_configuration_is_named(tmp_path: Path) -> None:
    topology = ring(tmp_path, 2)
    (tmp_path / "startup/r1/nftables.conf").unlink()
    with pytest.raises(
        LabError, match=r"^r1: did not start:\nstart: no nftables\.conf in /run/pcg"
    ):
        NetnsLab.up(topology, tmp_path, tmp_path / "run")
    (tmp_path / "startup/r1/frr.conf").unlink()
    (tmp_path / "startup/r1").rmdir()
    with pytest.raises(
        InputError,
        match=r"node 'r1': the bind's source does not exist\s+remedy: .*pcg lab topology",
    ):
        NetnsLab.up(topology, tmp_path, tmp_path / "run")


def test_a_lab_that_is_down_says_so_and_stays_down(tmp_path: Path) -> None:
    lab = NetnsLab.up(ring(tmp_path, 2), tmp_path, tmp_path / "run")
    lab.down()
    lab.down()
    with pytest.raises(LabError, match=r"^the lab is down$"):
        lab.run("r1", ["true"])


def test_missing_daemons_are_named_with_their_packages(start: Start, tmp_path: Path) -> None:
    hide = 'mount -t tmpfs none /usr/lib/frr && exec "$@"'
    session = start("unshare", "-Urm", "sh", "-c", hide, "sh", *_SESSION, str(tmp_path))
    _, said = session.communicate(timeout=20)
    assert session.returncode == 3
    assert said == (
        "the lab needs programs that are missing: zebra, bgpd, bfdd (Debian package frr); "
        "frr-reload.py (Debian package frr-pythontools)\n"
        "  remedy: as root: apt-get install frr frr-pythontools\n"
    )


def test_no_permission_for_namespaces_is_explained(start: Start, tmp_path: Path) -> None:
    forbid = 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"'
    session = start("unshare", "-Ur", "sh", "-c", forbid, "sh", *_SESSION, str(tmp_path))
    _, said = session.communicate(timeout=20)
    assert session.returncode == 3
    assert said == (
        "the lab needs namespaces that this user may not make: unshare: No space "
        "left on device (user.max_user_namespaces is 0)\n"
        "  remedy: as root: sysctl -w user.max_user_namespaces=15000\n"
    )
