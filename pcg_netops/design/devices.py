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
from pcg_netops.design.routing import route
from pcg_netops.design.steering import Stage
from pcg_netops.inventory.workspace import Workspace
from pcg_netops.model.device import Device, Interface, Management, Role

MANAGEMENT_INTERFACE = "eth0"
HOST_PLATFORM = "host"


def design(workspace: Workspace, stage: Stage) -> dict[str, Device]:
    """Every node's configuration at a stage, routers first, by name in the file's order."""
    addressing = address_network(workspace.network)
    routers = {
        name: _router(workspace, stage, addressing, name) for name in workspace.network.nodes
    }
    hosts = {host_of(site): _host(workspace, addressing, site) for site in workspace.network.sites}
    return routers | hosts


def _router(workspace: Workspace, stage: Stage, addressing: Addressing, name: str) -> Device:
    network, services = workspace.network, workspace.services
    routing = route(network, services, stage, addressing, name)
    entry = workspace.hosts[name]
    assert entry.hostname is not None
    links = (neighbour.interface for neighbour in addressing.neighbours[name])
    return Device(
        name=name,
        role=network.nodes[name].role,
        platform=entry.platform or "linux",
        title=network.nodes[name].title,
        loopback=addressing.loopbacks[name],
        interfaces=(*addressing.sites[name].values(), *links),
        addresses=(),
        default_gateway=None,
        bgp=routing.bgp,
        prefix_lists=routing.prefix_lists,
        policies=routing.policies,
        firewall=protect(network, services, stage, addressing, name),
        management=Management(
            MANAGEMENT_INTERFACE, IPv4Address(entry.hostname), network.pools.management
        ),
    )


def _host(workspace: Workspace, addressing: Addressing, name: str) -> Device:
    """A site's end system: it has a client's address and those of every server of the site."""
    network = workspace.network
    site = network.sites[name]
    inside = addressing.sites[site.node][name]
    servers = set()
    for service in workspace.services.services.values():
        if service.prefix and service.prefix.subnet_of(site.prefix):
            servers.add(first_usable(service.prefix))
        if service.published and service.published.server in site.prefix:
            servers.add(service.published.server)
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
        policies=(),
        firewall=None,
        management=None,
    )
