"""The rehearsal: the whole cutover on a live network, under traffic, with its faults."""

from __future__ import annotations

import time
import traceback
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from pcg_netops.cutover.bench import (
    boot,
    pusher_for,
    wait_converged,
    wait_watched,
    wrong_routes,
)
from pcg_netops.cutover.evidence import (
    Evidence,
    StallEvidence,
    StepEvidence,
    StepKind,
    Timeline,
    Verdict,
    worst,
)
from pcg_netops.cutover.forbidden import check_forbidden
from pcg_netops.cutover.judge import Expectation, judge_services, not_right
from pcg_netops.cutover.plan import EVERYTHING, Part, Step, chosen, steps
from pcg_netops.cutover.record import (
    BIN_MS,
    describe_lab,
    devices_that_ran,
    digests,
    fidelity,
    not_run,
    stalls,
    that_ran,
    timeline,
)
from pcg_netops.cutover.run import Progress, Run, probe_settings
from pcg_netops.design.devices import design
from pcg_netops.design.flows import flows
from pcg_netops.design.steering import stages
from pcg_netops.errors import LabError, PcgError, PushError
from pcg_netops.inventory.workspace import Workspace
from pcg_netops.lab.backends import Backend
from pcg_netops.probes.engine import Probes
from pcg_netops.probes.injection import Injector
from pcg_netops.probes.settings import ProbeSettings
from pcg_netops.push.practice import stand_ins
from pcg_netops.push.watcher import STOPPED
from pcg_netops.render import render_stage

__all__ = ["Progress", "rehearse"]

_STILL_FELT_NS = 3_000_000_000  # after a stall: routes come back, lost TCP segments are sent again
_STOPPED = "stopped by hand or by a signal"
_DWELL_S = 0.6  # traffic after a step has settled, so that a late effect is seen in its own step


def rehearse(
    production: Workspace,
    cutover_name: str | None,
    run_dir: Path,
    progress: Progress,
    udp_rate: int = ProbeSettings.udp_rate,
    backend: Backend = "netns",
    part: Part = EVERYTHING,
) -> Evidence:
    """Rehearse a cutover and return what was measured; the lab is gone afterwards.

    Every device runs as its Linux stand-in, whatever its platform in production.

    `udp_rate` is the packets/s of every UDP flow, 1 to 1000. A `part` proves a part: it is told as
    incomplete.

    A rehearsal that is stopped (`Progress.stoppable`) is told as incomplete, with what it has
    measured, be that nothing.

    Raises InputErrors when a device cannot be rendered for its own platform, InputError for a part
    that there is not, EnvironmentLack or LabError when the lab cannot run at all. Everything else
    that goes wrong is part of the evidence.
    """
    name, cutover = production.cutover(cutover_name)
    workspace = stand_ins(production)
    plan = stages(cutover, workspace.services)
    every = list(steps(cutover, plan))
    todo = chosen(every, part)
    for_production = not_run(production, workspace, plan)
    traffic = flows(workspace.network, workspace.services)
    settings = probe_settings(workspace, traffic, udp_rate)
    started, begun = datetime.now(UTC), time.monotonic()
    begin = todo[0].stage
    first, rendered = design(workspace, begin), render_stage(workspace, begin)
    run: Run | None = None
    done: list[StepEvidence] = []
    problems: list[str] = []
    ran, boot_seconds, broken_off = {begin.name: rendered}, 0.0, Verdict.INCOMPLETE
    measured = Timeline(bin_ms=BIN_MS, start_at=0.0, services=())
    held_up: tuple[StallEvidence, ...] = ()
    with ExitStack() as stack:
        try:
            with progress.stoppable():
                progress.say(f"booting {len(first)} nodes")
                booting = time.monotonic()
                lab = stack.enter_context(boot(workspace, first, rendered, run_dir, backend))
                wait_converged(lab, first)
                boot_seconds = round(time.monotonic() - booting, 2)
                progress.say(f"every route is in every kernel after {boot_seconds} s")
                if lab.ipsec:
                    progress.say(f"IPsec packets are encrypted by {lab.ipsec}")
                wait_watched(lab, first)
                probes = stack.enter_context(Probes(lab, traffic, settings))
                run = Run(
                    workspace=workspace,
                    cutover=cutover,
                    flows=traffic,
                    lab=lab,
                    probes=probes,
                    settings=settings,
                    pusher=pusher_for(workspace, lab),
                    injector=Injector(lab),
                    progress=progress,
                    started=begun,
                    stage=begin,
                    since_ns=probes.mark(),
                    artifacts=ran,
                )
                stack.callback(run.pusher.close)
                broken_off = _walk(run, todo, part, done, problems)
                if todo != every:
                    problems.append("a part was rehearsed, as asked: it proves that part alone")
                    broken_off = worst([broken_off, Verdict.INCOMPLETE])
        except KeyboardInterrupt:
            if broken_off is Verdict.INCOMPLETE and not problems:
                problems.append(f"{_STOPPED} after {len(done)} steps")
        except PcgError:
            raise  # there is no lab
        except Exception as error:
            problems.append(_words(error))
        lab_evidence = describe_lab(workspace, None, first, boot_seconds, backend)
        try:
            if run is not None:
                measured = timeline(workspace, run.probes, begun)
                held_up = stalls(run.probes, begun)
                lab_evidence = describe_lab(workspace, run.lab, first, boot_seconds, backend)
        except Exception as error:
            problems.append(f"not all that was measured could be read: {_words(error)}")
            broken_off = worst([broken_off, Verdict.INCOMPLETE])
    verdict = worst([*(step.verdict for step in done), broken_off])
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
        artifacts=digests(that_ran(workspace, ran)),
        devices=devices_that_ran(production, workspace),
        not_run=for_production,
        fidelity=fidelity(production, workspace, lab_evidence.ipsec),
    )


def _walk(
    run: Run, todo: list[Step], part: Part, done: list[StepEvidence], problems: list[str]
) -> Verdict:
    """Do every step. One that breaks off ends the rehearsal: what follows would prove nothing.

    So does a beginning that is not right: the same would be found wrong in every step.

    What is done and what went wrong are added to the lists as it happens. The verdict is of what
    broke off: PASS if nothing did.
    """
    try:
        for step in todo:
            run.progress.say(f"{step.name}: {step.title}")
            done.append(_do(run, step))
            run.progress.step_done(done[-1])
            left = todo[len(done) :]
            wrong = done[-1].verdict is not Verdict.PASS
            if left and wrong and (part.fail_fast or step.kind is StepKind.BASELINE):
                problems.append(_not_rehearsed(left))
                break
    except (Exception, KeyboardInterrupt) as error:
        if left := todo[len(done) :]:
            verdict, text = _broken_off(run, left[0], error)
            problems += [text, _not_rehearsed(left)]
            return verdict
    return Verdict.PASS


def _not_rehearsed(left: list[Step]) -> str:
    return f"not rehearsed: {', '.join(step.name for step in left)}"


def _broken_off(run: Run, step: Step, error: BaseException) -> tuple[Verdict, str]:
    """What a step that did not end says of the network, and why it did not."""
    if isinstance(error, KeyboardInterrupt) or getattr(error, "place", "") == STOPPED:
        return Verdict.INCOMPLETE, f"{step.name}: {_STOPPED}"
    if isinstance(error, LabError):
        return not_right(f"{step.name}: {error}", _doubt(run))
    if isinstance(error, PushError):  # what a device refuses, it refuses at any speed
        return not_right(f"{step.name}: {error}", "")
    return Verdict.INCOMPLETE, f"{step.name}: {_words(error)}"


def _words(error: BaseException) -> str:
    """For the evidence; what is to be reported to us is printed, too."""
    if isinstance(error, PcgError):
        return str(error)
    traceback.print_exception(error)
    return f"a defect of pcg-netops: {error!r}"


def _do(run: Run, step: Step) -> StepEvidence:
    """Act, wait for the network to settle, try what is forbidden, and judge it all."""
    begun = time.monotonic()
    before, planned = run.stage, step.kind is not StepKind.FAILURE
    pushed = _act(run, step)
    changed_ns = run.probes.mark()
    wrong = wrong_routes(run.lab, run.designed(step.stage)) if planned else ""
    settle, reasons = run.settle(step.stage, changed_ns)
    problems = [f"{flow}: {reason}" for flow, reason in reasons.items()]
    problems += [f"routes: {wrong}"] if wrong else []
    run.probes.renew()
    settled_ns = run.probes.mark()
    dwell_until = time.monotonic() + _DWELL_S
    network, services = run.workspace.network, run.workspace.services
    forbidden = (
        check_forbidden(
            run.lab, run.injector, network, services, step.stage, run.designed(step.stage)
        )
        if planned
        else ()
    )
    time.sleep(max(0.0, dwell_until - time.monotonic()))
    until_ns = run.probes.mark()
    judged = judge_services(
        network,
        services,
        run.flows,
        Expectation(step.stage, planned, _doubt(run)),
        run.probes.window(run.since_ns, until_ns),
        run.probes.window(settled_ns, until_ns),
    )
    run.since_ns = until_ns
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
        services=judged,
        forbidden=forbidden,
        diffs=() if pushed is None else run.diffs(before, step.stage),
        problems=tuple(problems),
        verdict=worst(
            [
                *(service.verdict for service in judged),
                *(item.verdict for item in forbidden),
                *(Verdict.FAIL for _ in problems),
            ]
        ),
    )


def _doubt(run: Run) -> str:
    """Whether this machine stood still for so long that BFD may have given up sound links."""
    stalls = run.probes.stalls(run.since_ns - _STILL_FELT_NS)
    longest = max((stall.end_ns - stall.start_ns for stall in stalls), default=0) / 1e6
    timers = [
        session.bfd.interval_ms * session.bfd.multiplier
        for device in run.designed(run.stage).values()
        if device.bgp
        for session in device.bgp.sessions
        if session.bfd
    ]
    # Half of it: the daemons stood still, too, and not for exactly as long as the probes.
    if not timers or longest < min(timers) / 2:
        return ""
    return (
        f"this machine stood still for {longest:.0f} ms, and BFD gives a link up after"
        f" {min(timers)}: measure again"
    )


def _act(run: Run, step: Step) -> float | None:
    """Do what the step is about; seconds that its pushes took, None if it has none."""
    if step.kind is StepKind.BASELINE:
        return None
    if step.kind is StepKind.FAILURE:
        run.cut_power()
        return None
    if step.kind is StepKind.RECOVERY:
        return run.restore_power()
    return run.push(step.stage)
