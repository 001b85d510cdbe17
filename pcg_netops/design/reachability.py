"""Which prefixes each node must end up knowing, worked out from the sessions and their policies.

It follows announcements as BGP would (RFC 4271): out through the export policy, in through the
import policy, never back into an autonomous system on the path, from one internal peer to another
where the router between them reflects (RFC 4456).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from ipaddress import IPv4Network

from pcg_netops.model.device import BgpSession, Device, PolicyEntry, RoutingPolicy
from pcg_netops.model.firewall import Action


@dataclass(frozen=True)
class _Route:
    """A prefix as one router knows it."""

    prefix: IPv4Network
    path: frozenset[int] = frozenset()
    internal: bool = False  # learned from a peer of the same autonomous system
    communities: frozenset[str] = frozenset()


def known_prefixes(devices: Mapping[str, Device]) -> dict[str, frozenset[IPv4Network]]:
    """For each router, every prefix it learns from a peer and does not originate or own itself."""
    routers = {name: device for name, device in devices.items() if device.bgp}
    seen: dict[str, set[_Route]] = {name: set() for name in routers}
    queue: deque[tuple[str, _Route]] = deque()
    for name, device in routers.items():
        assert device.bgp
        queue.extend((name, _Route(prefix)) for prefix in device.bgp.networks)
    while queue:
        name, route = queue.popleft()
        if route in seen[name]:
            continue
        seen[name].add(route)
        device = routers[name]
        assert device.bgp
        for session in device.bgp.sessions:
            told = _told(device, session, routers[session.peer], route)
            if told:
                queue.append((session.peer, told))
    return {
        name: frozenset(route.prefix for route in seen[name]) - _own(device)
        for name, device in routers.items()
    }


def _told(device: Device, session: BgpSession, peer: Device, route: _Route) -> _Route | None:
    """The route as the peer then knows it, if it learns it at all."""
    assert device.bgp
    assert peer.bgp
    to_internal = peer.bgp.asn == device.bgp.asn
    path = route.path if to_internal else route.path | {device.bgp.asn}
    back = next((s for s in peer.bgp.sessions if s.peer == device.name), None)
    if peer.bgp.asn in path or (route.internal and to_internal and not session.reflects):
        return None
    if back is None or not (session.up and back.up):
        return None
    exported = _after(device, session.export_policy, route)
    imported = exported and _after(peer, back.import_policy, exported)
    return imported and replace(imported, path=path, internal=to_internal)


def _own(device: Device) -> frozenset[IPv4Network]:
    assert device.bgp
    connected = {interface.address.network for interface in device.interfaces}
    return frozenset(connected | set(device.bgp.networks))


def _after(device: Device, policy_name: str, route: _Route) -> _Route | None:
    """What a policy makes of a route; None if it refuses it."""
    policy: RoutingPolicy = next(p for p in device.policies if p.name == policy_name)
    for entry in policy.entries:
        if _matches(device, entry, route):
            if entry.action is Action.DENY:
                return None
            return replace(route, communities=frozenset(entry.communities) or route.communities)
    return None


def _matches(device: Device, entry: PolicyEntry, route: _Route) -> bool:
    prefix = route.prefix
    in_prefixes = entry.prefix_list is None or any(
        prefix == e.prefix or (e.le and prefix.subnet_of(e.prefix) and prefix.prefixlen <= e.le)
        for known in device.prefix_lists
        if known.name == entry.prefix_list
        for e in known.entries
    )
    in_communities = entry.community_list is None or any(
        not route.communities.isdisjoint(known.members)
        for known in device.community_lists
        if known.name == entry.community_list
    )
    return in_prefixes and in_communities
