"""`Plan`: what the agent builds, in plain values; the controller knows the topology file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class BindPlan:
    """A file or folder of the machine that a node sees at `target`."""

    source: str
    target: str
    read_only: bool


@dataclass(frozen=True)
class NodePlan:
    """One node. `management` is an address with prefix length, e.g. "198.18.0.11/24"."""

    name: str
    management: str | None
    binds: tuple[BindPlan, ...]
    commands: tuple[tuple[str, ...], ...]
    starts_daemons: bool


@dataclass(frozen=True)
class LinkPlan:
    """A direct cable: a node and interface name at each end, MTU in bytes."""

    nodes: tuple[str, str]
    interfaces: tuple[str, str]
    mtu: int


@dataclass(frozen=True)
class Plan:
    """A whole lab. `gateway` is the lab's own address on the management network, with length."""

    gateway: str | None
    nodes: tuple[NodePlan, ...]
    links: tuple[LinkPlan, ...]
    client_key: str  # public, one line in OpenSSH's form
    run_dir: str

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Plan:
        """The plan that `dataclasses.asdict` and JSON made plain."""
        nodes = tuple(
            NodePlan(
                name=node["name"],
                management=node["management"],
                binds=tuple(BindPlan(**bind) for bind in node["binds"]),
                commands=tuple(tuple(command) for command in node["commands"]),
                starts_daemons=node["starts_daemons"],
            )
            for node in data["nodes"]
        )
        links = tuple(
            LinkPlan(tuple(link["nodes"]), tuple(link["interfaces"]), link["mtu"])
            for link in data["links"]
        )
        return cls(data["gateway"], nodes, links, data["client_key"], data["run_dir"])
