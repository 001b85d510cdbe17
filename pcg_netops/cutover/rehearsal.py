"""The rehearsal: the whole cutover on a live network, under traffic, with its faults."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from pcg_netops.cutover.bench import boot, pusher_for, wait_converged, wrong_routes
from pcg_netops.cutover.evidence import (
    DiffEvidence,
    Evidence,
    ForbiddenEvidence,
    StepEvidence,
    StepKind,
    Verdict,
    worst,
)
from pcg_netops.cutover.forbidden import check_forbidden
from pcg_netops.cutover.judge import Expectation, judge_services, unsettled
from pcg_netops.cutover.plan import Step, on_backup, steps, waves
from pcg_netops.cutover.record import describe_lab, fidelity, stalls, timeline
from pcg_netops.design.devices import design
from pcg_netops.design.flows import flows, intended_gateway
from pcg_netops.design.steering import Stage, stages
from pcg_netops.diff import changed_files, diff_artifacts
from pcg_netops.errors import PushError
from pcg_netops.inventory.workspace import Workspace
from pcg_netops.lab.netns import NetnsLab
from pcg_netops.model.cutover import Cutover
from pcg_netops.model.device import Device
from pcg_netops.model.flow import Protocol
from pcg_netops.probes.engine import Probes, ProbeSettings
from pcg_netops.probes.injection import Injector
from pcg_netops.push.runner import Pusher
from pcg_netops.render import Artifacts, render_stage

_SETTLE_LIMIT_S = 20.0
_SETTLE_POLL_S = 0.05
_SETTLED_PROBES = 4  # answered in a row through the intended gateway
_DWELL_S = 0.6  # traffic after a step has settled, so that a late effect is seen in its own step
_FAST_LIMIT_MS = 500  # services that may be gone for less are probed at the full rate
_FULL_RATE = 1000
_FAST_CONNECT_MS = 10


@dataclass(frozen=True)
class Progress:
    """What the rehearsal tells while it runs."""

    say: Callable[[str], None]
    step_done: Callable[[StepEvidence], None]


@dataclass
class _Run:
    """The state of one rehearsal while it runs."""

    workspace: Workspace
    cutover: Cutover
    lab: NetnsLab
    probes: Probes
    settings: ProbeSettings
    pusher: Pusher
    injector: Injector
    progress: Progress
    started: float
    stage: Stage  # where the network is now
    since_ns: int  # where the current step's probes begin
    artifacts: dict[str, Artifacts] = field(default_factory=dict)
    devices: dict[str, Mapping[str, Device]] = field(default_factory=dict)


def rehearse(
    workspace: Workspace,
    cutover_name: str | None,
    run_dir: Path,
    progress: Progress,
    udp_rate: int = ProbeSettings.udp_rate,
) -> Evidence:
    """Rehearse a cutover and return what was measured; the lab is gone afterwards.

    `udp_rate` is the packets/s of every UDP flow, 1 to 1000.

    Raises EnvironmentLack or LabError when the lab cannot run at all. Everything else that goes
    wrong is part of the evidence.
    """
    name, cutover = workspace.cutover(cutover_name)
    plan = stages(cutover, workspace.services)
    settings = _settings(workspace, udp_rate)
    started, begun = datetime.now(UTC), time.monotonic()
    first, rendered = design(workspace, plan[0]), render_stage(workspace, plan[0])
    progress.say(f"booting {len(first)} nodes")
    booting = time.monotonic()
    with boot(workspace, first, rendered, run_dir) as lab:
        wait_converged(lab, first)
        boot_seconds = round(time.monotonic() - booting, 2)
        progress.say(f"every route is in every kernel after {boot_seconds} s")
        with Probes(lab, flows(workspace.network, workspace.services), settings) as probes:
            run = _Run(
                workspace=workspace,
                cutover=cutover,
                lab=lab,
                probes=probes,
                settings=settings,
                pusher=pusher_for(workspace, lab),
                injector=Injector(lab),
                progress=progress,
                started=begun,
                stage=plan[0],
                since_ns=probes.mark(),
                artifacts={plan[0].name: rendered},
                devices={plan[0].name: first},
            )
            done, problems = _walk(run, list(steps(cutover, plan)))
            lab_evidence = describe_lab(workspace, lab, first, boot_seconds)
            measured = timeline(workspace, probes, begun)
            held_up = stalls(probes, begun)
            run.pusher.close()
    verdict = worst([*(step.verdict for step in done), *(Verdict.FAIL for _ in problems)])
    return Evidence(
        organisation=workspace.network.organisation,
        cutover=name,
        title=cutover.title,
        run=run_dir.name,
        started=started,
        seconds=round(time.monotonic() - begun, 1),
        verdict=verdict,
        problems=tuple(problems),
        lab=lab_evidence,
        steps=tuple(done),
        timeline=measured,
        stalls=held_up,
        artifacts={
            f"{stage}/{device}/{file}": artifact.digest
            for stage, devices in run.artifacts.items()
            for device, files in devices.items()
            for file, artifact in files.items()
        },
        fidelity=fidelity(workspace),
    )


def _settings(workspace: Workspace, udp_rate: int) -> ProbeSettings:
    fast = [
        name
        for name, service in workspace.services.services.items()
        if service.max_outage < _FAST_LIMIT_MS
    ]
    return ProbeSettings(
        udp_rate=udp_rate, connect_intervals_ms=dict.fromkeys(fast, _FAST_CONNECT_MS)
    )


def _walk(run: _Run, todo: list[Step]) -> tuple[list[StepEvidence], list[str]]:
    """Do every step. A push that fails ends the rehearsal: what follows would prove nothing."""
    done: list[StepEvidence] = []
    for index, step in enumerate(todo):
        run.progress.say(f"{step.name}: {step.title}")
        try:
            done.append(_do(run, step))
        except PushError as error:
            left = ", ".join(later.name for later in todo[index:])
            return done, [f"{step.name}: {error}", f"not rehearsed: {left}"]
        run.progress.step_done(done[-1])
    return done, []


def _do(run: _Run, step: Step) -> StepEvidence:
    begun = time.monotonic()
    before, planned = run.stage, step.kind is not StepKind.FAILURE
    pushed: float | None = None
    if step.kind is StepKind.FAILURE:
        _fail(run)
    elif step.kind is StepKind.RECOVERY:
        pushed = _recover(run, step.stage)
    elif step.kind is not StepKind.BASELINE:
        pushed = _push(run, before, step.stage)
        run.stage = step.stage
    changed_ns = run.probes.mark()
    wrong = wrong_routes(run.lab, _designed(run, step.stage)) if planned else ""
    settle, reasons = _settle(run, step.stage, changed_ns)
    if wrong:
        reasons["routes"] = wrong
    run.probes.renew()
    settled_ns = run.probes.mark()
    dwell = time.monotonic() + _DWELL_S
    forbidden = _forbidden(run, step) if planned else ()
    time.sleep(max(0.0, dwell - time.monotonic()))
    until_ns = run.probes.mark()
    services = judge_services(
        run.workspace.network,
        run.workspace.services,
        flows(run.workspace.network, run.workspace.services),
        Expectation(step.stage, planned),
        run.probes.window(run.since_ns, until_ns),
        run.probes.window(settled_ns, until_ns),
    )
    run.since_ns = until_ns
    diffs = _diffs(run, before, step.stage) if pushed is not None else ()
    verdicts = [service.verdict for service in services]
    verdicts += [_verdict(item) for item in forbidden]
    verdicts += [Verdict.FAIL for _ in reasons]
    window = step.stage.window
    return StepEvidence(
        name=step.name,
        kind=step.kind,
        stage=step.stage.name,
        phase=step.stage.phase,
        title=step.title,
        window=f"{window.start:%d %b %Y %H:%M} to {window.end:%d %b %Y %H:%M}",
        at=round(begun - run.started, 2),
        push_seconds=pushed,
        settle_seconds=settle,
        seconds=round(time.monotonic() - begun, 2),
        services=services,
        forbidden=forbidden,
        diffs=diffs,
        problems=tuple(f"{flow}: {reason}" for flow, reason in reasons.items()),
        verdict=worst(verdicts),
    )


def _verdict(item: ForbiddenEvidence) -> Verdict:
    if item.blocked is None:
        return Verdict.INCOMPLETE
    return Verdict.PASS if item.blocked else Verdict.FAIL


def _rendered(run: _Run, stage: Stage) -> Artifacts:
    """A stage's artifacts, rendered once."""
    if stage.name not in run.artifacts:
        run.artifacts[stage.name] = render_stage(run.workspace, stage)
    return run.artifacts[stage.name]


def _designed(run: _Run, stage: Stage) -> Mapping[str, Device]:
    """A stage's devices, designed once."""
    if stage.name not in run.devices:
        run.devices[stage.name] = design(run.workspace, stage)
    return run.devices[stage.name]


def _push(run: _Run, before: Stage, after: Stage) -> float:
    """Push what differs, make before break; seconds it took."""
    begun = time.monotonic()
    old, new = _rendered(run, before), _rendered(run, after)
    changed = changed_files(old, new)
    if changed:
        order = waves(run.workspace.network, before, after, changed)
        run.pusher.push(changed, order, run.progress.say)
    return round(time.monotonic() - begun, 2)


def _fail(run: _Run) -> None:
    """Cut the power of every gateway of the new exchange, at one instant."""
    _probe_fast_services(run, _FULL_RATE)
    time.sleep(_DWELL_S)
    gateways = run.workspace.network.exchanges[run.cutover.to_exchange].gateways
    run.pusher.forget(gateways)
    run.since_ns = run.probes.mark()
    run.lab.power_off(gateways)


def _recover(run: _Run, stage: Stage) -> float:
    """Bring the failed exchange back as a planned move: first with services held where they are.

    Were services to return by themselves, traffic would arrive before the exchange is reachable
    from the far side.
    """
    held = on_backup(run.cutover, stage)
    seconds = _push(run, stage, held)
    run.lab.power_on(run.workspace.network.exchanges[run.cutover.to_exchange].gateways)
    wait_converged(run.lab, _designed(run, held))
    _probe_fast_services(run, run.settings.udp_rate)
    return round(seconds + _push(run, held, stage), 2)


def _probe_fast_services(run: _Run, rate: int) -> None:
    """Set the UDP rate of the services with the tightest limits; their TCP is always fast."""
    for name in run.settings.connect_intervals_ms:
        traffic = run.workspace.services.services[name].traffic
        if any(kind.protocol is Protocol.UDP for kind in traffic):
            run.probes.set_rate(name, rate)


def _settle(run: _Run, stage: Stage, since_ns: int) -> tuple[float | None, dict[str, str]]:
    """Wait until every flow answers through its intended gateway; seconds, or the reasons."""
    network, services = run.workspace.network, run.workspace.services
    intended = {
        flow.name: intended_gateway(network, services, stage, flow)
        for flow in flows(network, services)
    }
    begun = time.monotonic()
    while True:
        reasons = unsettled(network, intended, run.probes.latest(_SETTLED_PROBES), since_ns)
        taken = time.monotonic() - begun
        if not reasons:
            return round(taken, 2), {}
        if taken > _SETTLE_LIMIT_S:
            return None, reasons
        time.sleep(_SETTLE_POLL_S)


def _forbidden(run: _Run, step: Step) -> tuple[ForbiddenEvidence, ...]:
    return check_forbidden(
        run.lab,
        run.injector,
        run.workspace.network,
        run.workspace.services,
        step.stage,
        _designed(run, step.stage),
    )


def _diffs(run: _Run, before: Stage, after: Stage) -> tuple[DiffEvidence, ...]:
    new = _rendered(run, after)
    return tuple(
        DiffEvidence(
            device=diff.device,
            file=diff.name,
            sha256=new[diff.device][diff.name].digest,
            text=diff.text,
        )
        for diff in diff_artifacts(_rendered(run, before), new)
    )
