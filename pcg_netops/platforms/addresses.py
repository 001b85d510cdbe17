"""What routers need to know of a device's interfaces, addresses, keys and own prefixes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network

from pcg_netops.model.device import TUNNEL_INTERFACE, AuthenticationMethod, Device, Interface
from pcg_netops.model.secret import Secret

AO = AuthenticationMethod.AO


@dataclass(frozen=True)
class Static:
    """A route that makes a prefix known to BGP; `on_link`: the interface whose network holds it."""

    prefix: IPv4Network
    on_link: Interface | None


def statics(device: Device) -> tuple[Static, ...]:
    """A route for every originated prefix that is no connected network itself.

    These routers announce only what they have a route for.
    """
    if device.bgp is None:
        return ()
    connected = {i.address.network: i for i in device.interfaces}
    return tuple(
        Static(
            prefix,
            next((i for network, i in connected.items() if prefix.subnet_of(network)), None),
        )
        for prefix in device.bgp.networks
        if prefix not in connected
    )


def key_chains(device: Device) -> tuple[Secret, ...]:
    """The secrets of sessions that authenticate by TCP-AO, each once."""
    found = [session.authentication for session in device.bgp.sessions] if device.bgp else []
    return tuple(dict.fromkeys(a.secret for a in found if a and a.method is AO))


def numbered(device: Device) -> Iterator[tuple[Interface, int]]:
    """Every interface with a port and that port's number, counted from 1."""
    for interface in device.interfaces:
        if not interface.name.startswith(TUNNEL_INTERFACE):
            yield interface, int(interface.name.removeprefix("eth"))


def tunnel_numbers(device: Device) -> Iterator[tuple[str, int]]:
    """Every tunnel's interface and its number, counted from 0."""
    return ((tunnel.interface, tunnel.number - 1) for tunnel in device.tunnels)


def off_its_network(device: Device) -> Iterator[str]:
    """A management address without a known prefix length."""
    management = device.management
    if management and management.address not in management.network:
        yield f"the management address {management.address}, which is not in {management.network}"
