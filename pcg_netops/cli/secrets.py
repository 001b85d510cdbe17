"""`pcg secrets`: which of a person's secrets a workspace asks for, and may have."""

from __future__ import annotations

from typing import Annotated

import typer

from pcg_netops.cli.options import HERE, WorkspaceOption
from pcg_netops.cli.speech import say

app = typer.Typer(
    help="Which of your secrets a workspace may have.", no_args_is_help=True, rich_markup_mode=None
)


@app.command("list")
def show(workspace: WorkspaceOption = HERE) -> None:
    """Show which secrets of yours the workspace asks for, and which it may have."""
    from pcg_netops.inventory.workspace import load_workspace
    from pcg_netops.push.trust import Trust, asked_for

    loaded = load_workspace(workspace)
    trust = Trust.of(loaded)
    asked = asked_for(loaded)
    for reference, what in asked.items():
        say(f"{'allowed' if reference in trust.secrets else 'not yet':<8} {reference}  {what}")
    for reference in sorted(trust.secrets - set(asked)):
        say(f"unused   {reference}")
    say(f"kept in {trust.folder}")


@app.command()
def allow(
    references: Annotated[list[str], typer.Argument(help="As the workspace spells them.")],
    workspace: WorkspaceOption = HERE,
) -> None:
    """Let the workspace have these secrets of yours when you push."""
    from pcg_netops.errors import InputError
    from pcg_netops.inventory.workspace import load_workspace
    from pcg_netops.inventory.yamlfile import did_you_mean
    from pcg_netops.push.trust import Trust, asked_for

    loaded = load_workspace(workspace)
    asked = asked_for(loaded)
    for reference in references:
        if reference not in asked:
            raise InputError(
                f"the workspace does not ask for {reference}", remedy=did_you_mean(reference, asked)
            )
    trust = Trust.of(loaded)
    trust.allow(references)
    for reference in references:
        say(f"allowed  {reference}  {asked[reference]}")
    say(f"kept in {trust.folder}")
