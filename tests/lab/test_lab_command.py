"""`pcg lab`: a lab of the background, from one command to the next."""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from netmiko import ConnectHandler
from nornir import InitNornir

from tests.conftest import PCG
from tests.lab.small import ring

pytestmark = pytest.mark.lab

_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Done:
    """How a run of `pcg` ended."""

    code: int
    out: str
    err: str


class Machine:
    """A user's folder, and `pcg` run in it with running labs of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.runtime = folder / "run"
        self.runtime.mkdir(mode=0o700)
        self.environment = os.environ | {
            "XDG_RUNTIME_DIR": str(self.runtime),
            "PYTHONPATH": str(_ROOT),
        }

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """`pcg lab` without waiting for it."""
        pipe = subprocess.PIPE
        command = [*PCG, "lab", *arguments]
        return subprocess.Popen(
            command, cwd=self.folder, env=self.environment, stdout=pipe, stderr=pipe
        )

    def pcg(self, *arguments: str) -> Done:
        """`pcg lab` to its end."""
        process = self.start(*arguments)
        out, err = process.communicate(timeout=60)
        return Done(process.returncode, out.decode(errors="replace"), err.decode())

    def write(self, name: str, text: str) -> Path:
        """A file in the user's folder."""
        path = self.folder / name
        path.write_text(text)
        return path

    def json(self, command: str, *arguments: str) -> Any:
        """What `pcg lab` says, as JSON."""
        done = self.pcg(command, "--format", "json", *arguments)
        assert done.code == 0, done.err
        return json.loads(done.out)

    def traces(self) -> set[str]:
        """What a lab could leave: processes of this folder, files, mounts, interfaces."""
        found = {f"file {path}" for path in self.folder.rglob("*") if path.name != ".lock"}
        found |= {f"interface {path.name}" for path in Path("/sys/class/net").iterdir()}
        found |= {f"mount {line}" for line in Path("/proc/self/mounts").read_text().splitlines()}
        for process in Path("/proc").iterdir():
            if process.name.isdigit():
                try:
                    environment = (process / "environ").read_bytes()
                    if str(self.runtime).encode() in environment:
                        found.add(f"process {(process / 'cmdline').read_bytes()!r}")
                except OSError:
                    continue  # has ended
        return found


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    made = Machine(tmp_path)
    yield made
    made.pcg("down", "--all")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A machine with a lab of two routers, each with a host."""
    machine = Machine(tmp_path_factory.mktemp("m"))
    topology = ring(machine.folder, 2, hosts=2)
    body = topology.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    machine.write("ring.clab.yml", json.dumps(body))
    done = machine.pcg("up", "ring.clab.yml")
    assert done.code == 0, done.err
    assert done.out.splitlines()[-1].startswith("lab ring is up after ")
    assert done.out.endswith(" s: 4 nodes, 3 links\n")
    yield machine
    assert machine.pcg("down").out == "lab ring is down\n"


def test_a_lab_outlives_the_command_that_started_it(running: Machine) -> None:
    found = running.json("status")
    assert {node["name"]: node["state"] for node in found["nodes"]} == dict.fromkeys(
        ["r1", "r2", "h1", "h2"], "on"
    )
    assert found["nodes"][0]["programs"] == ["bfdd", "bgpd", "staticd", "zebra"]
    deadline = time.monotonic() + 20
    while running.json("status")["nodes"][0]["sessions"].get("BGP") != {"up": 1, "all": 1}:
        assert time.monotonic() < deadline
    assert "BGP 1/1" in running.pcg("status").out


def test_status_does_not_wait_for_a_frozen_node(running: Machine) -> None:
    assert running.pcg("fault", "freeze", "r2").code == 0
    try:
        found = running.json("status")
    finally:
        running.pcg("fault", "freeze", "r2", "--heal")
    assert [fault["kind"] for fault in found["faults"]] == ["freeze"]
    assert found["nodes"][1]["sessions"] == {}
    assert found["nodes"][0]["sessions"]["BFD"]["all"] == 1


def test_inspect_has_containerlab_s_shape(running: Machine) -> None:
    (nodes,) = running.json("inspect").values()
    assert [node["name"] for node in nodes] == [f"clab-ring-{n}" for n in ("h1", "h2", "r1", "r2")]
    router = nodes[2]
    assert router["lab_name"] == "ring"
    assert router["ipv4_address"] == "198.18.0.11/24"
    assert router["state"] == "running"
    assert router["absLabPath"] == str(running.folder / "ring.clab.yml")
    assert router["labPath"] == "ring.clab.yml"
    assert nodes[0]["ipv4_address"] == "N/A"
    assert running.pcg("inspect").out.splitlines()[1].split()[-1] == "N/A"
    assert {"container_id", "image", "kind", "status", "owner"} <= set(router)


def test_what_cannot_be_meant_is_told_with_what_can(running: Machine) -> None:
    for arguments, said in {
        ("fault", "silent", "r1:eth7"): "node 'r1' has no interface 'eth7'",
        ("exec", "--timeout", "nan", "r1", "true"): "--timeout is to be some seconds",
        ("exec", "--timeout", "-1", "r1", "true"): "--timeout is to be some seconds",
    }.items():
        done = running.pcg(*arguments)
        assert (done.code, said in done.err, "remedy: " in done.err) == (2, True, True), done.err


def test_exec_has_containerlab_s_shape_and_tells_of_failure(running: Machine) -> None:
    found = running.json("exec", "r1,h1", "--", "hostname")
    assert found == {
        f"clab-ring-{name}": [
            {"cmd": ["hostname"], "return-code": 0, "stdout": f"{name}\n", "stderr": ""}
        ]
        for name in ("r1", "h1")
    }
    (answer,) = running.json("exec", "r1", "--", "ip", "-j", "link", "show", "lo").values()
    assert answer[0]["stdout"][0]["ifname"] == "lo"
    done = running.pcg("exec", "all", "--", "sh", "-c", "test $(hostname) != r2")
    assert done.code == 1
    assert running.pcg("exec", "r3", "true").err == (
        "error: lab 'ring' has no node 'r3'\n  remedy: its nodes: r1, r2, h1, h2\n"
    )


def test_stock_nornir_and_netmiko_log_in_with_the_inventory(running: Machine) -> None:
    inventory = running.folder / "clab-ring/nornir-simple-inventory.yml"
    nornir = InitNornir(
        inventory={
            "plugin": "SimpleInventory",
            "options": {
                "host_file": str(inventory),
                "group_file": str(running.folder / "none"),
                "defaults_file": str(running.folder / "none"),
            },
        },
        logging={"enabled": False},
    )
    assert sorted(nornir.inventory.hosts) == ["r1", "r2"]
    for name, host in nornir.inventory.hosts.items():
        given = host.get_connection_parameters("netmiko")
        # What nornir_netmiko does with them.
        with ConnectHandler(
            device_type=given.platform,
            host=given.hostname,
            port=given.port,
            username=given.username,
            password=given.password,
            **(given.extras or {}),
        ) as connection:
            assert connection.send_command("hostname") == name


def test_openssh_logs_in_with_the_lab_s_configuration(running: Machine) -> None:
    assert running.pcg("ssh", "r2", "hostname").out == "r2\n"
    done = running.pcg("ssh", "h1")
    assert (done.code, done.err) == (
        2,
        "error: node 'h1' is not on the management network\n"
        "  remedy: run commands with: pcg lab exec h1 COMMAND\n",
    )


def test_containerlab_s_files_name_every_node(running: Machine) -> None:
    folder = running.folder / "clab-ring"
    data = json.loads((folder / "topology-data.json").read_text())
    assert data["nodes"]["r1"]["mgmt-ipv4-address"] == "198.18.0.11"
    assert data["links"][0]["endpoints"]["z"] == {
        "node": "r2",
        "interface": "eth1",
        "mac": "",
        "peer": "a",
    }
    ansible = (folder / "ansible-inventory.yml").read_text()
    assert "clab-ring-r1:\n" in ansible
    assert "ansible_host: 127.0.0.1\n" in ansible


def test_captured_packets_are_a_pcap_stream(running: Machine) -> None:
    process = running.start("capture", "h1:eth1", "--count", "2", "--seconds", "20")
    deadline = time.monotonic() + 10
    while process.poll() is None and time.monotonic() < deadline:
        running.pcg("exec", "h1", "--", "sh", "-c", "echo knock > /dev/udp/192.0.2.9/7 || true")
        running.pcg("exec", "h1", "--", "bash", "-c", "echo knock > /dev/udp/192.0.2.9/7")
    data, err = process.communicate(timeout=5)
    assert process.returncode == 0, err
    magic, major, minor, _, _, _, link = struct.unpack_from("=IHHiIII", data)
    assert (magic, major, minor, link) == (0xA1B23C4D, 2, 4, 1)
    frames, at = [], 24
    while at < len(data):
        seconds, nanoseconds, kept, length = struct.unpack_from("=IIII", data, at)
        assert abs(seconds - time.time()) < 60
        assert nanoseconds < 10**9
        assert kept == length
        frames.append(data[at + 16 : at + 16 + kept])
        at += 16 + kept
    assert len(frames) == 2
    assert any(frame.endswith(b"knock\n") or frame[12:14] == b"\x08\x06" for frame in frames)
    assert "has no interface 'eth9'" in running.pcg("capture", "h1:eth9").err


def test_logs_graph_and_save_say_what_runs(running: Machine) -> None:
    drawing = running.pcg("graph").out
    assert drawing.startswith("graph LR\n")
    assert 'n0 ---|"eth1 – eth1"| n1\n' in drawing
    assert running.pcg("graph", "ring.clab.yml", "--format", "dot").out.startswith("graph lab {")
    saved = running.pcg("save", "--node", "r1", "--copy", "kept").out.splitlines()
    assert len(saved) == 4
    for folder in ("clab-ring", "kept/clab-ring"):
        text = (running.folder / folder / "r1/frr.conf").read_text()
        assert "router bgp 64513\n" in text
    assert "table inet filter" in (running.folder / "kept/clab-ring/r1/nftables.conf").read_text()
    assert running.pcg("logs", "r1").code == 0


def test_a_second_lab_of_the_name_is_refused(running: Machine) -> None:
    done = running.pcg("up", "ring.clab.yml")
    assert done.code == 2
    assert "a lab 'ring' is running already, from " in done.err
    assert "remedy: end it with `pcg lab down ring`" in done.err


_PORTS = """
name: {name}
topology:
  nodes:
    web:
      kind: linux
      image: debian:12
      cmd: python3 -c 'import socket;
        s = socket.create_server(("", 80)); print("listening", flush=True);
        [s.accept()[0].sendall(b"{name}") for _ in range(9)]'
      ports: [{port}:80]
"""


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def test_labs_run_side_by_side_publish_ports_and_end_without_a_trace(machine: Machine) -> None:
    ports = {name: _free_port() for name in ("one", "two")}
    for name, port in ports.items():
        machine.write(f"{name}.clab.yml", _PORTS.format(name=name, port=port))
    before = machine.traces()
    for name in ports:
        assert machine.pcg("up", f"{name}.clab.yml").code == 0
    for name, port in ports.items():
        with socket.create_connection(("127.0.0.1", port), 5) as connection:
            assert connection.recv(10) == name.encode()
    assert "listening" in machine.pcg("logs", "web", "--lab", "one").out
    done = machine.pcg("down")
    assert done.code == 2
    assert "several labs are running\n  remedy: name one of them: one, two" in done.err
    assert machine.pcg("down", "one.clab.yml").out == "lab one is down\n"
    assert machine.json("status")["name"] == "two"
    assert machine.pcg("down", "--all").out == "lab two is down\n"
    assert machine.traces() - before <= {f"file {machine.runtime / 'pcg'}"}
    assert machine.pcg("status").out == "no lab is running\n"


_BROKEN = """
name: broken
topology:
  nodes:
    r1:
      kind: linux
      image: frrouting/frr
      binds: [frr.conf:/etc/frr/frr.conf]
    h1: {kind: linux, image: alpine, memory: 1Gb, exec: ["false"]}
"""


def test_a_lab_that_does_not_start_is_taken_down_or_kept(machine: Machine) -> None:
    machine.write("frr.conf", "interface eth1\n ip adress 192.0.2.1/24\n")
    machine.write("broken.clab.yml", _BROKEN)
    before = machine.traces()
    done = machine.pcg("up", "broken.clab.yml")
    assert done.code == 3
    assert done.out == (
        "binds 1 of its own files and folders, 1 to be written to\n"
        "runs on its nodes: `false`\n"
        "not honoured here: memory (h1): no limits are set\n"
    )
    assert "error: r1: did not start:\nvtysh: " in done.err
    assert "ip adress 192.0.2.1/24" in done.err
    assert done.err.endswith("  remedy: --keep leaves up what does start\n")
    assert machine.traces() - before <= {f"file {machine.runtime / 'pcg'}"}

    done = machine.pcg("up", "--keep", "broken.clab.yml")
    assert done.code == 3
    assert "warning: h1: `false`: exit code 1\n" in done.err
    assert "remedy: the lab is kept; look around, then: pcg lab down broken" in done.err
    assert machine.pcg("exec", "r1", "hostname").out == "r1\n"


_DOUBTFUL = """
name: doubtful
topology:
  nodes:
    r1: {kind: linux, image: frrouting/frr, binds: [frr.conf:/etc/frr/frr.conf]}
    r2: {kind: linux, image: frrouting/frr, binds: [frr.conf:/etc/frr/frr.conf]}
    h1: {kind: linux, image: alpine, exec: [ip address add 192.0.2.1/24 dev eth1], cmd: "false"}
    h2: {kind: linux, image: alpine, exec: [ip address add 192.0.2.2/24 dev eth1], cmd: "true"}
  links:
    - endpoints: [r1:eth1, r2:eth1]
    - endpoints: [r1:eth2, h1:eth1]
    - endpoints: [h1:eth2, h2:eth1]
"""


def test_what_is_hardly_meant_is_a_warning_that_names_the_nodes(machine: Machine) -> None:
    machine.write("frr.conf", "interface eth1\n ip address 192.0.2.1/24\n")
    machine.write("doubtful.clab.yml", _DOUBTFUL)
    done = machine.pcg("up", "doubtful.clab.yml")
    assert done.code == 0, done.err
    assert done.err.splitlines() == [
        "warning: h1: `false` has ended with exit code 1; see pcg lab logs",
        "warning: address 192.0.2.1 is at both ends of a cable: r1:eth1 and r2:eth1",
    ]


def test_a_full_disk_is_told_with_its_place(machine: Machine) -> None:
    machine.write("one.clab.yml", _PORTS.format(name="one", port=_free_port()))
    machine.runtime = machine.folder / "full"
    machine.runtime.mkdir(mode=0o700)
    fill = f'mount -t tmpfs -o size=12k,mode=700 none {machine.runtime} && exec "$@"'
    command = ["unshare", "-Urm", "sh", "-c", fill, "sh", *PCG, "lab", "up", "one.clab.yml"]
    environment = machine.environment | {"XDG_RUNTIME_DIR": str(machine.runtime)}
    done = subprocess.run(
        command, cwd=machine.folder, env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 3, done.stderr
    assert "No space left on device\n  remedy: make room" in done.stderr
    assert not (machine.folder / "clab-one").exists()


@pytest.mark.parametrize(
    ("number", "delay"),
    [
        (signal.SIGKILL, 0.4),
        (signal.SIGKILL, 0.8),
        (signal.SIGINT, 0.6),
        (signal.SIGTERM, 0.7),
        (signal.SIGHUP, 0.5),
    ],
)
def test_an_interrupted_start_leaves_nothing(
    machine: Machine, delay: float, number: signal.Signals
) -> None:
    machine.write("one.clab.yml", _PORTS.format(name="one", port=_free_port()))
    before = machine.traces()
    process = machine.start("up", "one.clab.yml")
    time.sleep(delay)
    process.send_signal(number)
    process.communicate(timeout=10)
    if process.returncode == 0:
        machine.pcg("down")  # it was quicker
    deadline = time.monotonic() + 3
    while left := machine.traces() - before - {f"file {machine.runtime / 'pcg'}"}:
        assert time.monotonic() < deadline, left
        time.sleep(0.05)


def test_a_killed_supervisor_takes_its_lab_along(machine: Machine) -> None:
    machine.write("one.clab.yml", _PORTS.format(name="one", port=_free_port()))
    assert machine.pcg("up", "one.clab.yml").code == 0
    record = json.loads((machine.runtime / "pcg/one/lab.json").read_text())
    os.kill(record["pid"], signal.SIGKILL)
    deadline = time.monotonic() + 3
    while left := {trace for trace in machine.traces() if trace.startswith("process")}:
        assert time.monotonic() < deadline, left
        time.sleep(0.05)
    assert machine.pcg("status").out == "no lab is running\n"
    assert machine.pcg("up", "one.clab.yml").code == 0


def test_an_ordinary_user_has_labs_in_the_background(tmp_path: Path) -> None:
    script = f"""
set -e
folder=$(mktemp -d); cd $folder; mkdir -m 700 run
export XDG_RUNTIME_DIR=$folder/run PYTHONPATH={_ROOT}
printf 'name: u\\ntopology: {{nodes: {{n: {{kind: linux, image: alpine}}}}}}\\n' > u.clab.yml
pcg() {{ {sys.executable} -P -c 'from pcg_netops.cli import main; main()' lab "$@"; }}
pcg up u.clab.yml
pcg exec n -- sh -c 'touch /etc/new && id -u && hostname'
pcg ssh n hostname
pcg down
cd /; rm -r $folder
"""
    nobody = [sys.executable, "-m", "tests.lab.nobody", "bash", "-c", script]
    done = subprocess.run(nobody, cwd=_ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[1:] == ["0", "n", "n", "lab u is down"]
