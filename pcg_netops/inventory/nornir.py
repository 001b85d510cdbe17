"""The workspace's hosts as a Nornir object, for our tasks and for anybody's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from nornir.core import Nornir
from nornir.core.configuration import Config
from nornir.core.inventory import ConnectionOptions, Defaults, Groups, Host, Hosts, Inventory
from nornir.core.plugins.connections import ConnectionPluginRegister
from nornir.core.plugins.runners import RunnersPluginRegister
from nornir.plugins.runners import ThreadedRunner

from pcg_netops.inventory.workspace import Workspace

# Extras for one host's connection: arguments of Netmiko's ConnectHandler.
Extras = Callable[[str], dict[str, Any]]


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
    hosts = Hosts()
    for name in names if names is not None else workspace.hosts:
        entry = workspace.hosts[name]
        hosts[name] = Host(
            name=name,
            hostname=entry.hostname,
            port=entry.port,
            username=entry.username,
            platform=entry.platform,
            data=dict(entry.data),
            connection_options={connection: ConnectionOptions(extras=extras(name))},
        )
    ConnectionPluginRegister.auto_register()
    RunnersPluginRegister.auto_register()
    return Nornir(
        inventory=Inventory(hosts=hosts, groups=Groups(), defaults=Defaults()),
        runner=ThreadedRunner(num_workers=min(at_once, max(1, len(hosts)))),
        config=Config(),
    )
