"""Cables, the management network and addresses, by netlink.

Functions that name no namespace act in the network namespace of the calling thread.
"""

from __future__ import annotations

import fcntl
import socket
import struct
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from ipaddress import IPv4Address

from pyroute2 import IPRoute
from pyroute2.netlink.nfnetlink.nfctsocket import NFCTSocket

from pcg_netops.lab.embedded.build_plan import MANAGEMENT_END, LinkPlan, NodePlan, Plan
from pcg_netops.lab.embedded.syscalls import enter

MANAGEMENT_INTERFACE = "eth0"
# Linux tells of a carrier's loss or return at once only where a cable's ends differ in index, else
# up to 1 s later (`linkwatch_urgent_event`). In different namespaces they are easily equal: one end
# is numbered from here, the other by the kernel from 1.
_FIRST_INDEX = 1000
_BRIDGE = "bridge0"
_SIOCGIFADDR = 0x8915


def connect_cables(links: Iterable[LinkPlan], namespaces: Mapping[str, int]) -> None:
    """Make every link, both ends down, between the namespaces given by open descriptors.

    A far end that is no node stays here: up, and on the management network's bridge or on nothing.
    """
    with IPRoute() as ip:
        for number, link in enumerate(links):
            near, far = (namespaces.get(node) for node in link.nodes)
            here = far is None
            peer = {"ifname": f"end{number}" if here else link.interfaces[1], "mtu": link.mtu}
            if not here:
                peer["net_ns_fd"] = far
            if link.macs[1]:
                peer["address"] = link.macs[1].replace("-", ":")
            mac = {"address": link.macs[0].replace("-", ":")} if link.macs[0] else {}
            ip.link(
                "add",
                kind="veth",
                index=_FIRST_INDEX + number,
                ifname=link.interfaces[0],
                net_ns_fd=near,
                mtu=link.mtu,
                peer=peer,
                **mac,
            )
            if here:
                (index,) = ip.link_lookup(ifname=f"end{number}")
                if link.nodes[1] == MANAGEMENT_END:
                    (bridge,) = ip.link_lookup(ifname=_BRIDGE)
                    ip.link("set", index=index, master=bridge)
                ip.link("set", index=index, state="up")


def connect_management(plan: Plan, namespaces: Mapping[str, int]) -> None:
    """Make a bridge with the gateway's addresses here, and from it a cable to every eth0."""
    with IPRoute() as ip:
        ip.link("add", kind="bridge", ifname=_BRIDGE)
        (bridge,) = ip.link_lookup(ifname=_BRIDGE)
        for given in (plan.gateway, plan.gateway6):
            if given:
                address, length = given.split("/")
                ip.addr("add", index=bridge, address=address, prefixlen=int(length))
        mtu = {"mtu": plan.management_mtu} if plan.management_mtu else {}
        for number, namespace in enumerate(namespaces.values()):
            port = f"port{number}"
            peer = {"ifname": MANAGEMENT_INTERFACE, "net_ns_fd": namespace, **mtu}
            # Created down and raised later: a veth cannot come up before it has its other end.
            index = _FIRST_INDEX + number
            ip.link("add", kind="veth", index=index, ifname=port, peer=peer, **mtu)
            ip.link("set", index=index, master=bridge, state="up")
        ip.link("set", index=bridge, state="up")


def raise_links(plan: NodePlan) -> None:
    """Bring every interface up; give eth0 its management addresses, a bridge its ports."""
    with IPRoute() as ip:
        links = [(link["index"], link.get("ifname")) for link in ip.get_links()]
        if plan.is_bridge and not any(name == _BRIDGE for _, name in links):
            ip.link("add", kind="bridge", ifname=_BRIDGE)
            (bridge,) = ip.link_lookup(ifname=_BRIDGE)
            for index, name in links:
                if name != "lo":
                    ip.link("set", index=index, master=bridge)
            links.append((bridge, _BRIDGE))
        for index, name in links:
            ip.link("set", index=index, state="up")
            if name == MANAGEMENT_INTERFACE and plan.management:
                _address(ip, index, plan)


def _address(ip: IPRoute, index: int, plan: NodePlan) -> None:
    for given in (plan.management, plan.management6):
        if given:
            address, length = given.split("/")
            ip.addr("add", index=index, address=address, prefixlen=int(length))
    if plan.gateway:
        ip.route("add", dst="0.0.0.0/0", gateway=plan.gateway)


def shared_addresses(links: Iterable[LinkPlan], namespaces: Mapping[str, int]) -> Iterator[str]:
    """Cables whose ends have one IPv4 address, in words. Moves the calling thread."""
    for link in links:
        if all(node in namespaces for node in link.nodes):
            near, far = (
                _address_of(interface, namespaces[node])
                for node, interface in zip(link.nodes, link.interfaces, strict=True)
            )
            if near and near == far:
                ends = map(":".join, zip(link.nodes, link.interfaces, strict=True))
                yield f"address {near} is at both ends of a cable: {' and '.join(ends)}"


def _address_of(interface: str, namespace: int) -> IPv4Address | None:
    """An interface's first address (netdevice(7)); far less work than a connection for netlink."""
    enter([namespace])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        try:
            answer = fcntl.ioctl(any_socket, _SIOCGIFADDR, struct.pack("256s", interface.encode()))
        except OSError:
            return None
    return IPv4Address(answer[20:24])


def cut_links(namespaces: Iterable[int]) -> None:
    """Take down every interface of several namespaces, all as nearly at once as can be."""
    with ExitStack() as stack:
        ready = []
        for namespace in namespaces:
            enter([namespace])
            ip = stack.enter_context(IPRoute())
            ready.append((ip, [link["index"] for link in ip.get_links()]))
        for ip, indexes in ready:
            for index in indexes:
                ip.link("set", index=index, state="down")


def forget_addresses_and_connections() -> None:
    """Remove every address, route and tracked connection."""
    with IPRoute() as ip:
        ip.flush_addr()
        for table in {route["table"] for route in ip.get_routes()}:
            ip.flush_routes(table=table)
    with NFCTSocket() as conntrack:
        conntrack.flush()
