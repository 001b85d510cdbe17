"""Writes a workspace of any size: a national organisation, its exchanges, domains and partners.

    python benchmarks/big_workspace.py FOLDER --devices 10000 --services 2000

The shape is that of the demonstration. Every gateway meets every edge, and two hub routers of each
domain; partners hang on access routers behind the hubs. All of it is valid.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
DOMAINS = 8
EDGES = 4
GATEWAYS = {"old": 4, "new": 4}  # exchange -> its gateways
HUBS = 2  # of each domain
PARTNERS_PER_ACCESS = 150
SERVICES_PER_WAVE = 100


@dataclass(frozen=True)
class Shape:
    """How many of each there are; partners make up the number of devices."""

    devices: int
    services: int

    @property
    def access(self) -> int:
        """Access routers of each domain."""
        return max(1, self.devices // (PARTNERS_PER_ACCESS * DOMAINS))

    @property
    def partners(self) -> int:
        """Each with one site, in the domains by turns."""
        return self.devices - EDGES - sum(GATEWAYS.values()) - DOMAINS * (HUBS + self.access)


def gateways() -> list[str]:
    return [f"{name}-gw{n}" for name, count in GATEWAYS.items() for n in range(count)]


def domain_of(partner: int) -> int:
    return partner % DOMAINS


def network(shape: Shape) -> Iterator[str]:
    """The lines of network.yaml."""
    yield "name: big"
    yield "organisation: National organisation (made up)"
    yield "domains:"
    yield from (f"  domain-{d}: {{title: Shared network {d}}}" for d in range(DOMAINS))
    yield "exchanges:"
    for name, count in GATEWAYS.items():
        members = ", ".join(f"{name}-gw{n}" for n in range(count))
        yield f"  {name}: {{title: The {name} exchange, gateways: [{members}]}}"
    yield "nodes:"
    yield from nodes(shape)
    yield "sites:"
    for e in range(EDGES):
        yield f"  own-{e}: {{title: Data centre {e}, node: edge-{e}, prefix: 172.{16 + e}.0.0/16}}"
    for p in range(shape.partners):
        yield (
            f"  site-{p}: {{title: Site {p}, node: partner-{p}, prefix: {site_prefix(p)},"
            f" domain: domain-{domain_of(p)}}}"
        )
    yield "links:"
    yield from (f"  - {{between: [{first}, {second}]}}" for first, second in links(shape))
    yield "pools: {loopbacks: 100.64.0.0/16, links: 100.66.0.0/15, management: 198.18.0.0/15}"


def nodes(shape: Shape) -> Iterator[str]:
    pools = IPv4Network("192.168.0.0/16").subnets(new_prefix=29)
    for e in range(EDGES):
        prefers = ", ".join([*gateways()[e:], *gateways()[:e]])
        yield f"  edge-{e}: {{role: edge, title: Edge {e}, asn: 64600, prefers: [{prefers}]}}"
    for name in gateways():
        nat = ", ".join(f"domain-{d}: {next(pools)}" for d in range(DOMAINS))
        asn = 64601 + list(GATEWAYS).index(name.partition("-")[0])
        yield f"  {name}: {{role: gateway, title: Gateway, asn: {asn}, nat: {{{nat}}}}}"
    for d in range(DOMAINS):
        for name in [
            *(f"hub-{d}-{h}" for h in range(HUBS)),
            *(f"access-{d}-{a}" for a in range(shape.access)),
        ]:
            yield f"  {name}: {{role: core, title: Core, asn: {64700 + d}, domain: domain-{d}}}"
    for p in range(shape.partners):
        yield f"  partner-{p}: {{role: partner, title: Partner {p}, asn: {4_200_000_000 + p}}}"


def links(shape: Shape) -> Iterator[tuple[str, str]]:
    for e in range(1, EDGES):
        yield f"edge-{e - 1}", f"edge-{e}"
    for name in gateways():
        yield from ((f"edge-{e}", name) for e in range(EDGES))
        yield from ((name, f"hub-{d}-{h}") for d in range(DOMAINS) for h in range(HUBS))
    for d in range(DOMAINS):
        for a in range(shape.access):
            yield from ((f"hub-{d}-{h}", f"access-{d}-{a}") for h in range(HUBS))
    for p in range(shape.partners):
        yield f"access-{domain_of(p)}-{p // DOMAINS % shape.access}", f"partner-{p}"


def site_prefix(partner: int) -> IPv4Network:
    return IPv4Network((0x0A00_0000 + (partner << 8), 24))


def services(shape: Shape) -> Iterator[str]:
    """The lines of services.yaml: half out, a quarter in, a quarter both."""
    yield "services:"
    for s in range(shape.services):
        partner = s * 7 % shape.partners
        direction = ("out", "in", "out", "both")[s // DOMAINS % 4]
        yield f"  service-{s}:"
        yield f"    {{title: Service {s}, owner: Owner {s % 40}, criticality: 1, max_outage: 5 s,"
        yield f"    domain: domain-{domain_of(partner)}, direction: {direction},"
        second = ", {protocol: udp, ports: 5000-5100}" if s % 3 == 0 else ""
        yield f"    traffic: [{{protocol: tcp, ports: {1024 + s}}}{second}],"
        if direction != "in":
            slot = s * 7 // shape.partners % 28  # several services at one site
            prefix = IPv4Network((int(site_prefix(partner).network_address) + 8 * slot, 29))
            yield f"    sites: [own-{s % EDGES}, own-{(s + 1) % EDGES}], prefix: {prefix},"
        if direction != "out":
            published = IPv4Network((0xAC10_0000 + (s % EDGES << 16) + 0x8000 + s, 32))
            server = IPv4Address(0xAC10_0000 + (s % EDGES << 16) + 0x1000 + s)
            callers = range(domain_of(partner), shape.partners, DOMAINS)[:5]
            yield f"    published: {{prefix: {published}, server: {server}}},"
            yield f"    partners: [{', '.join(f'site-{p}' for p in callers)}],"
        yield "    }"


def cutover(shape: Shape) -> Iterator[str]:
    """The lines of the cutover: everything moves in one phase, a hundred services a wave."""
    yield "title: Old to new"
    yield "from_exchange: old"
    yield "to_exchange: new"
    yield "timezone: Europe/London"
    yield "milestones: {support_ends: 2030-12-31, contract_starts: 2030-01-01,"
    yield "  deadlines: {end: 2030-12-31}}"
    yield "phases:"
    phase = "  {}: {{title: {}, owner: Networks, window: {{start: {}, end: {}}}, {}}}"
    both = "exchanges: [old, new]"
    yield phase.format(
        "before",
        "Baseline",
        "2030-01-02T09:00",
        "2030-01-30T17:00",
        "exchanges: [old], allow_lists: [old, new]",
    )
    yield phase.format("build", "New exchange up", "2030-02-01T22:00", "2030-02-02T04:00", both)
    yield "  move:"
    yield "    {title: Everything moves, owner: Networks,"
    yield "    window: {start: 2030-03-01T00:00, end: 2030-03-30T00:00}, waves: ["
    for number, first in enumerate(range(0, shape.services, SERVICES_PER_WAVE)):
        last = min(first + SERVICES_PER_WAVE, shape.services)
        day = f"2030-03-{1 + number:02}"
        moved = "".join(f"      service-{s},\n" for s in range(first, last))
        yield f"    {{window: {{start: {day}T01:00, end: {day}T05:00}}, move: [\n{moved}    ]}},"
    yield "    ]}"
    yield phase.format(
        "leave",
        "Old exchange withdrawn",
        "2030-05-01T22:00",
        "2030-05-02T04:00",
        "exchanges: [new], allow_lists: [new], point_of_no_return: true",
    )
    yield "rehearsal: {fail_after: move, roll_back: move}"


def write_workspace(root: Path, shape: Shape) -> None:
    """A workspace in a new folder, with this checkout's templates."""
    inventory = root / "inventory"
    (inventory / "cutovers").mkdir(parents=True)
    shutil.copytree(REPOSITORY / "templates", root / "templates")
    names = [line.split(":")[0].strip() for line in nodes(shape)]
    address = IPv4Address("198.18.0.10")
    hosts = [f"{name}: {{hostname: {address + n}, groups: [all]}}" for n, name in enumerate(names)]
    for name, lines in {
        "network": network(shape),
        "services": services(shape),
        "cutovers/old-to-new": cutover(shape),
        "hosts": hosts,
        "groups": ["all: {}"],
        "defaults": ["username: netops", "platform: linux"],
    }.items():
        (inventory / f"{name}.yaml").write_text("\n".join(lines) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--devices", type=int, default=10_000)
    parser.add_argument("--services", type=int, default=2_000)
    arguments = parser.parse_args()
    write_workspace(arguments.folder, Shape(arguments.devices, arguments.services))


if __name__ == "__main__":
    main()
