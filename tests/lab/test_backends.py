"""What a lab does whichever backend runs its nodes: one suite for all of them.

`containerlab` is the real program, and runs where it, Docker and the node image are found.
`stand-in` is our driver with a small program in the place of it (tests/fakes/containerlab).
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pcg_netops.errors import EnvironmentLack, InputError, LabError
from pcg_netops.lab.backends import Backend, prepare, start
from pcg_netops.lab.containers import program as containerlab
from pcg_netops.lab.controller import OwnedLab
from pcg_netops.lab.protocol import Fault
from pcg_netops.lab.topology.file import load, to_yaml
from tests.conftest import REPOSITORY, Pcg
from tests.lab.small import ring, wait_for_routes

pytestmark = pytest.mark.lab

STAND_IN = REPOSITORY / "tests/fakes/containerlab"
_SETTLED_S = 20.0


def why_not() -> str:
    """Why the real containerlab cannot be used here; "" where it can."""
    try:
        containerlab.require()
    except EnvironmentLack as lack:
        return lack.message
    done = subprocess.run(
        ["docker", "image", "inspect", "pcg-netops/node"], capture_output=True, text=True
    )
    return done.stderr.strip()


def on_path(patch: pytest.MonkeyPatch) -> None:
    """Put the stand-in where the driver finds it; it runs with the tests' own Python."""
    if os.geteuid() != 0:
        pytest.skip("not run: the stand-in makes namespaces as root, and this is another user")
    folders = (str(STAND_IN), str(Path(sys.executable).parent), os.environ["PATH"])
    patch.setenv("PATH", os.pathsep.join(folders))


@pytest.fixture(scope="module", params=["netns", "containerlab", "stand-in"])
def lab(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OwnedLab]:
    """A ring of three routers with two hosts."""
    folder = tmp_path_factory.mktemp("lab")
    path = folder / "ring.clab.yml"
    path.write_text(to_yaml(ring(folder, 3, hosts=2)))
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "stand-in":
            on_path(patch)
        elif request.param == "containerlab" and (why := why_not()):
            pytest.skip(f"the real containerlab is not tested here: {why}")
        backend: Backend = "netns" if request.param == "netns" else "containerlab"
        layout = prepare(backend, load(path), folder)
        with start(backend, layout, path, folder / "run") as running:
            wait_for_routes(running, 3)
            yield running
        running.down()
        assert not (folder / "clab-ring").exists()
        with pytest.raises(LabError, match="is down"):
            running.run("r1", ["true"])


def within(seconds: float, question: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while not (answer := question()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return answer


def reaches(lab: OwnedLab, timeout: float = 0.5) -> bool:
    """Whether a datagram of the first host comes to the second."""
    kind = (socket.AF_INET, socket.SOCK_DGRAM)
    with lab.socket("h2", *kind) as there, lab.socket("h1", *kind) as here:
        there.settimeout(timeout)
        try:
            there.bind(("192.0.2.18", 5000))
            here.sendto(b"question", ("192.0.2.18", 5000))
            return there.recv(100) == b"question"
        except OSError:
            return False


def test_hosts_reach_each_other(lab: OwnedLab) -> None:
    assert within(_SETTLED_S, lambda: reaches(lab))


def test_a_command_runs_on_its_node_and_finds_itself_there(lab: OwnedLab) -> None:
    script = "hostname; cat; test -e /proc/self/stat && echo no >&2; exit 3"
    done = lab.run("r2", ["sh", "-c", script], stdin="in")
    assert (done.returncode, done.stdout, done.stderr) == (3, "r2\nin", "no\n")
    with pytest.raises(LabError, match="r9: the lab has no such node"):
        lab.run("r9", ["true"])


def test_nodes_tell_their_programs(lab: OwnedLab) -> None:
    states = lab.nodes()
    assert set(states) == {"r1", "r2", "r3", "h1", "h2"}
    assert {"zebra", "bgpd", "bfdd"} <= set(states["r1"].processes.values())
    assert "zebra" not in states["h1"].processes.values()
    assert lab.memory() > 10_000_000
    assert lab.processes() >= 9


def test_power_comes_back_from_what_was_saved(lab: OwnedLab) -> None:
    lab.run("r3", ["sh", "-c", "touch /run/lost /var/lib/pcg/kept"])
    lab.power_off(["r3"])
    assert not lab.nodes()["r3"].processes
    with pytest.raises(LabError, match="powered off"):
        lab.run("r3", ["true"])
    lab.power_on(["r3"])
    wait_for_routes(lab, 3)
    found = lab.run("r3", ["ls", "/run/lost", "/var/lib/pcg/kept"]).stdout
    assert found == "/var/lib/pcg/kept\n"


@pytest.mark.parametrize(
    "fault",
    [
        Fault("link-down", "h1", "eth1"),
        Fault("silent", "h1", "eth1"),
        Fault("loss", "h2", "eth1", "100", "in"),
        Fault("freeze", "r1"),
    ],
    ids=lambda fault: fault.kind,
)
def test_a_fault_breaks_the_way_and_healing_mends_it(lab: OwnedLab, fault: Fault) -> None:
    assert within(_SETTLED_S, lambda: reaches(lab))
    lab.fault(fault)
    # A frozen router's kernel goes on: what fails is its neighbours' sessions.
    if fault.kind == "freeze":
        down = ["vtysh", "-c", "show bfd peers json"]
        assert within(_SETTLED_S, lambda: '"down"' in lab.run("r2", down).stdout)
    else:
        assert not reaches(lab)
    lab.heal(fault)
    assert lab.faults() == []
    assert within(_SETTLED_S, lambda: reaches(lab))


def test_a_daemon_dies_alone_and_starts_again(lab: OwnedLab) -> None:
    before = lab.run("r1", ["cat", "/run/frr/bgpd.pid"]).stdout
    lab.fault(Fault("kill", "r1", value="bgpd"))
    assert "bgpd" not in lab.nodes()["r1"].processes.values()
    assert "bgpd" in lab.nodes()["r2"].processes.values()
    lab.heal(Fault("kill", "r1"))
    assert lab.run("r1", ["cat", "/run/frr/bgpd.pid"]).stdout != before
    wait_for_routes(lab, 3)


def test_management_is_reached_over_ssh(lab: OwnedLab) -> None:
    if not lab.known_hosts.read_text():
        pytest.skip("the stand-in for containerlab has no management network")
    with lab.connect("r1") as connection:
        assert connection.recv(4) == b"SSH-"


# --- what goes wrong ---------------------------------------------------------------------------


def test_a_machine_without_containerlab_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pcg: Pcg
) -> None:
    path = tmp_path / "ring.clab.yml"
    path.write_text(to_yaml(ring(tmp_path, 2)))
    monkeypatch.setenv("PATH", "/nowhere")
    for command in (("lab", "up", str(path)), ("rehearse",)):
        done = pcg(*command, "--backend", "containerlab")
        assert done.code == 3
        assert "there is no program 'containerlab'" in done.err
        assert "leave out --backend" in done.err


def test_a_node_that_does_not_start_is_named_with_its_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_path(monkeypatch)
    path = tmp_path / "ring.clab.yml"
    path.write_text(to_yaml(ring(tmp_path, 2)))
    (tmp_path / "startup/r2/nftables.conf").write_text("table inet {\n")
    layout = prepare("containerlab", load(path), tmp_path)
    with pytest.raises(LabError, match=r"r2: did not start:\nnft: .*syntax error"):
        start("containerlab", layout, path, tmp_path / "run")
    assert not (tmp_path / "clab-ring").exists()


def test_the_words_of_containerlab_are_passed_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_path(monkeypatch)
    path = tmp_path / "ring.clab.yml"
    path.write_text(to_yaml(ring(tmp_path, 2)).replace("pcg-netops/node", "missing"))
    layout = prepare("containerlab", load(path), tmp_path)
    with pytest.raises(LabError, match="pull access denied for missing"):
        start("containerlab", layout, path, tmp_path / "run")


def test_a_bind_that_is_missing_is_named_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_path(monkeypatch)
    path = tmp_path / "ring.clab.yml"
    path.write_text(to_yaml(ring(tmp_path, 2)))
    shutil.rmtree(tmp_path / "startup/r1")
    layout = prepare("containerlab", load(path), tmp_path)
    with pytest.raises(InputError, match="r1"):
        start("containerlab", layout, path, tmp_path / "run")
