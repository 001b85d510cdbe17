"""Brings up the network of `floor.py` with another lab tool, and ends it as that tool does.

`python peer.py mininet|munet FOLDER`, in new namespaces and with FOLDER as for `floor.py`, by an
interpreter that imports the tool. Each node starts its daemons with the floor's own lines. Prints
as JSON the instant of the machine's clock at which every kernel had its routes ("converged"), the
seconds that the end took ("down") and the megabytes that were held ("memory").
"""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from floor import AT_ONCE, PREPARE, START, wait

DAEMONS = {"zebra", "staticd", "bfdd", "bgpd"}

Pids = dict[str, int]
Down = Callable[[], None]


def main(tool: str, folder: Path) -> None:
    """Bring up, wait for the routes, end."""
    plan = json.loads((folder / "plan.json").read_text())
    subprocess.run(["sh", "-ec", PREPARE], check=True)
    pids, down = {"mininet": mininet, "munet": munet}[tool](plan, folder)
    wait(plan["routes"], lambda node: ["nsenter", f"--net=/proc/{pids[node]}/ns/net", "ip"])
    converged = time.monotonic()
    memory = sum(map(proportional_size, processes())) / 1e6
    begun = time.monotonic()
    down()
    print(json.dumps({"converged": converged, "down": time.monotonic() - begun, "memory": memory}))


def mininet(plan: dict[str, Any], folder: Path) -> tuple[Pids, Down]:
    """Hosts and cables; the daemons start on as many nodes at once as in the floor."""
    from mininet.net import Mininet  # type: ignore[import-not-found]

    net = Mininet(controller=None, build=False)
    nodes = {name: net.addHost(name, ip=None) for name in plan["routes"]}
    for (near, name), (far, peer), _ in plan["links"]:
        net.addLink(nodes[near], nodes[far], intfName1=name, intfName2=peer)
    net.start()

    def start(name: str) -> None:
        with (folder / f"{name}.log").open("wb") as log:
            command = node_command(plan, folder, name)
            assert nodes[name].popen(command, stdout=log, stderr=log).wait() == 0, name

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(start, nodes))

    def down() -> None:
        for process in processes():  # mininet would leave them running
            with suppress(OSError):
                if (process / "comm").read_text().strip() in DAEMONS:
                    os.kill(int(process.name), signal.SIGKILL)
        net.stop()

    return {name: node.pid for name, node in nodes.items()}, down


def munet(plan: dict[str, Any], folder: Path) -> tuple[Pids, Down]:
    """A node of the default kind, a namespace, for each router; munet starts them all at once."""
    from munet.parser import async_build_topology  # type: ignore[import-not-found]

    connections: dict[str, list[dict[str, Any]]] = {name: [] for name in plan["routes"]}
    for (near, name), (far, peer), mtu in plan["links"]:
        connections[near].append({"to": far, "name": name, "remote-name": peer, "mtu": mtu})
        connections[far].append({"to": near, "name": peer, "remote-name": name, "mtu": mtu})
    nodes = [
        {
            "name": name,
            "connections": connections[name],
            "cmd": shlex.join(node_command(plan, folder, name)),
        }
        for name in plan["routes"]
    ]
    config = {"config_pathname": str(folder / "munet.yaml"), "topology": {"nodes": nodes}}
    loop = asyncio.new_event_loop()
    network = loop.run_until_complete(async_build_topology(config, rundir=str(folder / "munet")))
    loop.run_until_complete(network.run())
    pids = {name: node.pid for name, node in network.hosts.items()}
    return pids, lambda: loop.run_until_complete(network.async_delete())


def node_command(plan: dict[str, Any], folder: Path, node: str) -> list[str]:
    """Starts a router's daemons, in its namespaces."""
    mtus = [
        f"ip link set {name} mtu {mtu}"
        for near, far, mtu in plan["links"]
        for owner, name in (near, far)
        if owner == node
    ]
    script = "\n".join([*mtus, START])
    return ["sh", "-ec", script, "start", node, str(folder / "startup" / node)]


def processes() -> Iterator[Path]:
    """All of these namespaces."""
    return Path("/proc").glob("[0-9]*")


def proportional_size(process: Path) -> int:
    """Bytes that it holds, shared pages counted once; none when it has just ended."""
    with suppress(OSError):
        for line in (process / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
