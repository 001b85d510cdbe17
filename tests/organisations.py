"""Other organisations' networks, made from a seed: of the size and variety that users have.

    python -m tests.organisations FOLDER SEED [SERVICES]

Two to eight edges, some of them branches behind others; one old exchange and one new one with two
to four gateways between them; one to three domains of one to three cores; 20 to 60 services in
every direction. Same seed, same workspace.
"""

from __future__ import annotations

import random
import shutil
import sys
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).parents[1]
_OWN = IPv4Network("10.0.0.0/8")  # sites of the organisation, one /16 each
_THEIRS = IPv4Network("172.16.0.0/12")  # sites of partners, one /18 each
_NAT = IPv4Network("192.168.0.0/16")
_PORTS = (25, 53, 80, 123, 389, 443, 636, 1433, 1521, 3389, 5060, 8080, 8443)
_BFD = {"interval_ms": 100, "multiplier": 3}


@dataclass
class Organisation:
    """The parts of a workspace while it is made."""

    random: random.Random
    services: int
    nodes: dict[str, Any] = field(default_factory=dict)
    sites: dict[str, Any] = field(default_factory=dict)
    links: list[dict[str, Any]] = field(default_factory=list)
    own: list[str] = field(default_factory=list)  # the organisation's sites
    theirs: dict[str, list[str]] = field(default_factory=dict)  # domain -> sites of partners

    def link(self, first: str, second: str, **more: Any) -> None:
        self.links.append({"between": [first, second], **more})


def make(seed: int, services: int | None = None) -> dict[str, Any]:
    """The files of an inventory by name, as plain data; with as many services, if that is said."""
    pick = random.Random(seed)  # noqa: S311 - a seed is to give the same workspace again
    made = Organisation(pick, services=pick.randint(20, 60))
    made.services = services or made.services
    domains = [f"net-{letter}" for letter in "abc"[: pick.randint(1, 3)]]
    exchanges = {
        "old": [f"old-{n}" for n in range(1, pick.randint(1, 2) + 1)],
        "new": [f"new-{n}" for n in range(1, pick.randint(1, 2) + 1)],
    }
    gateways = [gateway for members in exchanges.values() for gateway in members]
    _edges(made, gateways)
    cores = {domain: _domain(made, number, domain) for number, domain in enumerate(domains)}
    _gateways(made, exchanges, cores)
    all_services = _services(made, domains)
    return {
        "network": {
            "name": f"org-{seed}",
            "organisation": f"Organisation {seed} (made up)",
            "domains": {name: {"title": f"Shared network {name}"} for name in domains},
            "exchanges": {
                name: {"title": f"The {name} exchange", "gateways": members}
                for name, members in exchanges.items()
            },
            "nodes": made.nodes,
            "sites": made.sites,
            "links": made.links,
            "pools": {
                "loopbacks": "100.64.0.0/24",
                "links": "100.65.0.0/22",
                "management": "198.18.0.0/24",
            },
            "bfd": _BFD,
        },
        "services": {"services": all_services},
        "cutovers/old-to-new": _cutover(pick, list(all_services)),
        "hosts": _hosts(made),
        "groups": {"all": {}},
        "defaults": {"username": "netops", "platform": "linux"},
        "config": {"inventory": {"plugin": "SimpleInventory"}},
    }


def _edges(made: Organisation, gateways: list[str]) -> None:
    """Edges with a way to every gateway, and branches behind them, some behind other branches."""
    pick = made.random
    count = pick.randint(2, 8)
    hubs = [f"dc-{n}" for n in range(1, min(count, pick.randint(1, 3)) + 1)]
    branches = [f"branch-{n}" for n in range(1, count - len(hubs) + 1)]
    for number, name in enumerate([*hubs, *branches]):
        shift = number % len(gateways)
        prefers = [*gateways[shift:], *gateways[:shift]]
        made.nodes[name] = {"role": "edge", "title": name, "asn": 64600, "prefers": prefers}
        for part in range(pick.choice((1, 1, 1, 2))):
            site = f"site-{name}-{part}"
            prefix = list(_OWN.subnets(new_prefix=16))[number * 2 + part]
            made.sites[site] = {"title": site, "node": name, "prefix": str(prefix)}
            made.own.append(site)
    for first, second in pairwise(hubs):
        made.link(first, second)
    for name in hubs:
        for gateway in gateways:
            made.link(name, gateway)
    for number, name in enumerate(branches):
        near = [*hubs, *branches[:number]]
        for neighbour in pick.sample(near, min(len(near), pick.choice((1, 1, 2)))):
            made.link(name, neighbour)


def _domain(made: Organisation, number: int, domain: str) -> list[str]:
    """A domain's cores, in a row, and the partners at them."""
    pick = made.random
    cores = [f"{domain}-core-{n}" for n in range(1, pick.randint(1, 3) + 1)]
    for core in cores:
        made.nodes[core] = {
            "role": "core",
            "title": core,
            "asn": 64700 + number,
            "domain": domain,
        }
    for position, core in enumerate(cores):
        for other in cores[:position]:
            made.link(core, other)
    made.theirs[domain] = []
    for partner in range(1, pick.randint(2, 5) + 1):
        name = f"{domain}-partner-{partner}"
        made.nodes[name] = {
            "role": "partner",
            "title": name,
            "asn": 65000 + 100 * number + partner,
        }
        made.link(pick.choice(cores), name, mtu=1400, note="Rented circuit")
        for part in range(pick.choice((1, 1, 2))):
            site = f"{name}-site-{part}"
            prefix = list(_THEIRS.subnets(new_prefix=18))[number * 20 + partner * 2 + part]
            made.sites[site] = {
                "title": site,
                "node": name,
                "prefix": str(prefix),
                "domain": domain,
            }
            made.theirs[domain].append(site)
    return cores


def _gateways(
    made: Organisation, exchanges: dict[str, list[str]], cores: dict[str, list[str]]
) -> None:
    pools = _NAT.subnets(new_prefix=27)
    for number, members in enumerate(exchanges.values()):
        for name in members:
            made.nodes[name] = {
                "role": "gateway",
                "title": name,
                "asn": 64650 + number,
                "nat": {domain: str(next(pools)) for domain in cores},
            }
            for group in cores.values():
                count = made.random.randint(1, min(2, len(group)))
                for core in made.random.sample(group, count):
                    made.link(name, core, mtu=1400, note="Rented circuit")


def _services(made: Organisation, domains: list[str]) -> dict[str, Any]:
    pick = made.random
    used: dict[str, int] = {}
    found = {}

    def slot(site: str, length: int) -> IPv4Network:
        """The next free prefix of a site, above what its hosts have."""
        used[site] = used.get(site, 0) + 1
        base = int(IPv4Network(made.sites[site]["prefix"]).network_address)
        return IPv4Network((base + 256 + 32 * used[site], length))

    for number in range(1, made.services + 1):
        domain = pick.choice(domains)
        direction = pick.choice(("out", "out", "in", "both"))
        ports = pick.sample(_PORTS, pick.choice((1, 1, 2)))
        service: dict[str, Any] = {
            "title": f"Service {number}",
            "owner": f"Owner {pick.randint(1, 9)}",
            "domain": domain,
            "direction": direction,
            "traffic": [
                {"protocol": pick.choice(("tcp", "tcp", "udp")), "ports": port} for port in ports
            ],
            "criticality": pick.randint(1, 3),
            "max_outage": pick.choice(("1 s", "2 s", "10 s", "1 min")),
        }
        if direction != "in":
            service["sites"] = _some(pick, made.own)
            target = slot(pick.choice(made.theirs[domain]), pick.choice((27, 28, 29, 32)))
            service["prefix"] = str(target)
        if direction != "out":
            home = pick.choice(made.own)
            server = slot(home, 32).network_address
            service["published"] = {"prefix": str(slot(home, 28)), "server": str(server)}
            service["partners"] = _some(pick, made.theirs[domain])
        found[f"service-{number}"] = service
    return found


def _some(pick: random.Random, sites: list[str]) -> list[str]:
    """All, one, or any: most services are used everywhere or in one place."""
    kind = pick.random()
    if kind < 0.4:
        return list(sites)
    return pick.sample(sites, 1 if kind < 0.8 else pick.randint(1, min(4, len(sites))))


def _cutover(pick: random.Random, services: list[str]) -> dict[str, Any]:
    order = pick.sample(services, len(services))
    waves = []
    day = 1
    while order:
        size = pick.choice((1, 3, 8, 15)) * (len(services) // 60 + 1)
        moved, order = order[:size], order[size:]
        window = {"start": f"2031-03-{day:02}T01:00", "end": f"2031-03-{day:02}T05:00"}
        waves.append({"window": window, "move": moved})
        day += 1

    def phase(title: str, start: str, end: str, **more: Any) -> dict[str, Any]:
        return {"title": title, "owner": "Networks", "window": {"start": start, "end": end}, **more}

    return {
        "title": "Old to new",
        "from_exchange": "old",
        "to_exchange": "new",
        "timezone": "Europe/London",
        "milestones": {
            "support_ends": "2031-12-31",
            "contract_starts": "2031-01-01",
            "deadlines": {"end": "2031-12-31"},
        },
        "phases": {
            "before": phase(
                "Baseline",
                "2031-01-02T09:00",
                "2031-01-30T17:00",
                exchanges=["old"],
                allow_lists=["old", "new"],
            ),
            "build": phase(
                "New exchange up",
                "2031-02-01T22:00",
                "2031-02-02T04:00",
                exchanges=["old", "new"],
            ),
            "move": phase("Everything moves", "2031-03-01T00:00", "2031-03-31T00:00", waves=waves),
            "leave": phase(
                "Old exchange withdrawn",
                "2031-05-01T22:00",
                "2031-05-02T04:00",
                exchanges=["new"],
                allow_lists=["new"],
                point_of_no_return=True,
            ),
        },
        "rehearsal": {"fail_after": "move", "roll_back": "move"},
    }


def _hosts(made: Organisation) -> dict[str, Any]:
    """Every kind of device on a platform that can say what it has to."""
    pick = made.random
    makers = {"gateway": ("linux", "junos"), "partner": ("linux", "iosxe", "junos")}
    first = IPv4Address("198.18.0.10")
    return {
        name: {
            "hostname": str(first + number),
            "groups": ["all"],
            "platform": pick.choice(makers.get(node["role"], ("linux", "iosxe", "junos"))),
        }
        for number, (name, node) in enumerate(made.nodes.items())
    }


def write(root: Path, seed: int, services: int | None = None) -> Path:
    """A workspace in a new folder, with this checkout's templates; gives the folder."""
    for name, data in make(seed, services).items():
        path = root / "inventory" / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    shutil.copytree(REPOSITORY / "templates", root / "templates")
    return root


if __name__ == "__main__":
    print(write(Path(sys.argv[1]), *map(int, sys.argv[2:])))
