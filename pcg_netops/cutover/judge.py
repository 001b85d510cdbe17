"""From measured probes to verdicts, without touching anything."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address

from pcg_netops.cutover.evidence import FlowEvidence, ServiceEvidence, Verdict, worst
from pcg_netops.design.flows import intended_gateway
from pcg_netops.design.steering import Stage
from pcg_netops.model.flow import Flow
from pcg_netops.model.network import Network
from pcg_netops.model.services import Services
from pcg_netops.probes.results import FlowResult, Probe

# Seen by the server of every flow: the translated source, which only one gateway can have given.
GatewayOf = Callable[[str | None], str]


def gateway_seen(network: Network, peer: str | None) -> str:
    """The gateway that translated a connection, or "" if no gateway's pool holds the address."""
    return (network.gateway_of(IPv4Address(peer)) if peer else None) or ""


@dataclass(frozen=True)
class Expectation:
    """What a step promises for every service."""

    stage: Stage
    planned: bool  # a planned step may lose nothing; a failure may take each service's limit
    doubt: str = ""  # why losses may come from the machine that measures, not from the network


def unsettled(
    network: Network,
    intended: Mapping[str, str],
    latest: Mapping[str, Sequence[Probe]],
    since_ns: int,
) -> dict[str, str]:
    """The flows that do not yet answer through the intended gateway, each with the reason."""
    reasons = {}
    for flow, gateway in intended.items():
        probes = [probe for probe in latest.get(flow, ()) if probe.sent_ns >= since_ns]
        seen = {gateway_seen(network, probe.peer) for probe in probes if probe.answered}
        if not probes:
            reasons[flow] = "no probe since the change"
        elif not all(probe.answered for probe in probes):
            reasons[flow] = "no answer"
        elif seen != {gateway}:
            reasons[flow] = f"goes through {', '.join(sorted(seen)) or 'no gateway'}, not {gateway}"
    return reasons


def judge_services(
    network: Network,
    services: Services,
    flows: Sequence[Flow],
    expectation: Expectation,
    during: Mapping[str, FlowResult],
    settled: Mapping[str, FlowResult],
) -> tuple[ServiceEvidence, ...]:
    """Every service in one step: `during` is all of it, `settled` the time after the change."""
    found = []
    for name, service in services.services.items():
        parts = tuple(
            _judge_flow(
                flow,
                intended_gateway(network, services, expectation.stage, flow),
                network,
                expectation,
                service.max_outage,
                during.get(flow.name),
                settled.get(flow.name),
            )
            for flow in flows
            if flow.service == name
        )
        found.append(
            ServiceEvidence(
                service=name,
                carrier=expectation.stage.carriers[name],
                moved=name in expectation.stage.moved,
                limit_ms=0.0 if expectation.planned else float(service.max_outage),
                outage_ms=max(part.outage_ms for part in parts),
                lost=sum(part.lost for part in parts),
                sent=sum(part.sent for part in parts),
                sessions_lost=sum(part.sessions_lost for part in parts),
                verdict=worst([part.verdict for part in parts]),
                flows=parts,
            )
        )
    return tuple(found)


def _judge_flow(
    flow: Flow,
    intended: str,
    network: Network,
    expectation: Expectation,
    max_outage_ms: float,
    during: FlowResult | None,
    settled: FlowResult | None,
) -> FlowEvidence:
    seen: tuple[str, ...] = ()
    if settled:
        gateways = (gateway_seen(network, peer.address) for peer in settled.peers)
        seen = tuple(dict.fromkeys(gateways))
    verdict, reason = _verdict(intended, seen, expectation, max_outage_ms, during, settled)
    return FlowEvidence(
        flow=flow.name,
        protocol=flow.protocol,
        direction=flow.direction,
        intended=intended,
        seen=seen,
        sent=during.sent if during else 0,
        lost=during.lost if during else 0,
        lost_forward=during.lost_forward if during else None,
        lost_return=during.lost_return if during else None,
        interval_ms=during.interval_ms if during else 0.0,
        resolution_ms=round(during.resolution_ms, 1) if during else 0.0,
        outage_ms=round(during.outage_ms, 1) if during and during.lost else 0.0,
        stalled_ms=max((gap.stalled_ms for gap in during.gaps), default=0.0) if during else 0.0,
        sessions_opened=during.sessions_opened + during.broken if during else 0,
        sessions_lost=len(during.sessions_lost) + during.broken if during else 0,
        verdict=verdict,
        reason=reason,
    )


def _verdict(
    intended: str,
    seen: tuple[str, ...],
    expectation: Expectation,
    max_outage_ms: float,
    during: FlowResult | None,
    settled: FlowResult | None,
) -> tuple[Verdict, str]:
    if during is None or settled is None:
        return Verdict.INCOMPLETE, "no probe was sent"
    late = settled.lost + settled.broken
    if late:
        return not_right(f"{late} probes lost after the network had settled", expectation.doubt)
    if set(seen) != {intended}:
        text = f"carried by {', '.join(seen) or 'no gateway'}, meant for {intended}"
        return not_right(text, expectation.doubt if intended in seen else "")
    if expectation.planned and during.lost:
        text = f"{during.lost} of {during.sent} probes lost ({during.outage_text})"
        return not_right(text, expectation.doubt)
    within = during.within(max_outage_ms)
    if within is None:
        return Verdict.INCOMPLETE, "the probing machine itself was held up: measure again"
    if not within:
        return Verdict.FAIL, f"outage {during.outage_text}, the limit is {max_outage_ms:g} ms"
    return Verdict.PASS, ""


def not_right(text: str, doubt: str) -> tuple[Verdict, str]:
    """The verdict and the words for what went wrong, which may come from the machine itself."""
    return (Verdict.INCOMPLETE, f"{text}, but {doubt}") if doubt else (Verdict.FAIL, text)
