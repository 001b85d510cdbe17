"""BGP: sessions, what a node originates, and the policies and lists that they need."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network
from itertools import combinations

from pcg_netops.design.addressing import Addressing
from pcg_netops.design.communities import community_lists
from pcg_netops.design.intent import Intent
from pcg_netops.design.policies import Step, drained, draining, policies
from pcg_netops.design.steering import linked
from pcg_netops.model.device import Bgp, BgpSession, CommunityList, PrefixList, Role, RoutingPolicy
from pcg_netops.model.network import Network

_PREFIX_HEADROOM = 2  # maximum-prefix: at least this many times what the policy can let in
_FEWEST_PREFIXES = 64


@dataclass(frozen=True)
class Routing:
    """The routing part of a device."""

    bgp: Bgp
    prefix_lists: tuple[PrefixList, ...]
    community_lists: tuple[CommunityList, ...]
    policies: tuple[RoutingPolicy, ...]


def route(intent: Intent, addressing: Addressing, node: str) -> Routing:
    """The routing of one node at one stage."""
    network, services = intent.network, intent.services
    reflects = _is_between(network, addressing, node)
    steps: dict[str, list[Step]] = {}
    sessions = []
    for neighbour in addressing.neighbours[node]:
        peer = neighbour.peer
        imported, exported = policies(intent, node, peer, neighbour.interface.zone)
        internal = network.nodes[peer].asn == network.nodes[node].asn
        if node in intent.stage.drained:
            exported = draining(exported)
        steps[f"from-{peer}"] = imported if internal else [*drained(peer, imported), *imported]
        steps[f"to-{peer}"] = exported
        allowed = sum(len(prefixes.entries) for prefixes, _ in imported if prefixes)
        everything = sum(len(p) for p in (network.sites, services.services, network.nodes))
        sessions.append(
            BgpSession(
                peer=peer,
                interface=neighbour.interface.name,
                peer_address=neighbour.peer_address,
                peer_asn=network.nodes[peer].asn,
                import_policy=f"from-{peer}",
                export_policy=f"to-{peer}",
                bfd=neighbour.bfd,
                next_hop_self=internal,
                maximum_prefixes=_generous(_PREFIX_HEADROOM * max(allowed, everything)),
                up=intent.up(node, peer),
                # Cisco has it for external sessions only; the other ones stay inside.
                ttl_security=neighbour.ttl_security and not internal,
                authentication=neighbour.authentication,
                reflects=internal and reflects,
            )
        )
    lists = {
        prefixes.name: prefixes for entries in steps.values() for prefixes, _ in entries if prefixes
    }
    return Routing(
        Bgp(
            network.nodes[node].asn,
            addressing.loopbacks[node],
            _networks(intent, node),
            tuple(sessions),
        ),
        tuple(lists[name] for name in sorted(lists)),
        community_lists(network, (entry for entries in steps.values() for _, entry in entries)),
        tuple(
            RoutingPolicy(name, tuple(entry for _, entry in entries))
            for name, entries in steps.items()
        ),
    )


def _is_between(network: Network, addressing: Addressing, node: str) -> bool:
    """Whether peers inside hear of one another through this node alone.

    What one peer inside has said is not told to another one (RFC 4271, section 9.2), so with a
    session on every link, and no other, some would not learn what lies behind the next but one.
    """
    asn = network.nodes[node].asn
    inside = [n.peer for n in addressing.neighbours[node] if network.nodes[n.peer].asn == asn]
    return not all(linked(network, one, other) for one, other in combinations(inside, 2))


def _generous(count: int) -> int:
    """The next power of two: a limit that a further service does not change on every device."""
    return max(_FEWEST_PREFIXES, 1 << (count - 1).bit_length())


def _networks(intent: Intent, node: str) -> tuple[IPv4Network, ...]:
    """The prefixes a node originates."""
    network, services, found = intent.network, intent.services.services, set()
    for site in intent.index.sites_at(node):
        found.add(network.sites[site].prefix)
        found |= {p for name in intent.index.reached_at(site) if (p := services[name].prefix)}
        published = [services[name].published for name in intent.index.published_at(site)]
        found |= {range_.prefix for range_ in published if range_}
    if network.nodes[node].role is Role.GATEWAY:
        found.update(network.nodes[node].nat.values())
    return tuple(sorted(found))
