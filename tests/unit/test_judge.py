"""From measurements to verdicts: what is a pass, what is a miss, and what is neither."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcg_netops.cutover.evidence import ForbiddenEvidence, ServiceEvidence, Verdict, worst
from pcg_netops.cutover.judge import Expectation, gateway_seen, judge_services, unsettled
from pcg_netops.cutover.plan import on_backup
from pcg_netops.design.flows import flows, intended_gateway
from pcg_netops.design.steering import Stage, stages
from pcg_netops.inventory.workspace import load_workspace
from pcg_netops.probes.results import FlowResult, Gap, Kind, Peer, Probe, Session, SessionEnd
from tests.conftest import SMALL

MS = 1_000_000
WORKSPACE = load_workspace(SMALL)
NETWORK, SERVICES = WORKSPACE.network, WORKSPACE.services
CUTOVER = WORKSPACE.cutovers["to-cloud"]
STAGES = {stage.name: stage for stage in stages(CUTOVER, SERVICES)}
FLOWS = flows(NETWORK, SERVICES)
PLANNED = Expectation(STAGES["move"], planned=True)
FAILURE = Expectation(on_backup(CUTOVER, STAGES["move"]), planned=False)
# The first address of each gateway's pool: what a server sees of connections through it.
POOL = {name: str(node.nat["health"][0]) for name, node in NETWORK.nodes.items() if node.nat}
TELEMETRY = "telemetry/out/hq/udp-9000"
DISPATCH = "dispatch/out/hq/tcp-8443"

Results = dict[str, FlowResult]


def _clean(stage: Stage) -> Results:
    """Every flow without loss, through its intended gateway."""
    return {
        flow.name: FlowResult(
            flow=flow.name,
            kind=Kind(flow.protocol) if flow.protocol == "udp" else Kind.TCP_CONNECT,
            since_ns=0,
            until_ns=1000 * MS,
            interval_ms=10.0,
            sent=100,
            longest_silence_ms=10.0,
            lost=0,
            broken=0,
            lost_forward=0,
            lost_return=0,
            gaps=(),
            peers=(Peer(POOL[intended_gateway(NETWORK, SERVICES, stage, flow)], 100, 0, 999 * MS),),
            sessions=(),
            round_trip_median_ms=1.0,
            round_trip_p99_ms=2.0,
        )
        for flow in FLOWS
    }


def _gap(lost: int, stalled_ms: float = 0.0) -> Gap:
    longest = (lost + 1) * 10.0 + stalled_ms
    return Gap(0, int(longest * MS), lost, (lost - 1) * 10.0, longest, stalled_ms)


def _with_gap(results: Results, flow: str, lost: int, stalled_ms: float = 0.0) -> Results:
    return results | {
        flow: replace(results[flow], lost=lost, gaps=(_gap(lost, stalled_ms),) if lost else ())
    }


def _judge(
    expectation: Expectation, during: Results, settled: Results
) -> dict[str, ServiceEvidence]:
    found = judge_services(NETWORK, SERVICES, FLOWS, expectation, during, settled)
    return {service.service: service for service in found}


def _reason(service: ServiceEvidence, flow: str) -> str:
    return next(part.reason for part in service.flows if part.flow == flow)


@pytest.mark.parametrize("expectation", [PLANNED, FAILURE], ids=["planned", "failure"])
def test_no_loss_through_the_intended_gateways_passes(expectation: Expectation) -> None:
    clean = _clean(expectation.stage)
    judged = _judge(expectation, clean, clean)
    assert judged.keys() == {"dispatch", "telemetry"}
    for name, service in judged.items():
        assert service.verdict is Verdict.PASS
        assert (service.lost, service.outage_ms) == (0, 0)
        assert service.carrier == expectation.stage.carriers[name]
    assert judged["dispatch"].sent == 200
    assert {part.seen for part in judged["dispatch"].flows} != {()}


def test_one_lost_probe_fails_a_planned_step() -> None:
    clean = _clean(PLANNED.stage)
    judged = _judge(PLANNED, _with_gap(clean, TELEMETRY, 1), clean)
    assert judged["telemetry"].verdict is Verdict.FAIL
    assert judged["telemetry"].lost == 1
    assert _reason(judged["telemetry"], TELEMETRY) == "1 of 100 probes lost (0–20 ms)"
    assert judged["dispatch"].verdict is Verdict.PASS


def test_losses_while_the_machine_itself_stood_still_prove_nothing() -> None:
    clean = _clean(PLANNED.stage)
    doubtful = replace(PLANNED, doubt="this machine stood still")
    for during, settled in (
        (_with_gap(clean, TELEMETRY, 1), clean),
        (_with_gap(clean, TELEMETRY, 1), _with_gap(clean, TELEMETRY, 1)),
    ):
        judged = _judge(doubtful, during, settled)["telemetry"]
        assert judged.verdict is Verdict.INCOMPLETE
        assert _reason(judged, TELEMETRY).endswith(", but this machine stood still")
    assert _judge(doubtful, clean, clean)["telemetry"].verdict is Verdict.PASS
    elsewhere = replace(clean[TELEMETRY], peers=(Peer(POOL["cloud-north"], 100, 0, 1),))
    judged = _judge(doubtful, clean, clean | {TELEMETRY: elsewhere})["telemetry"]
    assert judged.verdict is Verdict.FAIL, "a stall sends nothing to a wrong gateway alone"


def test_a_flow_without_a_probe_is_incomplete_never_a_pass() -> None:
    clean = _clean(PLANNED.stage)
    missing = {name: result for name, result in clean.items() if name != TELEMETRY}
    for during, settled in ((missing, clean), (clean, missing), (missing, missing)):
        judged = _judge(PLANNED, during, settled)
        assert judged["telemetry"].verdict is Verdict.INCOMPLETE
        assert _reason(judged["telemetry"], TELEMETRY) == "no probe was sent"
        assert judged["dispatch"].verdict is Verdict.PASS


@pytest.mark.parametrize("expectation", [PLANNED, FAILURE], ids=["planned", "failure"])
def test_another_gateway_than_the_intended_one_fails(expectation: Expectation) -> None:
    clean = _clean(expectation.stage)
    stray = replace(clean[TELEMETRY], peers=(Peer(POOL["cloud-north"], 100, 0, 1),))
    judged = _judge(expectation, clean, clean | {TELEMETRY: stray})
    assert judged["telemetry"].verdict is Verdict.FAIL
    intended = {"move": "cloud-south"}.get(expectation.stage.name, "legacy-fw")
    assert _reason(judged["telemetry"], TELEMETRY) == (
        f"carried by cloud-north, meant for {intended}"
    )


def test_two_gateways_at_once_and_none_at_all_fail() -> None:
    clean = _clean(PLANNED.stage)
    for addresses, said in (
        ([POOL["cloud-south"], POOL["cloud-north"]], "carried by cloud-south, cloud-north, "),
        (["10.1.0.253"], "carried by no gateway, "),
        ([], "carried by no gateway, "),
    ):
        peers = tuple(Peer(address, 1, 0, 1) for address in addresses)
        judged = _judge(PLANNED, clean, clean | {TELEMETRY: replace(clean[TELEMETRY], peers=peers)})
        assert judged["telemetry"].verdict is Verdict.FAIL
        assert _reason(judged["telemetry"], TELEMETRY) == f"{said}meant for cloud-south"


def test_the_old_gateway_may_carry_what_is_in_flight_while_a_service_moves() -> None:
    clean = _clean(PLANNED.stage)
    both = (Peer(POOL["legacy-fw"], 50, 0, 1), Peer(POOL["cloud-south"], 50, 1, 2))
    during = clean | {TELEMETRY: replace(clean[TELEMETRY], peers=both)}
    assert _judge(PLANNED, during, clean)["telemetry"].verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("lost", "verdict"), [(0, Verdict.PASS), (99, Verdict.PASS), (100, Verdict.FAIL)]
)
def test_an_outage_over_the_limit_fails(lost: int, verdict: Verdict) -> None:
    """Dispatch may be gone for 1 s: 99 probes of 10 ms bound the outage to (99+1) × 10 ms."""
    clean = _clean(FAILURE.stage)
    judged = _judge(FAILURE, _with_gap(clean, DISPATCH, lost), clean)["dispatch"]
    assert judged.verdict is verdict
    assert judged.limit_ms == 1000
    if verdict is Verdict.FAIL:
        assert _reason(judged, DISPATCH) == "outage 990–1010 ms, the limit is 1000 ms"


def test_a_lucky_probe_does_not_halve_an_outage() -> None:
    clean = _clean(FAILURE.stage)
    halves = replace(clean[DISPATCH], lost=120, gaps=(_gap(60), _gap(60)))
    assert _judge(FAILURE, clean | {DISPATCH: halves}, clean)["dispatch"].verdict is Verdict.FAIL


def test_an_outage_that_only_the_probers_own_stall_makes_too_long_is_incomplete() -> None:
    clean = _clean(FAILURE.stage)
    judged = _judge(FAILURE, _with_gap(clean, DISPATCH, 20, stalled_ms=900), clean)["dispatch"]
    assert judged.verdict is Verdict.INCOMPLETE
    assert _reason(judged, DISPATCH) == ("the probing machine itself was held up: measure again")
    real = _judge(FAILURE, _with_gap(clean, DISPATCH, 150, stalled_ms=900), clean)["dispatch"]
    assert real.verdict is Verdict.FAIL


def test_loss_after_the_network_has_settled_fails_within_any_limit() -> None:
    clean = _clean(FAILURE.stage)
    late = _with_gap(clean, TELEMETRY, 1)
    judged = _judge(FAILURE, late, late)["telemetry"]
    assert judged.verdict is Verdict.FAIL
    assert _reason(judged, TELEMETRY) == "1 probes lost after the network had settled"


def test_lost_sessions_are_counted_and_shown_but_are_no_miss() -> None:
    clean = _clean(PLANNED.stage)
    broken = Session(0, 10 * MS, POOL["legacy-fw"], 20 * MS, SessionEnd.RESET)
    during = clean | {DISPATCH: replace(clean[DISPATCH], sessions=(broken,))}
    judged = _judge(PLANNED, during, clean)["dispatch"]
    assert (judged.verdict, judged.sessions_lost) == (Verdict.PASS, 1)


def test_a_connection_cut_off_as_its_path_moved_is_a_lost_session_not_an_outage() -> None:
    clean = _clean(PLANNED.stage)
    cut = clean | {DISPATCH: replace(clean[DISPATCH], broken=2)}
    judged = _judge(PLANNED, cut, clean)["dispatch"]
    assert (judged.verdict, judged.lost, judged.sessions_lost) == (Verdict.PASS, 0, 2)
    late = _judge(PLANNED, cut, cut)["dispatch"]
    assert late.verdict is Verdict.FAIL
    assert _reason(late, DISPATCH) == "2 probes lost after the network had settled"


def test_the_worst_flow_decides_for_its_service() -> None:
    clean = _clean(PLANNED.stage)
    during = _with_gap(clean, "dispatch/in/ward/tcp-8443", 2)
    during.pop(DISPATCH)
    judged = _judge(PLANNED, during, clean)["dispatch"]
    assert [part.verdict for part in judged.flows] == [Verdict.INCOMPLETE, Verdict.FAIL]
    assert judged.verdict is Verdict.FAIL
    assert judged.outage_ms == 30


@given(st.lists(st.sampled_from(Verdict)))
def test_any_miss_fails_the_whole_and_nothing_unchecked_is_a_pass(verdicts: list[Verdict]) -> None:
    found = worst(verdicts)
    assert (found is Verdict.PASS) == all(v is Verdict.PASS for v in verdicts)
    assert (found is Verdict.FAIL) == (Verdict.FAIL in verdicts)


@pytest.mark.parametrize(
    ("blocked", "verdict"),
    [(True, Verdict.PASS), (False, Verdict.FAIL), (None, Verdict.INCOMPLETE)],
)
def test_forbidden_traffic_that_could_not_be_tried_is_no_pass(
    blocked: bool | None, verdict: Verdict
) -> None:
    item = ForbiddenEvidence(name="a", kind="b", detail="c", blocked=blocked, reason="d")
    assert item.verdict is verdict


def test_a_pool_tells_its_gateway() -> None:
    for gateway, address in POOL.items():
        assert gateway_seen(NETWORK, address) == gateway
    assert gateway_seen(NETWORK, "10.1.0.253") == ""
    assert gateway_seen(NETWORK, None) == ""


@pytest.mark.parametrize(
    ("probes", "reason"),
    [
        pytest.param([], "no probe since the change", id="none"),
        pytest.param([(1, True, "cloud-south")], "no probe since the change", id="only before"),
        pytest.param([(20, True, "cloud-south"), (30, False, None)], "no answer", id="lost"),
        pytest.param(
            [(20, True, "legacy-fw"), (30, True, "cloud-south")],
            "goes through cloud-south, legacy-fw, not cloud-south",
            id="still both",
        ),
        pytest.param(
            [(5, False, None), (20, True, "cloud-south")], None, id="lost before the change"
        ),
    ],
)
def test_a_flow_has_settled_when_it_answers_through_its_gateway(
    probes: list[tuple[int, bool, str | None]], reason: str | None
) -> None:
    latest = {
        TELEMETRY: [Probe(at, ok, POOL[gateway] if gateway else None) for at, ok, gateway in probes]
    }
    found = unsettled(NETWORK, {TELEMETRY: "cloud-south"}, latest, since_ns=10)
    assert found == ({TELEMETRY: reason} if reason else {})


def test_a_flow_of_which_nothing_is_known_has_not_settled() -> None:
    assert unsettled(NETWORK, {TELEMETRY: "cloud-south"}, {}, since_ns=0) == {
        TELEMETRY: "no probe since the change"
    }
