"""`Plan`: what the agent builds, in plain values; the controller knows the topology file."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal

from pcg_netops.lab.embedded.enclosure import SOURCES

# At the far end of a cable in the place of a node: a port of the management network, or nothing.
MANAGEMENT_END, NO_END = "mgmt-net", ""


@dataclass(frozen=True)
class BindPlan:
    """A file or folder of the machine that a node sees at `target`."""

    source: str
    target: str
    read_only: bool


@dataclass(frozen=True)
class Wait:
    """Before its `stage` a node waits until another is through `done`."""

    stage: str
    node: str
    done: str


@dataclass(frozen=True)
class StageCommand:
    """A command as a node enters ("on-enter") or leaves ("on-exit") a stage."""

    stage: str
    phase: str
    argv: tuple[str, ...]


@dataclass(frozen=True)
class Health:
    """A command that ends with 0 on a healthy node; times in seconds."""

    argv: tuple[str, ...]
    interval: int
    timeout: int
    retries: int
    start_period: int


@dataclass(frozen=True)
class TunnelPlan:
    """An end of an IPsec tunnel: its clear side, the cable it leaves by, and the key it proves."""

    interface: str
    underlay: str
    mtu: int
    authority: str
    signature: str


@dataclass(frozen=True)
class NodePlan:
    """One node. `management` are addresses with prefix length, e.g. "198.18.0.11/24"."""

    name: str
    management: str | None = None
    management6: str | None = None
    gateway: str | None = None  # of the management network, where the node has a route to it
    hostname: str = ""
    binds: tuple[BindPlan, ...] = ()
    # From the startup folder as this project's image, from /etc/frr as FRR's, or not at all.
    daemons: Literal["", "saved", "frr"] = ""
    process: tuple[str, ...] = ()
    commands: tuple[tuple[str, ...], ...] = ()
    strict: bool = True  # a command that fails is an error, not a warning
    environment: dict[str, str] = field(default_factory=dict)
    own_files: bool = False  # may write anywhere, for itself
    files: tuple[tuple[str, str], ...] = ()
    tmpfs: tuple[str, ...] = ()
    sysctls: tuple[tuple[str, str], ...] = ()
    ipv6: bool = False
    is_bridge: bool = False
    network_of: str = ""
    delay: int = 0
    waits: tuple[Wait, ...] = ()
    stage_commands: tuple[StageCommand, ...] = ()
    health: Health | None = None
    tunnels: tuple[TunnelPlan, ...] = ()


@dataclass(frozen=True)
class LinkPlan:
    """A direct cable: node and interface name at each end, MTU in bytes, hardware addresses."""

    nodes: tuple[str, str]
    interfaces: tuple[str, str]
    mtu: int
    macs: tuple[str | None, str | None] = (None, None)


@dataclass(frozen=True)
class Plan:
    """A whole lab. `gateway` is the lab's own address on the management network, with length."""

    gateway: str | None
    nodes: tuple[NodePlan, ...]
    links: tuple[LinkPlan, ...]
    client_key: str  # public, one line in OpenSSH's form
    run_dir: str
    gateway6: str | None = None
    management_mtu: int | None = None
    keep: bool = False  # what does not start is told of, and the rest starts all the same

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Plan:
        """The plan that `dataclasses.asdict` and JSON made plain."""
        nodes = tuple(_node(node) for node in data.pop("nodes"))
        links = tuple(
            LinkPlan(
                tuple(link["nodes"]), tuple(link["interfaces"]), link["mtu"], tuple(link["macs"])
            )
            for link in data.pop("links")
        )
        return cls(nodes=nodes, links=links, **data)


def sources_of(plan: Plan) -> tuple[tuple[str, bool], ...]:
    """Everything of the machine that nodes bind, and whether read-only, each once."""
    return tuple(dict.fromkeys((b.source, b.read_only) for node in plan.nodes for b in node.binds))


def enclosed(plan: Plan) -> Plan:
    """The plan as the lab's enclosure sees it: what nodes bind is by its number in `SOURCES`."""
    places = {known: f"{SOURCES}/{number}" for number, known in enumerate(sources_of(plan))}
    return replace(
        plan,
        nodes=tuple(
            replace(
                node,
                binds=tuple(
                    replace(bind, source=places[bind.source, bind.read_only]) for bind in node.binds
                ),
            )
            for node in plan.nodes
        ),
    )


def _node(data: dict[str, Any]) -> NodePlan:
    health = data["health"]
    return NodePlan(
        **data
        | {
            "binds": tuple(BindPlan(**bind) for bind in data["binds"]),
            "process": tuple(data["process"]),
            "commands": tuple(tuple(command) for command in data["commands"]),
            "files": tuple((path, text) for path, text in data["files"]),
            "tmpfs": tuple(data["tmpfs"]),
            "sysctls": tuple((name, value) for name, value in data["sysctls"]),
            "tunnels": tuple(TunnelPlan(**tunnel) for tunnel in data["tunnels"]),
            "waits": tuple(Wait(**wait) for wait in data["waits"]),
            "stage_commands": tuple(
                StageCommand(**command | {"argv": tuple(command["argv"])})
                for command in data["stage_commands"]
            ),
            "health": Health(**health | {"argv": tuple(health["argv"])}) if health else None,
        }
    )
