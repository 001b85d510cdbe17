"""Traffic that must not pass, generated from intent and sent on purpose.

Five kinds: from one domain to another, from partner to partner, from exchange to exchange, in clear
beside a tunnel, and from anywhere to management. All but the last are injected at the device that
has to refuse them; log-in attempts to management come from every site. Each device is also sent one
permitted packet in the same way: if that does not come out, the device was not really tested.
"""

from __future__ import annotations

import contextlib
import itertools
import select
import socket
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from ipaddress import IPv4Address

from pcg_netops.cutover.evidence import ForbiddenEvidence
from pcg_netops.design.addressing import UNDERLAY, client_address, first_usable, host_of
from pcg_netops.design.steering import Stage
from pcg_netops.lab.protocol import Lab
from pcg_netops.model.device import Device, Interface, Role
from pcg_netops.model.flow import Protocol
from pcg_netops.model.network import Network
from pcg_netops.model.services import Services
from pcg_netops.probes.injection import Injection, Injector

_SSH = 22
_LOG_IN_WAIT_S = 0.1  # after the injections, which take longer


@dataclass(frozen=True)
class _Try:
    """An injection and what it stands for; a control has to pass."""

    kind: str
    injection: Injection
    control: bool = False


@dataclass(frozen=True)
class _Target:
    """A partner's service as something to aim at."""

    site: str
    domain: str
    address: IPv4Address
    protocol: Protocol
    port: int


def check_forbidden(
    lab: Lab,
    injector: Injector,
    network: Network,
    services: Services,
    stage: Stage,
    devices: Mapping[str, Device],
) -> tuple[ForbiddenEvidence, ...]:
    """Try everything that this stage forbids."""
    tries = [
        attempt
        for name, device in devices.items()
        if device.bgp
        for attempt in _tries(network, services, stage, name, device)
    ]
    with contextlib.ExitStack() as stack:
        log_ins = _log_ins(lab, network, devices, stack)
        passed = injector.passed([attempt.injection for attempt in tries])
        answered = _answered(log_ins)
    proved = {
        attempt.injection.device
        for attempt, through in zip(tries, passed, strict=True)
        if attempt.control and through
    }
    found = [
        _evidence(attempt, through, attempt.injection.device in proved)
        for attempt, through in zip(tries, passed, strict=True)
        if not attempt.control
    ]
    return (*found, *_log_in_evidence(network, log_ins, answered))


def _evidence(attempt: _Try, through: bool, proved: bool) -> ForbiddenEvidence:
    injection = attempt.injection
    reason = ""
    if through:
        reason = f"{injection.device} let it through"
    elif not proved:
        reason = f"not tested: {injection.device} did not pass a permitted packet either"
    return ForbiddenEvidence(
        name=f"{injection.neighbour} to {injection.device}",
        kind=attempt.kind,
        detail=f"{injection.source} to {injection.target} {injection.protocol} {injection.port}",
        blocked=False if through else (True if proved else None),
        reason=reason,
    )


def _targets(network: Network, services: Services) -> tuple[_Target, ...]:
    """One service for each partner site that has any."""
    found: dict[str, _Target] = {}
    for service in services.services.values():
        site = network.site_of(service.prefix) if service.prefix else None
        if service.prefix and site:
            traffic = service.traffic[0]
            target = _Target(
                site,
                service.domain,
                first_usable(service.prefix),
                traffic.protocol,
                traffic.ports.first,
            )
            found.setdefault(site, target)
    return tuple(found.values())


def _tries(
    network: Network, services: Services, stage: Stage, name: str, device: Device
) -> Iterator[_Try]:
    if device.role is Role.GATEWAY and network.exchange_of(name) in stage.exchanges:
        yield from _at_gateway(network, services, name, device)
    elif device.role is Role.EDGE:
        yield from _at_edge(network, services, stage, name, device)
    elif device.role is Role.CORE:
        yield from _at_core(network, services, name, device)


def _injection(name: str, interface: Interface, source: IPv4Address, target: _Target) -> Injection:
    return Injection(
        device=name,
        device_interface=interface.name,
        neighbour=interface.peer,
        interface=interface.peer_interface,
        source=source,
        target=target.address,
        protocol=target.protocol,
        port=target.port,
    )


def _at_gateway(network: Network, services: Services, name: str, device: Device) -> Iterator[_Try]:
    """A partner aims at every other partner's service; an own client's packet is the control."""
    targets = _targets(network, services)
    partners = {site: value for site, value in network.sites.items() if value.domain}
    for interface in device.interfaces:
        for (site, value), target in itertools.product(partners.items(), targets):
            if value.domain == interface.zone and site != target.site:
                same = value.domain == target.domain
                kind = "partner to partner" if same else "domain to domain"
                source = client_address(value.prefix)
                yield _Try(kind, _injection(name, interface, source, target))
    for service in services.services.values():
        if service.prefix:
            traffic = service.traffic[0]
            target = _Target(
                "",
                service.domain,
                first_usable(service.prefix),
                traffic.protocol,
                traffic.ports.first,
            )
            source = client_address(network.sites[service.sites[0]].prefix)
            inside = next(i for i in device.interfaces if i.peer in network.with_role(Role.EDGE))
            yield _Try("control", _injection(name, inside, source, target), control=True)
            return


def _at_edge(
    network: Network, services: Services, stage: Stage, name: str, device: Device
) -> Iterator[_Try]:
    """A gateway aims at partners' services through the edge, as itself and as the organisation."""
    targets = _targets(network, services)
    clients = {s: client_address(v.prefix) for s, v in network.sites.items() if v.domain}
    own = next(client_address(v.prefix) for v in network.sites.values() if v.domain is None)
    for interface in device.interfaces:
        gateways = network.with_role(Role.GATEWAY)
        if interface.peer in gateways and network.exchange_of(interface.peer) in stage.exchanges:
            for site, target in itertools.product(clients, targets):
                if site != target.site:
                    attempt = _injection(name, interface, clients[site], target)
                    yield _Try("exchange to exchange", attempt)
            for target in targets:
                yield _Try("exchange to exchange", _injection(name, interface, own, target))
        elif interface.peer in map(host_of, network.sites):
            source = client_address(interface.address.network)
            yield _Try("control", _injection(name, interface, source, targets[0]), control=True)


def _at_core(network: Network, services: Services, name: str, device: Device) -> Iterator[_Try]:
    """Clear packets by and to cables that only tunnels may use; one of its own domain passes."""
    outside = [i for i in device.interfaces if i.zone == UNDERLAY]
    targets = _targets(network, services)
    sources = {s.domain: client_address(s.prefix) for s in network.sites.values() if s.domain}
    for interface, source, target in itertools.product(outside, sources.values(), targets):
        yield _Try("beside a tunnel", _injection(name, interface, source, target))
    permitted = _permitted_at_core(network, name, device, targets)
    if not outside or permitted is None:
        return
    entrance, source, target = permitted
    for interface in outside:
        peer = interface.address.network[interface.address.ip == interface.address.network[0]]
        beyond = replace(target, address=peer)
        yield _Try("beside a tunnel", _injection(name, entrance, source, beyond))
    yield _Try("control", _injection(name, entrance, source, target), control=True)


def _permitted_at_core(
    network: Network, name: str, device: Device, targets: Iterable[_Target]
) -> tuple[Interface, IPv4Address, _Target] | None:
    """Where a partner or a gateway sends from, and a service of the core's domain elsewhere."""
    domain = network.nodes[name].domain or ""
    for interface in device.interfaces:
        peer = network.nodes.get(interface.peer)
        if peer is None or interface.zone == UNDERLAY:
            continue
        behind = {
            site: value.prefix
            for site, value in network.sites.items()
            if value.node == interface.peer and value.domain == domain
        }
        if peer.role is Role.GATEWAY:
            behind[""] = peer.nat[domain]
        for site, prefix in behind.items():
            for target in targets:
                if target.domain == domain and target.site != site:
                    return interface, client_address(prefix), target
    return None


_LogIns = dict[socket.socket, tuple[str, str]]  # connection attempt -> site, device


def _log_ins(
    lab: Lab, network: Network, devices: Mapping[str, Device], stack: contextlib.ExitStack
) -> _LogIns:
    """Every site begins to log in on every device's management address."""
    pending: _LogIns = {}
    managed = [device for device in devices.values() if device.management]
    for site, device in itertools.product(network.sites, managed):
        assert device.management
        opening = lab.socket(host_of(site), socket.AF_INET, socket.SOCK_STREAM)
        stack.enter_context(opening)
        opening.setblocking(False)
        opening.connect_ex((str(device.management.address), _SSH))
        pending[opening] = (site, device.name)
    return pending


def _log_in_evidence(
    network: Network, attempts: _LogIns, answered: set[socket.socket]
) -> Iterator[ForbiddenEvidence]:
    for site in network.sites:
        tried = [device for where, device in attempts.values() if where == site]
        reached = sorted(attempts[s][1] for s in answered if attempts[s][0] == site)
        yield ForbiddenEvidence(
            name=f"{host_of(site)} to management",
            kind="anywhere to management",
            detail=f"log-in attempts to {len(tried)} management addresses",
            blocked=not reached,
            reason=f"answered by {', '.join(reached)}" if reached else "",
        )


def _answered(sockets: Iterable[socket.socket]) -> set[socket.socket]:
    """Sockets whose connection was established, or refused by the far end itself."""
    poll = select.poll()
    by_number = {s.fileno(): s for s in sockets}
    for number in by_number:
        poll.register(number, select.POLLOUT)
    found: set[socket.socket] = set()
    deadline = time.monotonic() + _LOG_IN_WAIT_S
    while (left := deadline - time.monotonic()) > 0:
        for number, _ in poll.poll(left * 1000):
            poll.unregister(number)
            error = by_number[number].getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if error in (0, 111):  # connected, or ECONNREFUSED: its answer came back
                found.add(by_number[number])
    return found
