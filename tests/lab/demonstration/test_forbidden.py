"""Forbidden traffic: blocked as designed, and reported when a filter is opened on purpose."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address

import pytest

from pcg_netops.cutover.evidence import ForbiddenEvidence, Verdict
from pcg_netops.cutover.forbidden import check_forbidden
from pcg_netops.model.flow import Protocol
from pcg_netops.probes.injection import Injection, Injector
from tests.lab.demonstration.conftest import Running

pytestmark = pytest.mark.lab

KINDS = {
    "domain to domain",
    "partner to partner",
    "exchange to exchange",
    "beside a tunnel",
    "anywhere to management",
}


def check(running: Running) -> tuple[ForbiddenEvidence, ...]:
    network, services = running.workspace.network, running.workspace.services
    injector = Injector(running.lab)
    return check_forbidden(running.lab, injector, network, services, running.stage, running.devices)


@contextmanager
def changed(running: Running, node: str, *commands: str) -> Iterator[None]:
    """Change a node's filter until the end of the block."""
    try:
        for command in commands:
            running.said(node, "nft", command)
        yield
    finally:
        running.said(node, "nft", "-f", "/var/lib/pcg/nftables.conf")


def _told(
    found: tuple[ForbiddenEvidence, ...], wanted: Callable[[ForbiddenEvidence], bool]
) -> set[tuple[str, str]]:
    return {(item.kind, item.reason) for item in found if wanted(item)}


def test_everything_forbidden_is_tried_everywhere_and_blocked(running: Running) -> None:
    found = check(running)
    assert {item.kind for item in found} == KINDS
    assert [item for item in found if item.verdict is not Verdict.PASS] == []
    network = running.workspace.network
    tried = {item.name.partition(" to ")[2] for item in found}
    edges = {name for name, node in network.nodes.items() if node.role == "edge"}
    gateways = {name for name, node in network.nodes.items() if node.role == "gateway"}
    tunnelled = {"psn-core", "psnp-hub-a", "psnp-hub-b"}
    assert tried == edges | gateways | tunnelled | {"management"}
    log_ins = [item for item in found if item.kind == "anywhere to management"]
    assert {item.name for item in log_ins} == {
        f"{site}-host to management" for site in network.sites
    }
    everywhere = f"log-in attempts to {len(network.nodes)} management addresses"
    assert {item.detail for item in log_ins} == {everywhere}


def test_an_open_gateway_is_reported(running: Running) -> None:
    with changed(
        running,
        "pcg-a",
        "flush chain inet pcg forward",
        "chain inet pcg forward { policy accept; }",
    ):
        found = check(running)
    assert _told(found, lambda item: item.blocked is False) == {
        ("domain to domain", "pcg-a let it through"),
        ("partner to partner", "pcg-a let it through"),
    }
    assert all(item.name.endswith(" to pcg-a") for item in found if not item.blocked)


def test_an_open_edge_is_reported(running: Running) -> None:
    opened = 'insert rule inet pcg forward iifname != "eth0" oifname != "eth0" accept'
    with changed(running, "dc1-edge1", opened):
        found = check(running)
    leaks = [item for item in found if item.blocked is False]
    assert {(item.kind, item.reason) for item in leaks} == {
        ("exchange to exchange", "dc1-edge1 let it through")
    }
    assert {item.detail.split()[0] for item in leaks} >= {"192.0.2.61", "198.51.100.61"}, (
        "both as the organisation and as a partner"
    )


def test_an_edge_that_lets_an_exchange_pretend_to_be_the_organisation_is_reported(
    running: Running,
) -> None:
    """Only sources of the organisation's own are let through, from wherever they come."""
    opened = 'insert rule inet pcg forward ip saddr 192.0.2.0/26 oifname != "eth0" accept'
    with changed(running, "dc1-edge1", opened):
        found = check(running)
    leaks = [item for item in found if item.blocked is False]
    assert {(item.kind, item.reason) for item in leaks} == {
        ("exchange to exchange", "dc1-edge1 let it through")
    }
    assert {item.detail.split()[0] for item in leaks} == {"192.0.2.61"}


@pytest.mark.parametrize("node", ["psnp-hub-a", "psn-core"])
def test_a_cable_that_takes_more_than_tunnels_is_reported(running: Running, node: str) -> None:
    opened = 'insert rule inet pcg forward iifname != "eth0" oifname != "eth0" accept'
    with changed(running, node, opened):
        found = check(running)
    assert _told(found, lambda item: item.blocked is False) == {
        ("beside a tunnel", f"{node} let it through")
    }


def test_a_log_in_from_a_site_is_reported(running: Running) -> None:
    with changed(running, "dc1-edge1", "insert rule inet pcg input tcp dport 22 accept"):
        found = check(running)
    assert _told(found, lambda item: item.blocked is False) == {
        ("anywhere to management", "answered by dc1-edge1")
    }
    assert {item.name for item in found if not item.blocked} >= {"dc1-host to management"}


def test_a_device_that_passes_nothing_was_not_tested(running: Running) -> None:
    with changed(running, "pcg-a", "insert rule inet pcg forward drop"):
        found = check(running)
    untested = [item for item in found if item.name.endswith(" to pcg-a")]
    assert untested
    assert {item.verdict for item in untested} == {Verdict.INCOMPLETE}
    assert {item.reason for item in untested} == {
        "not tested: pcg-a did not pass a permitted packet either"
    }
    assert {i.verdict for i in found if i not in untested} == {Verdict.PASS}


def test_a_core_takes_from_a_partner_only_its_own_addresses(running: Running) -> None:
    network = running.workspace.network
    core = next(d for d in running.devices.values() if network.nodes[d.name].domain == "psn")
    link = next(i for i in core.interfaces if i.peer == "agency-j")
    sources = {
        str(network.sites["agency-j"].prefix.network_address + 61): True,
        str(network.sites["force-a"].prefix.network_address + 61): False,  # of another domain
        str(network.sites["psn-shared"].prefix.network_address + 61): False,  # of its own
        "192.168.1.1": False,
    }
    tries = [
        Injection(
            device=core.name,
            device_interface=link.name,
            neighbour=link.peer,
            interface=link.peer_interface,
            source=IPv4Address(source),
            target=network.nodes["pcg-a"].nat["psn"].network_address + 1,
            protocol=Protocol.UDP,
            port=53,
        )
        for source in sources
    ]
    assert Injector(running.lab).passed(tries) == list(sources.values())
