"""The traffic that proves a service: one flow for each direction, site and kind of traffic."""

from __future__ import annotations

from collections.abc import Iterator

from pcg_netops.design.addressing import client_address, first_usable, host_of
from pcg_netops.design.steering import Stage, inbound_gateway, outbound_gateway
from pcg_netops.model.flow import Flow
from pcg_netops.model.network import Network
from pcg_netops.model.services import Service, Services, Traffic


def flows(network: Network, services: Services) -> tuple[Flow, ...]:
    """Every flow that every service promises. A range of ports is represented by its first."""
    return tuple(
        flow
        for name, service in services.services.items()
        for traffic in service.traffic
        for flow in (
            *_outbound(network, name, service, traffic),
            *_inbound(network, name, service, traffic),
        )
    )


def _name(service: str, direction: str, site: str, traffic: Traffic) -> str:
    return f"{service}/{direction}/{site}/{traffic.protocol}-{traffic.ports.first}"


def _outbound(network: Network, name: str, service: Service, traffic: Traffic) -> Iterator[Flow]:
    if service.prefix is None:
        return
    target = first_usable(service.prefix)
    theirs = network.site_of(target)
    assert theirs is not None
    for site in service.sites:
        yield Flow(
            name=_name(name, "out", site, traffic),
            service=name,
            direction="out",
            protocol=traffic.protocol,
            client=host_of(site),
            source=client_address(network.sites[site].prefix),
            target=target,
            port=traffic.ports.first,
            server=host_of(theirs),
            server_address=target,
        )


def _inbound(network: Network, name: str, service: Service, traffic: Traffic) -> Iterator[Flow]:
    if service.published is None:
        return
    home = network.site_of(service.published.server)
    assert home is not None
    for site in service.partners:
        yield Flow(
            name=_name(name, "in", site, traffic),
            service=name,
            direction="in",
            protocol=traffic.protocol,
            client=host_of(site),
            source=client_address(network.sites[site].prefix),
            target=first_usable(service.published.prefix),
            port=traffic.ports.first,
            server=host_of(home),
            server_address=service.published.server,
        )


def intended_gateway(network: Network, services: Services, stage: Stage, flow: Flow) -> str:
    """The gateway that carries a flow at a stage when nothing has failed."""
    service = services.services[flow.service]
    if flow.direction == "out":
        client = network.site_of(flow.source)
        assert client is not None
        return outbound_gateway(network, stage, flow.service, network.sites[client].node)
    assert service.published is not None
    home = network.site_of(service.published.server)
    assert home is not None
    return inbound_gateway(network, stage, flow.service, network.sites[home].node)
