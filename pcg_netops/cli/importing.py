"""`pcg import`: what others keep, brought into the workspace's files."""

from __future__ import annotations

import re
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from pcg_netops.cli.checking import rendering_errors
from pcg_netops.cli.speech import say
from pcg_netops.errors import InputError, InputErrors
from pcg_netops.inventory.importing import Import, Target
from pcg_netops.inventory.netbox import NetBox, hosts_of
from pcg_netops.inventory.register import known_columns, read_register
from pcg_netops.inventory.table import read_table
from pcg_netops.inventory.yamlfile import read_yaml
from pcg_netops.model.hosts import Entry
from pcg_netops.model.network import Network
from pcg_netops.model.secret import SecretReference
from pcg_netops.model.services import Service
from pcg_netops.push.secrets import looked_up


def import_services(workspace: Path, source: Path, sheet: str | None, *, dry_run: bool) -> None:
    """Bring a service register into `services.yaml`, and tell what that changes.

    Raises InputErrors with every row that cannot be taken; nothing has changed then.
    """
    register = read_register(read_table(source, sheet, known_columns))
    target = Target(workspace, "inventory/services.yaml", ("services",), Service, lines=True)
    done = target.bring(register.entries, register.errors)
    _finish(workspace, done, dry_run=dry_run)
    for heading in register.unknown:
        say(f"column not read: {heading}")


def import_hosts(
    workspace: Path,
    url: str,
    token_from: str,
    ca: Path | None,
    filters: list[str],
    *,
    dry_run: bool,
) -> None:
    """Bring the addresses, platforms and groups of the nodes from a NetBox into `hosts.yaml`.

    Raises InputErrors with every machine that cannot be taken; nothing has changed then.
    """
    root = workspace.resolve()
    network = read_yaml(root / "inventory/network.yaml", root).parse(Network)
    groups = Target(workspace, "inventory/groups.yaml", (), Entry, lines=False).present()
    target = Target(workspace, "inventory/hosts.yaml", (), Entry, lines=False)
    present = target.present()
    if ca is not None and not ca.is_file():
        raise InputError("no such file", place=str(ca), remedy="name a file of certificates")
    netbox = NetBox(url, _token(token_from), str(ca) if ca else None)
    machines = netbox.machines(network.nodes, _filters(filters))
    found = hosts_of(machines, url, network.nodes, present, groups)
    done = target.bring(found.entries, found.errors)
    _finish(workspace, done, dry_run=dry_run)
    for name in found.missing:
        say(f"not in NetBox: {name}")


def _token(reference: str) -> str:
    try:
        TypeAdapter(SecretReference).validate_python(reference)
        return looked_up({"token": reference}, Path.cwd())("token")
    except ValidationError:
        message = f"{reference.partition(':')[0]!r:.20} is not where a token is"
    except InputError as error:
        message = f"there is no token: {error.message}" if error.place else "there is no token"
    raise InputError(
        message,
        place="--token-from",
        remedy="name where it is kept: env:NAME, file:PATH (chmod 600) or keyring:SERVICE/USER",
    )


def _filters(given: list[str]) -> dict[str, list[str]]:
    filters: dict[str, list[str]] = {}
    for each in given:
        match = re.fullmatch(r"([a-z][a-z0-9_]*)=(.+)", each)
        if match is None:
            raise InputError(
                f"{each!r:.60} is not a filter", place="--filter", remedy="such as status=active"
            )
        filters.setdefault(match[1], []).append(match[2])
    return filters


def _finish(workspace: Path, done: Import, *, dry_run: bool) -> None:
    """Write a file that every check accepts, unless only asked what it would be."""
    assert done.reading.workspace is not None
    errors = rendering_errors(done.reading.workspace)
    if errors:
        raise InputErrors(errors)
    if not dry_run:
        done.write()
    for name in done.added:
        say(f"added {name}")
    for name, changes in done.changed.items():
        say(f"changed {name}: {'; '.join(changes)}")
    counts = [
        f"{len(done.added)} added",
        f"{len(done.changed)} changed",
        f"{len(done.unchanged)} unchanged",
        f"{len(done.left)} left as they are",
    ]
    say(f"{done.path.name}: {', '.join(counts)}{': nothing written (--dry-run)' * dry_run}")
