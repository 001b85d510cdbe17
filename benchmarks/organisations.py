"""Rehearses the networks of made-up organisations, and prints what each took and came to.

python -m benchmarks.organisations --seeds 1-10
"""

from __future__ import annotations

import argparse
import platform
import tempfile
import time
from collections import Counter
from pathlib import Path

from pcg_netops.cutover.rehearsal import Progress, rehearse
from pcg_netops.inventory.workspace import load_workspace
from pcg_netops.model.device import Role
from tests.organisations import write


def main() -> None:
    """Rehearse each once, and sum up."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", default="1-10", help="first and last, or one")
    first, _, last = parser.parse_args().seeds.partition("-")
    print(f"{platform.platform()}, {time.strftime('%d %B %Y')}")
    verdicts: Counter[str] = Counter()
    for seed in range(int(first), int(last or first) + 1):
        with tempfile.TemporaryDirectory(prefix="pcg-") as folder:
            workspace = load_workspace(write(Path(folder, "workspace"), seed))
            run_dir = Path(folder, "run")
            run_dir.mkdir()
            quiet = Progress(lambda text: None, lambda step: None)
            evidence = rehearse(workspace, None, run_dir, quiet)
        verdicts[evidence.verdict] += 1
        network = workspace.network
        shape = ", ".join(f"{len(network.with_role(r))} {r}" for r in Role if r is not Role.HOST)
        print(
            f"seed {seed:3}: {evidence.verdict.upper():10} {evidence.seconds:4.0f} s,"
            f" {len(evidence.steps)} steps, {len(workspace.services.services)} services; {shape}",
            flush=True,
        )
    print(", ".join(f"{count} {verdict}" for verdict, count in verdicts.items()))


if __name__ == "__main__":
    main()
