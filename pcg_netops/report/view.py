"""What a reader of the report sees, in the order in which a change board asks for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from pcg_netops.cutover.evidence import (
    Evidence,
    FlowEvidence,
    ServiceEvidence,
    StepEvidence,
    StepKind,
    Verdict,
)
from pcg_netops.model.device import Role
from pcg_netops.report.words import (
    NBSP,
    NOT_MEASURED,
    count,
    duration,
    listed,
    number,
    outage,
    seconds,
)

# Steps that a change board plans, as against what happens to it.
PLANNED = (StepKind.MOVE, StepKind.ROLL_BACK, StepKind.REDO)


@dataclass(frozen=True)
class Figure:
    """One of the key figures: what it is, the figure, and what it rests on."""

    label: str
    value: str
    note: str


@dataclass(frozen=True)
class Cell:
    """One service during one step."""

    verdict: Verdict
    outage: str
    probes: str
    limit: str
    sessions: str
    carrier: str
    moved: bool


@dataclass(frozen=True)
class Row:
    """One service, with a cell for each step; None where a step has no such service."""

    service: str
    cells: tuple[Cell | None, ...]


@dataclass(frozen=True)
class Forbidden:
    """Traffic that must not pass, over all steps that sent it."""

    name: str
    kind: str
    detail: str
    verdict: Verdict
    result: str


@dataclass(frozen=True)
class Artifact:
    """A file that devices held, and the stages at which it was this one."""

    name: str
    sha256: str
    stages: str


def exchanges(evidence: Evidence) -> tuple[str, ...]:
    """Every exchange by name: those of the lab in its order, then others that carried traffic."""
    names = [node.group for node in evidence.lab.nodes if node.role == Role.GATEWAY]
    names += [service.carrier for step in evidence.steps for service in step.services]
    names += [name for service in evidence.timeline.services for name in service.carrier]
    return tuple(name for name in dict.fromkeys(names) if name)


def sentence(evidence: Evidence) -> str:
    """The verdict in one sentence."""
    steps = evidence.steps
    failed = [step.name for step in steps if step.verdict is Verdict.FAIL]
    unchecked = [step.name for step in steps if step.verdict is Verdict.INCOMPLETE]
    also = f"; {_of(unchecked, steps)} could not be checked in full" if unchecked else ""
    match evidence.verdict:
        case Verdict.FAIL if failed:
            return f"The rehearsal failed: {_of(failed, steps)} missed a requirement{also}."
        case Verdict.FAIL:
            return f"The rehearsal failed as a whole{also}."
        case Verdict.INCOMPLETE if unchecked:
            return f"The rehearsal is incomplete, which is not a pass{also}."
        case Verdict.INCOMPLETE:
            return "The rehearsal is incomplete, which is not a pass."
    return f"The rehearsal passed: {_planned_clause(steps)}, and {_failure_clause(steps)}."


def _of(names: Sequence[str], steps: Sequence[StepEvidence]) -> str:
    return f"{len(names)} of {count(len(steps), 'step')} ({listed(names)})"


def _planned_clause(steps: Sequence[StepEvidence]) -> str:
    planned = [step for step in steps if step.kind in PLANNED]
    if not planned:
        return "no planned move was rehearsed"
    lost = sum(service.lost for step in planned for service in step.services)
    lost_text = count(lost, "probe") if lost else "no probe"
    return f"{count(len(planned), 'planned move')} lost {lost_text}"


def _failure_clause(steps: Sequence[StepEvidence]) -> str:
    failures = [step for step in steps if step.kind is StepKind.FAILURE]
    if not failures:
        return "no failure was rehearsed"
    return "after the exchange failed every service was back within its limit"


def reasons(evidence: Evidence) -> tuple[str, ...]:
    """Everything that stands against a pass, in the order in which it happened."""
    return tuple(dict.fromkeys([*evidence.problems, *_step_reasons(evidence)]))


def _step_reasons(evidence: Evidence) -> Iterator[str]:
    for step in evidence.steps:
        for problem in step.problems:
            yield f"{step.name}: {problem}"
        for service in step.services:
            if service.verdict is not Verdict.PASS:
                yield f"{step.name}, {service.service}: {_service_reason(service)}"
        for tried in step.forbidden:
            if not tried.blocked:
                outcome = "could not be checked" if tried.blocked is None else "got through"
                why = f" ({tried.reason})" if tried.reason else ""
                yield f"{step.name}: forbidden traffic {tried.name} {outcome}{why}"


def _service_reason(service: ServiceEvidence) -> str:
    """The reason of its worst flow; the service's own figure when no flow gives one."""
    found = [flow for flow in service.flows if flow.verdict is service.verdict and flow.reason]
    if not found:
        return f"{outage(service.flows)}, {_limit(service)}"
    more = f" (and {count(len(found) - 1, 'more flow')})" if len(found) > 1 else ""
    return f"{found[0].reason}{more}"


def figures(evidence: Evidence) -> tuple[Figure, ...]:
    """The key figures."""
    lab, planned = evidence.lab, [step for step in evidence.steps if step.kind in PLANNED]
    size = f"{count(len(lab.nodes), 'node')}, {count(len(lab.links), 'link')}"
    processes = count(lab.processes, "process", "processes")
    machine = f"{lab.backend}; {number(lab.memory_mb)}{NBSP}MB, {processes}"
    boot = f"of which the lab took {seconds(lab.boot_seconds)} to boot"
    return (
        _planned_figure(planned),
        _failure_figure(evidence),
        _session_figure(planned),
        _forbidden_figure(evidence),
        Figure("Rehearsal took", seconds(evidence.seconds), boot),
        Figure("Lab", size, machine),
    )


def _planned_figure(planned: Sequence[StepEvidence]) -> Figure:
    label = "Probes lost in planned moves"
    flows = [flow for step in planned for service in step.services for flow in service.flows]
    if not any(flow.sent for flow in flows):
        return Figure(label, "not measured", "no planned move was probed")
    lost, sent = sum(flow.lost for flow in flows), sum(flow.sent for flow in flows)
    kinds = [
        count(sum(step.kind is kind for step in planned), name)
        for kind, name in zip(PLANNED, ("move", "roll-back", "redo"), strict=True)
        if any(step.kind is kind for step in planned)
    ]
    note = f"{', '.join(kinds)}; worst outage {outage(flows)}"
    return Figure(label, f"{number(lost)} of {number(sent)}", note)


def _failure_figure(evidence: Evidence) -> Figure:
    label = "Worst outage when the exchange failed"
    services = [
        service
        for step in evidence.steps
        if step.kind is StepKind.FAILURE
        for service in step.services
        if service.limit_ms > 0
    ]
    if not services:
        return Figure(label, "not measured", "no failure was rehearsed")
    tightest = max(services, key=lambda service: service.outage_ms / service.limit_ms)
    longest = max(services, key=lambda service: service.outage_ms)
    value = f"{outage(tightest.flows)} of {duration(tightest.limit_ms)} allowed"
    note = f"{tightest.service}, the closest to its limit"
    if longest.service != tightest.service:
        limit = duration(longest.limit_ms)
        note += f"; longest {outage(longest.flows)}, {longest.service}, limit {limit}"
    unmeasured = [each.service for each in services if outage(each.flows) == NOT_MEASURED]
    note += f"; not measured: {listed(unmeasured)}" if unmeasured else ""
    return Figure(label, value, note)


def _session_figure(planned: Sequence[StepEvidence]) -> Figure:
    lost = {step.name: sum(service.sessions_lost for service in step.services) for step in planned}
    note = listed(f"{name}: {number(how_many)}" for name, how_many in lost.items() if how_many)
    label = "Established sessions lost by planned moves"
    return Figure(label, number(sum(lost.values())), f"by step: {note}")


def _forbidden_figure(evidence: Evidence) -> Figure:
    tried = [each.blocked for step in evidence.steps for each in step.forbidden]
    label, unchecked = "Forbidden traffic that got through", tried.count(None)
    if not tried:
        return Figure(label, "not measured", "none was tried")
    note = (
        f"{number(unchecked)} more could not be checked" if unchecked else "every try was checked"
    )
    return Figure(
        label, f"{number(tried.count(False))} of {count(len(tried), 'try', 'tries')}", note
    )


def matrix(evidence: Evidence) -> tuple[Row, ...]:
    """Services by steps."""
    steps = [{service.service: service for service in step.services} for step in evidence.steps]
    names = dict.fromkeys(name for step in steps for name in step)
    return tuple(
        Row(name, tuple(_cell(step[name]) if name in step else None for step in steps))
        for name in names
    )


def _cell(service: ServiceEvidence) -> Cell:
    return Cell(
        verdict=service.verdict,
        outage=outage(service.flows),
        probes=f"{number(service.lost)} of {number(service.sent)}",
        limit=_limit(service) if service.limit_ms else "",
        sessions=f"−{count(service.sessions_lost, 'session')}" if service.sessions_lost else "",
        carrier=service.carrier,
        moved=service.moved,
    )


def _limit(service: ServiceEvidence) -> str:
    return f"limit {duration(service.limit_ms)}" if service.limit_ms else "limit: no loss"


def push_time(step: StepEvidence) -> str:
    """How long the push took; a step without a push says so."""
    if step.push_seconds is None and step.kind not in PLANNED:
        return "no push"
    return seconds(step.push_seconds)


def detailed(evidence: Evidence) -> tuple[StepEvidence, ...]:
    """The steps whose flows are shown one by one: what was not planned."""
    kinds = (StepKind.FAILURE, StepKind.RECOVERY)
    return tuple(step for step in evidence.steps if step.kind in kinds)


def other_misses(
    evidence: Evidence,
) -> tuple[tuple[StepEvidence, ServiceEvidence, FlowEvidence], ...]:
    """Flows that did not pass, of the steps that are not detailed."""
    shown = detailed(evidence)
    return tuple(
        (step, service, flow)
        for step in evidence.steps
        if step not in shown
        for service in step.services
        for flow in service.flows
        if flow.verdict is not Verdict.PASS
    )


def forbidden(evidence: Evidence) -> tuple[Forbidden, ...]:
    """Each kind of forbidden traffic once, with what became of it in all steps."""
    tries = [(each, step.name) for step in evidence.steps for each in step.forbidden]
    found = []
    for name, kind, detail in dict.fromkeys((e.name, e.kind, e.detail) for e, _ in tries):
        same = [
            (e, step) for e, step in tries if (e.name, e.kind, e.detail) == (name, kind, detail)
        ]
        through = [_with_reason(step, e.reason) for e, step in same if e.blocked is False]
        unchecked = [_with_reason(step, e.reason) for e, step in same if e.blocked is None]
        blocked = len(same) - len(through) - len(unchecked)
        parts = [f"blocked in {blocked} of {count(len(same), 'step')}"]
        parts += [f"got through in {listed(through)}"] if through else []
        parts += [f"not checked in {listed(unchecked)}"] if unchecked else []
        verdict = Verdict.INCOMPLETE if unchecked else Verdict.PASS
        verdict = Verdict.FAIL if through else verdict
        found.append(Forbidden(name, kind, detail, verdict, "; ".join(parts)))
    return tuple(found)


def _with_reason(step: str, reason: str) -> str:
    return f"{step} ({reason})" if reason else step


def artifacts(evidence: Evidence) -> tuple[Artifact, ...]:
    """Files with their digests, equal ones of several stages together."""
    stages: dict[tuple[str, str], list[str]] = {}
    for key, digest in evidence.artifacts.items():
        stage, _, name = key.partition("/")
        stages.setdefault((name, digest), []).append(stage)
    return tuple(
        Artifact(name, digest, listed(found)) for (name, digest), found in sorted(stages.items())
    )


def links(evidence: Evidence) -> tuple[tuple[int, str], ...]:
    """(MTU in bytes, the links that have it), the largest MTU first."""
    ordered = sorted(evidence.lab.links, key=lambda link: -link.mtu)
    return tuple(
        (mtu, listed(f"{' – '.join(link.ends)} ({link.zone})" for link in same))
        for mtu, same in groupby(ordered, lambda link: link.mtu)
    )
