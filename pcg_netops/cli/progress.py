"""A rehearsal as it runs: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.text import Text

from pcg_netops.cli.interrupts import at_once, keep_signals
from pcg_netops.cutover.evidence import Evidence, StepEvidence, StepKind, Verdict
from pcg_netops.cutover.rehearsal import Progress
from pcg_netops.printable import printable

_NUMBERS = re.compile(r"[\d.]+")
_SHOWN = 3  # of those with the same reason in one step
_STYLES = {Verdict.PASS: "green", Verdict.FAIL: "bold red", Verdict.INCOMPLETE: "bold yellow"}


@dataclass(frozen=True)
class Shown:
    """The progress to hand to a rehearsal, and its last word."""

    progress: Progress
    console: Console

    def verdict(self, evidence: Evidence, run_dir: Path | None) -> None:
        """Print the outcome, its reasons and where the report is, if it could be written."""
        self.console.print()
        for problem in (*evidence.problems, *_reasons(evidence)):
            self.console.print(Text(f"  {printable(problem)}"), soft_wrap=True)
        if run_dir is not None:
            self.console.print(Text(f"report:   {run_dir / 'index.html'}"), soft_wrap=True)
            self.console.print(Text(f"evidence: {run_dir / 'evidence.json'}"), soft_wrap=True)
        word = Text(evidence.verdict.upper(), style=_STYLES[evidence.verdict])
        self.console.print(
            Text.assemble(
                "verdict: ", word, f" after {evidence.seconds:.0f} s, {len(evidence.steps)} steps"
            )
        )


@contextmanager
def terminal_progress() -> Iterator[Shown]:
    """Show a rehearsal on standard output; signals stop it where it can be stopped."""
    keep_signals()
    console = Console(highlight=False)

    def step_done(step: StepEvidence) -> None:
        console.print(_line(step), soft_wrap=True)

    if not console.is_terminal:
        yield Shown(Progress(lambda text: None, step_done, at_once), console)
        return
    with console.status("starting") as status:

        def say(text: str) -> None:
            status.update(Text(printable(text)))

        yield Shown(Progress(say, step_done, at_once), console)


def _line(step: StepEvidence) -> Text:
    """One step in one line."""
    sent = sum(service.sent for service in step.services)
    lost = sum(service.lost for service in step.services)
    sessions = sum(service.sessions_lost for service in step.services)
    parts = [f"{lost} of {sent} probes lost"]
    if step.kind is StepKind.FAILURE:
        tightest = min(step.services, key=lambda s: s.limit_ms - s.outage_ms)
        parts.append(
            f"closest: {tightest.service} {tightest.outage_ms:.0f} of {tightest.limit_ms:.0f} ms"
        )
    if sessions:
        parts.append(f"{sessions} session{'s' if sessions > 1 else ''} lost")
    if step.forbidden:
        blocked = sum(item.blocked is True for item in step.forbidden)
        parts.append(f"{blocked} of {len(step.forbidden)} forbidden flows blocked")
    moved = [service.service for service in step.services if service.moved]
    what = ", ".join(moved) if moved and step.kind is StepKind.MOVE else step.title
    return Text.assemble(
        f"{step.at:6.1f} s  ",
        (f"{step.verdict.upper():<10}", _STYLES[step.verdict]),
        printable(f" {step.name:<12} {what}: {'; '.join(parts)}"),
    )


def _reasons(evidence: Evidence) -> Iterator[str]:
    """Why the verdict is not a pass; what has one reason in one step is said once."""
    for step in evidence.steps:
        yield from (f"{step.name}: {problem}" for problem in step.problems)
        found: dict[tuple[str, str], list[str]] = {}
        for service in step.services:
            for flow in service.flows:
                if flow.verdict is not Verdict.PASS:
                    alike = _NUMBERS.sub("#", flow.reason)
                    found.setdefault(("", alike), []).append(f"{flow.flow}: {flow.reason}")
        for item in step.forbidden:
            if item.blocked is not True:
                said = f"{item.name} ({item.detail}): {item.reason}"
                found.setdefault((f"{item.kind}: ", item.reason), []).append(said)
        for (kind, _), alike_ones in found.items():
            more = len(alike_ones) - _SHOWN
            yield from (f"{step.name}: {kind}{said}" for said in alike_ones[:_SHOWN])
            if more > 0:
                yield f"{step.name}: {kind}{more} more for the same reason: see the report"
