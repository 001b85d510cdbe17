"""What the task `push` of a playbook adds to the same push by `Operation`, on three stand-ins.

    python -m benchmarks.playbook [--pairs 10]

From the top of a clone, with the test requirements installed. Both log in, look, stage, arm, apply,
gate, confirm and log out, in turn, each on new devices; the workspace is read before.
Limit: 1.05 of the other's median.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from nornir import InitNornir
from nornir.core import Nornir

from pcg_netops.diff import load
from pcg_netops.nornir import push, render
from pcg_netops.push import Operation, Unapproved, production
from tests.fake_device import serving
from tests.unit.pushed import ENVIRONMENT, Network, network_in

LIMIT = 1.05
WHY = "a benchmark"


def by_operation(network: Network) -> None:
    extras = production(network.workspace, network.ssh_config)
    with closing(Operation(network.workspace, extras)) as operation:
        operation.start(load(network.change), Unapproved(WHY))


def by_task(network: Network) -> None:
    nornir_of(network).run(task=push, change=network.change, unapproved=WHY).raise_on_error()


_kept: dict[Path, Nornir] = {}


def nornir_of(network: Network) -> Nornir:
    """Nornir on the workspace's own files, which it has read."""
    if network.root in _kept:
        return _kept[network.root]
    nr = InitNornir(
        config_file="inventory/config.yaml",
        user_defined={"pcg": {"ssh_config": str(network.ssh_config)}},
        logging={"enabled": False},
    )
    nr.run(task=render, phase="build").raise_on_error()
    _kept[network.root] = nr
    return nr


def seconds(way: Callable[[Network], None], network: Network) -> float:
    """One push to new devices."""
    nornir_of(network)
    with serving(list(network.devices().values())):
        started = time.monotonic()
        way(network)
        return time.monotonic() - started


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=10)
    pairs = parser.parse_args().pairs
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= ENVIRONMENT | {"PCG_TRUST": f"{folder}/trust"}
        Path(folder, "trust").mkdir(mode=0o700)
        network = network_in(Path(folder))
        os.chdir(network.root)
        ways = (by_operation, by_task)
        found = [[seconds(way, network) for way in ways] for _ in range(pairs)]
        os.chdir("/")
    medians = [statistics.median(times) for times in zip(*found, strict=True)]
    ratio = medians[1] / medians[0]
    print(f"Operation {medians[0]:.3f} s, task {medians[1]:.3f} s, {pairs} pairs: {ratio:.3f}")
    return int(ratio > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
