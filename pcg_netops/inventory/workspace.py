"""A workspace: the folder of YAML and templates that a user owns."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from pcg_netops.confined import require_all_inside
from pcg_netops.errors import InputError, InputErrors
from pcg_netops.inventory.checks import Sources, cross_check, lineage
from pcg_netops.inventory.yamlfile import YamlFile, did_you_mean, read_yaml
from pcg_netops.model.cutover import Cutover
from pcg_netops.model.hosts import Entries, Entry
from pcg_netops.model.network import Network
from pcg_netops.model.services import Services
from pcg_netops.model.waivers import Waivers

_CUTOVER_NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")
_READ = ("inventory", "templates", "approvals")
_MOST_ERRORS = 100  # across files: nobody reads more before correcting these


@dataclass(frozen=True)
class Workspace:
    """Everything read from a workspace, valid in itself and across its files."""

    root: Path
    network: Network
    services: Services
    cutovers: dict[str, Cutover]
    hosts: dict[str, Entry]  # groups and defaults already merged in
    sources: Sources  # the same, each with its file, for whoever has to name a line

    @property
    def templates(self) -> Path:
        """The folder of templates."""
        return self.root / "templates"

    def cutover(self, name: str | None = None) -> tuple[str, Cutover]:
        """The named cutover, or the only one. Raises InputError if that is not clear."""
        if name is None and len(self.cutovers) == 1:
            return next(iter(self.cutovers.items()))
        if name is None:
            raise InputError(
                "the workspace has several cutovers",
                remedy=f"choose one with --cutover: {', '.join(self.cutovers)}",
            )
        if name not in self.cutovers:
            raise InputError(f"no cutover '{name}'", remedy=did_you_mean(name, self.cutovers))
        return name, self.cutovers[name]


@dataclass(frozen=True)
class Reading:
    """What could be read of a workspace: all of it, or the cutovers that could and the errors."""

    workspace: Workspace | None
    cutovers: dict[str, tuple[YamlFile, Cutover]]
    errors: tuple[InputError, ...]


def load_workspace(root: Path) -> Workspace:
    """Read and check the whole workspace.

    Raises InputErrors with everything that is wrong: first file by file, then across files.
    """
    reading = read_workspace(root)
    if reading.workspace is None:
        raise InputErrors(list(reading.errors))
    return reading.workspace


def read_workspace(root: Path, instead: Mapping[str, str] | None = None) -> Reading:
    """Read and check as much of the workspace as can be. Raises InputError if it is none.

    `instead` gives files, such as `inventory/services.yaml`, the text that they might get.
    """
    texts = instead or {}
    root = root.resolve()
    try:
        require_all_inside(root, _READ)
    except InputErrors as found:
        return Reading(None, {}, found.errors)
    folder = root / "inventory"
    if not folder.is_dir():
        raise InputError(
            "is not a workspace: it has no folder 'inventory'",
            place=str(root),
            code="PCG001",
            remedy="change to a workspace, name one with --workspace, or make one: pcg init FOLDER",
        )
    paths = sorted((folder / "cutovers").glob("*.yaml"))
    if not paths:
        raise InputError(
            "no cutover file",
            place="inventory/cutovers",
            remedy="add one named <cutover>.yaml",
            code="PCG001",
        )
    errors = [
        InputError(
            f"{path.name!r} does not name a cutover",
            place="inventory/cutovers",
            remedy="use lower-case letters, digits and hyphens: they reach folders and commands",
            code="PCG012",
        )
        for path in paths
        if not _CUTOVER_NAME.fullmatch(path.stem)
    ]
    if errors:
        return Reading(None, {}, tuple(errors))

    def read(path: Path, model: type) -> tuple:  # type: ignore[type-arg]
        try:
            file = read_yaml(path, root, text=texts.get(path.relative_to(root).as_posix()))
            return file, file.parse(model)
        except InputErrors as found:
            errors.extend(found.errors)
        except InputError as found:
            errors.append(found)
        return None, None

    network_file, network = read(folder / "network.yaml", Network)
    services_file, services = read(folder / "services.yaml", Services)
    hosts_file, hosts = read(folder / "hosts.yaml", Entries)
    groups_file, groups = read(folder / "groups.yaml", Entries)
    defaults_file, defaults = read(folder / "defaults.yaml", Entry)
    cutovers = {path.stem: read(path, Cutover) for path in paths}
    waivers = (folder / "waivers.yaml").exists() and read(folder / "waivers.yaml", Waivers)
    readable = {name: pair for name, pair in cutovers.items() if pair[1] is not None}
    if errors:
        return Reading(None, readable, tuple(errors))
    sources = Sources(
        network=(network_file, network),
        services=(services_file, services),
        hosts=(hosts_file, hosts.root),
        groups=(groups_file, groups.root),
        defaults=(defaults_file, defaults),
        cutovers=cutovers,
        waivers=waivers or None,
    )
    errors.extend(islice(cross_check(sources), _MOST_ERRORS))
    if errors:
        return Reading(None, readable, tuple(errors))
    workspace = Workspace(
        root,
        network,
        services,
        {name: cutover for name, (_, cutover) in cutovers.items()},
        {name: _merge(entry, groups.root, defaults) for name, entry in hosts.root.items()},
        sources,
    )
    return Reading(workspace, readable, ())


def _merge(host: Entry, groups: dict[str, Entry], defaults: Entry) -> Entry:
    """Nornir's precedence: the host, its groups, each before its own groups, then the defaults."""
    sources = [host, *lineage(host, groups), defaults]
    values = {
        field: next(
            (value for entry in sources if (value := getattr(entry, field)) is not None), None
        )
        for field in ("hostname", "port", "username", "platform", "login")
    }
    data = {key: value for entry in reversed(sources) for key, value in entry.data.items()}
    return Entry(**values, groups=host.groups, data=data)
