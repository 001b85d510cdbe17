"""A workspace: the folder of YAML and templates that a user owns."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pcg_netops.errors import InputError, InputErrors
from pcg_netops.inventory.checks import Sources, cross_check
from pcg_netops.inventory.yamlfile import did_you_mean, read_yaml
from pcg_netops.model.cutover import Cutover
from pcg_netops.model.hosts import Entries, Entry
from pcg_netops.model.network import Network
from pcg_netops.model.services import Services


@dataclass(frozen=True)
class Workspace:
    """Everything read from a workspace, valid in itself and across its files."""

    root: Path
    network: Network
    services: Services
    cutovers: dict[str, Cutover]
    hosts: dict[str, Entry]  # groups and defaults already merged in

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


def load_workspace(root: Path) -> Workspace:
    """Read and check the whole workspace.

    Raises InputErrors with everything that is wrong: first file by file, then across files.
    """
    root = root.resolve()
    folder = root / "inventory"
    paths = sorted((folder / "cutovers").glob("*.yaml"))
    if not paths:
        read_yaml(folder / "network.yaml", root)  # a folder that is no workspace says so first
        raise InputError(
            "no cutover file", place="inventory/cutovers", remedy="add one named <cutover>.yaml"
        )
    errors: list[InputError] = []

    def read(path: Path, model: type) -> tuple:  # type: ignore[type-arg]
        try:
            file = read_yaml(path, root)
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
    _, defaults = read(folder / "defaults.yaml", Entry)
    cutovers = {path.stem: read(path, Cutover) for path in paths}
    if errors:
        raise InputErrors(errors)
    sources = Sources(
        network=(network_file, network),
        services=(services_file, services),
        hosts=(hosts_file, hosts.root),
        groups=(groups_file, groups.root),
        cutovers=cutovers,
    )
    errors.extend(cross_check(sources))
    if errors:
        raise InputErrors(errors)
    return Workspace(
        root,
        network,
        services,
        {name: cutover for name, (_, cutover) in cutovers.items()},
        {name: _merge(entry, groups.root, defaults) for name, entry in hosts.root.items()},
    )


def _merge(host: Entry, groups: dict[str, Entry], defaults: Entry) -> Entry:
    """Nornir's precedence: the host, then its groups in order, then the defaults."""
    sources = [host, *(groups[name] for name in host.groups), defaults]
    values = {
        field: next(
            (value for entry in sources if (value := getattr(entry, field)) is not None), None
        )
        for field in ("hostname", "port", "username", "platform")
    }
    data = {key: value for entry in reversed(sources) for key, value in entry.data.items()}
    return Entry(**values, groups=host.groups, data=data)
