"""Faults of a running lab, and that each is healed."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pcg_netops.errors import LabError
from pcg_netops.lab.embedded.lab import NetnsLab
from pcg_netops.lab.protocol import Fault
from tests.lab.small import ring, wait_for_routes

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NetnsLab]:
    folder = tmp_path_factory.mktemp("lab")
    with NetnsLab.up(ring(folder, 2, hosts=2), folder, folder / "run") as lab:
        wait_for_routes(lab, 2)
        yield lab


@pytest.fixture(autouse=True)
def _healed(lab: NetnsLab) -> Iterator[None]:
    yield
    assert lab.faults() == []


def _heard(lab: NetnsLab, sender: str, receiver: str, count: int = 1, size: int = 10) -> int:
    """How many of so many datagrams between the ends of r1–r2 arrive."""
    addresses = {"r1": "10.1.0.0", "r2": "10.1.0.1"}
    kind = (socket.AF_INET, socket.SOCK_DGRAM)
    with lab.socket(receiver, *kind) as there, lab.socket(sender, *kind) as here:
        there.bind((addresses[receiver], 7000))
        there.settimeout(0.3)
        for _ in range(count):
            here.sendto(bytes(size), (addresses[receiver], 7000))
        heard = 0
        try:
            while heard < count:
                there.recv(2000)
                heard += 1
        except TimeoutError:
            pass
        return heard


def _carrier(lab: NetnsLab, node: str) -> bool:
    return "NO-CARRIER" not in lab.run(node, ["ip", "link", "show", "eth1"]).stdout


def _sessions(lab: NetnsLab, node: str) -> str:
    return lab.run(node, ["vtysh", "-c", "show bgp summary json"]).stdout


def _until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 15
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_link_that_goes_down_takes_the_carrier_from_both_ends(lab: NetnsLab) -> None:
    fault = Fault("link-down", "r1", "eth1")
    lab.fault(fault)
    assert not _carrier(lab, "r2")
    assert lab.faults() == [fault]
    with pytest.raises(LabError, match=r"^r1:eth1: has the fault link-down already"):
        lab.fault(fault)
    lab.heal(fault)
    assert _carrier(lab, "r2")
    wait_for_routes(lab, 2)


def test_a_silent_fault_loses_everything_and_keeps_the_carrier(lab: NetnsLab) -> None:
    fault = Fault("silent", "r1", "eth1")
    lab.fault(fault)
    assert _carrier(lab, "r1")
    assert _carrier(lab, "r2")
    assert _heard(lab, "r1", "r2") == _heard(lab, "r2", "r1") == 0
    # What a push does to a router's filter does not mend the cable.
    assert lab.run("r1", ["nft", "flush", "ruleset"]).returncode == 0
    assert _heard(lab, "r2", "r1") == 0
    lab.heal(fault)
    wait_for_routes(lab, 2)
    assert _heard(lab, "r1", "r2") == 1
    assert "pcg-fault" not in lab.run("r1", ["nft", "list", "tables"]).stdout


def test_one_end_alone_loses_its_carrier(lab: NetnsLab) -> None:
    fault = Fault("carrier", "r1", "eth1")
    lab.fault(fault)
    assert not _carrier(lab, "r1")
    assert _carrier(lab, "r2")
    seen = lab.run("r1", ["vtysh", "-c", "show interface eth1"]).stdout
    assert "Interface eth1 is up, line protocol is down" in seen
    assert _heard(lab, "r1", "r2") == _heard(lab, "r2", "r1") == 0
    lab.heal(fault)
    assert _carrier(lab, "r1")
    wait_for_routes(lab, 2)


def test_addresses_and_routes_come_back_with_a_link(lab: NetnsLab) -> None:
    ip = ["ip", "-6"]
    on = [f"net.ipv6.conf.{where}.disable_ipv6=0" for where in ("default", "eth1")]
    assert lab.run("h1", ["sysctl", "-w", *on]).returncode == 0
    assert lab.run("h1", [*ip, "address", "add", "2001:db8::1/64", "dev", "eth1"]).returncode == 0
    lab.run("h1", [*ip, "route", "add", "2001:db8:1::/48", "via", "2001:db8::2"])
    for fault in (Fault("link-down", "h1", "eth1"), Fault("mtu", "h1", "eth1", "900")):
        lab.fault(fault)
        assert "2001:db8:1::/48" not in lab.run("h1", [*ip, "route"]).stdout
        lab.heal(fault)
        assert "2001:db8:1::/48 via 2001:db8::2" in lab.run("h1", [*ip, "route"]).stdout
        assert "default via" in lab.run("h1", ["ip", "route"]).stdout


def test_a_loss_has_a_direction_and_a_share(lab: NetnsLab) -> None:
    one_way = Fault("loss", "r2", "eth1", "100", "in")
    lab.fault(one_way)
    assert _heard(lab, "r1", "r2") == 0
    lab.heal(one_way)
    half = Fault("loss", "r2", "eth1", "50", "in")
    lab.fault(half)
    # Of 400, 120 to 280 is eight standard deviations either way.
    assert 120 < _heard(lab, "r1", "r2", 400) < 280
    lab.heal(half)
    wait_for_routes(lab, 2)


def test_an_mtu_drop_loses_what_is_larger(lab: NetnsLab) -> None:
    fault = Fault("mtu", "r2", "eth1", "900")
    lab.fault(fault)
    assert "mtu 900" in lab.run("r2", ["ip", "link", "show", "eth1"]).stdout
    assert _heard(lab, "r1", "r2", size=1300) == 0
    assert _heard(lab, "r1", "r2", size=800) == 1
    lab.heal(fault)
    assert _heard(lab, "r1", "r2", size=1300) == 1


def test_a_rate_limits_and_what_the_kernel_lacks_is_said(lab: NetnsLab) -> None:
    fault = Fault("rate", "r1", "eth1", "100")
    lab.fault(fault)
    begun = time.monotonic()
    assert _heard(lab, "r1", "r2", 30, 1200) > 0
    assert time.monotonic() - begun > 0.3
    lab.heal(fault)
    delay = Fault("delay", "r1", "eth1", "40")
    try:
        lab.fault(delay)
    except LabError as error:
        assert str(error).startswith("r1: not available here: `tc qdisc add dev eth1 root netem")  # noqa: PT017
    else:
        lab.heal(delay)


def test_a_frozen_node_keeps_its_links_and_answers_nobody(lab: NetnsLab) -> None:
    fault = Fault("freeze", "r1")
    lab.fault(fault)
    assert _carrier(lab, "r2")
    _until(lambda: '"state":"Established"' not in _sessions(lab, "r2"))
    with pytest.raises(LabError, match="no connection"):
        lab.connect("r1", timeout=0.3)
    lab.heal(fault)
    wait_for_routes(lab, 2)
    lab.connect("r1").close()


def test_power_is_a_fault_too(lab: NetnsLab) -> None:
    fault = Fault("power", "r1")
    lab.fault(fault)
    assert not lab.nodes()["r1"].powered
    assert not _carrier(lab, "r2")
    lab.heal(fault)
    wait_for_routes(lab, 2)


def test_a_killed_daemon_is_started_again_with_its_configuration(lab: NetnsLab) -> None:
    fault = Fault("kill", "r1", value="bgpd")
    lab.fault(fault)
    assert "bgpd" not in lab.nodes()["r1"].processes.values()
    _until(lambda: '"state":"Established"' not in _sessions(lab, "r2"))
    lab.heal(fault)
    assert "bgpd" in lab.nodes()["r1"].processes.values()
    wait_for_routes(lab, 2)


def test_a_bgp_session_is_shut_and_opened(lab: NetnsLab) -> None:
    fault = Fault("bgp-shut", "r1", value="10.1.0.1")
    lab.fault(fault)
    _until(lambda: "Idle (Admin)" in _sessions(lab, "r1"))
    lab.heal(fault)
    wait_for_routes(lab, 2)


def test_what_cannot_be_broken_is_named(lab: NetnsLab, tmp_path: Path) -> None:
    for fault, said in (
        (Fault("loss", "r1", "eth1", "much"), r"^r1:eth1: the fault loss needs a share"),
        (Fault("silent", "r1", "eth7"), r"^r1: not available here: .*eth7"),
        (Fault("kill", "r1", value="ripd"), r"^r1: not available here: .*ripd"),
        (Fault("bgp-shut", "r1", value="192.0.2.99"), r"^r1: has no BGP session with"),
        (Fault("power", "r9"), r"^r9: the lab has no such node"),
    ):
        with pytest.raises(LabError, match=said):
            lab.fault(fault)
    with pytest.raises(LabError, match=r"^r1: has no fault freeze"):
        lab.heal(Fault("freeze", "r1"))
