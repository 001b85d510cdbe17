"""`pcg check`: everything wrong or unwise in a workspace, for people and for programs."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path

import typer

from pcg_netops.audit.finding import Finding, Severity
from pcg_netops.audit.formats import to_json, to_sarif
from pcg_netops.audit.run import audit, error_findings
from pcg_netops.design.steering import stages
from pcg_netops.errors import ExitCode, InputError, InputErrors
from pcg_netops.inventory.workspace import Reading, Workspace, read_workspace
from pcg_netops.render import StageRenderer

_COLOURS = {
    Severity.ERROR: typer.colors.RED,
    Severity.WARNING: typer.colors.YELLOW,
    Severity.NOTE: typer.colors.CYAN,
}


class OutputFormat(StrEnum):
    """How findings are written."""

    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"


def run_check(root: Path, form: OutputFormat, fail_on: Severity) -> ExitCode:
    """Check a workspace and print what is found.

    With text, raises InputErrors for broken input after the findings are printed; the other forms
    hold the errors themselves.
    """
    try:
        reading = read_workspace(root)
    except InputError as error:
        reading = Reading(None, {}, (error,))
    errors = [*reading.errors, *(rendering_errors(reading.workspace) if reading.workspace else ())]
    findings = audit(reading)
    if form is OutputFormat.TEXT:
        _print(findings)
        if errors:
            raise InputErrors(errors)
        assert reading.workspace is not None
        typer.echo(_summary(reading.workspace, findings))
    else:
        write = to_json if form is OutputFormat.JSON else to_sarif
        broken = [finding for error in errors for finding in error_findings(error)]
        typer.echo(write([*broken, *findings], complete=not errors))
    if errors:
        return ExitCode.INPUT
    failed = any(finding.severity.rank <= fail_on.rank for finding in findings)
    return ExitCode.FAIL if failed else ExitCode.PASS


def rendering_errors(workspace: Workspace) -> list[InputError]:
    """What cannot be rendered: in each cutover, the errors of the first stage that has any."""
    errors: list[InputError] = []
    renderer = StageRenderer(workspace)
    for cutover in workspace.cutovers.values():
        try:
            for stage in stages(cutover, workspace.services):
                renderer.render(stage)
        except InputError as error:
            errors += error.errors if isinstance(error, InputErrors) else (error,)
    return errors


def _print(findings: Sequence[Finding]) -> None:
    for finding in findings:
        word = typer.style(finding.severity.value, fg=_COLOURS[finding.severity])
        typer.echo(f"{word} {finding.code} {finding.place}: {finding.message}")
        typer.echo(f"  remedy: {finding.remedy}")


def _summary(workspace: Workspace, findings: Sequence[Finding]) -> str:
    network, services = workspace.network, workspace.services.services
    counts = {s: sum(finding.severity is s for finding in findings) for s in Severity}
    found = [_count(number, s.value) for s, number in counts.items() if number]
    if not counts[Severity.ERROR]:
        found.insert(0, "no errors")
    return (
        f"{network.organisation}: {len(network.nodes)} nodes, {len(services)} services, "
        f"{_count(len(workspace.cutovers), 'cutover')}: {', '.join(found)}"
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
