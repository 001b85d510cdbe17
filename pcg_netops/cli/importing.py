"""`pcg import`: what others keep, brought into the workspace's files."""

from __future__ import annotations

from pathlib import Path

import typer

from pcg_netops.cli.checking import rendering_errors
from pcg_netops.errors import InputErrors
from pcg_netops.inventory.importing import Import, Target
from pcg_netops.inventory.register import known_columns, read_register
from pcg_netops.inventory.table import read_table
from pcg_netops.model.services import Service


def import_services(workspace: Path, source: Path, sheet: str | None, *, dry_run: bool) -> None:
    """Bring a service register into `services.yaml`, and tell what that changes.

    Raises InputErrors with every row that cannot be taken; nothing has changed then.
    """
    register = read_register(read_table(source, sheet, known_columns))
    target = Target(workspace, "inventory/services.yaml", ("services",), Service, lines=True)
    done = target.bring(register.entries, register.errors)
    _finish(workspace, done, dry_run=dry_run)
    for heading in register.unknown:
        typer.echo(f"column not read: {heading}")


def _finish(workspace: Path, done: Import, *, dry_run: bool) -> None:
    """Write a file that every check accepts, unless only asked what it would be."""
    assert done.reading.workspace is not None
    errors = rendering_errors(done.reading.workspace)
    if errors:
        raise InputErrors(errors)
    if not dry_run:
        done.write()
    for name in done.added:
        typer.echo(f"added {name}")
    for name, changes in done.changed.items():
        typer.echo(f"changed {name}: {'; '.join(changes)}")
    counts = [
        f"{len(done.added)} added",
        f"{len(done.changed)} changed",
        f"{len(done.unchanged)} unchanged",
        f"{len(done.left)} left as they are",
    ]
    typer.echo(f"{done.path.name}: {', '.join(counts)}{': nothing written (--dry-run)' * dry_run}")
