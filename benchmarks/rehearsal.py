"""Prints what a rehearsal takes and finds, and how near its lab's boot comes to a practical floor.

The floor is what anybody would do by hand: the same FRR daemons and rulesets, with the same
configuration files, in bare network namespaces (`floor.py`); no management network, no SSH, no
read-only view of the machine. Both are timed until every kernel has every route of the design.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from pcg_netops.cutover.bench import topology_of, write_startup
from pcg_netops.cutover.evidence import Evidence, StepKind
from pcg_netops.cutover.rehearsal import Progress, rehearse
from pcg_netops.design.devices import design
from pcg_netops.design.reachability import known_prefixes
from pcg_netops.design.steering import stages
from pcg_netops.inventory.workspace import Workspace, load_workspace
from pcg_netops.render import render_stage

REPOSITORY = Path(__file__).parent.parent
UNSHARE = (
    *("unshare", "--user", "--map-root-user", "--net", "--mount", "--pid", "--uts", "--ipc"),
    *("--fork", "--mount-proc", "--kill-child"),
)


def main() -> None:
    """Rehearse, measure the floor, and print both."""
    parser = argparse.ArgumentParser(description="Measures the rehearsal of a workspace.")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--workspace", type=Path, default=REPOSITORY)
    options = parser.parse_args()
    workspace = load_workspace(options.workspace)
    found = []
    floors = []
    for number in range(options.runs):
        with tempfile.TemporaryDirectory(prefix="pcg-") as folder:
            floors.append(floor_seconds(workspace, Path(folder)))
            found.append(one_rehearsal(workspace, Path(folder) / "run"))
        print(
            f"run {number + 1}: {found[-1].verdict.upper()} {found[-1].seconds:.0f} s", flush=True
        )
    show(found, floors)


def one_rehearsal(workspace: Workspace, run_dir: Path) -> Evidence:
    """Rehearse the workspace's only cutover, without a report."""
    run_dir.mkdir()
    return rehearse(workspace, None, run_dir, Progress(lambda text: None, lambda step: None))


def show(found: Sequence[Evidence], floors: Sequence[float]) -> None:
    """Print the figures of all runs: median, and from the least to the most."""
    lab = found[0].lab
    print(f"machine   {platform.platform()}, {lab.cpus} processors")
    print(f"versions  {', '.join(f'{name}: {text}' for name, text in lab.versions.items())}")
    boots = [evidence.lab.boot_seconds for evidence in found]
    print(spread("boot", "s", boots, 2))
    print(spread("floor", "s", floors, 2))
    print(spread("ratio", "", [boot / floor for boot, floor in zip(boots, floors, strict=True)], 2))
    print(spread("duration", "s", [evidence.seconds for evidence in found]))
    print(spread("memory", "MB", [evidence.lab.memory_mb for evidence in found]))
    print(spread("lost in planned steps", "probes", [planned_loss(e) for e in found]))
    print("worst outage when the new exchange loses power, of the limit:")
    outages: dict[str, list[float]] = {}
    limits: dict[str, float] = {}
    for evidence in found:
        for step in evidence.steps:
            for service in step.services if step.kind is StepKind.FAILURE else ():
                outages.setdefault(service.service, []).append(service.outage_ms)
                limits[service.service] = service.limit_ms
    for name, values in outages.items():
        print(f"{spread(f'  {name}', 'ms', values)}  of {limits[name]:.0f} ms")


def planned_loss(evidence: Evidence) -> int:
    """Probes lost in all steps but the failure."""
    planned = (step for step in evidence.steps if step.kind is not StepKind.FAILURE)
    return sum(service.lost for step in planned for service in step.services)


def spread(name: str, unit: str, values: Sequence[float], digits: int = 0) -> str:
    """One line: the median, and the range."""
    low, middle, high = (f"{v:.{digits}f}" for v in (min(values), median(values), max(values)))
    return f"{name:<22} {middle:>7} {unit:<6} ({low} to {high})"


def floor_seconds(workspace: Workspace, folder: Path) -> float:
    """Start the first stage by hand; seconds until every kernel has every route."""
    _, cutover = workspace.cutover()
    stage = stages(cutover, workspace.services)[0]
    devices, artifacts = design(workspace, stage), render_stage(workspace, stage)
    topology = topology_of(workspace, devices)
    plan = {
        "links": [
            *([*((e.node, e.interface) for e in link.ends), link.mtu] for link in topology.links),
            *(
                [(device.name, i.name), (i.peer, i.peer_interface), i.mtu]
                for device in devices.values()
                for tunnel in device.tunnels
                for i in device.interfaces
                if tunnel.initiates and i.name == tunnel.interface
            ),
        ],
        "hosts": {
            name: [command.removeprefix("ip ") for command in node.exec]
            for name, node in topology.nodes.items()
            if node and node.exec
        },
        "routes": {
            name: [str(prefix).removesuffix("/32") for prefix in prefixes]
            for name, prefixes in known_prefixes(devices).items()
        },
    }
    begun = time.monotonic()
    write_startup(folder, artifacts)
    (folder / "plan.json").write_text(json.dumps(plan))
    command = [*UNSHARE, sys.executable, "-I", str(Path(__file__).parent / "floor.py"), str(folder)]
    subprocess.run(command, check=True)
    return time.monotonic() - begun


if __name__ == "__main__":
    main()
