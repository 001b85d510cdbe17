"""Starts a network by hand: real daemons in bare network namespaces made by `ip`, and no more.

A cable stands for each IPsec tunnel.

`python floor.py FOLDER`, in new user, mount, PID and network namespaces. FOLDER holds `plan.json`:
{"links": [[[node, interface], [node, interface], mtu]], "hosts": {node: [line for ip]},
"routes": {router: [prefix]}}, and each router's configuration in `startup/<router>/`. Ends when
every router's kernel has its routes. It imports the standard library alone, to cost nothing itself.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

AT_ONCE = 4
LIMIT_S = 60.0
PREPARE = """
mount -t tmpfs tmpfs /run
mkdir /run/frr
mount -t tmpfs tmpfs /etc/frr
mount -t tmpfs tmpfs /var/tmp
{ grep -v ^frrvty: /etc/group; echo frrvty:x:0:root; } >/run/group
mount --bind /run/group /etc/group
"""
START = """
mkdir -p /etc/frr/$1
cp $2/frr.conf /etc/frr/$1
echo service integrated-vtysh-config >/etc/frr/$1/vtysh.conf
echo 1 >/proc/sys/net/ipv4/ip_forward
nft -f $2/nftables.conf
for daemon in zebra staticd bfdd bgpd; do
    [ $daemon != staticd ] || grep -q '^ip route ' $2/frr.conf || continue
    /usr/lib/frr/$daemon -d -N $1 -u root -g root -P 0
done
vtysh -N $1 -b
"""


def main(folder: Path) -> None:
    """Build the network, start everything, wait for the routes."""
    plan = json.loads((folder / "plan.json").read_text())
    nodes = [*plan["routes"], *plan["hosts"]]
    subprocess.run(["sh", "-ec", PREPARE], check=True)
    batch([f"netns add {node}" for node in nodes])
    # Linux tells of a carrier at once only where the two ends of a cable differ in index.
    batch(
        [
            f"link add {name} index {number} netns {near} mtu {mtu} type veth"
            f" peer name {peer} netns {far} mtu {mtu}"
            for number, ((near, name), (far, peer), mtu) in enumerate(plan["links"], 1000)
        ]
    )
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda node: start(node, plan, folder), nodes))
    wait(plan["routes"], lambda node: ["ip", "-n", node])


def batch(lines: Sequence[str], node: str | None = None) -> None:
    """Run lines of `ip`, in a node's namespace or here."""
    inside = ["-n", node] if node else []
    text = "\n".join(lines) + "\n"
    subprocess.run(["ip", *inside, "-batch", "-"], input=text, text=True, check=True)


def start(node: str, plan: dict[str, Any], folder: Path) -> None:
    """Raise a node's links, then give a host its addresses or start a router's daemons."""
    ends = (end for near, far, _ in plan["links"] for end in (near, far))
    up = [f"link set {name} up" for owner, name in ends if owner == node]
    batch(["link set lo up", *up, *plan["hosts"].get(node, ())], node)
    if node in plan["hosts"]:
        return
    with (folder / f"{node}.log").open("wb") as log:  # a daemon would keep a pipe open
        script = ["sh", "-ec", START, "start", node, str(folder / "startup" / node)]
        command = ["ip", "netns", "exec", node, *script]
        subprocess.run(command, check=True, stdout=log, stderr=log)


def wait(wanted: dict[str, list[str]], ip: Callable[[str], list[str]]) -> None:
    """Until every router's kernel has its routes; `ip` is how a router's `ip` is called."""
    deadline = time.monotonic() + LIMIT_S
    for node, prefixes in wanted.items():
        while routes(ip(node)) != set(prefixes):
            assert time.monotonic() < deadline, f"{node} has not the routes of the design"
            time.sleep(0.02)


def routes(ip: list[str]) -> set[str]:
    """What BGP put into a node's kernel; a single address is written without a length."""
    command = [*ip, "-j", "route", "show", "proto", "bgp"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return {route["dst"] for route in json.loads(printed or "[]")}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
