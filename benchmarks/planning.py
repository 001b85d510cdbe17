"""How long it takes to plan changes: `python benchmarks/planning.py [--devices N] [--lines N]`.

Two figures, each with what has to hold. The first renders a fleet made of the demonstration's
devices on all platforms before and after a stage, compares each and plans it both ways, with the
walk through every moment. The second plans 50 changes of one large IOS-XE configuration, and lets
hier_config alone compare the same two texts in the same run. CPU time is printed beside the time
that passed: on a busy machine only the former says much.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from hier_config import Platform, WorkflowRemediation, get_hconfig

from pcg_netops.design.devices import design
from pcg_netops.design.steering import find_stage, stages
from pcg_netops.diff.planning import plan, plan_stages, rendered
from pcg_netops.inventory.workspace import load_workspace
from pcg_netops.model.device import Device, Role
from pcg_netops.platforms import PLATFORMS
from pcg_netops.render import Renderer

REPOSITORY = Path(__file__).parents[1]
FLEET_LIMIT_S, LARGE_LIMIT_S = 30.0, 2.0
CHANGES = 50


def timed(what: str, limit_s: float | None, act: Callable[[], str]) -> float:
    """Run once and print what it took; the CPU seconds."""
    wall, cpu = time.monotonic(), _cpu()
    said = act()
    wall, cpu = time.monotonic() - wall, _cpu() - cpu
    limit = f", has to be below {limit_s:.0f} s" if limit_s else ""
    print(f"{what}: {wall:.2f} s, {cpu:.2f} s of one core{limit}; {said}")
    return cpu


def _cpu() -> float:
    """Seconds of processor time, with that of the processes that have ended."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def fleet(count: int) -> list[tuple[Device, Device]]:
    """Devices before and after services move, those that change, as often as it takes."""
    workspace = load_workspace(REPOSITORY)
    _, cutover = workspace.cutover()
    every = stages(cutover, workspace.services)
    before, after = (design(workspace, find_stage(every, name)) for name in ("p2", "p3"))
    pairs = []
    for platform in PLATFORMS.values():
        for name, old in before.items():
            pair = [replace(device, platform=platform.name) for device in (old, after[name])]
            says = not any(list(platform.unsayable(device)) for device in pair)
            if old.role is not Role.HOST and says and pair[0] != pair[1]:
                pairs.append((pair[0], pair[1]))
    return [pairs[number % len(pairs)] for number in range(count)]


def plan_fleet(pairs: list[tuple[Device, Device]]) -> str:
    """Render, compare and plan each device anew: nothing is kept from one to the next."""
    renderer = Renderer(REPOSITORY / "templates")
    names = [f"device-{number}" for number in range(len(pairs))]
    before, after = (
        {name: renderer.render(pair[side]) for name, pair in zip(names, pairs, strict=True)}
        for side in (0, 1)
    )
    platforms = {name: pair[0].platform for name, pair in zip(names, pairs, strict=True)}
    changes = plan_stages(before, after, platforms)
    commands = sum(len(c.remediation) + len(c.back_out) for c in changes)
    return f"{len(changes)} devices, {commands} commands both ways"


def large(lines: int) -> tuple[str, str]:
    """A configuration of so many lines, before and after 50 changes in all of its parts."""
    old: list[str] = ["hostname large", "router bgp 64500", " no bgp default ipv4-unicast"]
    peers = [f"10.{n // 250}.{n % 250}.1" for n in range(lines // 20)]
    for peer in peers:
        old += [f" neighbor {peer} remote-as 64501", f" neighbor {peer} description to {peer}"]
    old.append(" address-family ipv4")
    for peer in peers:
        old += [
            f"  neighbor {peer} route-map in-{peer} in",
            f"  neighbor {peer} route-map out-{peer} out",
            f"  neighbor {peer} activate",
        ]
    old.append(" exit-address-family")
    for peer in peers:
        old += [f"ip prefix-list p-{peer} seq 5 permit 10.9.0.0/16"]
        for way in ("in", "out"):
            old += [f"route-map {way}-{peer} permit 10", f" match ip address prefix-list p-{peer}"]
            old += [" set metric 10"]
        old += [f"ip access-list extended a-{peer}"]
        old += [f" permit tcp any host {peer} eq {port}" for port in range(7)]
    new = list(old)
    for number in range(CHANGES):
        at = (number + 1) * len(new) // (CHANGES + 2)
        while not new[at].startswith((" set metric 10", " permit tcp any")):
            at += 1
        new[at] = new[at].replace("metric 10", "metric 20").replace(" eq ", " gt ")
    return "\n".join([*old, ""]), "\n".join([*new, ""])


def plan_large(old: str, new: str) -> str:
    """The whole plan, both ways, walked through."""
    states = [rendered("iosxe", {"iosxe.conf": text}) for text in (old, new)]
    change = plan("large", "iosxe", *states)
    assert change is not None
    return f"{len(change.remediation)} commands, {len(change.back_out)} back, proven safe"


def peer(old: str, new: str) -> str:
    """What hier_config does by itself: both ways, in no order that would be safe."""
    sides = [get_hconfig(Platform.CISCO_IOS, text) for text in (old, new)]
    flow = WorkflowRemediation(*sides)
    ways = (flow.remediation_config, flow.rollback_config)
    there, back = (len(tuple(way.all_children_sorted())) for way in ways)
    return f"{there} commands, {back} back"


def main() -> None:
    """Print all figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=1000)
    parser.add_argument("--lines", type=int, default=20_000)
    arguments = parser.parse_args()
    pairs = fleet(arguments.devices)
    timed("fleet", FLEET_LIMIT_S, lambda: plan_fleet(pairs))
    old, new = large(arguments.lines)
    print(f"large: {len(old.splitlines())} lines, {CHANGES} changes")
    ours = timed("large, pcg", LARGE_LIMIT_S, lambda: plan_large(old, new))
    theirs = timed("large, hier_config alone", None, lambda: peer(old, new))
    print(f"pcg takes {ours / theirs:.2f} of hier_config's time")


if __name__ == "__main__":
    main()
