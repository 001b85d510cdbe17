"""What contradicts itself within `network.yaml`: roles, exchanges, links and who can reach whom."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address

from pcg_netops.errors import InputError
from pcg_netops.inventory.compose import Key
from pcg_netops.inventory.contradiction import contradiction, dangling
from pcg_netops.inventory.tunnel_checks import check_tunnels
from pcg_netops.inventory.yamlfile import YamlFile
from pcg_netops.model.device import Role
from pcg_netops.model.network import BgpAuthentication, Link, Network


def check_network(file: YamlFile, network: Network) -> Iterator[InputError]:
    """Every contradiction within the network itself."""
    yield from _check_secrets(file, network)
    yield from _check_management(file, network)
    yield from _check_exchanges(file, network)
    yield from _check_nodes(file, network)
    yield from _check_sites(file, network)
    yield from _check_topology(file, network)
    yield from _check_reach(file, network)
    yield from check_tunnels(file, network)


def _check_secrets(file: YamlFile, network: Network) -> Iterator[InputError]:
    """Every secret that is asked for has to be there, and no other."""
    used: list[tuple[str, tuple[Key, ...]]] = []
    places: list[tuple[BgpAuthentication | None, tuple[Key, ...]]] = [
        (network.authentication, ()),
        *((domain.authentication, ("domains", name)) for name, domain in network.domains.items()),
        *((link.authentication, ("links", index)) for index, link in enumerate(network.links)),
    ]
    for authentication, path in places:
        if authentication:
            used.append((authentication.secret, (*path, "authentication", "secret")))
    used += _management_secrets(network)
    for name, path in used:
        yield from dangling(file, "secret", name, network.secrets, *path)
    for name in network.secrets.keys() - {name for name, _ in used}:
        yield contradiction(
            f"secret '{name}' is not used",
            place=file.place("secrets", name),
            remedy="remove it, or name it where it belongs",
        )


def _management_secrets(network: Network) -> list[tuple[str, tuple[Key, ...]]]:
    plane = network.management
    used: list[tuple[str, tuple[Key, ...]]] = []
    if plane.aaa:
        used.append((plane.aaa.secret, ("management", "aaa", "secret")))
    if plane.ntp:
        used.append((plane.ntp.secret, ("management", "ntp", "secret")))
    if plane.snmp:
        used.append((plane.snmp.authentication, ("management", "snmp", "authentication")))
        used.append((plane.snmp.privacy, ("management", "snmp", "privacy")))
    return used


def _check_management(file: YamlFile, network: Network) -> Iterator[InputError]:
    """Management is a network of its own: its servers are in it."""
    plane, pool = network.management, network.pools.management
    servers: list[tuple[tuple[Key, ...], tuple[IPv4Address, ...]]] = [
        (("aaa", "servers"), plane.aaa.servers if plane.aaa else ()),
        (("ntp", "servers"), plane.ntp.servers if plane.ntp else ()),
        (("syslog",), plane.syslog),
        (("snmp", "managers"), plane.snmp.managers if plane.snmp else ()),
    ]
    for path, addresses in servers:
        for index, address in enumerate(addresses):
            if address not in pool:
                yield contradiction(
                    f"{address} is not in the management network {pool}",
                    place=file.place("management", *path, index),
                    remedy="devices reach management by their management interface alone",
                )


def _check_exchanges(file: YamlFile, network: Network) -> Iterator[InputError]:
    owners: dict[str, str] = {}
    for exchange, value in network.exchanges.items():
        for index, gateway in enumerate(value.gateways):
            path = ("exchanges", exchange, "gateways", index)
            yield from dangling(file, "gateway", gateway, network.with_role(Role.GATEWAY), *path)
            if gateway in owners:
                yield contradiction(
                    f"gateway '{gateway}' is in exchange '{owners[gateway]}' already",
                    place=file.place(*path),
                    remedy="a gateway belongs to one exchange",
                )
            owners[gateway] = exchange
    for name in network.with_role(Role.GATEWAY):
        if name in owners:
            continue
        yield contradiction(
            f"gateway '{name}' belongs to no exchange",
            place=file.place("nodes", name),
            remedy="add it to an exchange's 'gateways'",
        )


def _check_nodes(file: YamlFile, network: Network) -> Iterator[InputError]:
    checks = {Role.EDGE: _check_edge, Role.CORE: _check_core, Role.GATEWAY: _check_gateway}
    for name, node in network.nodes.items():
        if node.role is Role.HOST:
            yield contradiction(
                f"node '{name}' is a host",
                place=file.place("nodes", name),
                remedy="describe a site instead: its host is made from it",
            )
        elif node.role in checks:
            yield from checks[node.role](file, network, name)


def _check_edge(file: YamlFile, network: Network, name: str) -> Iterator[InputError]:
    prefers = network.nodes[name].prefers
    gateways = network.with_role(Role.GATEWAY)
    missing = sorted(set(gateways) - set(prefers))
    if missing:
        yield contradiction(
            f"edge '{name}' does not rank {', '.join(missing)}",
            place=file.place("nodes", name),
            remedy="list every gateway in 'prefers'",
        )
    for index, gateway in enumerate(prefers):
        yield from dangling(file, "gateway", gateway, gateways, "nodes", name, "prefers", index)


def _check_core(file: YamlFile, network: Network, name: str) -> Iterator[InputError]:
    domain = network.nodes[name].domain or ""
    yield from dangling(file, "domain", domain, network.domains, "nodes", name, "domain")


def _check_gateway(file: YamlFile, network: Network, name: str) -> Iterator[InputError]:
    nat = network.nodes[name].nat
    for domain in [domain for domain in network.domains if domain not in nat]:
        yield contradiction(
            f"gateway '{name}' has no translation pool for domain '{domain}'",
            place=file.place("nodes", name),
            remedy="add it under 'nat'",
        )
    for domain in nat:
        yield from dangling(file, "domain", domain, network.domains, "nodes", name, "nat", domain)


_NEIGHBOURS = {
    frozenset({Role.EDGE}),
    frozenset({Role.EDGE, Role.GATEWAY}),
    frozenset({Role.GATEWAY, Role.CORE}),
    frozenset({Role.CORE}),
    frozenset({Role.CORE, Role.PARTNER}),
}


def _check_sites(file: YamlFile, network: Network) -> Iterator[InputError]:
    for name, site in network.sites.items():
        yield from dangling(file, "node", site.node, network.nodes, "sites", name, "node")
        if site.domain:
            yield from dangling(
                file, "domain", site.domain, network.domains, "sites", name, "domain"
            )
        wanted = Role.PARTNER if site.domain else Role.EDGE
        if site.node in network.nodes and network.nodes[site.node].role is not wanted:
            whose = f"of domain '{site.domain}'" if site.domain else "of the organisation"
            yield contradiction(
                f"site '{name}' is {whose}, but its node '{site.node}' has the role"
                f" {network.nodes[site.node].role}",
                place=file.place("sites", name, "node"),
                remedy=f"put it behind a node whose role is '{wanted}', or correct its 'domain'",
            )


def _check_topology(file: YamlFile, network: Network) -> Iterator[InputError]:
    for index, link in enumerate(network.links):
        path: tuple[Key, ...] = ("links", index)
        unknown = [
            error
            for end in (0, 1)
            for error in dangling(
                file, "node", link.between[end], network.nodes, *path, "between", end
            )
        ]
        yield from unknown
        if unknown:
            continue
        yield from _check_ends(file, network, link, *path)
    for pool, needed in (
        (network.pools.links, 2 * len(network.links)),
        (network.pools.loopbacks, len(network.nodes)),
    ):
        if pool.num_addresses < needed:
            yield contradiction(
                f"pool {pool} has {pool.num_addresses} addresses, {needed} are needed",
                place=file.place("pools"),
                remedy="give it a larger prefix",
            )


def _check_ends(file: YamlFile, network: Network, link: Link, *path: Key) -> Iterator[InputError]:
    """Whether the two ends of a link may meet there."""
    first, second = (network.nodes[name] for name in link.between)
    if frozenset({first.role, second.role}) not in _NEIGHBOURS:
        yield contradiction(
            f"a link between a {first.role} and a {second.role} has no policy",
            place=file.place(*path),
            remedy="edges meet gateways, gateways meet cores, cores meet partners",
        )
    elif link.underlay:
        return  # no routing: numbers and domains of its ends do not meet
    elif first.role is second.role and first.asn != second.asn:
        yield contradiction(
            f"{link.between[0]} and {link.between[1]} are both {first.role} nodes of"
            f" different autonomous systems",
            place=file.place(*path),
            remedy="give them one 'asn', or connect them through another node",
        )
    elif first.role is Role.CORE and second.role is Role.CORE and first.domain != second.domain:
        yield contradiction(
            f"the link joins the domains '{first.domain}' and '{second.domain}'",
            place=file.place(*path),
            remedy="domains meet nowhere: remove the link",
        )


def _check_reach(file: YamlFile, network: Network) -> Iterator[InputError]:
    """A gateway needs a way to each side that it stands between, a partner one to its domains."""
    peers: dict[str, set[tuple[Role, str | None]]] = {name: set() for name in network.nodes}
    for link in network.links:
        for end, other in (link.between, link.between[::-1]):
            if link.underlay:
                continue
            if end not in network.nodes or other not in network.nodes:
                return  # said already
            peers[end].add((network.nodes[other].role, network.nodes[other].domain))
    partners = set(network.with_role(Role.PARTNER))
    needed: list[tuple[str, Role, str | None]] = []
    for name in network.with_role(Role.GATEWAY):
        needed.append((name, Role.EDGE, None))
        needed += [(name, Role.CORE, domain) for domain in network.domains]
    needed += [
        (site.node, Role.CORE, site.domain)
        for site in network.sites.values()
        if site.domain and site.node in partners
    ]
    for name, role, domain in dict.fromkeys(needed):
        if (role, domain) not in peers[name]:
            what = f"a core of domain '{domain}'" if domain else "an edge"
            yield contradiction(
                f"{network.nodes[name].role} '{name}' has no link to {what}",
                place=file.place("nodes", name),
                remedy="add it under 'links'",
            )
