"""What no single file can know: references, overlaps and gaps between the files of a workspace."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from ipaddress import AddressValueError, IPv4Address, IPv4Network
from itertools import pairwise

from pcg_netops.errors import InputError
from pcg_netops.inventory.compose import Key
from pcg_netops.inventory.contradiction import contradiction, dangling
from pcg_netops.inventory.cutover_checks import check_cutover
from pcg_netops.inventory.network_checks import check_network
from pcg_netops.inventory.yamlfile import YamlFile
from pcg_netops.model.cutover import Cutover
from pcg_netops.model.firewall import Ports
from pcg_netops.model.flow import Protocol
from pcg_netops.model.hosts import Entry
from pcg_netops.model.network import Network
from pcg_netops.model.services import Service, Services
from pcg_netops.model.waivers import Waivers

SSH_PORT = 22


@dataclass(frozen=True)
class Sources:
    """Each model together with the file it came from."""

    network: tuple[YamlFile, Network]
    services: tuple[YamlFile, Services]
    hosts: tuple[YamlFile, dict[str, Entry]]
    groups: tuple[YamlFile, dict[str, Entry]]
    defaults: tuple[YamlFile, Entry]
    cutovers: dict[str, tuple[YamlFile, Cutover]]
    waivers: tuple[YamlFile, Waivers] | None = None  # a workspace may have none


def cross_check(sources: Sources) -> Iterator[InputError]:
    """Every contradiction within and between the files."""
    network, services = sources.network[1], sources.services[1]
    yield from check_network(*sources.network)
    yield from _check_groups(sources)
    yield from _check_hosts(sources)
    yield from _check_ports(sources)
    yield from _check_overlaps(sources)
    sites: dict[str | None, set[str]] = {None: set()}
    for name, site in network.sites.items():
        sites.setdefault(site.domain, set()).add(name)
    for name, service in services.services.items():
        own, theirs = sites[None], sites.get(service.domain, set())
        yield from _check_service(sources, name, service, own, theirs)
    yield from _check_twins(sources)
    for file, cutover in sources.cutovers.values():
        yield from check_cutover(network, services, file, cutover)


def _check_hosts(sources: Sources) -> Iterator[InputError]:
    file, hosts = sources.hosts
    network = sources.network[1]
    for name in [name for name in network.nodes if name not in hosts]:
        yield contradiction(
            f"node '{name}' of network.yaml has no host entry",
            place=file.name,
            remedy=f"add '{name}:' with its management address",
        )
    seen: dict[str, str] = {}
    for name, entry in hosts.items():
        yield from dangling(file, "node", name, network.nodes, name)
        for index, group in enumerate(entry.groups):
            yield from dangling(file, "group", group, sources.groups[1], name, "groups", index)
        if not entry.hostname:
            yield contradiction(
                f"host '{name}' has no 'hostname'",
                place=file.place(name),
                remedy="add its management address",
            )
        elif not _manageable(entry.hostname, network.pools.management):
            yield contradiction(
                f"'{entry.hostname}' of '{name}' cannot be a management address",
                place=file.place(name, "hostname"),
                remedy=f"choose one in {network.pools.management} above its first, the manager's",
            )
        elif entry.hostname in seen:
            yield contradiction(
                f"'{name}' and '{seen[entry.hostname]}' share the address {entry.hostname}",
                place=file.place(name),
                remedy="give each its own management address",
            )
        else:
            seen[entry.hostname] = name


def lineage(entry: Entry, groups: Mapping[str, Entry]) -> Iterator[Entry]:
    """The groups of a host or group as Nornir looks through them: each, then its own groups."""
    for name in entry.groups:
        yield groups[name]
        yield from lineage(groups[name], groups)


def _check_groups(sources: Sources) -> Iterator[InputError]:
    """Groups of groups, which Nornir follows without end where they lead back."""
    file, groups = sources.groups
    for name, entry in groups.items():
        for index, group in enumerate(entry.groups):
            yield from dangling(file, "group", group, groups, name, "groups", index)
    try:
        TopologicalSorter({name: entry.groups for name, entry in groups.items()}).prepare()
    except CycleError as error:
        ring = error.args[1]
        yield contradiction(
            f"groups contain each other: {' in '.join(ring)}",
            place=file.place(ring[-1], "groups"),
            remedy="; ".join(f"{name} is at {file.place(name)}" for name in dict.fromkeys(ring)),
        )


def _check_ports(sources: Sources) -> Iterator[InputError]:
    """What a platform renders lets log-ins in on one port: on another, a push would be the last."""
    given = [
        *((sources.hosts[0], (name,), entry) for name, entry in sources.hosts[1].items()),
        *((sources.groups[0], (name,), entry) for name, entry in sources.groups[1].items()),
        (sources.defaults[0], (), sources.defaults[1]),
    ]
    for file, path, entry in given:
        if entry.port not in (None, SSH_PORT):
            yield contradiction(
                f"port {entry.port}: the filters of devices refuse log-ins on any but {SSH_PORT}",
                place=file.place(*path, "port"),
                remedy=f"have the devices listen on {SSH_PORT}, and remove 'port'; a port that is"
                " forwarded belongs in the SSH configuration file",
            )


def _manageable(hostname: str, pool: IPv4Network) -> bool:
    try:
        return pool.network_address + 1 < IPv4Address(hostname) < pool.broadcast_address
    except AddressValueError:
        return False


def _check_overlaps(sources: Sources) -> Iterator[InputError]:
    """Address ranges of different purpose must not meet; ranges of services may be equal."""
    file, network = sources.network
    claims: list[tuple[IPv4Network, str, str]] = [
        (site.prefix, f"site '{name}'", file.place("sites", name, "prefix"))
        for name, site in network.sites.items()
    ]
    for name, node in network.nodes.items():
        claims += [
            (pool, f"the {domain} pool of '{name}'", file.place("nodes", name, "nat", domain))
            for domain, pool in node.nat.items()
        ]
    for name, pool in network.pools:
        claims.append((pool, f"pool '{name}'", file.place("pools", name)))
    yield from _overlaps(claims)
    services, model = sources.services
    yield from _overlaps(
        [
            (prefix, f"service '{name}'", services.place("services", name, field))
            for name, service in model.services.items()
            for field, prefix in (
                ("prefix", service.prefix),
                ("published", service.published.prefix if service.published else None),
            )
            if prefix
        ],
        equal_is_fine=True,
    )


def _overlaps(
    claims: list[tuple[IPv4Network, str, str]], *, equal_is_fine: bool = False
) -> Iterator[InputError]:
    """Neighbours in address order are enough: an overlap always shows at the next claim."""
    claims = sorted(claims, key=lambda claim: (int(claim[0].network_address), claim[0].prefixlen))
    widest: tuple[IPv4Network, str, str] | None = None
    for claim in claims:
        if widest and claim[0].overlaps(widest[0]):
            if not (equal_is_fine and claim[0] == widest[0]):
                yield contradiction(
                    f"{claim[1]} ({claim[0]}) overlaps {widest[1]} ({widest[0]})",
                    place=claim[2],
                    remedy="give each its own range",
                )
        else:
            widest = claim


def _check_service(
    sources: Sources, name: str, service: Service, own: set[str], theirs: set[str]
) -> Iterator[InputError]:
    """What contradicts one service, given the organisation's sites and those of its domain."""
    file, network = sources.services[0], sources.network[1]
    path: tuple[Key, ...] = ("services", name)
    yield from dangling(file, "domain", service.domain, network.domains, *path, "domain")
    for field, known in (("sites", own), ("partners", theirs)):
        for index, site in enumerate(getattr(service, field)):
            yield from dangling(file, "site", site, known, *path, field, index)
    needed = {"out": ("sites", "prefix"), "in": ("published", "partners")}
    wanted = needed.get(service.direction, needed["out"] + needed["in"])
    for field in ("sites", "prefix", "published", "partners"):
        if bool(getattr(service, field)) != (field in wanted):
            verb = "needs" if field in wanted else "cannot have"
            yield contradiction(
                f"service '{name}' has direction '{service.direction}' and {verb} '{field}'",
                place=file.place(*path),
                remedy=f"{'add' if field in wanted else 'remove'} it, or change 'direction'",
            )
    if service.prefix and network.site_of(service.prefix) not in theirs:
        yield contradiction(
            f"{service.prefix} is in no site of domain '{service.domain}'",
            place=file.place(*path, "prefix"),
            remedy="correct the prefix or add the site to network.yaml",
        )
    if service.published:
        for field, range_ in (
            ("prefix", service.published.prefix),
            ("server", IPv4Network(service.published.server)),
        ):
            if network.site_of(range_) not in own:
                yield contradiction(
                    f"{range_} is in no site of the organisation",
                    place=file.place(*path, "published", field),
                    remedy="correct it or add the site to network.yaml",
                )


def _check_twins(sources: Sources) -> Iterator[InputError]:
    """No packet may belong to two services: nobody could say which of them it is."""
    file, model = sources.services
    claims: dict[tuple[str, IPv4Network, str, Protocol], list[tuple[Ports, str]]] = {}
    for name, service in model.services.items():
        for traffic in service.traffic:
            kind, claim = traffic.protocol, (traffic.ports, name)
            if service.published:
                published = ("", service.published.prefix, service.domain, kind)
                claims.setdefault(published, []).append(claim)
            for site in service.sites if service.prefix else ():
                assert service.prefix
                claims.setdefault((site, service.prefix, service.domain, kind), []).append(claim)
    told: set[tuple[str, str]] = set()
    for (_, prefix, _, kind), ranges in claims.items():
        ordered = sorted(ranges, key=lambda each: each[0].first)
        for (ports, first), (others, second) in pairwise(ordered):
            if others.first <= ports.last and first != second and (first, second) not in told:
                told.add((first, second))
                yield contradiction(
                    f"'{first}' and '{second}' both have {kind} {others.first} of {prefix}",
                    place=file.place("services", second, "traffic"),
                    remedy="make one service of the two, or give each its own range",
                )
