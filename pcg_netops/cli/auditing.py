"""`pcg audit`: what the design and the rendered files have against the hardening rules."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pcg_netops.audit.finding import Finding, Severity
from pcg_netops.audit.hardening.run import AUDIT_RULES, Moment, audit_stages, moments
from pcg_netops.cli.findings import OutputFormat, counted, show
from pcg_netops.errors import ExitCode, InputError
from pcg_netops.inventory.workspace import Workspace, load_workspace
from pcg_netops.inventory.yamlfile import did_you_mean


def run_audit(root: Path, phase: str | None, form: OutputFormat, fail_on: Severity) -> ExitCode:
    """Audit a workspace at one stage or at all, and print what is found.

    With text, raises InputError for broken input; the other forms hold the errors themselves.
    """
    findings: Sequence[Finding] = ()
    errors: list[InputError] = []
    summary = ""
    try:
        workspace = load_workspace(root)
        chosen = _chosen(workspace, phase)
        findings = audit_stages(workspace, chosen)
        summary = (
            f"{workspace.network.organisation}: {len(workspace.network.nodes)} nodes at"
            f" {counted(len(chosen), 'stage')}, {len(AUDIT_RULES)} rules"
        )
    except InputError as error:
        errors.append(error)
    return show(findings, errors, summary, form, fail_on)


def _chosen(workspace: Workspace, phase: str | None) -> Sequence[Moment]:
    """The stage of that name in every cutover that has one, or all stages."""
    known = moments(workspace)
    found = [m for m in known if phase in (None, m.label, m.stage.name, m.stage.phase)]
    if not found:
        assert phase is not None
        raise InputError(
            f"no phase or wave {phase!r:.40}",
            remedy=did_you_mean(phase[:40], [moment.label for moment in known]),
        )
    return found
