"""The workspace's hosts as a Nornir object, for our tasks and for anybody's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from nornir.core import Nornir
from nornir.core.configuration import Config
from nornir.core.inventory import (
    ConnectionOptions,
    Defaults,
    Group,
    Groups,
    Host,
    Hosts,
    Inventory,
    ParentGroups,
)
from nornir.core.plugins.connections import ConnectionPluginRegister
from nornir.core.plugins.runners import RunnersPluginRegister
from nornir.plugins.runners import ThreadedRunner

from pcg_netops.inventory.workspace import Workspace
from pcg_netops.model.hosts import Entry

# Extras for one host's connection: arguments of Netmiko's ConnectHandler.
Extras = Callable[[str], dict[str, Any]]


_RESOLVED = ("hostname", "port", "username", "platform")  # by Nornir, through groups and defaults


def inventory_of(workspace: Workspace) -> Inventory:
    """Hosts with their groups and the defaults, as SimpleInventory has them.

    What the network says of a host is added to its data: `role`, `title`, `asn`, and where it has
    one `exchange` and `domain`.
    """
    sources = workspace.sources
    own, known = sources.hosts[1], sources.groups[1]
    groups = Groups({name: Group(name=name, **_fields(entry)) for name, entry in known.items()})
    for name, entry in known.items():
        groups[name].groups = ParentGroups([groups[parent] for parent in entry.groups])
    defaults = Defaults(**_fields(sources.defaults[1]))
    hosts = Hosts()
    for name, entry in workspace.hosts.items():
        written = own.get(name, entry)
        fields = _fields(written)
        fields["data"] = _intent(workspace, name) | fields["data"]
        above = ParentGroups([groups[parent] for parent in written.groups])
        host = hosts[name] = Host(name=name, groups=above, defaults=defaults, **fields)
        for field in _RESOLVED:  # where it was made another than its file says, as by a lab
            if getattr(host, field) != getattr(entry, field):
                setattr(host, field, getattr(entry, field))
    return Inventory(hosts=hosts, groups=groups, defaults=defaults)


def _fields(entry: Entry) -> dict[str, Any]:
    return {name: getattr(entry, name) for name in _RESOLVED} | {"data": dict(entry.data)}


def _intent(workspace: Workspace, name: str) -> dict[str, Any]:
    network = workspace.network
    node = network.nodes.get(name)
    if node is None:
        return {}
    exchange = next((x for x, its in network.exchanges.items() if name in its.gateways), None)
    found = {
        "role": node.role.value,
        "title": node.title,
        "asn": node.asn,
        "exchange": exchange,
        "domain": node.domain,
    }
    return {key: value for key, value in found.items() if value is not None}


def nornir_of(
    workspace: Workspace,
    connection: str,
    extras: Extras,
    names: Sequence[str] | None = None,
    at_once: int = 8,
) -> Nornir:
    """Nornir over the named hosts, or all; `connection` is the plug-in the extras are for.

    It works on up to `at_once` hosts at the same time.
    """
    inventory = inventory_of(workspace)
    for name in set(inventory.hosts) - set(inventory.hosts if names is None else names):
        del inventory.hosts[name]
    for name, host in inventory.hosts.items():
        host.connection_options[connection] = ConnectionOptions(extras=extras(name))
    ConnectionPluginRegister.auto_register()
    RunnersPluginRegister.auto_register()
    return Nornir(
        inventory=inventory,
        runner=ThreadedRunner(num_workers=min(at_once, max(1, len(inventory.hosts)))),
        config=Config(),
    )
