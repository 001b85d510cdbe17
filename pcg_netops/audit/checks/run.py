"""All checks over what could be read of a workspace."""

from __future__ import annotations

from collections.abc import Iterator

from pcg_netops.audit.checks.acceptances import EXPIRED, UNUSED, Accepting, accepted
from pcg_netops.audit.checks.addresses import NETWORK_CHECKS
from pcg_netops.audit.checks.capacity import PORTS_CHECK, SPLIT_CHECK
from pcg_netops.audit.checks.milestones import MILESTONE_CHECKS
from pcg_netops.audit.checks.plan import Plan, PlanInWorkspace
from pcg_netops.audit.checks.steering import STEERING_CHECKS
from pcg_netops.audit.checks.tunnels import TUNNEL_CHECKS
from pcg_netops.audit.checks.windows import WINDOW_CHECKS
from pcg_netops.audit.finding import Finding, Severity
from pcg_netops.errors import InputError, InputErrors
from pcg_netops.inventory.workspace import Reading, Workspace


def audit(reading: Reading) -> tuple[Finding, ...]:
    """Everything found, the worst first.

    A plan's own dates are checked even when other files are wrong; the rest needs the workspace.
    """
    found: list[Finding] = []
    for file, cutover in reading.cutovers.values():
        if not _refers(reading, file.name):
            found += _of_plan(Plan(file, cutover), reading.workspace)
    if reading.workspace:
        for check in (PORTS_CHECK, *NETWORK_CHECKS, *TUNNEL_CHECKS):
            found += check.findings(reading.workspace)
    return tuple(sorted(found, key=lambda finding: (finding.severity.rank, finding.code)))


def _refers(reading: Reading, name: str) -> bool:
    """Whether an error is in this file: its dates may then be about phases that do not exist."""
    return any(error.place.startswith(f"{name}:") for error in reading.errors)


def _of_plan(plan: Plan, workspace: Workspace | None) -> Iterator[Finding]:
    found: list[Finding] = []
    for check in (*MILESTONE_CHECKS, *WINDOW_CHECKS):
        found += check.findings(plan)
    if workspace:
        for steering in (*STEERING_CHECKS, SPLIT_CHECK):
            found += steering.findings(PlanInWorkspace(plan, workspace))
    subject = Accepting(plan, found)
    yield from accepted(subject)
    yield from EXPIRED.findings(subject)
    if workspace:
        yield from UNUSED.findings(subject)


def error_findings(error: InputError) -> tuple[Finding, ...]:
    """Input errors in the form of findings, for whoever reads them by program."""
    parts = error.errors if isinstance(error, InputErrors) else (error,)
    return tuple(
        Finding(part.code, Severity.ERROR, part.place, part.message, part.remedy) for part in parts
    )
