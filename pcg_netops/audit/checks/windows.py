"""Checks of change windows: clocks, order, freezes, and what others have to do before."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise

from pcg_netops.audit.checks.plan import Plan, Slot
from pcg_netops.audit.finding import Check, Example, Problem, Rule, Severity
from pcg_netops.model.cutover import Window

_CUTOVER = "cutovers/<name>.yaml"
_ENGINEERING = "general engineering practice"


def _span(plan: Plan, window: Window) -> tuple[datetime, datetime]:
    return plan.instant(window.start), plan.instant(window.end)


def _hours(length: timedelta) -> str:
    return f"{length / timedelta(hours=1):g} h"


def _clock_inside(plan: Plan) -> Iterator[Problem]:
    for slot in plan.slots:
        start, end = _span(plan, slot.window)
        for change in plan.clock_changes(start, end):
            yield Problem(
                slot.place,
                f"the clocks change at {change:%Y-%m-%d %H:%M} UTC, inside the window of"
                f" '{slot.name}': it lasts {_hours(end - start)}, not"
                f" {_hours(slot.window.end - slot.window.start)}",
                "move the window to another night",
            )
        for local in (slot.window.start, slot.window.end):
            if fault := _fault(plan, local):
                yield Problem(
                    slot.place,
                    f"{local:%Y-%m-%d %H:%M} in the window of '{slot.name}' {fault}",
                    "choose a time outside the change of the clocks",
                )


def _fault(plan: Plan, local: datetime) -> str:
    """What is wrong with a local time, if the clocks skip or repeat it."""
    offsets = [local.replace(tzinfo=plan.zone, fold=fold).utcoffset() for fold in (0, 1)]
    if offsets[0] == offsets[1]:
        return ""
    back = plan.instant(local).astimezone(plan.zone).replace(tzinfo=None)
    return "comes twice" if back == local else "does not exist"


def _clock_between(plan: Plan) -> Iterator[Problem]:
    spans = sorted((*_span(plan, slot.window), slot.name, slot.place) for slot in plan.slots)
    for (_, before, earlier, _), (after, _, later, place) in pairwise(spans):
        for change in plan.clock_changes(before - timedelta(seconds=1), after):
            yield Problem(
                place,
                f"the clocks change at {change:%Y-%m-%d %H:%M} UTC, between '{earlier}' and"
                f" '{later}': the same local time is another one in UTC from then on",
                "tell those who plan in UTC, and check what is timed by UTC",
            )


def _overlap(plan: Plan) -> Iterator[Problem]:
    phases = [
        Slot(name, phase.window, plan.file.place("phases", name, "window"))
        for name, phase in plan.cutover.phases.items()
    ]
    yield from _out_of_order(plan, phases)
    for name in plan.cutover.phases:
        waves = [slot for slot in plan.slots if slot.name.startswith(f"{name}.")]
        yield from _out_of_order(plan, waves)


def _out_of_order(plan: Plan, slots: list[Slot]) -> Iterator[Problem]:
    """Each slot that starts before one that precedes it has ended."""
    latest: Slot | None = None
    for slot in slots:
        if latest and plan.instant(slot.window.start) < plan.instant(latest.window.end):
            yield Problem(
                slot.place,
                f"'{slot.name}' starts before '{latest.name}' ends",
                "give each its own time: of two changes at once, neither can be blamed or undone",
            )
        if latest is None or slot.window.end > latest.window.end:
            latest = slot


def _outside(plan: Plan) -> Iterator[Problem]:
    for name, phase in plan.cutover.phases.items():
        for index, wave in enumerate(phase.waves):
            if wave.window.start < phase.window.start or wave.window.end > phase.window.end:
                yield Problem(
                    plan.file.place("phases", name, "waves", index, "window"),
                    f"wave {index + 1} of phase '{name}' ({_shown(wave.window)}) is not within"
                    f" the phase ({_shown(phase.window)})",
                    "correct one of the two windows",
                )


def _shown(window: Window) -> str:
    return f"{window.start:%Y-%m-%d %H:%M} to {window.end:%Y-%m-%d %H:%M}"


def _frozen(plan: Plan) -> Iterator[Problem]:
    for freeze in plan.cutover.freezes:
        for slot in plan.slots:
            if slot.window.start < freeze.end and freeze.start < slot.window.end:
                yield Problem(
                    slot.place,
                    f"the window of '{slot.name}' falls in the freeze '{freeze.title}'"
                    f" ({_shown(freeze)})",
                    "move the window, or have the freeze lifted for it",
                )


def _late_requests(plan: Plan) -> Iterator[Problem]:
    for name, request in plan.cutover.requests.items():
        lead = timedelta(days=request.lead_days)
        starts = plan.cutover.phases[request.needed_by].window.start.date()
        ready = request.requested + lead
        if ready > starts:
            yield Problem(
                plan.file.place("requests", name),
                f"{request.kind} request '{name}' of {request.requested} takes up to"
                f" {request.lead_days} days: it may be done on {ready}, after phase"
                f" '{request.needed_by}' starts on {starts}",
                f"request it by {starts - lead}, or start the phase later",
            )


def _short_soak(plan: Plan) -> Iterator[Problem]:
    for name, phase in plan.cutover.phases.items():
        if phase.soak_days is None:
            continue
        changed = max([phase.window.start, *(wave.window.end for wave in phase.waves)])
        quiet = plan.instant(phase.window.end) - plan.instant(changed)
        if quiet < timedelta(days=phase.soak_days):
            yield Problem(
                plan.file.place("phases", name, "soak_days"),
                f"phase '{name}' is to soak for {phase.soak_days} days, but nothing changes in it"
                f" for only {quiet / timedelta(days=1):.1f}",
                "end the phase later, or have its owner accept a shorter soak",
            )


WINDOW_CHECKS: tuple[Check[Plan], ...] = (
    Check(
        Rule(
            "PCG111",
            "The clocks change inside a change window",
            Severity.WARNING,
            "A window in which the clocks go forward is an hour shorter than it looks, and in"
            " autumn a local time comes twice. Windows are computed in UTC from the cutover's time"
            " zone.",
            "IANA time zone database",
            Example(
                _CUTOVER,
                "phases:\n  before:\n"
                "    window: {start: 2030-03-30T22:00, end: 2030-03-31T04:00}\n",
                "phases:\n  before:\n"
                "    window: {start: 2030-03-23T22:00, end: 2030-03-24T04:00}\n",
            ),
        ),
        _clock_inside,
    ),
    Check(
        Rule(
            "PCG112",
            "The clocks change between two change windows",
            Severity.NOTE,
            "Windows before and after have the same local times but other times in UTC. Logs,"
            " monitoring and other countries' teams may count in UTC.",
            "IANA time zone database",
            Example(
                _CUTOVER,
                "phases:\n  before:\n"
                "    window: {start: 2030-03-23T22:00, end: 2030-03-24T04:00}\n",
                "phases:\n  before:\n"
                "    window: {start: 2030-04-06T22:00, end: 2030-04-07T04:00}\n",
            ),
        ),
        _clock_between,
    ),
    Check(
        Rule(
            "PCG113",
            "Windows overlap, or are not in the plan's order",
            Severity.ERROR,
            "Phases build on one another, and so do the waves of a phase. When two run at once and"
            " something breaks, nobody can tell which one to undo.",
            _ENGINEERING,
            Example(
                _CUTOVER,
                "phases:\n  build:\n    window: {start: 2030-05-01T22:00, end: 2030-05-09T04:00}\n",
                "phases:\n  build:\n    window: {start: 2030-05-01T22:00, end: 2030-05-02T04:00}\n",
            ),
        ),
        _overlap,
    ),
    Check(
        Rule(
            "PCG114",
            "A wave lies outside its phase",
            Severity.ERROR,
            "Approval is given for the phase's window. A wave outside it has none.",
            _ENGINEERING,
            Example(
                _CUTOVER,
                "phases:\n  move:\n    window: {start: 2030-05-08T22:00, end: 2030-05-09T02:00}\n",
                "phases:\n  move:\n    window: {start: 2030-05-08T20:00, end: 2030-05-09T06:00}\n",
            ),
        ),
        _outside,
    ),
    Check(
        Rule(
            "PCG115",
            "A change window falls in a freeze",
            Severity.ERROR,
            "During a freeze nothing may be changed, and those who could help are away.",
            _ENGINEERING,
            Example(
                _CUTOVER,
                "freezes:\n"
                "  - {title: Elections, start: 2030-05-01T00:00, end: 2030-05-03T00:00}\n",
                "freezes:\n"
                "  - {title: Elections, start: 2030-05-03T00:00, end: 2030-05-05T00:00}\n",
            ),
        ),
        _frozen,
    ),
    Check(
        Rule(
            "PCG116",
            "Work of others may not be done in time",
            Severity.ERROR,
            "Partners' allow-lists, the advertisement of addresses and DNS changes are made by"
            " others on request, and take their time: up to ten days for addresses on PSN for"
            " Policing. They are on the critical path of the phase that needs them.",
            "UKCloud PSN for Policing FAQ",
            Example(
                _CUTOVER,
                "requests:\n  routes:\n    title: Advertise the new pools\n"
                "    kind: advertisement\n    lead_days: 10\n"
                "    requested: 2030-04-25\n    needed_by: build\n",
                "requests:\n  routes:\n    title: Advertise the new pools\n"
                "    kind: advertisement\n    lead_days: 10\n"
                "    requested: 2030-04-15\n    needed_by: build\n",
            ),
        ),
        _late_requests,
    ),
    Check(
        Rule(
            "PCG122",
            "A soak is shorter than it has to be",
            Severity.ERROR,
            "A soak shows what a quick test cannot: the load of a whole week, nightly jobs, timers."
            " It is counted in hours of 24 a day from the phase's start, or from the end of its"
            " last wave, to the phase's end.",
            _ENGINEERING,
            Example(
                _CUTOVER,
                "phases:\n  move:\n    soak_days: 7\n",
                "phases:\n  move:\n    soak_days: 7\n"
                "    window: {start: 2030-05-08T22:00, end: 2030-05-16T04:00}\n",
            ),
        ),
        _short_soak,
    ),
)
