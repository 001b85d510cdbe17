"""A large network, side by side with Nornir's SimpleInventory and nornir_jinja2.

    pip install nornir-jinja2
    python benchmarks/scale.py --devices 10000 --services 2000

Both get the same devices rendered, in memory: `pcg` from the intent, in one process; Nornir from a
hosts.yaml that holds what the templates need to know, with its `template_file` and the same
templates. Nornir does a sample of the devices, spread over all but the largest (edges and
gateways), and its seconds are multiplied up. That both texts are the same is checked.

Then `pcg render --out` twice, as a user runs it: first with nothing to reuse, then unchanged. The
exit code is 1 if a limit is missed. Runs in about two minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import yaml
from big_workspace import Shape, write_workspace

REPOSITORY = Path(__file__).parents[1]
LARGEST_SHARE = 1 / 8  # of Nornir's seconds
LARGEST_SHARE_UNCHANGED = 1 / 32
LARGEST_MB = 1_500
PCG = "from pcg_netops.cli import main; main()"
OURS = """
import json, resource, sys, time
begun = time.monotonic()
from pathlib import Path
from pcg_netops.design.steering import stages
from pcg_netops.inventory.workspace import load_workspace
from pcg_netops.render import StageRenderer
workspace = load_workspace(Path(sys.argv[1]))
loaded = time.monotonic()
renderer = StageRenderer(workspace)
artifacts = renderer.render(stages(workspace.cutover()[1], workspace.services)[0])
print(json.dumps({"load": loaded - begun, "render": time.monotonic() - loaded,
    "lines": sum(a.text.count("\\n") for files in artifacts.values() for a in files.values())}))
"""


@dataclass(frozen=True)
class Run:
    """A finished process: what it said, seconds by the clock, CPU seconds, peak megabytes."""

    said: str
    seconds: float
    cpu: float
    megabytes: float


def run(arguments: list[str], cache: Path) -> Run:
    begun = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, *arguments],
        env=os.environ | {"PYTHONPATH": str(REPOSITORY), "XDG_CACHE_HOME": str(cache)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    said = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{arguments} ended with {process.returncode}")
    return Run(
        said, time.monotonic() - begun, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1000
    )


def plain(value: Any) -> Any:
    """What a hosts.yaml can hold of a device: text, numbers, lists and mappings."""
    if isinstance(value, Enum):
        return value.value
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, (tuple, list)):
        return [plain(part) for part in value]
    if isinstance(value, dict):
        return {str(key): plain(part) for key, part in value.items()}
    if is_dataclass(value) and "__str__" not in vars(type(value)):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    return str(value)


def unique(values: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Jinja's filter of that name, for mappings: those of plain data cannot be hashed."""
    return list({json.dumps(value): value for value in values}.values())


@dataclass(frozen=True)
class Seconds:
    """By the clock, and of the processor."""

    clock: float
    cpu: float

    def times(self, factor: float) -> Seconds:
        return Seconds(self.clock * factor, self.cpu * factor)

    def plus(self, other: Seconds) -> Seconds:
        return Seconds(self.clock + other.clock, self.cpu + other.cpu)


def timed(what: Callable[[], Any]) -> tuple[Any, Seconds]:
    clock, cpu = time.monotonic(), time.process_time()
    result = what()
    return result, Seconds(time.monotonic() - clock, time.process_time() - cpu)


def nornir_seconds(root: Path, sample: int, folder: Path) -> tuple[Seconds, Seconds]:
    """What Nornir would take to load all devices and to render them, from a sample."""
    from nornir.core.plugins.inventory import InventoryPluginRegister
    from nornir.core.task import Result, Task
    from nornir.init_nornir import InitNornir
    from nornir_jinja2.plugins.tasks import template_file

    from pcg_netops.design.devices import design
    from pcg_netops.design.steering import stages
    from pcg_netops.inventory.workspace import load_workspace
    from pcg_netops.platforms import platform_named
    from pcg_netops.render import Renderer

    workspace = load_workspace(root)
    devices = design(workspace, stages(workspace.cutover()[1], workspace.services)[0])
    smaller = [d for d in devices.values() if d.role.value in ("core", "partner")]
    chosen = smaller[:: max(1, len(smaller) // sample)][:sample]
    entries = {
        device.name: {
            "hostname": str(device.management.address) if device.management else "",
            "data": {
                "device": plain(device),
                "view": plain(dict(platform_named(device.platform).view(device))),
            },
        }
        for device in chosen
    }
    (folder / "hosts.yaml").write_text(yaml.dump(entries, Dumper=yaml.CSafeDumper))
    InventoryPluginRegister.auto_register()
    nornir, loading = timed(
        lambda: InitNornir(
            inventory={
                "plugin": "SimpleInventory",
                "options": {"host_file": str(folder / "hosts.yaml")},
            },
            logging={"enabled": False},
        )
    )
    templates = {kind.template for kind in platform_named(chosen[0].platform).artifacts}

    def render(task: Task) -> Result:
        texts = {
            template: task.run(
                template_file,
                template=template,
                path=str(workspace.templates),
                jinja_filters={"unique": unique},
                device=task.host["device"],
                **task.host["view"],
            ).result
            for template in templates
        }
        return Result(host=task.host, result=texts)

    results, rendering = timed(lambda: nornir.run(task=render))
    ours = Renderer(workspace.templates)
    for device in chosen:
        theirs = results[device.name][0].result
        for kind in platform_named(device.platform).artifacts:
            text = ours.render(device)[kind.name].text
            if text.split() != theirs[kind.template].split():
                raise SystemExit(f"{device.name}/{kind.name}: Nornir rendered something else")
    factor = len(workspace.network.nodes) / len(chosen)
    return loading.times(factor), rendering.times(factor)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=10_000)
    parser.add_argument("--services", type=int, default=2_000)
    parser.add_argument("--sample", type=int, default=200, help="devices that Nornir does")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        root, cache = folder / "workspace", folder / "cache"
        write_workspace(root, Shape(arguments.devices, arguments.services))
        ours = run(["-c", OURS, str(root)], cache)
        parts = json.loads(ours.said)
        command = ["-c", PCG, "render", "-w", str(root), "--out", str(folder / "out")]
        first, again = run(command, cache), run(command, cache)
        their_load, their_render = nornir_seconds(root, arguments.sample, folder)
    theirs = their_load.plus(their_render)
    print(f"{arguments.devices} devices, {arguments.services} services, {parts['lines']} lines")
    print(f"{'':<34}{'seconds by the clock':>26}{'of the processor':>26}")
    print(f"{'':<34}{'Nornir     pcg   ratio':>26}{'Nornir     pcg   ratio':>26}      MB")
    print(f"{'load and validate':<34}{their_load.clock:>10.1f}{parts['load']:>8.1f}")
    print(f"{'design and render':<34}{their_render.clock:>10.1f}{parts['render']:>8.1f}")
    for what, done in (
        ("all of it, in memory", ours),
        ("pcg render --out, first run", first),
        ("pcg render --out, nothing changed", again),
    ):
        pairs = [(theirs.clock, done.seconds), (theirs.cpu, done.cpu)]
        figures = "".join(f"{t:>10.1f}{o:>8.1f}{t / o:>8.1f}" for t, o in pairs)
        print(f"{what:<34}{figures}{done.megabytes:>8.0f}")
    kept = (
        max(ours.cpu, first.cpu) <= theirs.cpu * LARGEST_SHARE
        and again.cpu <= theirs.cpu * LARGEST_SHARE_UNCHANGED
        and max(ours.megabytes, first.megabytes, again.megabytes) <= LARGEST_MB
    )
    print(
        f"limits, of the processor's seconds: ratio 8, unchanged 32; {LARGEST_MB} MB:"
        f" {'kept' if kept else 'MISSED'}"
    )
    return int(not kept)


if __name__ == "__main__":
    sys.exit(main())
