"""Checks of translation: enough ports for every connection, and one gateway for both directions."""

from __future__ import annotations

from collections.abc import Iterator

from pcg_netops.audit.checks.plan import PlanInWorkspace
from pcg_netops.audit.finding import Check, Example, Problem, Rule, Severity
from pcg_netops.design.steering import inbound_gateway, outbound_gateway, stages
from pcg_netops.inventory.workspace import Workspace
from pcg_netops.model.flow import Protocol
from pcg_netops.model.services import Direction, Service

_PORTS = 65_536 - 1_024  # of an address and protocol; those below stay below (RFC 4787 REQ-3)

_SECOND_SITE = (
    "sites:\n  depot: {title: Depot, node: depot-border, prefix: 10.3.0.0/24}\n"
    "nodes:\n  depot-border:\n"
    "    {role: edge, title: Depot, asn: 65001, prefers: "
)
_SECOND_LINKS = (
    "links:\n"
    "  - {between: [hq-border, legacy-fw]}\n"
    "  - {between: [hq-border, cloud-north]}\n"
    "  - {between: [hq-border, cloud-south]}\n"
    "  - {between: [depot-border, legacy-fw]}\n"
    "  - {between: [depot-border, cloud-north]}\n"
    "  - {between: [depot-border, cloud-south]}\n"
    "  - {between: [legacy-fw, health-net]}\n"
    "  - {between: [cloud-north, health-net]}\n"
    "  - {between: [cloud-south, health-net]}\n"
    "  - {between: [health-net, hospital]}\n"
)


def _sessions(workspace: Workspace, domain: str, protocol: Protocol) -> dict[str, int]:
    """What each service that says so needs of the protocol in the domain."""
    return {
        name: service.sessions
        for name, service in workspace.services.services.items()
        if service.sessions
        and service.domain == domain
        and protocol in {traffic.protocol for traffic in service.traffic}
    }


def _ports(workspace: Workspace) -> Iterator[Problem]:
    network, file = workspace.network, workspace.sources.network[0]
    for domain in network.domains:
        for protocol in Protocol:
            sessions = _sessions(workspace, domain, protocol)
            needed = sum(sessions.values())
            for exchange in network.exchanges.values():
                room = {
                    name: network.nodes[name].nat[domain].num_addresses * _PORTS
                    for name in exchange.gateways
                }
                for name in exchange.gateways:
                    if room[name] >= needed:
                        continue
                    most = max(sessions, key=sessions.__getitem__)
                    alone = sum(room.values()) >= needed
                    yield Problem(
                        file.place("nodes", name, "nat", domain),
                        f"{network.nodes[name].nat[domain]} gives '{name}' {room[name]} {protocol}"
                        f" ports, but services of '{domain}' need up to {needed}, '{most}' alone"
                        f" {sessions[most]}"
                        + (": too few when it is the only gateway left" if alone else ""),
                        "give it a larger prefix, or correct 'sessions'",
                        Severity.WARNING if alone else Severity.ERROR,
                    )


def _two_gateways(subject: PlanInWorkspace) -> Iterator[Problem]:
    workspace, network = subject.workspace, subject.workspace.network
    every = stages(subject.plan.cutover, workspace.services)
    known: dict[tuple[str, str], str] = {}  # by carrier and edge: it does not depend on more
    for name, service in workspace.services.services.items():
        if service.direction is not Direction.BOTH:
            continue
        home = _home(workspace, service)
        for stage in {stage.carriers[name]: stage for stage in reversed(every)}.values():
            out = set()
            for site in service.sites:
                way = (stage.carriers[name], network.sites[site].node)
                if way not in known:
                    known[way] = outbound_gateway(network, stage, name, way[1])
                out.add(known[way])
            back = inbound_gateway(network, stage, name, home)
            if out != {back}:
                yield Problem(
                    workspace.sources.services[0].place("services", name),
                    f"at stage '{stage.name}' of {subject.plan.file.name} connections of '{name}'"
                    f" go out through {' and '.join(sorted(out))} and come in through {back}",
                    "have its sites' edges rank the gateways alike, or part it into two services",
                )
                break


def _home(workspace: Workspace, service: Service) -> str:
    assert service.published is not None
    site = workspace.network.site_of(service.published.server)
    assert site is not None
    return workspace.network.sites[site].node


PORTS_CHECK: Check[Workspace] = Check(
    Rule(
        "PCG211",
        "A translation pool has too few ports for the connections that it may have to carry",
        Severity.ERROR,
        "Each address of a pool gives 64,512 ports for each protocol: 1024 to 65535. A gateway may"
        " be the only one of its exchange that is left, and then carries every service. If one"
        " alone has too few ports, that is a warning; if all gateways of an exchange together do,"
        " an error: new connections are refused at the busiest time. What services need is the sum"
        " of their 'sessions'; services that do not say count nothing.",
        "RFC 4787 REQ-1 and REQ-3",
        Example(
            "services.yaml",
            "services:\n  dispatch:\n    sessions: 1100000   # a /28 gives 1,032,192 ports\n",
            "services:\n  dispatch:\n    sessions: 900000\n",
        ),
    ),
    _ports,
)
SPLIT_CHECK: Check[PlanInWorkspace] = Check(
    Rule(
        "PCG212",
        "The two directions of a service take different gateways",
        Severity.WARNING,
        "Gateways do not share what they know of connections. Protocols that open connections back"
        " (voice, file transfer, remote calls) need both directions on one gateway, and such a"
        " service is down whenever either of the two is. Gateways are compared as each edge ranks"
        " them in 'prefers', with nothing failed.",
        "RFC 2663 section 7 and RFC 3022 section 2 (sessions are bound to one translator)",
        Example(
            "network.yaml",
            f"{_SECOND_SITE}[cloud-north, cloud-south, legacy-fw]}}\n{_SECOND_LINKS}",
            f"{_SECOND_SITE}[cloud-south, cloud-north, legacy-fw]}}\n{_SECOND_LINKS}",
            given=(
                ("hosts.yaml", "depot-border: {hostname: 198.18.7.70}\n"),
                ("services.yaml", "services:\n  dispatch:\n    sites: [hq, depot]\n"),
            ),
        ),
    ),
    _two_gateways,
)
