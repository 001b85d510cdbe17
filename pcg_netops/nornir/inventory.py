"""The workspace as Nornir's inventory: hosts with groups, defaults, and what the intent says."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nornir.core.inventory import Inventory

    from pcg_netops.inventory.workspace import Workspace
    from pcg_netops.push.practice import Practice

# How others call our platforms: Netmiko's `device_type`, and NAPALM's driver.
_NETMIKO = {"iosxe": "cisco_xe", "junos": "juniper_junos", "linux": "linux"}
_NAPALM = {"iosxe": "ios", "junos": "junos"}


class PcgInventory:
    """Nornir's inventory plug-in `PcgInventory`.

    Each host's `data` has besides its own what the network says of it: `role`, `title`, `asn`, and
    where it has one `exchange` and `domain`. So `nr.filter(F(groups__contains="pcg") &
    F(role="gateway"))` works. The connections of nornir_netmiko and nornir_napalm know the platform
    and check host keys strictly, against those that `pcg hosts trust` wrote.
    """

    def __init__(self, workspace: str | Path = ".", lab: bool = False) -> None:
        """`workspace` is the folder that holds `inventory/`.

        With `lab` the hosts are the nodes of its lab that is up.
        """
        self._root = Path(workspace)
        self._lab = lab

    def load(self) -> Inventory:
        """Raises InputErrors with everything that is wrong in the workspace, and EnvironmentLack
        if a lab is asked for and none is up.
        """
        from nornir.core.inventory import ConnectionOptions

        from pcg_netops.inventory.nornir import inventory_of
        from pcg_netops.inventory.workspace import load_workspace
        from pcg_netops.nornir.context import KEY
        from pcg_netops.push.practice import practice

        workspace = load_workspace(self._root)
        practised = practice(workspace) if self._lab else None
        inventory = inventory_of(practised.workspace if practised else workspace)
        says = {"workspace": str(workspace.root), "lab": self._lab}
        inventory.defaults.data[KEY] = says  # so that every task works on the same
        for name, host in inventory.hosts.items():
            if practised:
                reach = practised.extras(name)
                host.hostname, host.port = reach["host"], reach["port"]
                host.username = reach["username"]
            host.connection_options["pcg"] = ConnectionOptions(extras={"name": name, KEY: says})
            _let_others_in(workspace, practised, inventory, name)
        return inventory


def _let_others_in(
    workspace: Workspace, practised: Practice | None, inventory: Inventory, name: str
) -> None:
    """Connections of stock plug-ins, as strict as ours."""
    from nornir.core.inventory import ConnectionOptions

    from pcg_netops.push.trust import Trust

    host = inventory.hosts[name]
    login = workspace.hosts[name].login
    extras: dict[str, Any] = {"ssh_strict": True, "alt_host_keys": True, "allow_agent": True}
    if practised:
        from pcg_netops.lab.background.folders import KEY

        key = str(practised.lab.folder / KEY)
        extras |= {"alt_key_file": str(practised.lab.known_hosts), "allow_agent": False}
        extras |= {"use_keys": True, "key_file": key}
    else:
        extras["alt_key_file"] = str(Trust.of(workspace).known_hosts)
        if login and login.key_file:
            key = str(workspace.root / Path(login.key_file).expanduser())
            extras |= {"use_keys": True, "key_file": key}
    platform = host.platform or ""
    host.connection_options["netmiko"] = ConnectionOptions(
        platform=_NETMIKO.get(platform, platform), extras=extras
    )
    host.connection_options["napalm"] = ConnectionOptions(
        platform=_NAPALM.get(platform, platform), extras={"optional_args": extras}
    )
