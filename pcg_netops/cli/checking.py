"""`pcg check`: everything wrong or unwise in a workspace, for people and for programs."""

from __future__ import annotations

from pathlib import Path

from pcg_netops.audit.checks.run import audit
from pcg_netops.audit.finding import Severity
from pcg_netops.cli.findings import OutputFormat, counted, show
from pcg_netops.design.steering import stages
from pcg_netops.errors import ExitCode, InputError, InputErrors
from pcg_netops.inventory.workspace import Reading, Workspace, read_workspace
from pcg_netops.render import StageRenderer


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
    return show(audit(reading), errors, _summary(reading.workspace), form, fail_on)


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


def _summary(workspace: Workspace | None) -> str:
    if workspace is None:
        return ""
    nodes, services = len(workspace.network.nodes), len(workspace.services.services)
    return (
        f"{workspace.network.organisation}: {nodes} nodes, {services} services,"
        f" {counted(len(workspace.cutovers), 'cutover')}"
    )
