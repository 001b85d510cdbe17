"""Prints how long labs of routers with BGP and BFD take to come up and go, beside a floor.

From nothing to every prefix in every kernel's table; a process of Python's own is part of it. The
floor is the same daemons with the same files, started by hand in bare network namespaces
(`floor.py`): no management network, no SSH, no read-only view of the machine. Other lab tools that
are installed come up beside it (`peers.py`). `--cycles` and `--kills` start and end, or kill at
random moments, that many labs, and compare the machine before and after.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

REPOSITORY = Path(__file__).parent.parent
sys.path.insert(0, str(REPOSITORY))

from benchmarks.peers import DEBIANS_PYTHON, Peers  # noqa: E402  the repository is no package
from tests.lab.small import loopback, ring, wait_for_routes  # noqa: E402

UNSHARE = (
    *("unshare", "--user", "--map-root-user", "--net", "--mount", "--pid", "--uts", "--ipc"),
    *("--fork", "--mount-proc", "--kill-child"),
)
if TYPE_CHECKING:
    from pcg_netops.lab.topology.definitions import Topology

TARGET_RATIO = 1.3
LIMIT_S = 300.0
PEERS_HELP = "the interpreter that imports the other lab tools (default: %(default)s)"


def main() -> None:
    """Measure what the options ask for, or one lab as the process that is measured."""
    parser = argparse.ArgumentParser(description="Measures labs of routers.")
    parser.add_argument("--nodes", type=int, nargs="*", default=[10, 50])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--without-floor", action="store_true")
    parser.add_argument("--peers-python", default=DEBIANS_PYTHON, metavar="PATH", help=PEERS_HELP)
    parser.add_argument("--cycles", type=int, default=0)
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--one", nargs=2, metavar=("FOLDER", "NODES"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        one(Path(options.one[0]), int(options.one[1]))
        return
    for count in options.nodes:
        peers = Peers(options.peers_python, UNSHARE)
        measure(count, options.runs, peers, floor=not options.without_floor)
    if options.cycles:
        repeat(options.cycles, "cycles", cycle)
    if options.kills:
        repeat(options.kills, "kills", kill)


def measure(count: int, runs: int, peers: Peers, *, floor: bool) -> None:
    """All ways in turn, so that what else the machine does hits all alike."""
    labs: list[dict[str, float]] = []
    floors: list[float] = []
    for _ in range(runs):
        with tempfile.TemporaryDirectory(prefix="pcg-") as folder:
            labs.append(lab_figures(Path(folder), count))
        if floor:
            with tempfile.TemporaryDirectory(prefix="pcg-") as folder:
                floors.append(floor_seconds(Path(folder), count))
        peers.run(lambda folder: write_plan(folder, count))
    print(f"{count} nodes, {runs} runs: median (least to most)")
    for name, unit in (("up", "s"), ("converged", "s"), ("down", "s"), ("memory", "MB")):
        show(name, unit, [figures[name] for figures in labs])
    if floors:
        show("floor", "s", floors)
        ratio = median(figures["converged"] for figures in labs) / median(floors)
        print(f"  {'ratio':<10} {ratio:8.2f} (at most {TARGET_RATIO})")
    peers.show(median(figures["converged"] for figures in labs))


def show(name: str, unit: str, values: Sequence[float]) -> None:
    """One line."""
    low, middle, high = min(values), median(values), max(values)
    print(f"  {name:<10} {middle:8.2f} {unit:<3} ({low:.2f} to {high:.2f})", flush=True)


def lab_figures(folder: Path, count: int) -> dict[str, float]:
    """Seconds from the start of a process of Python's until converged, and what it says itself."""
    command = [sys.executable, "-P", str(Path(__file__)), "--one", str(folder), str(count)]
    begun = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        up = json.loads(process.stdout.readline()) - begun
        converged = json.loads(process.stdout.readline()) - begun
        rest = json.loads(process.stdout.readline())
    assert process.returncode == 0
    return {"up": up, "converged": converged, **rest}


def network(folder: Path, count: int) -> Topology:
    """A ring with chords. Large ones have fewer: Linux has room for 1,024 neighbours by default.

    Both ends of every cable take a place, in one table for all network namespaces.
    """
    return ring(folder, count, chords=count // (2 if count <= 100 else 10))


def one(folder: Path, count: int) -> None:
    """The process that is measured: it prints the instants on the machine's own clock."""
    from pcg_netops.lab.embedded.lab import NetnsLab

    topology = network(folder, count)
    lab = NetnsLab.up(topology, folder, folder / "run")
    print(time.monotonic(), flush=True)
    wait_for_routes(lab, count, LIMIT_S)
    print(time.monotonic(), flush=True)
    memory = lab.memory() / 1e6
    begun = time.monotonic()
    lab.down()
    print(json.dumps({"down": time.monotonic() - begun, "memory": memory}), flush=True)


def write_plan(folder: Path, count: int) -> None:
    """The same network for `floor.py` and `peer.py`."""
    topology = network(folder, count)
    plan: dict[str, Any] = {
        "links": [
            [*((end.node, end.interface) for end in link.ends), link.mtu] for link in topology.links
        ],
        "hosts": {},
        "routes": {
            f"r{i}": [loopback(j) for j in range(1, count + 1) if j != i]
            for i in range(1, count + 1)
        },
    }
    (folder / "plan.json").write_text(json.dumps(plan))


def floor_seconds(folder: Path, count: int) -> float:
    """The same network by hand."""
    write_plan(folder, count)
    command = [*UNSHARE, sys.executable, "-I", str(REPOSITORY / "benchmarks/floor.py"), str(folder)]
    begun = time.monotonic()
    subprocess.run(command, check=True)
    return time.monotonic() - begun


# --- what labs leave -----------------------------------------------------------------------------

PCG = (sys.executable, "-P", "-c", "from pcg_netops.cli import main; main()", "lab")
TOPOLOGY = """
name: cycle
topology:
  nodes:
    r1: {kind: linux, image: frrouting/frr}
    r2: {kind: linux, image: frrouting/frr}
  links:
    - endpoints: [r1:eth1, r2:eth1]
"""


def repeat(times: int, name: str, act: Callable[[Path, dict[str, str]], None]) -> None:
    """Do something with a lab over and over; what is there afterwards must be what was before."""
    with tempfile.TemporaryDirectory(prefix="pcg-") as text:
        folder = Path(text)
        runtime = folder / "run"
        runtime.mkdir(mode=0o700)
        (folder / "cycle.clab.yml").write_text(TOPOLOGY)
        environment = os.environ | {
            "XDG_RUNTIME_DIR": str(runtime),
            "PYTHONPATH": str(REPOSITORY),
        }
        before = machine(folder)
        for _ in range(times):
            act(folder, environment)
        shutil.rmtree(runtime / "pcg", ignore_errors=True)
        deadline = time.monotonic() + 5
        while (left := machine(folder) ^ before) and time.monotonic() < deadline:
            time.sleep(0.1)
        print(f"{times} {name}: {'left ' + '; '.join(sorted(left)) if left else 'nothing left'}")
        if left:
            sys.exit(1)


def cycle(folder: Path, environment: dict[str, str]) -> None:
    """Up and down."""
    for command in (["up", "cycle.clab.yml"], ["down"]):
        subprocess.run(
            [*PCG, *command], cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL
        )


def kill(folder: Path, environment: dict[str, str]) -> None:
    """`kill -9` of a start at a random moment, or of the lab where that was up already."""
    process = subprocess.Popen(
        [*PCG, "up", "cycle.clab.yml"], cwd=folder, env=environment, stdout=subprocess.DEVNULL
    )
    time.sleep(random.uniform(0, 1.5))  # noqa: S311
    process.send_signal(signal.SIGKILL)
    process.wait()
    record = folder / "run/pcg/cycle/lab.json"
    with suppress(FileNotFoundError, ProcessLookupError):  # not up yet: it goes by itself
        os.kill(json.loads(record.read_text())["pid"], signal.SIGKILL)
        time.sleep(0.5)
        shutil.rmtree(folder / "clab-cycle", ignore_errors=True)


def machine(folder: Path) -> set[str]:
    """What a lab could leave: interfaces, mounts, namespaces and processes, files."""
    found = {f"interface {path.name}" for path in Path("/sys/class/net").iterdir()}
    found |= {f"mount {line}" for line in Path("/proc/self/mounts").read_text().splitlines()}
    found |= {f"file {path}" for path in folder.rglob("*") if "/run/pcg" not in str(path)}
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                if str(folder).encode() in (process / "environ").read_bytes():
                    found.add(f"process {process.name} {(process / 'comm').read_text().strip()}")
            except OSError:
                continue  # has ended
    return found


if __name__ == "__main__":
    main()
