"""What `pcg lab` prints of running labs: tables for people, JSON in containerlab's shape."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pcg_netops.cli.speech import say, say_raw
from pcg_netops.lab.background.client import RunningLab
from pcg_netops.lab.background.folders import NodeRecord, Record
from pcg_netops.lab.observe.sessions import sessions
from pcg_netops.lab.protocol import Completed
from pcg_netops.printable import json_text, printable

_NONE = "N/A"


def show_labs(labs: Sequence[Record], form: str) -> None:
    """One line for each lab."""
    if form == "json":
        _print([asdict(lab) for lab in labs])
        return
    if not labs:
        say("no lab is running")
        return
    rows = [(lab.name, str(len(lab.nodes)), _since(lab), lab.topology) for lab in labs]
    _table(("Lab", "Nodes", "Up", "Topology"), rows)


def show_nodes(lab: RunningLab, form: str) -> None:
    """One line for each node: its power, its daemons, its sessions."""
    rows: list[dict[str, Any]] = []
    states, faults = lab.nodes(), lab.faults()
    frozen = {fault.node for fault in faults if fault.kind == "freeze"}
    for node in lab.record.nodes:
        state = states[node.name]
        programs = sorted(set(state.processes.values()))
        answers = state.powered and node.name not in frozen
        found = sessions(lab, node.name, programs) if answers else {}
        rows.append(
            {
                "name": node.name,
                "state": "on" if state.powered else "off",
                "programs": programs,
                "sessions": {kind: asdict(count) for kind, count in found.items()},
            }
        )
    if form == "json":
        broken = [asdict(fault) for fault in faults]
        record = lab.record
        _print({"name": record.name, "topology": record.topology, "nodes": rows, "faults": broken})
        return
    table = [
        (
            row["name"],
            row["state"],
            " ".join(row["programs"]),
            ", ".join(f"{kind} {c['up']}/{c['all']}" for kind, c in row["sessions"].items()),
        )
        for row in rows
    ]
    say(f"lab {lab.record.name}, up {_since(lab.record)}, from {lab.record.topology}")
    _table(("Node", "Power", "Programs", "Sessions up"), table)
    for fault in faults:
        say(f"fault: {fault.kind} of {fault.target} {fault.value}".rstrip())


def show_inspection(labs: Sequence[RunningLab], form: str) -> None:
    """The nodes that containerlab would have containers of."""
    found: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for lab in labs:
        states = lab.nodes()
        for node in sorted(lab.record.nodes, key=lambda node: node.long_name):
            if not node.is_bridge:
                powered = states[node.name].powered
                found[lab.record.name].append(_details(lab.record, node, powered=powered))
    if form == "json":
        _print(found)
        return
    rows = [
        (
            details["name"],
            f"{details['kind']} {details['image']}",
            details["state"],
            details["ipv4_address"].removesuffix(_NONE).partition("/")[0] or _NONE,
        )
        for nodes in found.values()
        for details in nodes
    ]
    _table(("Name", "Kind/Image", "State", "IPv4 Address"), rows)


def show_results(results: Mapping[str, Completed], argv: Sequence[str], form: str) -> None:
    """What a command said on each node."""
    if form == "json":
        _print(
            {
                name: [
                    {
                        "cmd": list(argv),
                        "return-code": result.returncode,
                        "stdout": _as_json(result.stdout),
                        "stderr": result.stderr,
                    }
                ]
                for name, result in results.items()
            }
        )
        return
    for name, result in results.items():
        if len(results) > 1:
            say(f"==> {name}", bold=True)
        say_raw(result.stdout)
        say_raw(result.stderr, err=True)


def _as_json(text: str) -> Any:
    """containerlab puts output that is JSON in as it is."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _details(lab: Record, node: NodeRecord, *, powered: bool) -> dict[str, Any]:
    identity = hashlib.sha256(f"{node.long_name} {lab.started} {lab.pid}".encode()).hexdigest()
    details = {
        "lab_name": lab.name,
        "labPath": os.path.relpath(lab.topology),
        "absLabPath": lab.topology,
        "name": node.long_name,
        "container_id": identity[:12],
        "image": node.image,
        "kind": node.kind,
        "group": node.group,
        "state": "running" if powered else "exited",
        "status": f"Up {_since(lab)}" if powered else "Exited",
        "ipv4_address": node.ipv4 or _NONE,
        "ipv6_address": node.ipv6 or _NONE,
        "owner": lab.owner,
    }
    return {key: value for key, value in details.items() if value}


def _since(lab: Record) -> str:
    seconds = max(0, int(time.time() - lab.started))
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def _print(data: Any) -> None:
    say(json_text(data))


def _table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    table = Table(*titles, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    console = Console(highlight=False)
    # What is piped is for other programs: no line is broken.
    width = None if console.is_terminal else 10_000
    console.print(table, soft_wrap=not console.is_terminal, width=width)
