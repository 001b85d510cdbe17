"""Cables, the management network and addresses, by netlink.

Functions that name no namespace act in the network namespace of the calling thread.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import ExitStack

from pyroute2 import IPRoute
from pyroute2.netlink.nfnetlink.nfctsocket import NFCTSocket

from pcg_netops.lab.plan import LinkPlan
from pcg_netops.lab.syscalls import enter

MANAGEMENT_INTERFACE = "eth0"
# Linux tells of a carrier's loss or return at once only where a cable's ends differ in index, else
# up to 1 s later (`linkwatch_urgent_event`). In different namespaces they are easily equal: one end
# is numbered from here, the other by the kernel from 1.
_FIRST_INDEX = 1000


def connect_cables(links: Iterable[LinkPlan], namespaces: Mapping[str, int]) -> None:
    """Make every link, both ends down, between the namespaces given by open descriptors."""
    with IPRoute() as ip:
        for number, link in enumerate(links):
            near, far = (namespaces[node] for node in link.nodes)
            peer = {"ifname": link.interfaces[1], "net_ns_fd": far, "mtu": link.mtu}
            ip.link(
                "add",
                kind="veth",
                index=_FIRST_INDEX + number,
                ifname=link.interfaces[0],
                net_ns_fd=near,
                mtu=link.mtu,
                peer=peer,
            )


def connect_management(gateway: str, namespaces: Mapping[str, int]) -> None:
    """Make a bridge with the gateway's address here, and from it a cable to eth0 of every node."""
    with IPRoute() as ip:
        ip.link("add", kind="bridge", ifname="management")
        (bridge,) = ip.link_lookup(ifname="management")
        address, length = gateway.split("/")
        ip.addr("add", index=bridge, address=address, prefixlen=int(length))
        for number, namespace in enumerate(namespaces.values()):
            port = f"port{number}"
            peer = {"ifname": MANAGEMENT_INTERFACE, "net_ns_fd": namespace}
            # Created down and raised later: a veth cannot come up before it has its other end.
            index = _FIRST_INDEX + number
            ip.link("add", kind="veth", index=index, ifname=port, peer=peer)
            ip.link("set", index=index, master=bridge, state="up")
        ip.link("set", index=bridge, state="up")


def raise_links(management: str | None) -> None:
    """Bring every interface up and give eth0 its management address."""
    with IPRoute() as ip:
        for link in ip.get_links():
            ip.link("set", index=link["index"], state="up")
            if management and link.get("ifname") == MANAGEMENT_INTERFACE:
                address, length = management.split("/")
                ip.addr("add", index=link["index"], address=address, prefixlen=int(length))


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
