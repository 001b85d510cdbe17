"""What the evidence says about the lab itself, its timeline and its limits."""

from __future__ import annotations

import os
import platform
from collections import Counter
from collections.abc import Mapping, Sequence

from pcg_netops.cutover.evidence import (
    DeviceEvidence,
    LabEvidence,
    LinkEvidence,
    NodeEvidence,
    ServiceTimeline,
    StallEvidence,
    Timeline,
)
from pcg_netops.cutover.judge import gateway_seen
from pcg_netops.design.flows import flows
from pcg_netops.design.steering import Stage
from pcg_netops.inventory.workspace import Workspace
from pcg_netops.lab.controller import OwnedLab
from pcg_netops.model.device import Device, Role
from pcg_netops.model.network import Network
from pcg_netops.platforms import platform_named
from pcg_netops.probes.engine import Probes
from pcg_netops.probes.results import Bin
from pcg_netops.render import Artifacts, StageRenderer

BIN_MS = 200
_MEGABYTE = 1_000_000
_VERSIONS = {
    "FRR": ("/usr/lib/frr/zebra", "--version"),
    "nftables": ("nft", "--version"),
    "iproute2": ("ip", "-V"),
}
_OF_TUNNELS = {"strongSwan": ("/usr/lib/ipsec/charon", "--version")}


def describe_lab(
    workspace: Workspace,
    lab: OwnedLab | None,
    devices: Mapping[str, Device],
    boot_seconds: float,
    backend: str,
) -> LabEvidence:
    """What ran, and on what machine; without a lab that can be asked, what was to run."""
    network = workspace.network
    router = next(iter(network.nodes))
    versions = {"Python": platform.python_version()}
    ends = [device.name for device in devices.values() if device.tunnels]
    asked = [(router, *one) for one in _VERSIONS.items()]
    asked += [(node, *one) for node in ends[:1] for one in _OF_TUNNELS.items()]
    for node, name, command in asked:
        if lab is None:
            break
        lines = lab.run(node, command).stdout.splitlines()
        versions[name] = lines[0].strip() if lines else "unknown"
    return LabEvidence(
        backend=lab.backend if lab else backend,
        boot_seconds=round(boot_seconds, 2),
        memory_mb=round(lab.memory() / _MEGABYTE, 0) if lab else 0,
        processes=lab.processes() if lab else 0,
        kernel=platform.release(),
        cpus=os.cpu_count() or 0,
        versions=versions,
        ipsec=lab.ipsec if lab else "",
        nodes=tuple(
            NodeEvidence(
                name=device.name,
                role=device.role,
                title=device.title,
                group=_group(network, device),
            )
            for device in devices.values()
        ),
        links=tuple(
            LinkEvidence(
                ends=(device.name, i.peer),
                zone=i.zone,
                mtu=i.mtu,
                tunnel=any(tunnel.interface == i.name for tunnel in device.tunnels),
            )
            for device in devices.values()
            for i in device.interfaces
            if (device.name, i.name) < (i.peer, i.peer_interface)
        ),
    )


def _group(network: Network, device: Device) -> str:
    if device.role is Role.GATEWAY:
        return network.exchange_of(device.name)
    if device.role is Role.CORE:
        return network.nodes[device.name].domain or ""
    node = device.interfaces[0].peer if device.role is Role.HOST else device.name
    return node if network.nodes[node].role is Role.PARTNER else "organisation"


def timeline(workspace: Workspace, probes: Probes, begun: float) -> Timeline:
    """Every service's probes over the whole rehearsal; `begun` is its monotonic start in s."""
    network = workspace.network
    bins = probes.timeline(BIN_MS)
    by_service: dict[str, list[Sequence[Bin]]] = {}
    for flow in flows(network, workspace.services):
        by_service.setdefault(flow.service, []).append(bins[flow.name])
    exchanges = {
        peer: network.exchange_of(gateway)
        for peer in {peer for part in bins.values() for one in part for peer in one.peers}
        if (gateway := gateway_seen(network, peer))
    }
    first = min((part[0].start_ns for parts in by_service.values() for part in parts), default=0)
    return Timeline(
        bin_ms=BIN_MS,
        start_at=round(first / 1e9 - begun, 2),
        services=tuple(
            ServiceTimeline(
                service=service,
                sent=tuple(sum(b.sent for b in slot) for slot in zip(*parts, strict=True)),
                lost=tuple(sum(b.lost for b in slot) for slot in zip(*parts, strict=True)),
                carrier=tuple(_carrier(exchanges, slot) for slot in zip(*parts, strict=True)),
            )
            for service, parts in by_service.items()
        ),
    )


def _carrier(exchanges: Mapping[str, str], slot: Sequence[Bin]) -> str:
    """The exchange that most flows were seen on in a slice of time."""
    seen = Counter(exchanges[peer] for part in slot for peer in part.peers if peer in exchanges)
    return seen.most_common(1)[0][0] if seen else ""


def stalls(probes: Probes, begun: float) -> tuple[StallEvidence, ...]:
    """Moments at which the machine held the prober up."""
    return tuple(
        StallEvidence(
            at=round(stall.start_ns / 1e9 - begun, 2),
            ms=round((stall.end_ns - stall.start_ns) / 1e6, 1),
        )
        for stall in probes.stalls()
    )


def that_ran(lab: Workspace, artifacts: Mapping[str, Artifacts]) -> dict[str, Artifacts]:
    """Of each stage, the files that a push carries: the lab has no daemons for the others."""
    delivered = {
        name: platform_named(entry.platform or "").delivered for name, entry in lab.hosts.items()
    }
    return {
        stage: {
            device: {name: file for name, file in files.items() if name in delivered[device]}
            for device, files in devices.items()
        }
        for stage, devices in artifacts.items()
    }


def digests(artifacts: Mapping[str, Artifacts]) -> dict[str, str]:
    """SHA-256 of every file of every stage, by "stage/device/file"."""
    return {
        f"{stage}/{device}/{file}": artifact.digest
        for stage, devices in artifacts.items()
        for device, files in devices.items()
        for file, artifact in files.items()
    }


def devices_that_ran(production: Workspace, lab: Workspace) -> tuple[DeviceEvidence, ...]:
    """Each device's platform in production and in the lab."""
    return tuple(
        DeviceEvidence(
            device=name,
            platform=entry.platform or "linux",
            ran=lab.hosts[name].platform or "linux",
        )
        for name, entry in production.hosts.items()
    )


def not_run(production: Workspace, lab: Workspace, plan: Sequence[Stage]) -> dict[str, str]:
    """Digests of what production is to run at each stage and the lab does not.

    Raises InputErrors when a device's own platform cannot say what the device needs.
    """
    absent = {d.device for d in devices_that_ran(production, lab) if d.platform != d.ran}
    if not absent:
        return {}
    renderer = StageRenderer(production)
    return digests(
        {
            stage.name: {
                device: files
                for device, files in renderer.render(stage).items()
                if device in absent
            }
            for stage in plan
        }
    )


def fidelity(production: Workspace, lab: Workspace, protection: str) -> tuple[str, ...]:
    """What stands in for the real thing, in plain words.

    `protection` says who encrypted the tunnels' packets.
    """
    network = production.network
    found = []
    tunnels = [" to ".join(link.between) for link in network.links if link.tunnel]
    if tunnels:
        found.append(
            "These IPsec tunnels were real, with certificates of an authority made for this run;"
            f" {protection} encrypted their packets: {', '.join(tunnels)}."
        )
    ran = devices_that_ran(production, lab)
    own = [device.device for device in ran if device.platform == device.ran]
    if own:
        found.append(
            "These devices ran the very files that production gets, on FRR, nftables and, where"
            " tunnels end, strongSwan: "
            f"{', '.join(own)}."
        )
    for other in sorted({device.platform for device in ran if device.platform != device.ran}):
        names = (device.device for device in ran if device.platform == other)
        found.append(
            f"These devices are {platform_named(other).title} in production. Their files "
            "for it are made from the same design and did not run; a Linux rendering of that "
            f"design ran instead: {', '.join(names)}."
        )
    found.append(
        "Files for SSH, log-in, time, logs and SNMP are rendered and not rehearsed: the lab has no "
        "daemon that reads them. Secrets are random ones of this run."
    )
    found.append(
        "Shared networks and partners are modelled by one router each; how they are built inside "
        "is not rehearsed."
    )
    found.append("End systems are stand-ins that answer probes; no application of any service ran.")
    found.append(
        "Links have the machine's own delay and no loss: distances and congestion are not emulated."
    )
    found.append(
        "A gateway that loses power takes its links down with it, as on a direct cable; a silent "
        "failure behind a switch is detected by BFD only and takes longer."
    )
    return tuple(found)
