"""Risk acceptances: what they turn into notes, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from pcg_netops.audit.checks.plan import Plan
from pcg_netops.audit.finding import Check, Example, Finding, Problem, Rule, Severity


@dataclass(frozen=True)
class Accepting:
    """A plan and what the other checks found in it."""

    plan: Plan
    findings: Sequence[Finding]


def accepted(subject: Accepting) -> Iterator[Finding]:
    """The findings; those with an acceptance that holds for the whole plan become notes."""
    plan = subject.plan
    holding = {
        acceptance.finding: f"accepted by {acceptance.owner} until {acceptance.expires}: '{name}'"
        for name, acceptance in plan.cutover.risk_acceptances.items()
        if acceptance.expires >= plan.ends.date()
    }
    for finding in subject.findings:
        if said := holding.get(finding.code):
            message = f"{finding.message} ({said})"
            yield replace(
                finding,
                severity=Severity.NOTE,
                message=message,
                remedy="none is needed while the acceptance holds",
            )
        else:
            yield finding


def _expired(subject: Accepting) -> Iterator[Problem]:
    plan = subject.plan
    for name, acceptance in plan.cutover.risk_acceptances.items():
        if acceptance.expires < plan.ends.date():
            yield Problem(
                plan.file.place("risk_acceptances", name, "expires"),
                f"risk acceptance '{name}' expires on {acceptance.expires}, before the plan ends"
                f" on {plan.ends:%Y-%m-%d}: it accepts nothing",
                f"have {acceptance.owner} extend it",
            )


def _unused(subject: Accepting) -> Iterator[Problem]:
    plan, codes = subject.plan, {finding.code for finding in subject.findings}
    for name, acceptance in plan.cutover.risk_acceptances.items():
        if acceptance.finding not in codes:
            yield Problem(
                plan.file.place("risk_acceptances", name, "finding"),
                f"risk acceptance '{name}' is for {acceptance.finding}, which this plan does not"
                " have",
                "correct the code, or remove the acceptance: it would hide a later finding",
            )


_ACCEPTANCE = (
    "risk_acceptances:\n"
    "  unsupported:\n"
    "    finding: PCG101\n"
    "    owner: Head of Networks\n"
    "    reason: The supplier helps on call\n"
)

EXPIRED: Check[Accepting] = Check(
    Rule(
        "PCG105",
        "A risk acceptance ends before the plan does",
        Severity.ERROR,
        "An acceptance that has run out accepts nothing, and what it was for counts in full."
        " It is measured against the plan's end, not against today, so that a plan gives the"
        " same findings on every day.",
        "MOPAC PCD 658 (the plan relies on unsupported time)",
        Example(
            "cutovers/<name>.yaml",
            f"milestones:\n  support_ends: 2030-04-30\n{_ACCEPTANCE}    expires: 2030-05-31\n",
            f"milestones:\n  support_ends: 2030-04-30\n{_ACCEPTANCE}    expires: 2030-06-30\n",
        ),
    ),
    _expired,
)
UNUSED: Check[Accepting] = Check(
    Rule(
        "PCG106",
        "A risk acceptance is for nothing that the plan has",
        Severity.WARNING,
        "Its code may be mistyped, or the risk may be gone. Left in place, it would hide a"
        " risk that comes later and that nobody has looked at.",
        "general engineering practice",
        Example(
            "cutovers/<name>.yaml",
            f"{_ACCEPTANCE}    expires: 2030-06-30\n",
            f"milestones:\n  support_ends: 2030-04-30\n{_ACCEPTANCE}    expires: 2030-06-30\n",
        ),
    ),
    _unused,
)
