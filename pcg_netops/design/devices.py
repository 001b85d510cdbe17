"""One `Device` for every node of a stage, hosts included."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Interface

from pcg_netops.design.addressing import (
    Addressing,
    address_network,
    client_address,
    first_usable,
    host_of,
)
from pcg_netops.design.firewall import protect
from pcg_netops.design.index import Index
from pcg_netops.design.intent import Intent
from pcg_netops.design.management import manage
from pcg_netops.design.routing import route
from pcg_netops.design.steering import Stage
from pcg_netops.design.tunnels import routes_to_peers, tunnels_of
from pcg_netops.inventory.workspace import Workspace
from pcg_netops.model.device import Device, Interface, PrefixList, Role

HOST_PLATFORM = "host"


class Designer:
    """Designs the stages of one workspace. What they share is worked out once."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._index = Index(workspace.network, workspace.services)
        self._addressing = address_network(workspace.network)
        self._lists: dict[tuple[object, ...], PrefixList] = {}
        self._routers: dict[str, tuple[object, Device]] = {}  # the latest, and what it was made for
        self._hosts = {
            host_of(site): _host(self._index, self._addressing, site)
            for site in workspace.network.sites
        }

    def design(self, stage: Stage) -> dict[str, Device]:
        """Every node's configuration at a stage, routers first, by name in the file's order.

        A router that the stage leaves as it was at the one before is the same object.
        """
        intent = Intent(self._index, stage, self._lists)
        return {
            name: self._router(intent, name) for name in self._index.network.nodes
        } | self._hosts

    def _router(self, intent: Intent, name: str) -> Device:
        stage = intent.stage
        steers = self._index.network.nodes[name].role is Role.EDGE
        made_for = (
            stage.exchanges,
            stage.allow_lists,
            name in stage.drained,
            stage.carriers if steers else None,
        )
        latest = self._routers.get(name)
        if latest is None or latest[0] != made_for:
            latest = (made_for, _router(self._workspace, intent, self._addressing, name))
            self._routers[name] = latest
        return latest[1]


def design(workspace: Workspace, stage: Stage) -> dict[str, Device]:
    """Every node's configuration at one stage; for several stages, keep a `Designer`."""
    return Designer(workspace).design(stage)


def _router(workspace: Workspace, intent: Intent, addressing: Addressing, name: str) -> Device:
    network = intent.network
    routing = route(intent, addressing, name)
    entry = workspace.hosts[name]
    assert entry.hostname is not None
    links = (*addressing.neighbours[name], *addressing.underlays[name])
    return Device(
        name=name,
        role=network.nodes[name].role,
        platform=entry.platform or "linux",
        title=network.nodes[name].title,
        loopback=addressing.loopbacks[name],
        interfaces=(*addressing.sites[name].values(), *(link.interface for link in links)),
        addresses=(),
        default_gateway=None,
        bgp=routing.bgp,
        prefix_lists=routing.prefix_lists,
        community_lists=routing.community_lists,
        policies=routing.policies,
        firewall=protect(intent.index, intent.stage, addressing, name),
        management=manage(network, IPv4Address(entry.hostname)),
        tunnels=tunnels_of(network, addressing, name),
        static_routes=routes_to_peers(network, addressing, name),
    )


def _host(index: Index, addressing: Addressing, name: str) -> Device:
    """A site's end system: it has a client's address and those of every server of the site."""
    site, services = index.network.sites[name], index.services.services
    inside = addressing.sites[site.node][name]
    servers = {first_usable(p) for s in index.reached_at(name) if (p := services[s].prefix)}
    published = [services[service].published for service in index.published_at(name)]
    servers |= {range_.server for range_ in published if range_}
    client = client_address(site.prefix)
    length = site.prefix.prefixlen
    return Device(
        name=host_of(name),
        role=Role.HOST,
        platform=HOST_PLATFORM,
        title=f"{site.title}: end systems",
        loopback=None,
        interfaces=(
            Interface(
                inside.peer_interface,
                IPv4Interface((client, length)),
                inside.mtu,
                inside.zone,
                site.node,
                inside.name,
            ),
        ),
        addresses=tuple(IPv4Interface((a, length)) for a in sorted(servers - {client})),
        default_gateway=inside.address.ip,
        bgp=None,
        prefix_lists=(),
        community_lists=(),
        policies=(),
        firewall=None,
        management=None,
    )
