"""The embedded lab as its users see it: real namespaces, daemons, SSH and traffic."""

from __future__ import annotations

import json
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import paramiko
import pytest
from netmiko import ConnectHandler, NetmikoAuthenticationException, NetmikoTimeoutException

from pcg_netops.errors import LabError
from pcg_netops.lab.controller import USERNAME
from pcg_netops.lab.embedded.lab import NetnsLab
from pcg_netops.lab.observe.capture import capture
from tests.lab.small import ring, wait_for_routes

pytestmark = pytest.mark.lab

_DAEMONS = 4  # zebra, bfdd, bgpd, staticd
# Of three routers; a holder for each of five nodes; the first process, agent and SSH server.
_PROCESSES = 3 * _DAEMONS + 5 + 3


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NetnsLab]:
    folder = tmp_path_factory.mktemp("lab")
    with NetnsLab.up(ring(folder, 3, hosts=2), folder, folder / "run") as lab:
        wait_for_routes(lab, 3)
        yield lab


def _log_in(
    lab: NetnsLab, node: str, *, user: str = USERNAME, known_hosts: Path | None = None
) -> Any:
    return ConnectHandler(
        device_type="linux",
        host=f"198.18.0.1{node[1:]}",
        username=user,
        pkey=paramiko.Ed25519Key.from_private_key(StringIO(lab.client_key)),
        sock=lab.connect(node),
        ssh_strict=True,
        system_host_keys=False,
        alt_host_keys=True,
        alt_key_file=str(known_hosts or lab.known_hosts),
    )


def _wait_for_processes(lab: NetnsLab, count: int) -> None:
    deadline = time.monotonic() + 2
    while (now := lab.processes()) != count:
        assert time.monotonic() < deadline, f"{now} processes, not {count}"
        time.sleep(0.02)


def _exchange(lab: NetnsLab, client: str, server: str, address: str) -> str:
    """Send a datagram and have it answered; the client's address as the server saw it."""
    kind = (socket.AF_INET, socket.SOCK_DGRAM)
    with lab.socket(server, *kind) as there, lab.socket(client, *kind) as here:
        for end in (there, here):
            end.settimeout(2)
        there.bind((address, 5000))
        here.sendto(b"question", (address, 5000))
        data, seen = there.recvfrom(100)
        there.sendto(data, seen)
        assert here.recv(100) == b"question"
    return str(seen[0])


def test_hosts_reach_each_other_over_routes_learned_by_bgp(lab: NetnsLab) -> None:
    assert _exchange(lab, "h1", "h2", "192.0.2.18") == "192.0.2.10"


def test_links_have_their_mtu_and_no_node_has_ipv6(lab: NetnsLab) -> None:
    assert "mtu 1400" in lab.run("r1", ["ip", "link", "show", "eth1"]).stdout
    assert lab.run("r1", ["ip", "-6", "address"]).stdout == ""


def test_a_command_runs_on_its_node_with_its_input(lab: NetnsLab) -> None:
    done = lab.run("r2", ["sh", "-c", "hostname; cat; echo no >&2; exit 3"], stdin="in")
    assert (done.returncode, done.stdout, done.stderr) == (3, "r2\nin", "no\n")


def test_a_command_that_cannot_start_or_overruns_is_an_error_naming_the_node(
    lab: NetnsLab,
) -> None:
    with pytest.raises(LabError, match=r"^r1: cannot start `no-such-program`"):
        lab.run("r1", ["no-such-program"])
    with pytest.raises(LabError, match=r"^r1: `sleep 30` did not end within 0\.2 s$"):
        lab.run("r1", ["sleep", "30"], timeout=0.2)
    with pytest.raises(LabError, match=r"^r9: the lab has no such node\n  remedy: its nodes: r1, "):
        lab.run("r9", ["true"])


def test_a_command_may_leave_something_in_the_background(lab: NetnsLab) -> None:
    done = lab.run("h1", ["sh", "-c", "sleep 1000 & echo $!; echo begun >&2"], timeout=5)
    assert (done.returncode, done.stderr) == (0, "begun\n")
    left = lab.run("h1", ["cat", f"/proc/{int(done.stdout)}/comm"])
    assert left.stdout == "sleep\n"
    assert lab.run("h1", ["kill", done.stdout.strip()]).returncode == 0


def test_a_node_cannot_alter_the_machine(lab: NetnsLab) -> None:
    for path in ("/etc/pcg-was-here", "/usr/pcg-was-here", "/var/lib/.machine/pcg-was-here"):
        assert "Read-only file system" in lab.run("r1", ["touch", path]).stderr
    for path in ("/tmp/pcg-was-here", "/var/lib/pcg-was-here"):
        assert lab.run("r1", ["touch", path]).returncode == 0
        assert not Path(path).exists()


def test_a_node_is_managed_over_ssh_with_a_strictly_checked_host_key(lab: NetnsLab) -> None:
    with _log_in(lab, "r1") as connection:
        assert connection.find_prompt() == "r1$"
        with connection.remote_conn_pre.open_sftp() as files:
            files.open("/run/pcg/uploaded", "w").write("0123456789\n" * 30_000)
            assert "frr.conf" in files.listdir("/var/lib/pcg")
        assert connection.send_command("wc -l < /run/pcg/uploaded") == "30000"
        assert "r1" in connection.send_command("hostname; vtysh -c 'show running-config'")
        assert len(connection.send_command("seq 1 20000").split()) == 20_000
        _, out, _ = connection.remote_conn_pre.exec_command("seq 1 20000; exit 7")
        assert len(out.read().split()) == 20_000
        assert out.channel.recv_exit_status() == 7
    assert lab.run("r2", ["ls", "/run/pcg"]).stdout == "startup\n"


def test_a_capture_has_packets_of_its_interface_alone(lab: NetnsLab) -> None:
    enough = threading.Event()

    def shout() -> None:
        with lab.socket("h1", socket.AF_INET, socket.SOCK_DGRAM) as mouth:
            while not enough.is_set():
                mouth.sendto(b"on the loopback", ("127.0.0.1", 7777))

    shouting = threading.Thread(target=shout)
    shouting.start()
    try:
        with lab.socket("h1", socket.AF_INET, socket.SOCK_DGRAM) as ear:
            ear.bind(("127.0.0.1", 7777))
            ear.settimeout(5)
            assert ear.recv(100) == b"on the loopback"
            for _ in range(20):
                with tempfile.TemporaryFile() as packets:
                    capture(lab, "h1", "eth1", packets, seconds=0.01)
                    packets.seek(0)
                    assert b"on the loopback" not in packets.read()
    finally:
        enough.set()
        shouting.join()


def test_a_wrong_host_key_is_refused(lab: NetnsLab, tmp_path: Path) -> None:
    first, second, *_ = lab.known_hosts.read_text().splitlines()
    wrong = tmp_path / "known_hosts"
    wrong.write_text(f"{first.split()[0]} {second.split(maxsplit=1)[1]}\n")
    with pytest.raises(NetmikoTimeoutException, match=r"Host key for server .* does not match"):
        _log_in(lab, "r1", known_hosts=wrong)


def test_another_user_is_not_let_in(lab: NetnsLab) -> None:
    with pytest.raises(NetmikoAuthenticationException):
        _log_in(lab, "r1", user="root")


def test_a_helper_enters_the_network_of_a_node(lab: NetnsLab) -> None:
    with lab.helper("tests.lab.asker") as channel, channel.makefile("rw") as lines:
        lines.write('"h1"\n')
        lines.flush()
        assert "192.0.2.10/29" in json.loads(lines.readline())
        _wait_for_processes(lab, _PROCESSES + 1)
    _wait_for_processes(lab, _PROCESSES)


def test_a_ruleset_that_is_too_large_for_the_machine_is_told_with_what_to_do(
    tmp_path: Path,
) -> None:
    topology = ring(tmp_path, 2)
    elements = ", ".join(f"10.{n // 256}.{n % 256}.0/24 . tcp . 443" for n in range(40_000))
    (tmp_path / "startup/r1/nftables.conf").write_text(
        "flush ruleset\ntable inet t { set s { type ipv4_addr . inet_proto . inet_service;"
        f" flags interval; elements = {{ {elements} }}\n }}\n }}\n"
    )
    with (
        pytest.raises(LabError, match=r"(?s)^r1: did not start:.*Message too long") as refused,
        NetnsLab.up(topology, tmp_path, tmp_path / "run"),
    ):
        pass
    assert "sysctl -w net.core.wmem_default=" in refused.value.remedy


def test_a_helper_that_does_not_start_is_an_error_with_its_last_words(lab: NetnsLab) -> None:
    with pytest.raises(LabError, match=r"(?s)^tests\.lab\.absent: did not start:.*No module named"):
        lab.helper("tests.lab.absent")


def test_the_lab_knows_its_processes_and_memory(lab: NetnsLab) -> None:
    _wait_for_processes(lab, _PROCESSES)
    assert 40e6 < lab.memory() < 250e6


def test_a_powered_off_node_is_dark_and_starts_from_what_was_saved(lab: NetnsLab) -> None:
    lab.run("r1", ["sh", "-c", "echo '# kept' >> /var/lib/pcg/nftables.conf; touch /run/lost"])
    lab.run("r1", ["nft", "add", "table", "inet", "lost"])
    session = _log_in(lab, "r1")
    lab.power_off(["r1", "r2"])
    session.remote_conn_pre.close()
    _wait_for_processes(lab, _PROCESSES - 2 * _DAEMONS)
    assert "NO-CARRIER" in lab.run("r3", ["ip", "link", "show", "eth1"]).stdout
    assert "NO-CARRIER" in lab.run("r3", ["ip", "link", "show", "eth2"]).stdout
    with pytest.raises(LabError, match=r"^r1: no connection to 198\.18\.0\.11 port 22: timed out"):
        lab.connect("r1", timeout=0.3)
    with pytest.raises(LabError, match=r"^r1: is powered off"):
        lab.run("r1", ["true"])

    lab.power_on(["r1", "r2"])
    wait_for_routes(lab, 3)
    assert _exchange(lab, "h1", "h2", "192.0.2.18") == "192.0.2.10"
    assert lab.run("r1", ["tail", "-n1", "/var/lib/pcg/nftables.conf"]).stdout == "# kept\n"
    assert lab.run("r1", ["ls", "/run"]).stdout == "frr\npcg\n"
    assert "lost" not in lab.run("r1", ["nft", "list", "tables"]).stdout
    with _log_in(lab, "r1") as connection:
        assert connection.send_command("hostname") == "r1"


def test_power_is_cut_or_restored_once(lab: NetnsLab) -> None:
    lab.power_on(["r3"])
    for _ in range(2):
        lab.power_off(["r3", "r3"])
    lab.power_on(["r3", "r3"])
    _wait_for_processes(lab, _PROCESSES)
    wait_for_routes(lab, 3)
