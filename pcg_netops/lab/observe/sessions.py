"""What can be asked of the nodes of a running lab: sessions, what is configured, logs."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from pcg_netops.lab.background.client import RunningLab
from pcg_netops.lab.background.folders import NodeRecord, Record, logs_in
from pcg_netops.lab.embedded.ipsec import FOLDER

_NFT = ("nft", "list", "ruleset")


@dataclass(frozen=True)
class Count:
    """How many sessions there are, and how many are up."""

    up: int
    all: int


def chosen(record: Record, names: Sequence[str] | None) -> list[NodeRecord]:
    """The nodes of these names, or all that are no bridges. Raises InputError."""
    if names:
        return [record.node(name) for name in names]
    return [node for node in record.nodes if not node.is_bridge]


def sessions(lab: RunningLab, node: str, programs: Collection[str]) -> dict[str, Count]:
    """The sessions of a node's routing daemons, by protocol; none of one that does not answer."""
    found = {}
    for program, kind, command, count in _QUESTIONS:
        if program in programs:
            done = lab.run(node, ["vtysh", "-c", command])
            try:
                found[kind] = count(json.loads(done.stdout))
            except (ValueError, KeyError, TypeError, AttributeError):
                continue  # does not answer, or not yet
    return found


def _bgp(answer: Any) -> Count:
    peers = [p for family in answer.values() for p in family.get("peers", {}).values()]
    return Count(sum(peer["state"] == "Established" for peer in peers), len(peers))


def _bfd(answer: Any) -> Count:
    return Count(sum(peer["status"] == "up" for peer in answer), len(answer))


def _ospf(answer: Any) -> Count:
    neighbours = [n for found in answer["neighbors"].values() for n in found]
    return Count(sum("Full" in str(n.get("nbrState")) for n in neighbours), len(neighbours))


_QUESTIONS: tuple[tuple[str, str, str, Callable[[Any], Count]], ...] = (
    ("bgpd", "BGP", "show bgp summary json", _bgp),
    ("bfdd", "BFD", "show bfd peers json", _bfd),
    ("ospfd", "OSPF", "show ip ospf neighbor json", _ospf),
)


def running_files(lab: RunningLab, node: str) -> Iterator[tuple[str, str]]:
    """What runs on a node, as the files that would start it: those of which there is anything."""
    if "zebra" in lab.nodes()[node].processes.values():
        done = lab.run(node, ["vtysh", "-c", "show running-config no-header"])
        if done.returncode == 0:
            yield "frr.conf", done.stdout.strip() + "\n"
    rules = lab.run(node, _NFT)
    if rules.returncode == 0 and rules.stdout.strip():
        yield "nftables.conf", "flush ruleset\n" + rules.stdout
    if "charon" in lab.nodes()[node].processes.values():
        yield "swanctl.conf", lab.run(node, ["cat", f"{FOLDER}/swanctl.conf"]).stdout


def logs_of(lab: RunningLab, node: str, lines: int) -> Iterator[tuple[str, str]]:
    """The last lines (0: all) of each log of a node, by its name. Raises InputError."""
    name = lab.record.node(node).name
    with suppress(FileNotFoundError), _own_log(logs_in(lab.folder) / f"{name}.log") as own:
        yield name, _last(own.read(), lines)
    found = lab.run(name, ["find", "/var/log", "-type", "f", "-size", "+0"]).stdout.split()
    for path in sorted(found):
        yield path, _last(lab.run(name, ["cat", path]).stdout, lines)
    agent = (lab.folder / "agent.log").read_text(encoding="utf-8", errors="replace")
    if agent.strip():
        yield "the lab's agent", _last(agent, lines)


def _own_log(path: Path) -> TextIO:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    return os.fdopen(descriptor, encoding="utf-8", errors="replace")


def _last(text: str, lines: int) -> str:
    return "\n".join(text.rstrip().splitlines()[-lines:])
