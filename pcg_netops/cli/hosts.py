"""`pcg hosts`: the commands; `trusting` does the work, and is loaded when one of them runs."""

from __future__ import annotations

from typing import Annotated

import typer

from pcg_netops.cli.options import HERE, SSH_CONFIG, SshConfigOption, WorkspaceOption

app = typer.Typer(
    help="What devices show before anybody logs in.", no_args_is_help=True, rich_markup_mode=None
)


@app.command()
def trust(
    names: Annotated[list[str] | None, typer.Argument(help="Which; otherwise all.")] = None,
    workspace: WorkspaceOption = HERE,
    write: Annotated[
        bool, typer.Option("--write", help="Write new keys to your known_hosts of it.")
    ] = False,
    lab: Annotated[
        bool, typer.Option("--lab", help="Of the nodes of the workspace's lab that is up.")
    ] = False,
    ssh_config: SshConfigOption = SSH_CONFIG,
) -> None:
    """Show the host keys of devices, and trust new ones only if asked to."""
    from pcg_netops.cli.trusting import trust

    raise typer.Exit(trust(workspace, names or [], ssh_config, write=write, lab=lab))
