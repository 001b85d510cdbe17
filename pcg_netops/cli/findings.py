"""Findings on the terminal and for programs, and the exit code that they make."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import typer

from pcg_netops.audit.checks.run import error_findings
from pcg_netops.audit.finding import Finding, Severity
from pcg_netops.cli.speech import say
from pcg_netops.errors import ExitCode, InputError, InputErrors

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


def show(
    findings: Sequence[Finding],
    errors: Sequence[InputError],
    summary: str,
    form: OutputFormat,
    fail_on: Severity,
) -> ExitCode:
    """Print what was found; as text with a last line that begins with the summary.

    With text, raises InputErrors for broken input after the findings are printed; the other forms
    hold the errors themselves.
    """
    if form is OutputFormat.TEXT:
        _print(findings)
        if errors:
            raise InputErrors(list(errors))
        say(f"{summary}: {_counts(findings)}")
    else:
        # Only these forms need the catalogue of all rules.
        from pcg_netops.audit.formats import to_json, to_sarif

        write = to_json if form is OutputFormat.JSON else to_sarif
        broken = [finding for error in errors for finding in error_findings(error)]
        say(write([*broken, *findings], complete=not errors))
    if errors:
        return ExitCode.INPUT
    failed = any(finding.severity.rank <= fail_on.rank for finding in findings)
    return ExitCode.FAIL if failed else ExitCode.PASS


def counted(number: int, noun: str) -> str:
    """`1 cutover` or `2 cutovers`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _print(findings: Sequence[Finding]) -> None:
    for finding in findings:
        say(finding.severity.value, nl=False, fg=_COLOURS[finding.severity])
        say(f" {finding.code} {finding.place}: {finding.message}")
        say(f"  remedy: {finding.remedy}")


def _counts(findings: Sequence[Finding]) -> str:
    counts = {s: sum(finding.severity is s for finding in findings) for s in Severity}
    found = [counted(number, s.value) for s, number in counts.items() if number]
    if not counts[Severity.ERROR]:
        found.insert(0, "no errors")
    return ", ".join(found)
