"""The probe engine against disturbances whose truth is known, on a network of three nodes.

client ── gateway ── server; the gateway filters, and translates the client's address.
"""

from __future__ import annotations

import resource
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from pcg_netops.errors import EnvironmentLack, LabError
from pcg_netops.lab.embedded.lab import NetnsLab
from pcg_netops.lab.topology.definitions import Topology
from pcg_netops.model.flow import Flow, Protocol
from pcg_netops.probes.engine import Probes
from pcg_netops.probes.injection import Injection, Injector
from pcg_netops.probes.results import FlowResult, SessionEnd, Stall
from pcg_netops.probes.settings import ProbeSettings, spec_of
from pcg_netops.probes.wire import most_files

pytestmark = pytest.mark.lab

CLIENT, SERVER, POOL = "192.0.2.2", "198.51.100.2", "192.0.2.161"
PORT = 5061
MS = 1_000_000
TOPOLOGY = {
    "client": [f"ip address add {CLIENT}/26 dev eth1", "ip route add default via 192.0.2.1"],
    "gateway": [
        "ip address add 192.0.2.1/26 dev eth1",
        "ip address add 198.51.100.1/26 dev eth2",
        f"ip address add {POOL}/32 dev lo",
        "sysctl -qw net.ipv4.ip_forward=1",
    ],
    "server": [f"ip address add {SERVER}/26 dev eth1", "ip route add default via 198.51.100.1"],
}
RULES = f"""
table inet filter {{
 chain forward {{
  type filter hook forward priority 0; policy drop;
  ct state established,related accept
  ip daddr {SERVER} accept
 }}
 chain disturb {{ type filter hook forward priority -10; }}
}}
table ip nat {{
 chain source {{
  type nat hook postrouting priority 100;
  oifname eth2 snat to {POOL}
 }}
}}
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NetnsLab]:
    nodes = {
        name: {
            "kind": "linux",
            "image": "pcg-netops/node",
            "network-mode": "none",
            "exec": commands,
        }
        for name, commands in TOPOLOGY.items()
    }
    links = [
        {"endpoints": ["client:eth1", "gateway:eth1"]},
        {"endpoints": ["gateway:eth2", "server:eth1"]},
    ]
    body = {"nodes": nodes, "links": links}
    topology = Topology.model_validate({"name": "probes", "topology": body})
    folder = tmp_path_factory.mktemp("lab")
    with NetnsLab.up(topology, folder, folder) as lab:
        loaded = lab.run("gateway", ["nft", "-f", "-"], stdin=RULES)
        assert loaded.returncode == 0, loaded.stderr
        yield lab


@pytest.fixture
def probes(lab: NetnsLab) -> Iterator[Probes]:
    settings = ProbeSettings(udp_rate=1000, session_dead_ms=1000)
    with Probes(lab, [flow(Protocol.UDP), flow(Protocol.TCP)], settings) as probes:
        wait_until(lambda: all(len(seen) == 5 for seen in probes.latest(5).values()))
        yield probes


def flow(protocol: Protocol, source: str = CLIENT) -> Flow:
    return Flow(
        name=protocol.value,
        service="voice",
        direction="out",
        protocol=protocol,
        client="client",
        source=IPv4Address(source),
        target=IPv4Address(SERVER),
        port=PORT,
        server="server",
        server_address=IPv4Address(SERVER),
    )


def wait_until(condition: Callable[[], bool], timeout: float = 5.0) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def disturb(lab: NetnsLab, rule: str, seconds: float) -> tuple[float, float]:
    """Apply a rule for a time; gives the shortest and longest it can have been in force, in ms."""
    before = time.monotonic()
    nft(lab, f"add rule inet filter disturb {rule}")
    applied = time.monotonic()
    time.sleep(seconds)
    removing = time.monotonic()
    nft(lab, "flush chain inet filter disturb")
    return (removing - applied) * 1000, (time.monotonic() - before) * 1000


def nft(lab: NetnsLab, command: str) -> None:
    done = lab.run("gateway", ["nft", command])
    assert done.returncode == 0, done.stderr


def observe(lab: NetnsLab, probes: Probes, rule: str, seconds: float) -> dict[str, FlowResult]:
    since = probes.mark()
    disturb(lab, rule, seconds)
    time.sleep(0.1)
    return probes.window(since)


def test_exactly_the_dropped_packets_are_lost(lab: NetnsLab, probes: Probes) -> None:
    # An IPv4 header, a UDP header and a probe are 20 + 8 + 16 bytes.
    results = observe(lab, probes, f"udp dport {PORT} quota until {17 * 44} bytes drop", 0.2)

    udp = results["udp"]
    assert (udp.lost, udp.lost_forward, udp.lost_return) == (17, 17, 0)
    assert sum(gap.lost for gap in udp.gaps) == 17
    assert results["tcp"].lost == 0


@pytest.mark.parametrize("seconds", [0.05, 0.3])
def test_a_blocked_path_is_measured_to_the_probe_interval(
    lab: NetnsLab, probes: Probes, seconds: float
) -> None:
    since = probes.mark()
    shortest_ms, longest_ms = disturb(lab, "drop", seconds)
    time.sleep(0.1)
    udp = probes.window(since)["udp"]

    (gap,) = udp.gaps
    assert gap.shortest_ms <= longest_ms
    assert gap.longest_ms >= shortest_ms
    jitter_ms = 1
    assert gap.longest_ms - gap.shortest_ms <= 2 * udp.interval_ms + gap.stalled_ms + jitter_ms
    assert gap.longest_ms - gap.stalled_ms <= longest_ms + 2 * udp.interval_ms + jitter_ms


def test_a_link_that_goes_dark_is_a_gap_of_udp_and_of_new_connections(
    lab: NetnsLab, probes: Probes
) -> None:
    since = probes.mark()
    lab.run("server", ["ip", "link", "set", "eth1", "down"])
    down = probes.mark()
    time.sleep(0.4)
    up = probes.mark()
    lab.run("server", ["ip", "link", "set", "eth1", "up"])
    lab.run("server", ["ip", "route", "replace", "default", "via", "198.51.100.1"])
    wait_until(lambda: all(p.answered for seen in probes.latest(3).values() for p in seen))
    results = probes.window(since)

    for result in results.values():
        longest = max(result.gaps, key=lambda gap: gap.longest_ms)
        assert longest.longest_ms >= (up - down) / MS
        assert result.within((up - down) / MS) is not True


def test_the_loss_is_told_apart_by_direction(lab: NetnsLab, probes: Probes) -> None:
    out = observe(lab, probes, f"udp dport {PORT} drop", 0.1)["udp"]
    back = observe(lab, probes, f"udp sport {PORT} drop", 0.1)["udp"]

    assert out.lost > 50
    assert (out.lost_forward, out.lost_return) == (out.lost, 0)
    assert back.lost > 50
    assert (back.lost_forward, back.lost_return) == (0, back.lost)


def test_the_server_sees_the_gateways_address(lab: NetnsLab, probes: Probes) -> None:
    since = probes.mark()
    time.sleep(0.2)
    results = probes.window(since)

    for result in results.values():
        assert [(peer.address, peer.count) for peer in result.peers] == [(POOL, result.sent)]
    (session,) = results["tcp"].sessions
    assert session.peer == POOL


def test_a_session_that_is_reset_is_counted_and_replaced(lab: NetnsLab, probes: Probes) -> None:
    results = observe(
        lab, probes, f"ct state established tcp dport {PORT} reject with tcp reset", 0.15
    )

    tcp = results["tcp"]
    assert len(tcp.sessions_lost) >= 1
    assert {session.how for session in tcp.sessions_lost} == {SessionEnd.RESET}
    time.sleep(0.2)
    later = probes.window(tcp.since_ns)["tcp"]
    assert later.sessions[-1].how is SessionEnd.ALIVE
    assert later.sessions_opened == len(later.sessions_lost) == len(tcp.sessions_lost)


def test_a_session_without_answers_times_out_and_is_replaced(lab: NetnsLab, probes: Probes) -> None:
    since = probes.mark()
    disturb(lab, f"tcp dport {PORT} drop", 1.4)
    until = probes.mark()
    wait_until(lambda: probes.window(since)["tcp"].sessions_opened == 1)
    tcp = probes.window(since)["tcp"]

    (lost,) = tcp.sessions_lost
    assert lost.how is SessionEnd.TIMEOUT
    assert lost.lost_ns is not None
    assert since <= lost.lost_ns <= until
    assert tcp.sessions[-1].how is SessionEnd.ALIVE
    assert tcp.lost_forward is None


def test_a_session_loss_belongs_to_the_window_in_which_it_broke(
    lab: NetnsLab, probes: Probes
) -> None:
    since = probes.mark()
    thread = threading.Thread(target=disturb, args=(lab, f"tcp dport {PORT} drop", 1.4))
    thread.start()
    time.sleep(0.6)
    until = probes.mark()
    during = probes.window(since, until)["tcp"]
    thread.join()

    # It was declared dead only after `until`: the window has waited for that.
    assert len(during.sessions_lost) == 1
    assert probes.window(until)["tcp"].sessions_lost == ()


def test_a_frozen_probe_host_is_a_stall_and_not_an_outage(lab: NetnsLab, probes: Probes) -> None:
    since = probes.mark()
    worker = str(probes.usage().pid)
    lab.run("client", ["kill", "-STOP", worker])
    time.sleep(0.3)
    lab.run("client", ["kill", "-CONT", worker])
    time.sleep(0.2)
    results = probes.window(since)

    longest = max(probes.stalls(since), key=length_ms)
    assert length_ms(longest) >= 290
    assert all(result.lost == 0 and not result.gaps for result in results.values())
    assert results["tcp"].sessions_lost == ()


def length_ms(stall: Stall) -> float:
    return (stall.end_ns - stall.start_ns) / MS


def test_a_probe_host_frozen_beyond_every_deadline_loses_nothing(
    lab: NetnsLab, probes: Probes
) -> None:
    since = probes.mark()
    worker = str(probes.usage().pid)
    lab.run("client", ["kill", "-STOP", worker])
    time.sleep(1.5)
    lab.run("client", ["kill", "-CONT", worker])
    time.sleep(0.2)
    results = probes.window(since)

    assert [result.lost for result in results.values()] == [0, 0]
    assert results["tcp"].sessions_lost == ()


def test_the_worker_leaves_with_its_probes(lab: NetnsLab) -> None:
    def alive() -> bool:
        return lab.run("client", ["kill", "-0", worker]).returncode == 0

    with Probes(lab, [flow(Protocol.UDP)]) as probes:
        worker = str(probes.usage().pid)
        assert alive()
    wait_until(lambda: not alive(), timeout=1.0)


def test_an_address_that_the_node_lacks_is_an_error_of_the_flow(lab: NetnsLab) -> None:
    wanted = (
        "flow udp: cannot use 192.0.2.99 as a source on client: Cannot assign requested address"
    )
    with pytest.raises(LabError, match=wanted):
        Probes(lab, [flow(Protocol.UDP, source="192.0.2.99")]).start()


def test_a_fresh_port_shows_that_a_rule_has_gone(lab: NetnsLab, probes: Probes) -> None:
    """The gateway still knows the old flow and lets it pass without the rule."""
    since = probes.mark()
    nft(lab, f"add rule inet filter disturb ct state new udp dport {PORT} drop")
    try:
        time.sleep(0.2)
        hidden = probes.window(since)["udp"]
        probes.renew()
        renewed = probes.mark()
        time.sleep(0.2)
        shown = probes.window(renewed)["udp"]
    finally:
        nft(lab, "flush chain inet filter disturb")

    assert hidden.lost == 0
    assert shown.lost == shown.sent
    assert shown.lost_forward == shown.lost


def test_connections_that_lead_nowhere_are_an_outage(lab: NetnsLab, probes: Probes) -> None:
    """Handshakes pass and requests do not: it must not look like a path that moved.

    TCP repeats a request after 0.2 s and 0.6 s, within the deadline: only attempts of the first
    half can fail for good.
    """
    tcp = observe(lab, probes, f"tcp dport {PORT} ip length > 60 drop", 1.2)["tcp"]

    assert tcp.broken == 0
    assert tcp.lost >= 7
    assert tcp.outage_ms >= 350


def test_connections_whose_end_is_lost_do_not_pile_up(lab: NetnsLab) -> None:
    settings = ProbeSettings(connect_interval_ms=10, session_dead_ms=1000)
    flows = [flow(Protocol.TCP)]
    nft(lab, "add rule inet filter disturb tcp flags & rst == rst drop")
    try:
        with Probes(lab, flows, settings) as probes:
            files = f"ls /proc/{probes.usage().pid}/fd | wc -l"
            time.sleep(3.0)
            held = int(lab.run("client", ["sh", "-c", files]).stdout)
            sent = probes.window(0)["tcp"].sent
    finally:
        nft(lab, "flush chain inet filter disturb")

    assert sent > 200
    assert held < 200  # of those that began in the last second, and their servers' ends
    assert held < most_files([spec_of(each, settings) for each in flows])


def test_a_machine_with_too_few_files_is_told_before_the_first_probe(
    lab: NetnsLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda which: (1024, 1024))
    many = [replace(flow(Protocol.TCP), name=f"tcp-{number}") for number in range(60)]
    with pytest.raises(EnvironmentLack, match="60 flows can need") as refused:
        Probes(lab, many).start()
    assert "ulimit -Hn" in refused.value.remedy


def test_every_packet_that_passes_is_seen_however_many_there_are(lab: NetnsLab) -> None:
    injection = Injection(
        device="gateway",
        device_interface="eth1",
        neighbour="client",
        interface="eth1",
        source=IPv4Address(CLIENT),
        target=IPv4Address(SERVER),
        protocol=Protocol.UDP,
        port=PORT,
    )
    blocked = replace(injection, target=IPv4Address("198.51.100.9"))
    tried = [blocked if number % 100 == 0 else injection for number in range(10_000)]

    passed = Injector(lab).passed(tried)
    assert [at for at, each in enumerate(tried) if passed[at] is (each is blocked)] == []
