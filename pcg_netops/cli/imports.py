"""`pcg import`: the commands; `importing` does the work, and is loaded when one of them runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pcg_netops.cli.options import HERE, WorkspaceOption

app = typer.Typer(
    help="Bring what others keep into the workspace's files.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Check and tell what would change; write nothing.")
]


@app.command()
def services(
    file: Annotated[Path, typer.Argument(help="The register: a .csv or .xlsx file.")],
    sheet: Annotated[str | None, typer.Option(help="Sheet of a workbook with several.")] = None,
    dry_run: DryRunOption = False,
    workspace: WorkspaceOption = HERE,
) -> None:
    """Bring a service register into services.yaml: all rows that are right, or none."""
    from pcg_netops.cli.importing import import_services

    import_services(workspace, file, sheet, dry_run=dry_run)


@app.command()
def hosts(
    netbox: Annotated[str, typer.Option(help="Address of the NetBox: https://netbox.example.")],
    token_from: Annotated[
        str, typer.Option(help="Where its token is: env:NAME, file:PATH or keyring:SERVICE/USER.")
    ] = "env:NETBOX_TOKEN",  # noqa: S107  # where it is, not what
    ca: Annotated[
        Path | None, typer.Option(help="Certificates to trust in place of the system's.")
    ] = None,
    filters: Annotated[
        list[str] | None, typer.Option("--filter", help="Such as status=active; repeat for more.")
    ] = None,
    dry_run: DryRunOption = False,
    workspace: WorkspaceOption = HERE,
) -> None:
    """Bring addresses, platforms and groups of the nodes from a NetBox into hosts.yaml."""
    from pcg_netops.cli.importing import import_hosts

    import_hosts(workspace, netbox, token_from, ca, filters or [], dry_run=dry_run)
