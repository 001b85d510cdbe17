"""The probe engine and its worker over the loopback interface: no privileges needed."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from ipaddress import IPv4Address

import pytest

from pcg_netops.errors import InputError, LabError
from pcg_netops.model.flow import Flow, Protocol
from pcg_netops.probes.engine import Probes
from pcg_netops.probes.results import Kind, SessionEnd
from pcg_netops.probes.settings import ProbeSettings


class Loopback:
    """A lab of one node, whose network is that of the tests."""

    def __init__(self) -> None:
        self.workers: list[subprocess.Popen[bytes]] = []

    def helper(self, module: str) -> socket.socket:
        ours, theirs = socket.socketpair()
        argv = ["sh", "-c", 'exec "$@" 3<&0 </dev/null', "sh", sys.executable, "-m", module]
        with theirs:
            self.workers.append(subprocess.Popen(argv, stdin=theirs.fileno()))
        ours.sendall(json.dumps({"netns": {"node": "/proc/self/ns/net"}}).encode() + b"\n")
        return ours

    def end(self) -> None:
        for worker in self.workers:
            worker.kill()
            worker.wait()


@pytest.fixture
def lab() -> Iterator[Loopback]:
    lab = Loopback()
    yield lab
    lab.end()


def flow(protocol: Protocol, *, name: str = "", source: str = "127.0.0.1", port: int = 0) -> Flow:
    return Flow(
        name=name or protocol.value,
        service=f"service-{protocol.value}",
        direction="out",
        protocol=protocol,
        client="node",
        source=IPv4Address(source),
        target=IPv4Address("127.0.0.2"),
        port=port or free_port(protocol),
        server="node",
        server_address=IPv4Address("127.0.0.2"),
    )


def free_port(protocol: Protocol) -> int:
    kind = socket.SOCK_DGRAM if protocol is Protocol.UDP else socket.SOCK_STREAM
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.2", 0))
        return int(probe.getsockname()[1])


def test_a_clean_network_loses_nothing(lab: Loopback) -> None:
    flows = [flow(Protocol.UDP, source="127.0.0.3"), flow(Protocol.TCP, source="127.0.0.4")]
    with Probes(lab, flows) as probes:
        since = probes.mark()
        time.sleep(0.6)
        results = probes.window(since)
        lasted_s = (probes.mark() - since) / 1e9

    udp, tcp = results["udp"], results["tcp"]
    assert (udp.kind, udp.lost, udp.lost_forward, udp.lost_return) == (Kind.UDP, 0, 0, 0)
    assert (tcp.kind, tcp.lost, tcp.lost_forward) == (Kind.TCP_CONNECT, 0, None)
    assert 20 <= udp.sent <= lasted_s * 100 + 2
    assert 4 <= tcp.sent <= lasted_s * 20 + 2
    assert [(peer.address, peer.count) for peer in udp.peers] == [("127.0.0.3", udp.sent)]
    assert [(peer.address, peer.count) for peer in tcp.peers] == [("127.0.0.4", tcp.sent)]
    assert udp.gaps == tcp.gaps == ()
    assert [(life.how, life.peer) for life in tcp.sessions] == [(SessionEnd.ALIVE, "127.0.0.4")]


def test_a_flow_that_sent_nothing_has_no_result(lab: Loopback) -> None:
    with Probes(lab, [flow(Protocol.UDP)]) as probes:
        past = probes.mark() - 10**12
        assert probes.window(past, past + 10**9) == {}


def test_flows_to_one_port_share_its_server(lab: Loopback) -> None:
    port = free_port(Protocol.UDP)
    flows = [
        flow(Protocol.UDP, name=name, source=source, port=port)
        for name, source in (("a", "127.0.0.3"), ("b", "127.0.0.4"))
    ]
    with Probes(lab, flows) as probes:
        since = probes.mark()
        time.sleep(0.2)
        results = probes.window(since)

    assert [results[name].peers[0].address for name in "ab"] == ["127.0.0.3", "127.0.0.4"]
    assert results["a"].lost == results["b"].lost == 0


def test_the_rate_changes_while_it_runs(lab: Loopback) -> None:
    with Probes(lab, [flow(Protocol.UDP)], ProbeSettings(udp_rate=50)) as probes:
        time.sleep(0.1)
        probes.set_rate("service-udp", 1000)
        since = probes.mark()
        deadline = time.monotonic() + 10  # for a machine that is busy with something else
        time.sleep(0.5)
        while (fast := probes.window(since)["udp"]).sent < 600 and time.monotonic() < deadline:
            time.sleep(0.1)
        lasted_s = (probes.mark() - since) / 1e9

        assert fast.interval_ms == 1
        assert 600 <= fast.sent <= lasted_s * 1000 + 2, "at 50 a second it were 500 in that time"
        assert probes.window(since - 10**8, since + 10**8)["udp"].interval_ms == 20
        with pytest.raises(InputError, match="service unknown has no UDP flow"):
            probes.set_rate("unknown", 100)


def test_a_service_can_have_a_rate_of_its_own(lab: Loopback) -> None:
    settings = ProbeSettings(rates={"service-udp": 500})
    with Probes(lab, [flow(Protocol.UDP)], settings) as probes:
        time.sleep(0.1)
        assert probes.window(probes.mark() - 10**8)["udp"].interval_ms == 2


def test_the_latest_probes_are_known_while_it_runs(lab: Loopback) -> None:
    with Probes(lab, [flow(Protocol.UDP), flow(Protocol.TCP)]) as probes:
        time.sleep(0.3)
        latest = probes.latest(3)

    for name in ("udp", "tcp"):
        assert [probe.answered for probe in latest[name]] == [True] * 3
        assert {probe.peer for probe in latest[name]} == {"127.0.0.1"}
        assert latest[name][0].sent_ns < latest[name][-1].sent_ns


def test_the_timeline_covers_the_run(lab: Loopback) -> None:
    with Probes(lab, [flow(Protocol.UDP), flow(Protocol.TCP)]) as probes:
        time.sleep(0.5)
        timeline = probes.timeline(100)

    udp, tcp = timeline["udp"], timeline["tcp"]
    assert [each.sent for each in udp[1:4]] == pytest.approx([10] * 3, abs=5)
    assert sum(each.lost for each in udp + tcp) == 0
    assert udp[2].peers == ("127.0.0.1",)
    assert [each.start_ns for each in udp] == [each.start_ns for each in tcp]


def test_a_missing_source_address_names_the_flow(lab: Loopback) -> None:
    flows = [flow(Protocol.UDP), flow(Protocol.TCP, name="wrong", source="192.0.2.77")]
    with pytest.raises(LabError) as caught:
        Probes(lab, flows).start()
    assert str(caught.value) == (
        "flow wrong: cannot use 192.0.2.77 as a source on node: Cannot assign requested address\n"
        "  remedy: check that the address is on that node and that nothing else uses the port"
    )


def test_a_port_in_use_names_the_flow(lab: Loopback) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
        holder.bind(("127.0.0.2", 0))
        port = holder.getsockname()[1]
        wanted = f"flow taken: cannot use 127.0.0.2 as udp port {port} on node: Address already"
        with pytest.raises(LabError, match=wanted):
            Probes(lab, [flow(Protocol.UDP, name="taken", port=port)]).start()


def test_the_worker_ends_with_its_controller(lab: Loopback) -> None:
    probes = Probes(lab, [flow(Protocol.TCP)])
    probes.start()
    probes.stop()
    probes.stop()

    assert lab.workers[0].wait(1) == 0
    with pytest.raises(LabError, match="the probes are not running"):
        probes.latest()


def test_a_dead_worker_is_an_error_and_not_a_clean_network(lab: Loopback) -> None:
    with Probes(lab, [flow(Protocol.UDP)]) as probes:
        lab.workers[0].kill()
        lab.workers[0].wait()
        with pytest.raises(LabError, match="the probe worker does not answer"):
            probes.window(probes.mark() - 10**8)


def test_flows_need_names_of_their_own(lab: Loopback) -> None:
    with pytest.raises(InputError, match="flows share a name: udp"):
        Probes(lab, [flow(Protocol.UDP), flow(Protocol.UDP)])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"udp_rate": 1001}, "a rate of 1001 packets/s cannot be sent"),
        ({"rates": {"dns": 0}}, "a rate of 0 packets/s cannot be sent"),
        ({"connect_deadline_ms": 1000}, "connect_deadline_ms is 1000"),
        ({"session_interval_ms": 0}, "session_interval_ms must be at least 1"),
        ({"session_dead_ms": 100}, "session_dead_ms must be more than session_interval_ms"),
    ],
)
def test_settings_that_would_not_measure_are_refused(
    wrong: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        ProbeSettings(**wrong)  # type: ignore[arg-type]
