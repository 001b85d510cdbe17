"""`pcg doctor`: whether this machine can run labs, and what to do where it cannot."""

from __future__ import annotations

from dataclasses import asdict

import typer

from pcg_netops.cli.speech import say
from pcg_netops.errors import ExitCode
from pcg_netops.lab.machine.doctor import Finding, examine
from pcg_netops.printable import json_text


def run_doctor(form: str) -> ExitCode:
    """Print what is found. ENVIRONMENT where something lacks without which no lab runs."""
    findings = list(examine())
    able = all(finding.ok for finding in findings if finding.needed)
    if form == "json":
        found = [asdict(finding) for finding in findings]
        say(json_text({"able": able, "findings": found}))
    else:
        for finding in findings:
            _print(finding)
        say("this machine can run labs" if able else "this machine cannot run labs")
    return ExitCode.PASS if able else ExitCode.ENVIRONMENT


def _print(finding: Finding) -> None:
    if finding.ok:
        say("ok     ", nl=False, fg=typer.colors.GREEN)
    elif finding.needed:
        say("lacking", nl=False, fg=typer.colors.RED)
    else:
        say("without", nl=False, fg=typer.colors.YELLOW)
    say(f" {finding.name}: {finding.found}")
    if not finding.ok:
        say(f"          for {finding.why}")
        say(f"          remedy: {finding.remedy}")
