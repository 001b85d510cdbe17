"""Nodes of an exported lab that are vendors' images: `lab_kind` and `lab_image` in hosts.yaml.

containerlab numbers the ports of these images as our renderings do: `eth1` is GigabitEthernet2 of a
Catalyst 8000V and ge-0/0/0 of a vSRX (containerlab, `nodes/vr_c8000v`, `nodes/vr_vsrx`).
"""

from __future__ import annotations

from collections.abc import Iterator

from pcg_netops.design.steering import Stage
from pcg_netops.errors import InputError, InputErrors
from pcg_netops.inventory.workspace import Workspace
from pcg_netops.lab.topology.definitions import NodeDefinition, Topology
from pcg_netops.render import Artifacts, render_stage

# The platform whose rendering each kind boots from, and the file that holds it whole.
_KINDS = {
    "cisco_c8000v": ("iosxe", "iosxe.conf"),
    "cisco_csr1000v": ("iosxe", "iosxe.conf"),
    "juniper_vsrx": ("junos", "junos.conf"),
}
# The machine in the image gets the management address itself, as its configuration says
# (containerlab, manual/vrnetlab, "Management interface").
_ENVIRONMENT = {"CLAB_MGMT_PASSTHROUGH": "true"}


def vendors(workspace: Workspace) -> dict[str, tuple[str, str]]:
    """Kind and image of each host that names them. Raises InputErrors for what cannot be."""
    errors = list(_faults(workspace))
    if errors:
        raise InputErrors(errors)
    return {
        name: (entry.data["lab_kind"], entry.data["lab_image"])
        for name, entry in workspace.hosts.items()
        if "lab_kind" in entry.data and name in workspace.network.nodes
    }


def _faults(workspace: Workspace) -> Iterator[InputError]:
    for name, entry in workspace.hosts.items():
        kind, image = entry.data.get("lab_kind"), entry.data.get("lab_image")
        if kind is None:
            continue
        place = f"inventory/hosts.yaml: {name}"
        platform, _ = _KINDS.get(kind, ("", ""))
        if not platform:
            known = ", ".join(_KINDS)
            yield InputError(f"lab_kind '{kind}' has no rendering", place=place, remedy=known)
        elif platform != entry.platform:
            yield InputError(
                f"lab_kind {kind} is of platform {platform}, and the host of {entry.platform}",
                place=place,
                remedy="let both be of one platform",
            )
        if not isinstance(image, str) or not image:
            yield InputError(
                "lab_kind needs lab_image", place=place, remedy="name the image: vrnetlab/..."
            )


def with_vendors(
    workspace: Workspace, stage: Stage, topology: Topology, stand_ins: Artifacts
) -> tuple[Topology, Artifacts]:
    """The topology and startup files with vendors' images in the place of their stand-ins."""
    found = vendors(workspace)
    if not found:
        return topology, stand_ins
    rendered = render_stage(workspace, stage)
    nodes = dict(topology.nodes)
    artifacts = dict(stand_ins)
    for name, (kind, image) in found.items():
        file = _KINDS[kind][1]
        stand_in = nodes[name] or NodeDefinition()
        nodes[name] = NodeDefinition(
            kind=kind,
            image=image,
            labels=stand_in.labels,
            mgmt_ipv4=stand_in.mgmt_ipv4,
            env=_ENVIRONMENT,
            startup_config=f"startup/{name}/{file}",
        )
        artifacts[name] = {file: rendered[name][file]}
    body = topology.topology.model_copy(update={"nodes": nodes})
    return topology.model_copy(update={"topology": body}), artifacts
