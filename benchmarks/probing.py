"""Prints what one probe takes of a processor: both its ends, and the way between them.

    python -m benchmarks.probing

The flows are the demonstration's, of one kind at a time. `cutover/run.py` counts on the result.
"""

from __future__ import annotations

import platform
import tempfile
import time
from pathlib import Path

from pcg_netops.cutover.bench import boot, wait_converged
from pcg_netops.design.devices import design
from pcg_netops.design.flows import flows
from pcg_netops.design.steering import stages
from pcg_netops.inventory.workspace import load_workspace
from pcg_netops.probes.engine import Probes
from pcg_netops.probes.settings import ProbeSettings
from pcg_netops.push.practice import stand_ins
from pcg_netops.render import render_stage

SECONDS = 5


def main() -> None:
    """Boot the demonstration's first stage, and probe it at three rates."""
    workspace = stand_ins(load_workspace(Path(__file__).parent.parent))
    _, cutover = workspace.cutover()
    first = stages(cutover, workspace.services)[0]
    devices = design(workspace, first)
    print(f"{platform.platform()}, {time.strftime('%d %B %Y')}")
    with (
        tempfile.TemporaryDirectory(prefix="pcg-") as folder,
        boot(workspace, devices, render_stage(workspace, first), Path(folder)) as lab,
    ):
        wait_converged(lab, devices)
        for kind in ("udp", "tcp"):
            some = [f for f in flows(workspace.network, workspace.services) if f.protocol == kind]
            for rate in (50, 100, 200):
                settings = ProbeSettings(udp_rate=rate, connect_interval_ms=1000 // rate)
                with Probes(lab, some, settings) as probes:
                    time.sleep(1)
                    since, before = probes.mark(), probes.usage().cpu_s
                    time.sleep(SECONDS)
                    used = probes.usage().cpu_s - before
                    sent = sum(result.sent for result in probes.window(since).values())
                print(
                    f"{kind}: {len(some)} flows at {rate}/s, {sent} probes in {SECONDS} s:"
                    f" {used / SECONDS:.2f} of a processor, {used / sent * 1e6:.0f} us each",
                    flush=True,
                )


if __name__ == "__main__":
    main()
