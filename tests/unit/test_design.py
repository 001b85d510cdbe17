"""Laws of the design, for every stage of two networks that have nothing in common."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network

import pytest

from pcg_netops.design.devices import Designer, design
from pcg_netops.design.flows import flows, intended_gateway
from pcg_netops.design.reachability import known_prefixes
from pcg_netops.design.spoofing import bogons
from pcg_netops.design.steering import Stage, stages
from pcg_netops.inventory.workspace import Workspace, load_workspace
from pcg_netops.model.device import GRACEFUL_SHUTDOWN, Bgp, Device, Interface, Role, RoutingPolicy
from pcg_netops.model.firewall import Action, Firewall
from pcg_netops.model.network import Profile
from tests.conftest import COUNTY, REPOSITORY, SMALL

Devices = Mapping[str, Device]


@dataclass(frozen=True)
class Case:
    """A network at one stage, as designed."""

    workspace: Workspace
    stage: Stage
    devices: Devices

    def with_role(self, role: Role) -> list[Device]:
        return [device for device in self.devices.values() if device.role is role]


def _cases() -> Iterator[Case]:
    for folder in (REPOSITORY, SMALL, COUNTY):
        workspace = load_workspace(folder)
        _, cutover = workspace.cutover()
        for stage in stages(cutover, workspace.services):
            yield Case(workspace, stage, design(workspace, stage))
            first = next(iter(workspace.network.exchanges.values())).gateways[0]
            if folder == SMALL and first in _gateways_up(workspace, stage):
                drained = replace(stage, name=f"{stage.name}-drained", drained=(first,))
                yield Case(workspace, drained, design(workspace, drained))


def _gateways_up(workspace: Workspace, stage: Stage) -> list[str]:
    return [g for name in stage.exchanges for g in workspace.network.exchanges[name].gateways]


CASES = list(_cases())


@pytest.fixture(params=CASES, ids=lambda case: f"{case.workspace.network.name}-{case.stage.name}")
def case(request: pytest.FixtureRequest) -> Case:
    found = request.param
    assert isinstance(found, Case)
    return found


def _bgp(device: Device) -> Bgp:
    assert device.bgp
    return device.bgp


def _firewall(device: Device) -> Firewall:
    assert device.firewall
    return device.firewall


def _foreign_sites(case: Case, domain: str) -> set[IPv4Network]:
    return {s.prefix for s in case.workspace.network.sites.values() if s.domain == domain}


def test_every_node_and_site_has_a_device_and_only_sites_have_hosts(case: Case) -> None:
    network = case.workspace.network
    hosts = {device.name for device in case.with_role(Role.HOST)}
    assert case.devices.keys() - hosts == network.nodes.keys()
    assert len(hosts) == len(network.sites)


def test_no_address_is_used_twice_and_both_ends_of_a_link_fit(case: Case) -> None:
    used: list[IPv4Address] = []
    ends: dict[tuple[str, str], Interface] = {}
    for device in case.devices.values():
        used += [interface.address.ip for interface in device.interfaces]
        used += [address.ip for address in device.addresses]
        used += [address for address in (device.loopback,) if address]
        used += [device.management.address] if device.management else []
        ends |= {(device.name, i.name): i for i in device.interfaces}
    assert len(used) == len(set(used))
    for (device_name, name), interface in ends.items():
        other = ends[interface.peer, interface.peer_interface]
        assert (other.peer, other.peer_interface) == (device_name, name)
        assert other.address.network == interface.address.network
        assert other.mtu == interface.mtu


def test_every_rule_translation_prefix_list_and_policy_entry_has_an_owner(case: Case) -> None:
    purposes = {"anti-spoofing", "bogons", "own-traffic-out", "own-traffic-in", "neighbouring edge"}
    purposes |= {"between-own-sites", "no way between domains", "no way between exchanges"}
    purposes |= {f"graceful shutdown of {name}" for name in case.workspace.network.nodes}
    purposes.add("tunnels-only")
    services = case.workspace.services.services
    for device in case.devices.values():
        for prefixes in device.prefix_lists:
            assert prefixes.owner, (device.name, prefixes.name)
        list_owners = {prefixes.owner for prefixes in device.prefix_lists}
        for policy in device.policies:
            assert all(e.owner in list_owners | purposes for e in policy.entries), policy
        if device.firewall:
            owners = {nat.owner for nat in device.firewall.source_nat}
            owners |= {nat.owner for nat in device.firewall.destination_nat}
            assert owners <= services.keys(), device.name
            for rule in device.firewall.rules:
                found = rule.owner.startswith(("out-of-", "tunnel-"))
                assert rule.owner in services or rule.owner in purposes or found, device.name


def test_gateways_edges_and_partners_deny_what_no_rule_names(case: Case) -> None:
    for role in (Role.GATEWAY, Role.EDGE, Role.PARTNER):
        for device in case.with_role(role):
            assert _firewall(device).default is Action.DENY, device.name
    for device in [*case.with_role(Role.GATEWAY), *case.with_role(Role.PARTNER)]:
        assert _firewall(device).stateful, device.name


def test_every_permission_of_a_gateway_names_both_ends_and_one_service(case: Case) -> None:
    """Ends, protocol, ports and both zones; and nothing enters and leaves on the same side."""
    services = case.workspace.services.services
    for device in case.with_role(Role.GATEWAY):
        zones = {interface.name: interface.zone for interface in device.interfaces}
        for rule in _firewall(device).rules:
            assert rule.action is Action.PERMIT
            assert all((rule.sources, rule.destinations, rule.protocol, rule.ports)), rule
            assert all((rule.from_interfaces, rule.to_interfaces)), rule
            sides = [
                {zones[name] for name in names}
                for names in (rule.from_interfaces or (), rule.to_interfaces or ())
            ]
            assert sides in (
                [{"inside"}, {services[rule.owner].domain}],
                [{services[rule.owner].domain}, {"inside"}],
            )


def test_every_permission_of_a_gateway_is_translated_into_its_own_pool(case: Case) -> None:
    """So that the answer comes back to the gateway which holds the connection's state."""
    pools = {n: set(v.nat.values()) for n, v in case.workspace.network.nodes.items() if v.nat}
    assert len({p for mine in pools.values() for p in mine}) == sum(map(len, pools.values()))
    for device in case.with_role(Role.GATEWAY):
        firewall = _firewall(device)
        translated = {
            (n.owner, n.to_interfaces, n.sources, n.destinations, n.protocol, n.ports)
            for n in firewall.source_nat
        }
        assert translated == {
            (r.owner, r.to_interfaces, r.sources, r.destinations, r.protocol, r.ports)
            for r in firewall.rules
        }
        assert {nat.pool for nat in firewall.source_nat} <= pools[device.name]
        assert pools[device.name] <= set(_bgp(device).networks)
        others = {p for name, mine in pools.items() if name != device.name for p in mine}
        assert not others & set(_bgp(device).networks)


def test_no_core_ever_knows_a_prefix_of_another_domain(case: Case) -> None:
    network, known = case.workspace.network, known_prefixes(case.devices)
    claims = {domain: _claims(case, domain) for domain in network.domains}
    for name in network.with_role(Role.CORE):
        own = network.nodes[name].domain
        assert own
        assert known[name]
        assert known[name] <= claims[own], name
        for domain in claims.keys() - {own}:
            assert not known[name] & (claims[domain] - claims[own]), name


def _claims(case: Case, domain: str) -> set[IPv4Network]:
    """Every prefix that has to do with a domain: its sites, pools, and ranges of services."""
    found = _foreign_sites(case, domain)
    found |= {n.nat[domain] for n in case.workspace.network.nodes.values() if domain in n.nat}
    for service in case.workspace.services.services.values():
        if service.domain == domain:
            found |= {service.prefix} if service.prefix else set()
            found |= {service.published.prefix} if service.published else set()
    return found


def test_a_partner_learns_only_published_ranges_and_pools_and_no_other_partner(
    case: Case,
) -> None:
    network, known = case.workspace.network, known_prefixes(case.devices)
    partner_prefixes = {s.prefix for s in network.sites.values() if s.domain} | {
        service.prefix for service in case.workspace.services.services.values() if service.prefix
    }
    organisation = {
        service.published.prefix
        for service in case.workspace.services.services.values()
        if service.published
    } | {pool for node in network.nodes.values() for pool in node.nat.values()}
    for name in network.with_role(Role.PARTNER):
        assert known[name], f"{name} learns nothing"
        assert known[name] <= organisation, name
        assert not known[name] & partner_prefixes, name


def test_a_gateway_tells_a_domain_nothing_of_another_one_and_nothing_of_partners(
    case: Case,
) -> None:
    for device in case.with_role(Role.GATEWAY):
        for domain in case.workspace.network.domains:
            exported = _exports(case, device, domain)
            assert exported
            assert exported <= _claims(case, domain), device.name
            for partner in _foreign_sites(case, domain):
                assert not any(prefix.subnet_of(partner) for prefix in exported), device.name


def test_an_edge_tells_exchanges_only_prefixes_of_the_organisation(case: Case) -> None:
    network = case.workspace.network
    own = {site.prefix for site in network.sites.values() if site.domain is None}
    for device in case.with_role(Role.EDGE):
        exported = _exports(case, device, Role.GATEWAY)
        assert exported
        for prefix in exported:
            assert any(prefix.subnet_of(site) for site in own), (device.name, prefix)


def _without_prefix_lists(device: Device) -> Device:
    """The same device, had somebody emptied its policies of every prefix list.

    Not a partner's: one that is in two domains keeps them apart by its lists alone.
    """
    if device.role is Role.PARTNER:
        return device
    policies = tuple(
        replace(p, entries=tuple(replace(e, prefix_list=None) for e in p.entries))
        for p in device.policies
    )
    return replace(device, policies=policies)


def test_tags_alone_keep_domains_apart(case: Case) -> None:
    known = known_prefixes({n: _without_prefix_lists(d) for n, d in case.devices.items()})
    for name, node in case.workspace.network.nodes.items():
        if node.role is Role.CORE:
            for other in set(case.workspace.network.domains) - {node.domain}:
                assert not known[name] & _foreign_sites(case, other), name


def test_tags_alone_keep_exchanges_apart(case: Case) -> None:
    """Over the edges, that is: at the domains' cores they do meet."""
    network = case.workspace.network
    known = known_prefixes(_without_cores(case))
    pools = {name: set(network.nodes[name].nat.values()) for name in _gateways(case)}
    for name in pools:
        mine = network.exchanges[network.exchange_of(name)].gateways
        for other in pools.keys() - set(mine):
            assert not known[name] & pools[other], (name, other)


def _gateways(case: Case) -> list[str]:
    return _gateways_up(case.workspace, case.stage)


def _without_cores(case: Case) -> Devices:
    """The organisation and its exchanges, without any prefix list."""
    cores = {device.name for device in case.with_role(Role.CORE)}
    found = {}
    for name, device in case.devices.items():
        if device.bgp and name not in cores:
            sessions = tuple(s for s in device.bgp.sessions if s.peer not in cores)
            cut = replace(device, bgp=replace(device.bgp, sessions=sessions))
            found[name] = _without_prefix_lists(cut)
    return found


def test_a_drained_gateway_asks_on_every_session_to_be_left_alone(case: Case) -> None:
    for device in case.devices.values():
        policies = {policy.name: policy for policy in device.policies}
        for session in device.bgp.sessions if device.bgp else ():
            asks = {
                GRACEFUL_SHUTDOWN in entry.communities
                for entry in policies[session.export_policy].entries
                if entry.action is Action.PERMIT
            }
            assert asks == {device.name in case.stage.drained}, (device.name, session.peer)
            first = policies[session.import_policy].entries[0]
            assert (first.community_list, first.local_preference) == (
                ("graceful-shutdown", 0) if session.peer_asn != _bgp(device).asn else (None, None)
            )


def test_draining_changes_the_drained_gateway_and_nothing_else() -> None:
    workspace = load_workspace(SMALL)
    stage = stages(workspace.cutover()[1], workspace.services)[1]
    designer = Designer(workspace)
    before = designer.design(stage)
    after = designer.design(replace(stage, drained=("cloud-south",)))
    assert {name for name in before if before[name] != after[name]} == {"cloud-south"}


def _exports(case: Case, device: Device, to: str) -> set[IPv4Network]:
    """Every prefix that a device can tell neighbours of a role or cores of a domain."""
    nodes = case.workspace.network.nodes
    policies: dict[str, RoutingPolicy] = {policy.name: policy for policy in device.policies}
    lists = {prefixes.name: prefixes for prefixes in device.prefix_lists}
    found = set()
    for session in _bgp(device).sessions:
        if to in (nodes[session.peer].role, nodes[session.peer].domain):
            for entry in policies[session.export_policy].entries:
                if entry.action is Action.DENY:
                    continue
                assert entry.prefix_list, f"{device.name} tells {session.peer} everything"
                assert not any(e.le for e in lists[entry.prefix_list].entries)
                found |= {e.prefix for e in lists[entry.prefix_list].entries}
    return found


def test_the_edge_denies_spoofed_sources_before_it_permits_anything(case: Case) -> None:
    own = {s.prefix for s in case.workspace.network.sites.values() if s.domain is None}
    for device in case.with_role(Role.EDGE):
        exchanges = {i.name for i in device.interfaces if case.devices[i.peer].role is Role.GATEWAY}
        first, *others = _firewall(device).rules
        assert first.action is Action.DENY
        assert set(first.sources or ()) == own
        assert set(first.from_interfaces or ()) == exchanges
        for rule in others:
            into, out_of = set(rule.to_interfaces or ()), set(rule.from_interfaces or ())
            assert not (into & exchanges and out_of & exchanges), "transit"


def _decides(device: Device, entrance: str, source: IPv4Address) -> bool:
    """Whether a stateless device takes a packet from there to anywhere, by its source alone."""
    for rule in _firewall(device).rules:
        named = entrance in (rule.from_interfaces or (entrance,))
        from_there = not rule.sources or any(source in network for network in rule.sources)
        if named and from_there and not rule.to_interfaces:
            return rule.action is Action.PERMIT
    return True


def test_a_core_takes_from_each_link_only_what_can_be_behind_it(case: Case) -> None:
    network = case.workspace.network
    sites = {name: site for name, site in network.sites.items() if site.domain}
    for device in case.with_role(Role.CORE):
        for interface in device.interfaces:
            if case.devices[interface.peer].role is Role.CORE:
                continue
            domain = network.nodes[device.name].domain
            for site in sites.values():
                behind = (site.node, site.domain) == (interface.peer, domain)
                taken = _decides(device, interface.name, site.prefix.network_address + 1)
                assert taken == behind, (device.name, interface.peer, site)
            for name, node in network.nodes.items():
                for where, pool in node.nat.items():
                    own = (name, where) == (interface.peer, domain)
                    assert _decides(device, interface.name, pool.network_address) == own


def test_edges_and_cores_take_no_bogon(case: Case) -> None:
    for device in [*case.with_role(Role.CORE), *case.with_role(Role.EDGE)]:
        inside = {i.name for i in device.interfaces if case.devices[i.peer].role is Role.HOST}
        for interface in device.interfaces:
            edge_link = case.devices[interface.peer].role is Role.EDGE
            if interface.name not in inside and not edge_link:
                for source in ("127.0.0.1", "169.254.1.1", "192.168.1.1", "224.0.0.1", "240.0.0.1"):
                    assert not _decides(device, interface.name, IPv4Address(source)), device.name


@pytest.mark.parametrize("profile", Profile)
def test_documentation_is_a_bogon_unless_it_is_in_use_in_a_demonstration(profile: Profile) -> None:
    networks = {
        folder: load_workspace(folder).network.model_copy(update={"profile": profile})
        for folder in (REPOSITORY, SMALL)
    }
    documentation = IPv4Network("203.0.113.0/24")
    assert documentation in bogons(networks[SMALL])
    demonstration = profile is Profile.DEMONSTRATION
    assert (documentation not in bogons(networks[REPOSITORY])) == demonstration
    assert IPv4Network("10.0.0.0/8") in bogons(networks[REPOSITORY])
    assert IPv4Network("10.0.0.0/8") not in bogons(networks[SMALL]), "in use"


def test_a_site_cannot_send_as_another_one(case: Case) -> None:
    own = {n: s for n, s in case.workspace.network.sites.items() if s.domain is None}
    for device in case.with_role(Role.EDGE):
        local = {i.peer: i.name for i in device.interfaces}
        for name, site in own.items():
            if site.node == device.name:
                entrance = local[f"{name}-host"]
                for other, theirs in own.items():
                    taken = _decides(device, entrance, theirs.prefix.network_address + 1)
                    assert taken == (other == name)


def test_sessions_of_an_exchange_are_up_when_the_stage_says_so(case: Case) -> None:
    network = case.workspace.network
    for device in case.devices.values():
        for session in device.bgp.sessions if device.bgp else ():
            gateways = {
                name
                for name in (device.name, session.peer)
                if network.nodes[name].role is Role.GATEWAY
            }
            wanted = all(network.exchange_of(g) in case.stage.exchanges for g in gateways)
            assert session.up == wanted, (device.name, session.peer)


def test_the_intended_gateway_belongs_to_the_carrier(case: Case) -> None:
    network, services = case.workspace.network, case.workspace.services
    for flow in flows(network, services):
        gateway = intended_gateway(network, services, case.stage, flow)
        assert network.exchange_of(gateway) == case.stage.carriers[flow.service]


def test_the_policies_themselves_choose_the_intended_gateway(case: Case) -> None:
    """Outbound by BGP's own order at the edge: local preference, then the lowest metric."""
    network, services = case.workspace.network, case.workspace.services
    checked = 0
    for flow in flows(network, services):
        prefix = services.services[flow.service].prefix
        site = network.site_of(flow.source)
        if flow.direction != "out" or not site:
            continue
        assert prefix
        device = case.devices[network.sites[site].node]
        offers = _offers(case, device, prefix)
        intended = intended_gateway(network, services, case.stage, flow)
        if intended in offers:
            assert max(offers, key=lambda gateway: offers[gateway]) == intended
            checked += 1
    assert checked


def _offers(case: Case, edge: Device, prefix: IPv4Network) -> dict[str, tuple[int, int]]:
    """What each gateway's route is worth at an edge: local preference, then minus its metric."""
    lists = {prefixes.name: prefixes for prefixes in edge.prefix_lists}
    policies = {policy.name: policy for policy in edge.policies}
    found = {}
    for session in _bgp(edge).sessions:
        if not session.up or case.devices[session.peer].role is not Role.GATEWAY:
            continue
        for entry in policies[session.import_policy].entries:
            assert entry.prefix_list
            if entry.community_list and session.peer not in case.stage.drained:
                continue  # it does not ask to be left alone
            if prefix in [e.prefix for e in lists[entry.prefix_list].entries]:
                assert entry.local_preference is not None
                found[session.peer] = (entry.local_preference, -(entry.med or 0))
                break
    return found


def test_inbound_the_intended_gateway_has_the_shortest_path(case: Case) -> None:
    network, services = case.workspace.network, case.workspace.services
    for flow in flows(network, services):
        published = services.services[flow.service].published
        if flow.direction != "in":
            continue
        assert published
        home = network.site_of(published.server)
        assert home
        prepends: dict[str, set[int]] = {}
        for device in case.with_role(Role.EDGE):
            lists = {prefixes.name: prefixes for prefixes in device.prefix_lists}
            policies = {policy.name: policy for policy in device.policies}
            for session in _bgp(device).sessions:
                # Whoever hears what a drained gateway tells takes it as the last resort.
                spared = session.up and session.peer not in case.stage.drained
                if spared and case.devices[session.peer].role is Role.GATEWAY:
                    entry = next(
                        e
                        for e in policies[session.export_policy].entries
                        if e.prefix_list
                        and published.prefix in [x.prefix for x in lists[e.prefix_list].entries]
                    )
                    prepends.setdefault(session.peer, set()).add(entry.prepend)
        intended = intended_gateway(network, services, case.stage, flow)
        assert all(len(values) == 1 for values in prepends.values())
        best = min(prepends, key=lambda gateway: min(prepends[gateway]))
        assert best == intended


@pytest.mark.parametrize("folder", [REPOSITORY, SMALL, COUNTY], ids=lambda f: f.name)
def test_each_service_is_carried_by_where_it_comes_from_until_it_moves(folder: object) -> None:
    workspace = next(c.workspace for c in CASES if c.workspace.root == folder)
    _, cutover = workspace.cutover()
    carried = dict.fromkeys(workspace.services.services, cutover.from_exchange)
    for case in (c for c in CASES if c.workspace is workspace and not c.stage.drained):
        for name in case.stage.moved:
            assert carried[name] == cutover.from_exchange
            carried[name] = cutover.to_exchange
        assert case.stage.carriers == carried
    assert set(carried.values()) == {cutover.to_exchange}


def test_every_service_is_proved_in_each_of_its_directions(case: Case) -> None:
    workspace = case.workspace
    found = flows(workspace.network, workspace.services)
    assert len({flow.name for flow in found}) == len(found)
    for name, service in workspace.services.services.items():
        directions = {flow.direction for flow in found if flow.service == name}
        wanted = {"out"} if service.outbound else set()
        assert directions == wanted | ({"in"} if service.inbound else set())


def _names() -> set[str]:
    """Every name of the demonstration."""
    workspace = load_workspace(REPOSITORY)
    network = workspace.network
    found = workspace.services.services.keys() | workspace.cutovers.keys()
    for part in (network.nodes, network.exchanges, network.domains, network.sites):
        found |= part.keys()
    return found - {"pcg"}  # the tool's own name too


def _texts(tree: ast.AST) -> Iterator[str]:
    """String constants and names of a module; not its docstrings, which may give examples."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if id(node) not in docstrings:
                yield node.value
        elif isinstance(node, ast.Name):
            yield node.id


def test_nothing_in_the_engine_names_the_demonstration() -> None:
    names = _names()
    assert {"cjx", "cjx-r1", "pcg-a", "psnp", "dc1", "nat-records", "cjx-to-pcg"} <= names
    pattern = re.compile(rf"(?<![\w-])({'|'.join(map(re.escape, sorted(names)))})(?![\w-])")
    found = {
        path.relative_to(REPOSITORY).as_posix(): text
        for path in (REPOSITORY / "pcg_netops").rglob("*.py")
        if "_workspace" not in path.parts
        for text in _texts(ast.parse(path.read_text(encoding="utf-8")))
        if pattern.search(text)
    }
    assert found == {}
