"""From a topology file to the `Plan` that the agent builds: names, addresses, files, order."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from pathlib import Path
from typing import TypeVar

from dotenv import dotenv_values

from pcg_netops.confined import require_inside
from pcg_netops.errors import InputError, InputErrors
from pcg_netops.lab.embedded import ipsec
from pcg_netops.lab.embedded.build_plan import (
    MANAGEMENT_END,
    NO_END,
    BindPlan,
    Health,
    LinkPlan,
    NodePlan,
    Plan,
    StageCommand,
    Wait,
)
from pcg_netops.lab.topology.definitions import (
    MANAGEMENT,
    Endpoint,
    LinkDefinition,
    NodeDefinition,
    Topology,
)
from pcg_netops.lab.topology.demands import require_trust
from pcg_netops.lab.topology.inheritance import settled
from pcg_netops.lab.topology.support import (
    BRIDGES,
    StandIn,
    not_honoured,
    require_runnable,
    stand_in,
)
from pcg_netops.lab.topology.variables import magic

STARTUP = "/run/pcg/startup"
# containerlab's own defaults.
_SUBNET = IPv4Network("172.20.20.0/24")
_SUBNET6 = IPv6Network("3fff:172:20:20::/64")

# What FRR's images start unless a topology binds a file of its own; many edit this one.
_DAEMONS = "".join(
    f"{name}=no\n"
    for name in (
        *("bgpd", "ospfd", "ospf6d", "ripd", "ripngd", "isisd", "pimd", "pim6d", "ldpd", "nhrpd"),
        *("eigrpd", "babeld", "sharpd", "pbrd", "bfdd", "fabricd", "vrrpd", "pathd"),
    )
)

_AddressT = TypeVar("_AddressT", IPv4Address, IPv6Address)


@dataclass(frozen=True)
class Layout:
    """A topology as it can run here: each node's settled definition and its addresses.

    `ignored` are the keys without effect, for people. Nodes without management have no address.
    """

    topology: Topology
    base_dir: Path
    nodes: Mapping[str, NodeDefinition]
    addresses: Mapping[str, IPv4Address]
    addresses6: Mapping[str, IPv6Address]
    accepted: frozenset[str]

    @property
    def folder(self) -> Path:
        """Where containerlab keeps what it writes of a lab."""
        return self.base_dir / f"clab-{self.topology.name}"

    @property
    def ignored(self) -> tuple[str, ...]:
        """Every key that has no effect here, with the reason."""
        return not_honoured(self.topology, self.nodes)

    @property
    def subnet(self) -> IPv4Network:
        """The management network."""
        given = self.topology.mgmt.ipv4_subnet if self.topology.mgmt else None
        return given if isinstance(given, IPv4Network) else _SUBNET

    @property
    def subnet6(self) -> IPv6Network:
        """The management network's IPv6."""
        given = self.topology.mgmt.ipv6_subnet if self.topology.mgmt else None
        return given if isinstance(given, IPv6Network) else _SUBNET6

    @property
    def gateway(self) -> IPv4Address:
        """The lab's own address on it."""
        given = self.topology.mgmt.ipv4_gw if self.topology.mgmt else None
        return given or next(self.subnet.hosts())

    @property
    def gateway6(self) -> IPv6Address:
        """The lab's own IPv6 address on it."""
        given = self.topology.mgmt.ipv6_gw if self.topology.mgmt else None
        return given or next(self.subnet6.hosts())

    def runs_as(self, name: str) -> StandIn | None:
        """What stands in for a node's image; None for a bridge."""
        node = self.nodes[name]
        return None if node.kind in BRIDGES else stand_in(node.image or "", self.accepted)


def lay_out(
    topology: Topology,
    base_dir: Path,
    accepted: Collection[str] = (),
    *,
    in_containers: bool = False,
    trusted: bool = False,
) -> Layout:
    """Settle every node and check that all can run here. Raises InputError, InputErrors.

    Unless it is `trusted`, a topology gets nothing of the machine outside `base_dir`.

    `accepted` are images in whose place a Linux host of this machine may stand. What runs
    `in_containers` is for containerlab to say.
    """
    nodes = {name: settled(topology.topology, name) for name in topology.nodes}
    if not in_containers:
        require_runnable(topology, nodes, accepted)
    bare = Layout(topology, base_dir, nodes, {}, {}, frozenset(accepted))
    require_inside(base_dir, bare.folder)
    if not trusted:
        require_trust(nodes, base_dir, bare.folder)
    management = topology.mgmt
    addresses = _addresses(
        {name: node.mgmt_ipv4 for name, node in nodes.items() if _is_managed(node)},
        (management and management.ipv4_range) or bare.subnet,
        bare.gateway,
    )
    addresses6 = _addresses(
        {
            name: node.mgmt_ipv6
            for name, node in nodes.items()
            if _is_managed(node) and bare.runs_as(name) is not StandIn.OWN
        },
        (management and management.ipv6_range) or bare.subnet6,
        bare.gateway6,
    )
    return Layout(topology, base_dir, nodes, addresses, addresses6, frozenset(accepted))


def _is_managed(node: NodeDefinition) -> bool:
    return node.kind not in BRIDGES and node.network_mode in (None, "bridge")


def _addresses(
    wanted: Mapping[str, _AddressT | None],
    pool: IPv4Network | IPv6Network,
    gateway: _AddressT,
) -> dict[str, _AddressT]:
    """The addresses that are given, and for the other nodes the next free ones."""
    taken = {gateway, *(address for address in wanted.values() if address)}
    free: Iterator[_AddressT] = (a for a in pool.hosts() if a not in taken)  # type: ignore[misc]
    try:
        return {name: address or next(free) for name, address in wanted.items()}
    except (StopIteration, RuntimeError):
        raise InputError(
            f"the management network {pool} has too few addresses for {len(wanted)} nodes",
            remedy="give a larger one in mgmt",
        ) from None


def make_plan(
    layout: Layout, client_key: str, run_dir: Path, *, strict: bool, keep: bool = False
) -> Plan:
    """What the agent builds. Raises InputErrors where a file that the topology names is missing.

    `strict` makes a failing `exec` an error; containerlab only logs it. `keep` lets the other nodes
    start where one does not.
    """
    errors: list[InputError] = []
    nodes = []
    for name in layout.nodes:
        try:
            nodes.append(_node(layout, name, strict))
        except InputError as error:
            errors.append(error)
    if errors:
        raise InputErrors(errors)
    management = layout.topology.mgmt
    return Plan(
        gateway=f"{layout.gateway}/{layout.subnet.prefixlen}" if layout.addresses else None,
        gateway6=f"{layout.gateway6}/{layout.subnet6.prefixlen}" if layout.addresses6 else None,
        management_mtu=management.mtu if management else None,
        nodes=tuple(nodes),
        links=tuple(map(_link, layout.topology.links)),
        client_key=client_key,
        run_dir=str(run_dir),
        keep=keep,
    )


def _node(layout: Layout, name: str, strict: bool) -> NodePlan:
    node, runs_as = layout.nodes[name], layout.runs_as(name)
    address, address6 = layout.addresses.get(name), layout.addresses6.get(name)
    binds = tuple(_bind(layout, name, bind) for bind in node.binds)
    process = [*shlex.split(node.entrypoint or ""), *shlex.split(node.cmd or "")]
    saved = any(bind.target == STARTUP for bind in binds)
    own = runs_as in (StandIn.FRR, StandIn.HOST)
    shared = (node.network_mode or "").partition("container:")[2]
    return NodePlan(
        name=name,
        management=f"{address}/{layout.subnet.prefixlen}" if address else None,
        management6=f"{address6}/{layout.subnet6.prefixlen}" if address6 else None,
        gateway=str(layout.gateway) if own and address else None,
        hostname=node.hostname or name,
        binds=binds,
        daemons="saved" if saved else "frr" if runs_as is StandIn.FRR and not process else "",
        process=tuple(process),
        commands=tuple(_argv(layout, name, command) for command in node.exec),
        strict=strict,
        environment=_environment(layout, name) if runs_as else {},
        tunnels=ipsec.plan_of(node.labels) if saved else (),
        own_files=own,
        files=tuple(_files(layout, name)) if own else (),
        tmpfs=(*node.tmpfs, *(_volume(volume) for volume in node.volumes)),
        sysctls=tuple((k, v) for k, v in node.sysctls.items() if k.startswith("net.")),
        ipv6=own,
        is_bridge=runs_as is None,
        network_of=shared,
        delay=node.startup_delay or 0,
        waits=tuple(
            Wait(stage, wait.node, wait.stage)
            for stage, its in (node.stages.items() if node.stages else ())
            for wait in its.wait_for
        ),
        stage_commands=tuple(
            StageCommand(stage, command.phase, _argv(layout, name, command.command))
            for stage, its in (node.stages.items() if node.stages else ())
            for command in its.commands
            if command.target == "container"
        ),
        health=_health(node),
    )


def _argv(layout: Layout, name: str, command: str) -> tuple[str, ...]:
    return tuple(shlex.split(magic(command, layout.folder, name)))


def _bind(layout: Layout, name: str, bind: str) -> BindPlan:
    source, target, *mode = bind.split(":")
    path = (layout.base_dir / Path(magic(source, layout.folder, name)).expanduser()).resolve()
    if not path.exists():
        raise InputError(
            f"node '{name}': the bind's source does not exist",
            place=str(path),
            remedy="a workspace's own come from: pcg lab topology" if target == STARTUP else "",
        )
    return BindPlan(str(path), target, "ro" in ",".join(mode).split(","))


def _volume(volume: str) -> str:
    source, _, rest = volume.partition(":")
    return rest.partition(":")[0] or source


def _environment(layout: Layout, name: str) -> dict[str, str]:
    """What containerlab gives: files, then the node's own, then its labels."""
    node = layout.nodes[name]
    found: dict[str, str] = {}
    for file in node.env_files:
        path = layout.base_dir / Path(file).expanduser()
        if not path.is_file():
            raise InputError(f"node '{name}': the env-file does not exist", place=str(path))
        found |= {key: value or "" for key, value in dotenv_values(path).items()}
    labels = {
        "CLAB_LABEL_" + re.sub(r"\W", "_", label).upper(): value
        for label, value in node.labels.items()
    }
    ends = sum(end.node == name for link in layout.topology.links for end in link.ends)
    return found | node.env | labels | {"CLAB_INTFS": str(ends)}


def _files(layout: Layout, name: str) -> Iterator[tuple[str, str]]:
    node = layout.nodes[name]
    names = {
        other: " ".join((layout.topology.long_name(other), other, *definition.aliases))
        for other, definition in layout.nodes.items()
    }
    lines = ["127.0.0.1 localhost", "::1 localhost"]
    for found in (layout.addresses, layout.addresses6):
        lines += [f"{address} {names[other]}" for other, address in found.items()]
    yield "/etc/hosts", "\n".join(lines) + "\n"
    yield "/etc/hostname", f"{node.hostname or name}\n"
    if layout.runs_as(name) is StandIn.FRR:
        yield "/etc/frr/daemons", _DAEMONS
    if dns := node.dns:
        search = [f"search {' '.join(dns.search)}"] if dns.search else []
        options = [f"options {' '.join(dns.options)}"] if dns.options else []
        servers = [f"nameserver {server}" for server in dns.servers]
        yield "/etc/resolv.conf", "\n".join([*servers, *search, *options]) + "\n"


def _health(node: NodeDefinition) -> Health | None:
    check = node.healthcheck
    if check is None or not check.test or check.test[0] == "NONE":
        return None
    how, *rest = check.test
    argv = {"CMD": tuple(rest), "CMD-SHELL": ("sh", "-c", *rest)}.get(how, tuple(check.test))
    return Health(argv, check.interval, check.timeout, check.retries, check.start_period)


def _link(link: LinkDefinition) -> LinkPlan:
    if link.type in ("mgmt-net", "dummy"):
        assert link.endpoint is not None
        far = MANAGEMENT_END if link.type == "mgmt-net" else NO_END
        return _one_end(link.endpoint, far, link.mtu)
    assert link.endpoints is not None
    near, far_end = link.endpoints
    if MANAGEMENT in (near.node, far_end.node):
        return _one_end(far_end if near.node == MANAGEMENT else near, MANAGEMENT_END, link.mtu)
    return LinkPlan(
        (near.node, far_end.node),
        (near.interface, far_end.interface),
        link.mtu,
        (near.mac, far_end.mac),
    )


def _one_end(end: Endpoint, far: str, mtu: int) -> LinkPlan:
    return LinkPlan((end.node, far), (end.interface, ""), mtu, (end.mac, None))
