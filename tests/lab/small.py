"""Small networks for tests of the lab: a ring of routers, each an AS of its own, and hosts."""

from __future__ import annotations

import time
from ipaddress import IPv4Address
from pathlib import Path

from pcg_netops.lab.embedded.layout import STARTUP
from pcg_netops.lab.protocol import Lab
from pcg_netops.lab.topology.definitions import Topology

_FILTER = """flush ruleset
table inet filter {
    chain forward { type filter hook forward priority 0; }
}
"""


def ring(folder: Path, routers: int, *, hosts: int = 0, chords: int = 0) -> Topology:
    """Routers r1..rN in a ring, with `chords` further links; host hI behind rI, 192.0.2.I*8/29.

    Writes each router's saved configuration to `folder`/startup.
    """
    pairs = [(i, i + 1) for i in range(1, routers)]
    pairs += [(1, routers)] if routers > 2 else []
    pairs += [(1 + i, 1 + i + routers // 2) for i in range(chords)]
    interfaces: dict[int, list[str]] = {i: [] for i in range(1, routers + 1)}
    neighbours: dict[int, list[str]] = {i: [] for i in range(1, routers + 1)}
    links = []
    for number, (a, b) in enumerate(pairs):
        ends = []
        for router, peer, offset in ((a, b, 0), (b, a, 1)):
            name = f"eth{len(interfaces[router]) + 1}"
            interfaces[router].append(f"interface {name}\n ip address {_link(number, offset)}/31\n")
            address = _link(number, 1 - offset)
            neighbours[router] += [
                f" neighbor {address} remote-as {64512 + peer}",
                f" neighbor {address} bfd",
                f" neighbor {address} timers connect 1",
            ]
            ends.append(f"r{router}:{name}")
        links.append({"endpoints": ends, "mtu": 1400})
    nodes: dict[str, object] = {}
    for i in range(1, routers + 1):
        network = f"  network {loopback(i)}/32\n"
        if i <= hosts:
            interfaces[i].append(f"interface eth9\n ip address 192.0.2.{i * 8 + 1}/29\n")
            network += f"  network 192.0.2.{i * 8}/29\n"
            links.append({"endpoints": [f"r{i}:eth9", f"h{i}:eth1"], "mtu": 1400})
        _save(folder / "startup" / f"r{i}", i, interfaces[i], neighbours[i], network)
        nodes[f"r{i}"] = {
            "kind": "linux",
            "image": "pcg-netops/node",
            "mgmt-ipv4": str(IPv4Address("198.18.0.10") + i),
            "binds": [f"startup/r{i}:{STARTUP}:ro"],
        }
    for i in range(1, hosts + 1):
        nodes[f"h{i}"] = {
            "kind": "linux",
            "image": "pcg-netops/node",
            "network-mode": "none",
            "exec": [
                f"ip address add 192.0.2.{i * 8 + 2}/29 dev eth1",
                f"ip route add default via 192.0.2.{i * 8 + 1}",
            ],
        }
    management = {"ipv4-subnet": f"198.18.0.0/{24 if routers < 200 else 16}"}
    body = {"nodes": nodes, "links": links}
    return Topology.model_validate({"name": "ring", "mgmt": management, "topology": body})


def loopback(router: int) -> str:
    """The address that a router announces."""
    return str(IPv4Address("10.0.0.0") + router)


def _link(number: int, end: int) -> str:
    return str(IPv4Address("10.1.0.0") + 256 * number + end)


def _save(
    folder: Path, number: int, interfaces: list[str], neighbours: list[str], networks: str
) -> None:
    folder.mkdir(parents=True)
    lines = [
        f"hostname r{number}",
        f"interface lo\n ip address {loopback(number)}/32",
        *interfaces,
        # A session of its own in bfdd: bgpd registers anew when its session comes up, now with the
        # local address, and would otherwise reset BGP once at every start.
        "bfd",
        *(f" peer {line.split()[1]}" for line in neighbours if line.endswith("bfd")),
        f"router bgp {64512 + number}",
        f" bgp router-id {loopback(number)}",
        " no bgp ebgp-requires-policy",
        " coalesce-time 0",
        *neighbours,
        f" address-family ipv4 unicast\n{networks} exit-address-family",
    ]
    (folder / "frr.conf").write_text("\n".join(lines) + "\n")
    (folder / "nftables.conf").write_text(_FILTER)


def wait_for_routes(lab: Lab, routers: int, timeout: float = 20.0) -> float:
    """Wait until every router's kernel has a route to every other's loopback; seconds it took."""
    start = time.monotonic()
    for i in range(1, routers + 1):
        wanted = {loopback(other) for other in range(1, routers + 1)} - {loopback(i)}
        while missing := wanted - _destinations(lab, f"r{i}"):
            assert time.monotonic() - start < timeout, f"r{i} has no route to {sorted(missing)}"
            time.sleep(0.02)
    return time.monotonic() - start


def _destinations(lab: Lab, node: str) -> set[str]:
    listed = lab.run(node, ["ip", "-4", "route", "show", "proto", "bgp"]).stdout
    return {line.split()[0] for line in listed.splitlines()}
