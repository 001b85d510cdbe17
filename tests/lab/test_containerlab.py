"""A lab that somebody wrote for containerlab, with FRR's image and plain hosts, runs unchanged."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pcg_netops.errors import LabError
from pcg_netops.lab.embedded.lab import NetnsLab
from pcg_netops.lab.topology.file import load

pytestmark = pytest.mark.lab

_TOPOLOGY = """
name: office
topology:
  kinds:
    linux: {image: quay.io/frrouting/frr:10.5.1}
  groups:
    routers:
      kind: linux
      binds:
        - daemons:/etc/frr/daemons
        - __clabNodeName__.conf:/etc/frr/frr.conf
  nodes:
    east:
      group: routers
    west:
      group: routers
      exec: [vtysh -c "configure terminal" -c "ip route 198.51.100.0/24 blackhole"]
    bare:
      kind: linux
      exec:
        - sed -i s/bgpd=no/bgpd=yes/ /etc/frr/daemons
        - /usr/lib/frr/frrinit.sh restart
    pc:
      kind: linux
      image: alpine:3
      hostname: desk
      env: {DESK: seven}
      binds: [note:/srv/desk/note:ro, note:/usr/share/notes/note, note:/desk-note]
      exec:
        - ip address add 192.0.2.10/25 dev eth1
        - ip route replace default via 192.0.2.1
        - sh -c 'echo $DESK > /etc/desk'
        - "false"
    server:
      kind: linux
      image: debian:12
      cmd: sh -c 'echo serving; ip address add 192.0.2.130/25 dev eth1;
        ip route replace default via 192.0.2.129; touch /run/serving; exec sleep 600'
      healthcheck: {test: [CMD, test, -e, /run/serving], interval: 1}
    watcher:
      kind: linux
      image: debian:12
      network-mode: container:server
      stages:
        create: {wait-for: [{node: server, stage: healthy}]}
      exec: [sh -c 'ip -br address show eth1 > /run/seen']
    switch: {kind: bridge}
  links:
    - endpoints: [east:eth1, west:eth1]
    - endpoints: [pc:eth1, switch:p1]
    - endpoints: [east:eth2, switch:p2]
    - endpoints: [server:eth1, west:eth2]
    - {type: dummy, endpoint: {node: pc, interface: stub}}
"""
_DAEMONS = """
zebra=yes
bgpd=yes
zebra_options=" -s 90000000 --daemon -A 127.0.0.1"
bgpd_options="   --daemon -A 127.0.0.1"
"""


def _router(number: int, peer: int, network: str, gateway: str) -> str:
    return f"""frr version 10.5.1
frr defaults traditional
interface eth1
 ip address 203.0.113.{number}/24
interface eth2
 ip address {gateway}/25
router bgp 6450{number}
 no bgp ebgp-requires-policy
 coalesce-time 0
 neighbor 203.0.113.{peer} remote-as 6450{peer}
 neighbor 203.0.113.{peer} timers connect 1
 address-family ipv4 unicast
  network {network}
 exit-address-family
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NetnsLab]:
    folder = tmp_path_factory.mktemp("office")
    (folder / "office.clab.yml").write_text(_TOPOLOGY)
    (folder / "daemons").write_text(_DAEMONS)
    (folder / "east.conf").write_text(_router(1, 2, "192.0.2.0/25", "192.0.2.1"))
    (folder / "west.conf").write_text(_router(2, 1, "192.0.2.128/25", "192.0.2.129"))
    (folder / "note").write_text("mind the gap\n")
    topology = load(folder / "office.clab.yml")
    with NetnsLab.up(topology, folder, folder / "run", strict=False) as lab:
        yield lab


def _says(lab: NetnsLab, node: str, command: str) -> str:
    done = lab.run(node, ["sh", "-c", command])
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_hosts_talk_across_routers_of_frr_s_image_and_a_bridge(lab: NetnsLab) -> None:
    deadline = time.monotonic() + 10
    while "192.0.2.128/25" not in _says(lab, "east", "ip route show proto bgp"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    with lab.socket("server", 2, 2) as server, lab.socket("pc", 2, 2) as pc:
        server.bind(("192.0.2.130", 7))
        server.settimeout(3)
        pc.sendto(b"hello", ("192.0.2.130", 7))
        assert server.recvfrom(9) == (b"hello", ("192.0.2.10", pc.getsockname()[1]))


def test_frr_is_started_and_commanded_as_in_its_image(lab: NetnsLab) -> None:
    assert "blackhole 198.51.100.0/24" in _says(lab, "west", "ip route")
    status = _says(lab, "bare", "/usr/lib/frr/frrinit.sh status").split()
    assert status == ["zebra", "running", "staticd", "running", "bgpd", "running"]
    assert "starting" in _says(lab, "bare", "cat /var/log/frr/bgpd.log")


def test_a_node_may_write_anywhere_and_the_machine_does_not_see_it(lab: NetnsLab) -> None:
    assert _says(lab, "pc", "cat /etc/desk; hostname") == "seven\ndesk\n"
    _says(lab, "pc", "touch /new /usr/new /opt/new")
    for path in ("/new", "/usr/new", "/opt/new", "/etc/desk", "/desk-note"):
        assert not Path(path).exists()
    assert lab.run("server", ["test", "-e", "/new"]).returncode == 1


def test_files_are_bound_wherever_the_topology_wants_them(lab: NetnsLab) -> None:
    for path in ("/srv/desk/note", "/usr/share/notes/note", "/desk-note"):
        assert _says(lab, "pc", f"cat {path}") == "mind the gap\n"
    assert "Read-only" in lab.run("pc", ["sh", "-c", "echo x > /srv/desk/note"]).stderr


def test_stages_hold_a_node_back_and_networks_can_be_shared(lab: NetnsLab) -> None:
    assert "192.0.2.130/25" in _says(lab, "watcher", "cat /run/seen")
    assert _says(lab, "watcher", "hostname; test ! -e /run/serving") == "watcher\n"


def test_a_command_that_fails_is_a_warning_as_with_containerlab(lab: NetnsLab) -> None:
    assert lab.warnings == ("pc: `false`: exit code 1",)


def test_names_of_the_lab_are_known_on_every_node(lab: NetnsLab) -> None:
    assert _says(lab, "pc", "getent ahostsv4 clab-office-east").startswith("172.20.20.2 ")
    assert "172.20.20.3" in _says(lab, "pc", "getent ahostsv4 west")


def test_power_that_comes_back_starts_a_node_of_frr_s_image_again(lab: NetnsLab) -> None:
    lab.power_off(["bare", "server"])
    lab.power_on(["bare", "server"])
    assert "running" in _says(lab, "bare", "/usr/lib/frr/frrinit.sh status")
    assert _says(lab, "server", "test -e /run/serving && echo yes") == "yes\n"


@pytest.mark.parametrize(
    ("daemons", "frr", "said"),
    [
        ("", "interface eth1\n ip adress 192.0.2.1/24\n", r"vtysh: .*ip adress 192"),
        ("bgpd=yes\nbgpd_options=--nonsense\n", "", r"bgpd: .*unrecognized option '--nonsense'"),
    ],
)
def test_what_frr_does_not_start_from_is_named_with_node_and_daemon(
    tmp_path: Path, daemons: str, frr: str, said: str
) -> None:
    path = tmp_path / "x.clab.yml"
    path.write_text(
        "name: x\ntopology:\n  nodes:\n    r:\n      kind: linux\n      image: frrouting/frr\n"
        "      binds: [frr.conf:/etc/frr/frr.conf, daemons:/etc/frr/daemons]\n"
    )
    (tmp_path / "frr.conf").write_text(frr)
    (tmp_path / "daemons").write_text(daemons)
    with pytest.raises(LabError, match=rf"(?s)^r: did not start:\n{said}"):
        NetnsLab.up(load(path), tmp_path, tmp_path / "run")
