"""The rehearsal's test bench: a lab of the network, and a way to push to it."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Set
from functools import partial
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

from pcg_netops.confined import require_inside
from pcg_netops.design.reachability import known_prefixes
from pcg_netops.errors import LabError
from pcg_netops.files import write_private
from pcg_netops.inventory.nornir import Extras
from pcg_netops.inventory.workspace import Workspace
from pcg_netops.lab.backends import Backend, prepare, start
from pcg_netops.lab.controller import USERNAME, OwnedLab
from pcg_netops.lab.protocol import Lab
from pcg_netops.lab.topology.definitions import Topology
from pcg_netops.lab.topology.file import from_devices, to_yaml
from pcg_netops.model.device import Device
from pcg_netops.push.practice import AT_ONCE, LAB_KEY, lab_secrets
from pcg_netops.push.runner import Pusher
from pcg_netops.render import Artifacts

IMAGE = "pcg-netops/node:latest"
_CONVERGENCE_LIMIT_S = 30.0
_POLL_S = 0.1


def topology_of(
    workspace: Workspace, devices: Mapping[str, Device], image: str = IMAGE
) -> Topology:
    """The containerlab topology of a network; the same for every stage."""
    network = workspace.network
    return from_devices(network.name, list(devices.values()), network.pools.management, image)


def write_startup(folder: Path, artifacts: Artifacts) -> None:
    """The saved configuration of every device, where the topology's binds look for it."""
    require_inside(folder, folder / LAB_KEY)
    values = lab_secrets(folder)
    for device, files in artifacts.items():
        target = require_inside(folder, folder / "startup" / device)
        target.mkdir(parents=True, exist_ok=True)
        for artifact in files.values():
            write_private(target / artifact.name, values.fill(artifact.text))


def boot(
    workspace: Workspace,
    devices: Mapping[str, Device],
    artifacts: Artifacts,
    run_dir: Path,
    backend: Backend = "netns",
) -> OwnedLab:
    """Start the lab from the given configuration; routes have not converged yet."""
    topology = topology_of(workspace, devices)
    write_startup(run_dir, artifacts)
    path = run_dir / "topology.clab.yml"
    path.write_text(to_yaml(topology), encoding="utf-8")
    return start(backend, prepare(backend, topology, run_dir), path, run_dir)


def wait_converged(lab: Lab, devices: Mapping[str, Device]) -> None:
    """Return when every router's kernel has the routes of the design, no fewer and no more.

    Raises LabError naming what is wrong where, if that takes too long.
    """
    wrong = wrong_routes(lab, devices)
    if wrong:
        raise LabError(
            f"routes did not converge in {_CONVERGENCE_LIMIT_S:g} s: {wrong}",
            remedy="look at 'show bgp summary' on the node that lacks them",
        )


def wrong_routes(lab: Lab, devices: Mapping[str, Device]) -> str:
    """Wait for routing to become what the design says; "", or what is wrong after all.

    A route too many is as wrong as a missing one: it is how a withdrawn exchange stays in use.
    """
    unsettled = known_prefixes(devices)
    deadline = time.monotonic() + _CONVERGENCE_LIMIT_S
    while True:
        found = {name: _kernel_routes(lab, name) for name in unsettled}
        unsettled = {
            name: prefixes for name, prefixes in unsettled.items() if prefixes != found[name]
        }
        if not unsettled:
            return ""
        if time.monotonic() > deadline:
            return "; ".join(
                said
                for name, prefixes in unsettled.items()
                for said in (
                    _listed(f"{name} lacks", prefixes - found[name]),
                    _listed(f"{name} still has", found[name] - prefixes),
                )
                if said
            )
        time.sleep(_POLL_S)


def wait_watched(lab: Lab, devices: Mapping[str, Device]) -> None:
    """Return when every BFD session of the design is up. Raises LabError naming those that are not.

    BGP comes up without it, and then a failure without loss of carrier goes unnoticed for as long
    as BGP's hold time.
    """
    unsettled = {name: watched for name, device in devices.items() if (watched := _watched(device))}
    deadline = time.monotonic() + _CONVERGENCE_LIMIT_S
    while True:
        unsettled = {
            name: left
            for name, watched in unsettled.items()
            if (left := watched - _bfd_peers_up(lab, name))
        }
        if not unsettled:
            return
        if time.monotonic() > deadline:
            said = "; ".join(
                f"{name} to {', '.join(map(str, sorted(peers)))}"
                for name, peers in unsettled.items()
            )
            raise LabError(
                f"BFD did not come up in {_CONVERGENCE_LIMIT_S:g} s: {said}",
                remedy="look at 'show bfd peers' on both nodes, and at what their filters admit",
            )
        time.sleep(_POLL_S)


def _watched(device: Device) -> set[IPv4Address]:
    sessions = device.bgp.sessions if device.bgp else ()
    return {session.peer_address for session in sessions if session.up and session.bfd}


def _bfd_peers_up(lab: Lab, node: str) -> set[IPv4Address]:
    done = lab.run(node, ["vtysh", "-d", "bfdd", "-c", "show bfd peers json"])
    if done.returncode:
        raise LabError(f"cannot read BFD sessions: {done.stderr.strip()}", place=node)
    return {
        IPv4Address(peer["peer"])
        for peer in json.loads(done.stdout or "[]")
        if peer["status"] == "up"
    }


def _listed(what: str, prefixes: Set[IPv4Network]) -> str:
    return f"{what} {', '.join(map(str, sorted(prefixes)))}" if prefixes else ""


def _kernel_routes(lab: Lab, node: str) -> set[IPv4Network]:
    done = lab.run(node, ["ip", "-j", "route", "show", "proto", "bgp"])
    if done.returncode:
        raise LabError(f"cannot read routes: {done.stderr.strip()}", place=node)
    return {IPv4Network(route["dst"]) for route in json.loads(done.stdout or "[]")}


def reaching(lab: OwnedLab) -> Extras:
    """What connections to the lab's nodes need; all else is as in production."""

    def extras(name: str) -> dict[str, Any]:
        return {
            "dial": partial(lab.connect, name),
            "username": USERNAME,
            "private_key": lab.client_key,
            "known_hosts": lab.known_hosts,
        }

    return extras


def pusher_for(workspace: Workspace, lab: OwnedLab) -> Pusher:
    """Pushes to the lab's nodes."""
    return Pusher(workspace, reaching(lab), lab_secrets(lab.known_hosts.parent), AT_ONCE)
