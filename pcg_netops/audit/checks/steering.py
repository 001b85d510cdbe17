"""Checks of who carries what in each stage: every service moved, backed up, let in, and apart."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from pcg_netops.audit.checks.plan import PlanInWorkspace
from pcg_netops.audit.finding import Check, Example, Problem, Rule, Severity
from pcg_netops.design.steering import Stage, stages
from pcg_netops.model.cutover import RequestKind

_CUTOVER = "cutovers/<name>.yaml"
_ALLOW_LIST = (
    "requests:\n  wards:\n    title: Let in the new pools\n    kind: allow-list\n"
    "    site: ward\n    lead_days: 10\n    requested: 2030-04-15\n"
)


def _last_stages(subject: PlanInWorkspace) -> list[Stage]:
    """The state in which each phase leaves the network."""
    every = stages(subject.plan.cutover, subject.workspace.services)
    return [list(group)[-1] for _, group in groupby(every, lambda stage: stage.phase)]


def _unmoved(subject: PlanInWorkspace) -> Iterator[Problem]:
    plan = subject.plan
    for name, carrier in _last_stages(subject)[-1].carriers.items():
        if carrier == plan.cutover.from_exchange != plan.cutover.to_exchange:
            yield Problem(
                subject.workspace.sources.services[0].place("services", name),
                f"no phase of {plan.file.name} moves service '{name}'",
                "add it to a wave's 'move'",
            )


def _no_backup(subject: PlanInWorkspace) -> Iterator[Problem]:
    cutover, file = subject.plan.cutover, subject.plan.file
    begun = False
    for stage in _last_stages(subject):
        if cutover.phases[stage.phase].point_of_no_return:
            return  # the plan itself says so
        begun = begun or cutover.to_exchange in stage.exchanges
        alone = [
            service
            for service in stage.carriers
            if not set(stage.ranking(service)[1:]) & set(stage.allow_lists)
        ]
        if begun and alone:
            yield Problem(
                file.place("phases", stage.phase),
                f"in phase '{stage.phase}' {_listed(alone)} has no other exchange that is up and"
                " that partners let in: there is no back-up",
                "keep both exchanges in 'exchanges' and 'allow_lists', or say"
                " 'point_of_no_return: true'",
            )


def _not_let_in(subject: PlanInWorkspace) -> Iterator[Problem]:
    for stage in _last_stages(subject):
        for exchange in dict.fromkeys(stage.carriers.values()):
            if exchange not in stage.allow_lists:
                carried = [name for name, by in stage.carriers.items() if by == exchange]
                yield Problem(
                    subject.plan.file.place("phases", stage.phase),
                    f"in phase '{stage.phase}' partners do not let in '{exchange}', which carries"
                    f" {_listed(carried)}",
                    "add it to 'allow_lists' of this phase or an earlier one",
                )


def _needed_earlier(subject: PlanInWorkspace) -> Iterator[Problem]:
    """Allow-lists are needed by the first service that uses them, whatever the request says."""
    plan, order = subject.plan, list(subject.plan.cutover.phases)
    network = subject.workspace.network
    moves = {
        service: (order.index(stage.phase), stage.phase)
        for stage in stages(plan.cutover, subject.workspace.services)
        for service in stage.moved
    }
    for name, request in plan.cutover.requests.items():
        if request.kind is not RequestKind.ALLOW_LIST:
            continue
        first = min(
            (
                (*moves[service], service)
                for service, value in subject.workspace.services.services.items()
                if service in moves
                and value.prefix
                and request.site in (None, network.site_of(value.prefix))
            ),
            default=None,
        )
        if first and first[0] < order.index(request.needed_by):
            yield Problem(
                plan.file.place("requests", name, "needed_by"),
                f"allow-list request '{name}' is for phase '{request.needed_by}', but phase"
                f" '{first[1]}' moves '{first[2]}', which depends on it",
                f"set 'needed_by' to '{first[1]}' or earlier, or move the service later",
            )


def _split_range(subject: PlanInWorkspace) -> Iterator[Problem]:
    services = subject.workspace.services.services
    file = subject.workspace.sources.services[0]
    ranges: dict[tuple[str, object], list[str]] = {}
    for name, service in services.items():
        if service.prefix:
            ranges.setdefault(("prefix", service.prefix), []).append(name)
        if service.published:
            ranges.setdefault(("published", service.published.prefix), []).append(name)
    every = stages(subject.plan.cutover, subject.workspace.services)
    for (field, prefix), names in ranges.items():
        for stage in every:
            carriers = {stage.carriers[name] for name in names}
            if len(carriers) > 1:
                yield Problem(
                    file.place("services", names[-1], field),
                    f"{' and '.join(names)} share {prefix}, but at stage '{stage.name}' of"
                    f" {subject.plan.file.name} they are carried by"
                    f" {' and '.join(sorted(carriers))}",
                    "move them in one wave, or give each its own range",
                )
                break


def _listed(names: list[str]) -> str:
    """At most three names, then a count."""
    shown = ", ".join(f"'{name}'" for name in names[:3])
    return shown + (f" and {len(names) - 3} more" if len(names) > 3 else "")


STEERING_CHECKS: tuple[Check[PlanInWorkspace], ...] = (
    Check(
        Rule(
            "PCG121",
            "A service moves before the partner's allow-list is asked for",
            Severity.ERROR,
            "A request has a lead time and a phase that needs it. If a service that connects to the"
            " partner moves in an earlier phase, the time is counted to the wrong day. A request"
            " without a 'site' is for every partner.",
            "UKCloud PSN for Policing FAQ (allow-lists need requests of their own)",
            Example(
                _CUTOVER,
                f"{_ALLOW_LIST}    needed_by: leave\n",
                f"{_ALLOW_LIST}    needed_by: move\n",
            ),
        ),
        _needed_earlier,
    ),
    Check(
        Rule(
            "PCG201",
            "No phase moves the service",
            Severity.WARNING,
            "The plan ends with the service where it was. That is a decision to write down, or a"
            " service that was forgotten.",
            "MOPAC PCD 658 (all services must be transitioned)",
            Example(
                _CUTOVER,
                "phases:\n"
                "  move:\n"
                "    waves:\n"
                "      - window: {start: 2030-05-08T22:00, end: 2030-05-09T04:00}\n"
                "        move: [telemetry]\n"
                "  leave:\n"
                "    exchanges: [legacy, cloud]\n"
                "    allow_lists: [legacy, cloud]\n",
                "phases:\n"
                "  move:\n"
                "    waves:\n"
                "      - window: {start: 2030-05-08T22:00, end: 2030-05-09T04:00}\n"
                "        move: [telemetry, dispatch]\n",
            ),
        ),
        _unmoved,
    ),
    Check(
        Rule(
            "PCG202",
            "A phase leaves services without a back-up",
            Severity.WARNING,
            "From the phase that brings up the new exchange until the point of no return, each"
            " service needs a second exchange that is up and that partners let in. A phase that"
            " ends this on purpose says 'point_of_no_return: true' and gives no finding.",
            "MOPAC PCD 658 (back-up solution); RFC 8326 (an eligible alternate path)",
            Example(
                _CUTOVER,
                "phases:\n  leave:\n    point_of_no_return: false\n",
                "phases:\n  leave:\n    point_of_no_return: true\n",
            ),
        ),
        _no_backup,
    ),
    Check(
        Rule(
            "PCG203",
            "Partners do not let in the exchange that carries a service",
            Severity.ERROR,
            "Each exchange translates sources into its own addresses. Partners who do not expect"
            " those drop the traffic. Allow-lists are extended before a move and cut after it.",
            "UKCloud PSN for Policing FAQ (allow-lists need requests of their own)",
            Example(
                _CUTOVER,
                "phases:\n  before:\n    allow_lists: [legacy]\n  leave:\n    allow_lists: []\n",
                "phases:\n  before:\n    allow_lists: [legacy, cloud]\n",
            ),
        ),
        _not_let_in,
    ),
    Check(
        Rule(
            "PCG204",
            "Services share addresses but are steered apart",
            Severity.ERROR,
            "Routers choose a path by the destination alone. Services with the same partner range,"
            " or the same published one, cannot be carried by different exchanges.",
            "RFC 4271 section 9.1 (routes are chosen by destination)",
            Example(
                _CUTOVER,
                "phases:\n"
                "  move:\n"
                "    waves:\n"
                "      - window: {start: 2030-05-08T22:00, end: 2030-05-08T23:00}\n"
                "        move: [telemetry]\n"
                "      - window: {start: 2030-05-08T23:00, end: 2030-05-09T04:00}\n"
                "        move: [dispatch]\n",
                "phases:\n"
                "  move:\n"
                "    waves:\n"
                "      - window: {start: 2030-05-08T22:00, end: 2030-05-09T04:00}\n"
                "        move: [telemetry, dispatch]\n",
                given=(
                    (
                        "services.yaml",
                        "services:\n"
                        "  telemetry:\n"
                        "    prefix: 10.2.0.16/28\n"
                        "  dispatch:\n"
                        "    prefix: 10.2.0.16/28\n",
                    ),
                ),
            ),
        ),
        _split_range,
    ),
)
