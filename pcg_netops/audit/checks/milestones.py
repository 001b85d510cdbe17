"""Checks of a plan against the dates that others set: support, contract, deadline."""

from __future__ import annotations

from collections.abc import Iterator

from pcg_netops.audit.checks.plan import Plan
from pcg_netops.audit.finding import Check, Example, Problem, Rule, Severity

_CUTOVER = "cutovers/<name>.yaml"


def _support(plan: Plan) -> Iterator[Problem]:
    cutover, dates = plan.cutover, plan.cutover.milestones
    needed, until = False, plan.ends
    for name, up in plan.exchanges():
        if needed and cutover.from_exchange not in up:
            until = cutover.phases[name].window.start
            break
        needed = needed or cutover.from_exchange in up
    without = (until.date() - dates.support_ends).days
    if needed and without > 0:
        overlap = max(0, (dates.support_ends - dates.contract_starts).days + 1)
        yield Problem(
            plan.file.place("milestones", "support_ends"),
            f"support for '{cutover.from_exchange}' ends on {dates.support_ends}, but the plan"
            f" relies on it until {until:%Y-%m-%d}: {without} days without support; the contract"
            f" for '{cutover.to_exchange}' starts on {dates.contract_starts}, so both are"
            f" supported for {overlap} days",
            "extend the support, or have its owner accept the risk under 'risk_acceptances'",
        )


def _contract_start(plan: Plan) -> Iterator[Problem]:
    cutover, starts = plan.cutover, plan.cutover.milestones.contract_starts
    for name, up in plan.exchanges():
        if cutover.to_exchange in up:
            first = cutover.phases[name].window.start
            if first.date() < starts:
                yield Problem(
                    plan.file.place("phases", name, "window"),
                    f"phase '{name}' uses '{cutover.to_exchange}' from {first:%Y-%m-%d},"
                    f" before its contract starts on {starts}",
                    "start the phase later, or the contract earlier",
                )
            return


def _contract_end(plan: Plan) -> Iterator[Problem]:
    ends = plan.cutover.milestones.contract_ends
    if ends and plan.ends.date() > ends:
        yield Problem(
            plan.file.place("milestones", "contract_ends"),
            f"the contract for '{plan.cutover.to_exchange}' ends on {ends}, the plan only on"
            f" {plan.ends:%Y-%m-%d}",
            "extend the contract, or end the plan earlier",
        )


def _deadlines(plan: Plan) -> Iterator[Problem]:
    deadlines = plan.cutover.milestones.deadlines
    end = plan.ends.date()
    missed = {name: day for name, day in deadlines.items() if day < end}
    met = [f"'{name}' ({day})" for name, day in deadlines.items() if name not in missed]
    if missed:
        late = ", ".join(
            f"'{name}' ({day}) by {(end - day).days} days" for name, day in missed.items()
        )
        yield Problem(
            plan.file.place("milestones", "deadlines", next(iter(missed))),
            f"the plan ends on {end}: it misses {late}"
            + (f" and meets {', '.join(met)}" if met else ""),
            "agree which reading binds, and remove the others" if met else "end the plan earlier",
            Severity.WARNING if met else Severity.ERROR,
        )


MILESTONE_CHECKS: tuple[Check[Plan], ...] = (
    Check(
        Rule(
            "PCG101",
            "The old exchange loses its support before the plan stops relying on it",
            Severity.ERROR,
            "Until it is withdrawn, the old exchange carries services or is their back-up. Once"
            " its support has ended, nobody has to mend it. A plan may still rely on it, but only"
            " if somebody accepts that risk by name.",
            "MOPAC PCD 658 (support ends before the transition does)",
            Example(
                _CUTOVER,
                "milestones:\n  support_ends: 2030-04-30\n",
                "milestones:\n  support_ends: 2030-06-30\n",
            ),
        ),
        _support,
    ),
    Check(
        Rule(
            "PCG102",
            "The new exchange is used before its contract starts",
            Severity.ERROR,
            "Before the contract starts the supplier owes no service, not even for probes.",
            "MOPAC PCD 658 (contract dates)",
            Example(
                _CUTOVER,
                "milestones:\n  contract_starts: 2030-05-15\n",
                "milestones:\n  contract_starts: 2030-05-01\n",
            ),
        ),
        _contract_start,
    ),
    Check(
        Rule(
            "PCG103",
            "The contract for the new exchange ends before the plan does",
            Severity.ERROR,
            "Services would be moved to something that nobody has to keep running.",
            "MOPAC PCD 658 (contract dates)",
            Example(
                _CUTOVER,
                "milestones:\n  contract_ends: 2030-05-31\n",
                "milestones:\n  contract_ends: 2033-05-31\n",
            ),
        ),
        _contract_end,
    ),
    Check(
        Rule(
            "PCG104",
            "The plan misses a deadline, or one reading of it",
            Severity.ERROR,
            '"By March" can mean before March or before its end. A plan that meets one reading and'
            " misses another (a warning) needs a decision; one that misses all is late (an error).",
            "MOPAC PCD 658 (the deadline's wording)",
            Example(
                _CUTOVER,
                "milestones:\n  deadlines: {before-june: 2030-05-31, end-of-june: 2030-06-30}\n",
                "milestones:\n  deadlines: {end-of-june: 2030-06-30}\n",
            ),
        ),
        _deadlines,
    ),
)
