"""`pcg rehearse`: a rehearsal whose evidence is written, whatever ends it."""

from __future__ import annotations

from pathlib import Path

from pcg_netops.cli.output import new_run_folder
from pcg_netops.cli.progress import terminal_progress
from pcg_netops.cli.speech import whoever_listens
from pcg_netops.confined import require_inside
from pcg_netops.cutover import rehearsal
from pcg_netops.cutover.evidence import Verdict
from pcg_netops.cutover.plan import Part
from pcg_netops.errors import ExitCode, PcgError
from pcg_netops.inventory.workspace import load_workspace
from pcg_netops.lab.backends import Backend
from pcg_netops.report.html import write_report

_CODES = {
    Verdict.PASS: ExitCode.PASS,
    Verdict.FAIL: ExitCode.FAIL,
    Verdict.INCOMPLETE: ExitCode.INCOMPLETE,
}


def rehearse(
    root: Path,
    cutover: str | None,
    build: Path | None,
    rate: int,
    backend: Backend,
    part: Part,
) -> ExitCode:
    """Do it; the verdict as an exit code. Raises what the rehearsal and its report do."""
    workspace = load_workspace(root)
    workspace.cutover(cutover)
    runs = Path("build", workspace.network.name)
    top = workspace.root if build is None else build
    parent = top / (runs if build is None else runs.name)
    require_inside(top, parent)
    run_dir = new_run_folder(parent)
    whoever_listens()
    with terminal_progress() as shown:
        evidence = rehearsal.rehearse(
            workspace, cutover, run_dir, shown.progress, rate, backend, part
        )
        try:
            write_report(evidence, run_dir)
        except PcgError:  # a full disk: what was measured is told all the same
            shown.verdict(evidence, None)
            raise
        shown.verdict(evidence, run_dir)
    return _CODES[evidence.verdict]
