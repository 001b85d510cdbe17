"""What of a containerlab topology this machine's own programs can run, and what they cannot.

A node that cannot run is refused before anything starts; a key that means nothing here is listed.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from enum import Enum

from pcg_netops.errors import InputError
from pcg_netops.lab.topology.definitions import LinkDefinition, NodeDefinition, Topology

OWN_IMAGE = "pcg-netops/node"
BRIDGES = ("bridge", "ovs-bridge")


class StandIn(Enum):
    """What this machine runs in the place of an image."""

    OWN = "own"  # the node of this project: frr.conf and nftables.conf from a startup folder
    FRR = "frr"  # Debian's FRR, started as FRR's own image does
    HOST = "host"  # a Linux host: this machine's programs


# By the last part of the image's name. Hosts: distributions and their collections of network tools.
_FRR = re.compile(r"(^|[-_])frr(outing)?([-_]|$)")
_HOSTS = re.compile(
    r"alpine|debian|ubuntu|busybox|fedora|centos|rockylinux|almalinux|archlinux|opensuse|"
    r"(network-)?multitool|netshoot|iperf3?|(linux|alpine)-host|host"
)

_LIMITS = "no limits are set"
_ENGINE = "there is no container engine"
_RIGHTS = "a node has every right within its lab, and none outside"
_VENDOR = "containerlab has no use for it in a node of kind linux either"
_NOT_HONOURED = {
    "cpu": _LIMITS,
    "cpu_set": _LIMITS,
    "memory": _LIMITS,
    "shm_size": _LIMITS,
    "cgroupns_mode": _LIMITS,
    "cgroup_parent": _LIMITS,
    "runtime": _ENGINE,
    "image_pull_policy": _ENGINE,
    "auto_remove": _ENGINE,
    "restart_policy": "what ends stays ended",
    "user": "everything runs as the lab's root",
    "devices": _RIGHTS,
    "security_opts": _RIGHTS,
    "pid_mode": "the nodes of a lab share one list of processes",
    "credentials": "log in with the lab's own key",
    "volumes": "in memory: what they hold goes with the lab",
    "type": _VENDOR,
    "position": _VENDOR,
    "license": _VENDOR,
    "startup_config": _VENDOR,
    "enforce_startup_config": _VENDOR,
    "suppress_startup_config": _VENDOR,
    "certificate": "no certificates are issued",
    "config": _VENDOR,
    "extras": _VENDOR,
    "components": _VENDOR,
    "link_apply_mode": _VENDOR,
}


def stand_in(image: str, accepted: Collection[str] = ()) -> StandIn | None:
    """What runs in an image's place. `accepted` images become hosts whatever they hold."""
    repository = re.sub(r"(:[\w.-]+)?(@sha256:\w+)?$", "", image)
    name = repository.rpartition("/")[2].lower()
    if repository == OWN_IMAGE or repository.endswith(f"/{OWN_IMAGE}"):
        return StandIn.OWN
    if image in accepted or repository in accepted or _HOSTS.fullmatch(name):
        return StandIn.HOST
    return StandIn.FRR if _FRR.search(name) else None


def require_runnable(
    topology: Topology, nodes: Mapping[str, NodeDefinition], accepted: Collection[str]
) -> None:
    """Raise InputError naming every node and link that cannot run here, and what would run it."""
    faults = [*_node_faults(nodes, accepted), *_link_faults(topology.links)]
    if not faults:
        return
    unknown = sorted({n.image for n in nodes.values() if _is_unknown(n, accepted) and n.image})
    remedy = "deploy the file with containerlab, which runs containers: containerlab deploy -t FILE"
    if unknown:
        option = " ".join(f"--as-host {image}" for image in unknown)
        remedy += f"; or let Linux hosts of this machine stand in for images: {option}"
    raise InputError(
        "this lab needs what only containers give; nothing was started:\n"
        + "\n".join(f"  {fault}" for fault in faults),
        place=topology.name,
        remedy=remedy,
    )


def _is_unknown(node: NodeDefinition, accepted: Collection[str]) -> bool:
    return node.kind == "linux" and stand_in(node.image or "", accepted) is None


def _node_faults(nodes: Mapping[str, NodeDefinition], accepted: Collection[str]) -> Iterator[str]:
    for name, node in nodes.items():
        mode = node.network_mode or "bridge"
        if node.kind in BRIDGES:
            if node.network_mode:
                yield f"{name}: a bridge inside another node (network-mode {mode})"
        elif node.kind != "linux":
            with_image = f" (image {node.image})" if node.image else ""
            yield f"{name}: kind {node.kind}{with_image} runs in a container only"
        elif _is_unknown(node, accepted):
            yield f"{name}: image {node.image} has no equivalent among this machine's programs"
        elif mode == "host":
            yield f"{name}: network-mode host is the machine's own network, which a lab never joins"


def _link_faults(links: Collection[LinkDefinition]) -> Iterator[str]:
    for link in links:
        ends = " – ".join(map(str, link.ends))
        kinds = {link.type, *(end.node for end in link.ends)}
        if kinds & {"host", "macvlan"}:
            yield f"link {ends}: joins the machine's own network, which a lab never does"
        elif kinds & {"vxlan", "vxlan-stitch"}:
            yield f"link {ends}: leads to {link.remote}, another machine, which a lab never reaches"


def not_honoured(topology: Topology, nodes: Mapping[str, NodeDefinition]) -> tuple[str, ...]:
    """Every key of the file that has no effect here, with the nodes and the reason."""
    found: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for name, node in nodes.items():
        for ignored in dict.fromkeys(_of_node(node)):
            found[ignored].append(name)
    said = [f"{key} ({', '.join(names)}): {why}" for (key, why), names in found.items()]
    return (*said, *_whole_file(topology))


def _of_node(node: NodeDefinition) -> Iterator[tuple[str, str]]:
    empty = NodeDefinition()
    for field, reason in _NOT_HONOURED.items():
        if getattr(node, field) != getattr(empty, field):
            yield field.replace("_", "-"), reason
    if node.privileged is False:
        yield "privileged", _RIGHTS
    for setting in node.sysctls:
        if not setting.startswith("net."):
            yield f"sysctls {setting}", "it is the whole machine's"
    if any(node.tmpfs.values()):
        yield "tmpfs options", _LIMITS
    if any(
        command.target == "host"
        for _, stage in (node.stages.items() if node.stages else ())
        for command in stage.commands
    ):
        yield "stages exec", "nothing is run on the machine itself"
    if node.kind == "ovs-bridge":
        yield "kind ovs-bridge", "a Linux bridge stands in"
    yield from _of_its_network(node)


def _of_its_network(node: NodeDefinition) -> Iterator[tuple[str, str]]:
    if node.network_mode not in (None, "bridge"):
        for field in ("mgmt_ipv4", "mgmt_ipv6", "ports"):
            if getattr(node, field):
                yield field.replace("_", "-"), f"not with network-mode {node.network_mode}"
    elif any(port.endswith(("/udp", "/sctp")) for port in node.ports):
        yield "ports", "only TCP is forwarded"
    if stand_in(node.image or "") is StandIn.OWN:
        if node.mgmt_ipv6:
            yield "mgmt-ipv6", "IPv6 is off on a node of our own image"
        if node.dns:
            yield "dns", "a node of our own image resolves no names"


def _whole_file(topology: Topology) -> Iterator[str]:
    management = topology.mgmt
    if management and management.bridge:
        yield "mgmt bridge: nothing of a lab is made on the machine"
    if management and management.driver_opts:
        yield f"mgmt driver-opts: {_ENGINE}"
    if management and management.external_access:
        yield "mgmt external-access: a lab has no way out"
    if topology.settings and topology.settings.certificate_authority:
        yield "settings certificate-authority: no certificates are issued"
    if topology.debug:
        yield "debug: the logs hold all that there is"
    if any(link.ipv4 or link.ipv6 for link in topology.links) or any(
        end.ipv4 or end.ipv6 for link in topology.links for end in link.ends
    ):
        yield "ipv4, ipv6 of links: containerlab gives them to vendors' kinds only"
    if any(link.labels for link in topology.links):
        yield "labels of links: containerlab has no use for them either"
    if any(link.type == "mgmt-net" for link in topology.links):
        yield "host-interface of links to mgmt-net: nothing of a lab is made on the machine"
