"""Which prefixes each node must end up knowing, worked out from the sessions and their policies.

It follows announcements as BGP would (RFC 4271): out through the export policy, in through the
import policy, never back into an autonomous system on the path, never from one internal peer to
another.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from ipaddress import IPv4Network

from pcg_netops.model.device import Action, Device, RoutingPolicy


def known_prefixes(devices: Mapping[str, Device]) -> dict[str, frozenset[IPv4Network]]:
    """For each router, every prefix it learns from a peer and does not originate or own itself."""
    routers = {name: device for name, device in devices.items() if device.bgp}
    seen: dict[str, set[tuple[IPv4Network, frozenset[int], bool]]] = {
        name: set() for name in routers
    }
    queue: deque[tuple[str, IPv4Network, frozenset[int], bool]] = deque()
    for name, device in routers.items():
        assert device.bgp
        queue.extend((name, prefix, frozenset(), False) for prefix in device.bgp.networks)
    while queue:
        name, prefix, path, internal = queue.popleft()
        route = (prefix, path, internal)
        if route in seen[name]:
            continue
        seen[name].add(route)
        device = routers[name]
        assert device.bgp
        for session in device.bgp.sessions:
            peer = routers[session.peer]
            assert peer.bgp
            to_internal = peer.bgp.asn == device.bgp.asn
            new_path = path if to_internal else path | {device.bgp.asn}
            if (internal and to_internal) or peer.bgp.asn in new_path:
                continue
            back = next((s for s in peer.bgp.sessions if s.peer == name), None)
            if back is None or not (session.up and back.up):
                continue
            exports = _permits(device, session.export_policy, prefix)
            if exports and _permits(peer, back.import_policy, prefix):
                queue.append((peer.name, prefix, new_path, to_internal))
    return {
        name: frozenset(prefix for prefix, _, _ in seen[name]) - _own(device)
        for name, device in routers.items()
    }


def _own(device: Device) -> frozenset[IPv4Network]:
    assert device.bgp
    connected = {interface.address.network for interface in device.interfaces}
    return frozenset(connected | set(device.bgp.networks))


def _permits(device: Device, policy_name: str, prefix: IPv4Network) -> bool:
    policy: RoutingPolicy = next(p for p in device.policies if p.name == policy_name)
    lists = {prefixes.name: prefixes for prefixes in device.prefix_lists}
    for entry in policy.entries:
        if entry.prefix_list is None or any(
            prefix == e.prefix or (e.le and prefix.subnet_of(e.prefix) and prefix.prefixlen <= e.le)
            for e in lists[entry.prefix_list].entries
        ):
            return entry.action is Action.PERMIT
    return False
