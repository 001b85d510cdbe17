"""What no single file can know: references, overlaps and gaps between the files of a workspace."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from ipaddress import AddressValueError, IPv4Address, IPv4Network

from pcg_netops.errors import InputError
from pcg_netops.inventory.compose import Key
from pcg_netops.inventory.yamlfile import YamlFile, did_you_mean
from pcg_netops.model.cutover import Cutover
from pcg_netops.model.device import Role
from pcg_netops.model.hosts import Entry
from pcg_netops.model.network import Network
from pcg_netops.model.services import Service, Services

_contradiction = partial(InputError, code="PCG021")


@dataclass(frozen=True)
class Sources:
    """Each model together with the file it came from."""

    network: tuple[YamlFile, Network]
    services: tuple[YamlFile, Services]
    hosts: tuple[YamlFile, dict[str, Entry]]
    groups: tuple[YamlFile, dict[str, Entry]]
    cutovers: dict[str, tuple[YamlFile, Cutover]]


def cross_check(sources: Sources) -> Iterator[InputError]:
    """Every contradiction between the files."""
    yield from _check_exchanges(*sources.network)
    yield from _check_nodes(*sources.network)
    yield from _check_topology(*sources.network)
    yield from _check_reach(*sources.network)
    yield from _check_hosts(sources)
    yield from _check_overlaps(sources)
    for name, service in sources.services[1].services.items():
        yield from _check_service(sources, name, service)
    for file, cutover in sources.cutovers.values():
        yield from _check_cutover(sources, file, cutover)


def _unknown(
    file: YamlFile, what: str, wanted: str, known: Iterable[str], *path: Key
) -> Iterator[InputError]:
    """One error if `wanted` is not among `known`."""
    known = set(known)
    if wanted not in known:
        yield InputError(
            f"no {what} named '{wanted}'",
            place=file.place(*path),
            remedy=did_you_mean(wanted, known),
            code="PCG020",
        )


def _check_exchanges(file: YamlFile, network: Network) -> Iterator[InputError]:
    owners: dict[str, str] = {}
    for exchange, value in network.exchanges.items():
        for index, gateway in enumerate(value.gateways):
            path = ("exchanges", exchange, "gateways", index)
            yield from _unknown(file, "gateway", gateway, network.with_role(Role.GATEWAY), *path)
            if gateway in owners:
                yield _contradiction(
                    f"gateway '{gateway}' is in exchange '{owners[gateway]}' already",
                    place=file.place(*path),
                    remedy="a gateway belongs to one exchange",
                )
            owners[gateway] = exchange
    for name in set(network.with_role(Role.GATEWAY)) - owners.keys():
        yield _contradiction(
            f"gateway '{name}' belongs to no exchange",
            place=file.place("nodes", name),
            remedy="add it to an exchange's 'gateways'",
        )


def _check_nodes(file: YamlFile, network: Network) -> Iterator[InputError]:
    checks = {Role.EDGE: _check_edge, Role.CORE: _check_core, Role.GATEWAY: _check_gateway}
    for name, node in network.nodes.items():
        if node.role is Role.HOST:
            yield _contradiction(
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
        yield _contradiction(
            f"edge '{name}' does not rank {', '.join(missing)}",
            place=file.place("nodes", name),
            remedy="list every gateway in 'prefers'",
        )
    for index, gateway in enumerate(prefers):
        yield from _unknown(file, "gateway", gateway, gateways, "nodes", name, "prefers", index)


def _check_core(file: YamlFile, network: Network, name: str) -> Iterator[InputError]:
    domain = network.nodes[name].domain or ""
    yield from _unknown(file, "domain", domain, network.domains, "nodes", name, "domain")


def _check_gateway(file: YamlFile, network: Network, name: str) -> Iterator[InputError]:
    nat = network.nodes[name].nat
    for domain in network.domains.keys() - nat.keys():
        yield _contradiction(
            f"gateway '{name}' has no translation pool for domain '{domain}'",
            place=file.place("nodes", name),
            remedy="add it under 'nat'",
        )
    for domain in nat:
        yield from _unknown(file, "domain", domain, network.domains, "nodes", name, "nat", domain)


_NEIGHBOURS = {
    frozenset({Role.EDGE}),
    frozenset({Role.EDGE, Role.GATEWAY}),
    frozenset({Role.GATEWAY, Role.CORE}),
    frozenset({Role.CORE}),
    frozenset({Role.CORE, Role.PARTNER}),
}


def _check_topology(file: YamlFile, network: Network) -> Iterator[InputError]:
    for name, site in network.sites.items():
        yield from _unknown(file, "node", site.node, network.nodes, "sites", name, "node")
        if site.domain:
            yield from _unknown(
                file, "domain", site.domain, network.domains, "sites", name, "domain"
            )
    for index, link in enumerate(network.links):
        path: tuple[Key, ...] = ("links", index)
        unknown = [
            error
            for end in (0, 1)
            for error in _unknown(
                file, "node", link.between[end], network.nodes, *path, "between", end
            )
        ]
        yield from unknown
        if unknown:
            continue
        first, second = (network.nodes[name] for name in link.between)
        if frozenset({first.role, second.role}) not in _NEIGHBOURS:
            yield _contradiction(
                f"a link between a {first.role} and a {second.role} has no policy",
                place=file.place(*path),
                remedy="edges meet gateways, gateways meet cores, cores meet partners",
            )
        elif first.role is second.role and first.asn != second.asn:
            yield _contradiction(
                f"{link.between[0]} and {link.between[1]} are both {first.role} nodes of"
                f" different autonomous systems",
                place=file.place(*path),
                remedy="give them one 'asn', or connect them through another node",
            )
        elif first.role is Role.CORE and second.role is Role.CORE and first.domain != second.domain:
            yield _contradiction(
                f"the link joins the domains '{first.domain}' and '{second.domain}'",
                place=file.place(*path),
                remedy="domains meet nowhere: remove the link",
            )
    for pool, needed in (
        (network.pools.links, 2 * len(network.links)),
        (network.pools.loopbacks, len(network.nodes)),
    ):
        if pool.num_addresses < needed:
            yield _contradiction(
                f"pool {pool} has {pool.num_addresses} addresses, {needed} are needed",
                place=file.place("pools"),
                remedy="give it a larger prefix",
            )


def _check_reach(file: YamlFile, network: Network) -> Iterator[InputError]:
    """A gateway needs a way to each side that it stands between, a partner one to its domains."""
    peers: dict[str, set[tuple[Role, str | None]]] = {name: set() for name in network.nodes}
    for link in network.links:
        for end, other in (link.between, link.between[::-1]):
            if end not in network.nodes or other not in network.nodes:
                return  # said already
            peers[end].add((network.nodes[other].role, network.nodes[other].domain))
    needed: list[tuple[str, Role, str | None]] = []
    for name in network.with_role(Role.GATEWAY):
        needed.append((name, Role.EDGE, None))
        needed += [(name, Role.CORE, domain) for domain in network.domains]
    needed += [
        (site.node, Role.CORE, site.domain)
        for site in network.sites.values()
        if site.domain and site.node in network.with_role(Role.PARTNER)
    ]
    for name, role, domain in dict.fromkeys(needed):
        if (role, domain) not in peers[name]:
            what = f"a core of domain '{domain}'" if domain else "an edge"
            yield _contradiction(
                f"{network.nodes[name].role} '{name}' has no link to {what}",
                place=file.place("nodes", name),
                remedy="add it under 'links'",
            )


def _check_hosts(sources: Sources) -> Iterator[InputError]:
    file, hosts = sources.hosts
    network = sources.network[1]
    for name in network.nodes.keys() - hosts.keys():
        yield _contradiction(
            f"node '{name}' of network.yaml has no host entry",
            place=file.name,
            remedy=f"add '{name}:' with its management address",
        )
    seen: dict[str, str] = {}
    for name, entry in hosts.items():
        yield from _unknown(file, "node", name, network.nodes, name)
        for index, group in enumerate(entry.groups):
            yield from _unknown(file, "group", group, sources.groups[1], name, "groups", index)
        if not entry.hostname:
            yield _contradiction(
                f"host '{name}' has no 'hostname'",
                place=file.place(name),
                remedy="add its management address",
            )
        elif not _manageable(entry.hostname, network.pools.management):
            yield _contradiction(
                f"'{entry.hostname}' of '{name}' cannot be a management address",
                place=file.place(name, "hostname"),
                remedy=f"choose one in {network.pools.management} above its first, the manager's",
            )
        elif entry.hostname in seen:
            yield _contradiction(
                f"'{name}' and '{seen[entry.hostname]}' share the address {entry.hostname}",
                place=file.place(name),
                remedy="give each its own management address",
            )
        else:
            seen[entry.hostname] = name


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
                yield _contradiction(
                    f"{claim[1]} ({claim[0]}) overlaps {widest[1]} ({widest[0]})",
                    place=claim[2],
                    remedy="give each its own range",
                )
        else:
            widest = claim


def _check_service(sources: Sources, name: str, service: Service) -> Iterator[InputError]:
    file, network = sources.services[0], sources.network[1]
    path: tuple[Key, ...] = ("services", name)
    yield from _unknown(file, "domain", service.domain, network.domains, *path, "domain")
    own = {site for site, value in network.sites.items() if value.domain is None}
    theirs = {site for site, value in network.sites.items() if value.domain == service.domain}
    for field, known in (("sites", own), ("partners", theirs)):
        for index, site in enumerate(getattr(service, field)):
            yield from _unknown(file, "site", site, known, *path, field, index)
    needed = {"out": ("sites", "prefix"), "in": ("published", "partners")}
    wanted = needed.get(service.direction, needed["out"] + needed["in"])
    for field in {"sites", "prefix", "published", "partners"}:
        if bool(getattr(service, field)) != (field in wanted):
            verb = "needs" if field in wanted else "cannot have"
            yield _contradiction(
                f"service '{name}' has direction '{service.direction}' and {verb} '{field}'",
                place=file.place(*path),
                remedy=f"{'add' if field in wanted else 'remove'} it, or change 'direction'",
            )
    if service.prefix and network.site_of(service.prefix) not in theirs:
        yield _contradiction(
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
                yield _contradiction(
                    f"{range_} is in no site of the organisation",
                    place=file.place(*path, "published", field),
                    remedy="correct it or add the site to network.yaml",
                )


def _check_cutover(sources: Sources, file: YamlFile, cutover: Cutover) -> Iterator[InputError]:
    network = sources.network[1]
    for field in ("from_exchange", "to_exchange"):
        yield from _unknown(file, "exchange", getattr(cutover, field), network.exchanges, field)
    for name, phase in cutover.phases.items():
        for field in ("exchanges", "allow_lists"):
            for index, exchange in enumerate(getattr(phase, field)):
                path = ("phases", name, field, index)
                yield from _unknown(file, "exchange", exchange, network.exchanges, *path)
    for name, request in cutover.requests.items():
        at: tuple[Key, ...] = ("requests", name)
        yield from _unknown(file, "phase", request.needed_by, cutover.phases, *at, "needed_by")
        if request.site:
            yield from _unknown(file, "site", request.site, network.sites, *at, "site")
    yield from _check_moves(sources, file, cutover)
    yield from _check_rehearsal(file, cutover)


def _check_moves(sources: Sources, file: YamlFile, cutover: Cutover) -> Iterator[InputError]:
    """Each service moves at most once, and only between exchanges that are up."""
    services = sources.services[1].services
    active: set[str] = set()
    moved: dict[str, str] = {}
    unknown: list[InputError] = []
    for name, phase in cutover.phases.items():
        path: tuple[Key, ...] = ("phases", name)
        now = set(phase.exchanges) or active
        if active and now - active and active - now:
            yield _contradiction(
                f"phase '{name}' brings up {', '.join(sorted(now - active))}"
                f" and withdraws {', '.join(sorted(active - now))}",
                place=file.place(*path, "exchanges"),
                remedy="make before break: use two phases",
            )
        active = now
        for number, wave in enumerate(phase.waves):
            for index, service in enumerate(wave.move):
                place = (*path, "waves", number, "move", index)
                unknown += _unknown(file, "service", service, services, *place)
                if service in moved:
                    yield _contradiction(
                        f"service '{service}' was moved by phase '{moved[service]}' already",
                        place=file.place(*place),
                        remedy="remove one of the two",
                    )
                moved[service] = name
        for exchange in (cutover.from_exchange, cutover.to_exchange):
            carried = [s for s in services if (s in moved) == (exchange == cutover.to_exchange)]
            if carried and exchange not in active and not unknown:
                yield _contradiction(
                    f"phase '{name}' leaves {', '.join(carried)} on exchange '{exchange}',"
                    " which is not up",
                    place=file.place(*path),
                    remedy="move services while both are up, or keep it in 'exchanges'",
                )
    yield from unknown


def _check_rehearsal(file: YamlFile, cutover: Cutover) -> Iterator[InputError]:
    names = list(cutover.phases)
    unknown: list[InputError] = []
    for field in ("fail_after", "roll_back"):
        wanted = getattr(cutover.rehearsal, field)
        unknown += _unknown(file, "phase", wanted, names, "rehearsal", field)
    yield from unknown
    if unknown:
        return
    fails, undone = cutover.rehearsal.fail_after, cutover.rehearsal.roll_back
    if not 0 < names.index(undone) <= names.index(fails):
        yield _contradiction(
            f"phase '{undone}' cannot be undone after phase '{fails}'",
            place=file.place("rehearsal", "roll_back"),
            remedy="choose a phase after the first and not later than 'fail_after'",
        )
    exchanges: tuple[str, ...] = ()
    for name, phase in cutover.phases.items():
        exchanges = phase.exchanges or exchanges
        if name == fails and not {cutover.from_exchange, cutover.to_exchange} <= set(exchanges):
            yield _contradiction(
                f"in phase '{fails}' there is no back-up: only {', '.join(exchanges)} is up",
                place=file.place("rehearsal", "fail_after"),
                remedy="choose a phase in which both exchanges are up",
            )
