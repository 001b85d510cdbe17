"""The keys of a containerlab topology file, as its authors may write them.

Format: https://containerlab.dev/manual/topo-def-file/, checked against containerlab 0.79 and its
JSON schema. What a key means is not said here: `settle` merges them, `runnable` says which of them
this lab honours, `planning` builds from them.
"""

from __future__ import annotations

import shlex
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, model_validator
from pydantic.functional_serializers import model_serializer
from pydantic.functional_validators import ModelWrapValidatorHandler

from pcg_netops.model.base import Model

DEFAULT_MTU = 9_500
# Names in the place of a node that are none: `host:eth1` and the like.
HOST, MANAGEMENT, MACVLAN = "host", "mgmt-net", "macvlan"


def _command(line: str) -> str:
    shlex.split(line)  # ValueError: no closing quotation
    return line


def _as_text(value: object) -> object:
    """containerlab takes numbers, truth values and nothing at all where it wants text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, (int, float)) else value


_NODE = r"[A-Za-z0-9][A-Za-z0-9._|-]{0,62}"
NodeName = Annotated[str, Field(pattern=rf"^{_NODE}$")]
InterfaceName = Annotated[str, Field(pattern=r"^\S{1,64}$")]  # vendors' kinds have their own
Bind = Annotated[str, Field(pattern=r"^[^:]+:/[^:]*(:[a-zA-Z,]+)?$")]
Command = Annotated[str, Field(min_length=1), AfterValidator(_command)]
Text = Annotated[str, BeforeValidator(_as_text)]
Mtu = Annotated[int, Field(ge=68, le=65_535)]
Seconds = Annotated[int, Field(ge=0)]
Path = Annotated[str, Field(pattern=r"^/")]
StageName = Literal["create", "create-links", "configure", "healthy", "exit"]


class Part(Model):
    """Keys with hyphens, as containerlab spells them."""

    model_config = ConfigDict(
        alias_generator=lambda name: name.replace("_", "-"), populate_by_name=True
    )

    @model_validator(mode="before")
    @classmethod
    def _unsaid(cls, value: Any) -> Any:
        """A key without a value says nothing, as to every program in Go."""
        if not isinstance(value, dict):
            return value
        return {key: said for key, said in value.items() if said is not None}


class WaitFor(Part):
    """A stage of another node that has to be over first."""

    node: NodeName
    stage: StageName


class StageCommand(Part):
    """A command at one end of a stage."""

    command: Command
    target: Literal["container", "host"] = "container"
    phase: Literal["on-enter", "on-exit"] = "on-enter"


class StageCommands(Part):
    """The older spelling: commands by phase."""

    on_enter: tuple[Command, ...] = ()
    on_exit: tuple[Command, ...] = ()


class Stage(Part):
    """What a node waits for before a stage, and runs as it enters and leaves it."""

    wait_for: tuple[WaitFor, ...] = ()
    exec: tuple[StageCommand, ...] | StageCommands = ()

    @property
    def commands(self) -> tuple[StageCommand, ...]:
        """Both spellings as one."""
        if isinstance(self.exec, StageCommands):
            return (
                *(StageCommand(command=line, phase="on-enter") for line in self.exec.on_enter),
                *(StageCommand(command=line, phase="on-exit") for line in self.exec.on_exit),
            )
        return self.exec


class Stages(Part):
    """The stages of a node's start."""

    create: Stage = Stage()
    create_links: Stage = Stage()
    configure: Stage = Stage()
    healthy: Stage = Stage()
    exit: Stage = Stage()

    def items(self) -> tuple[tuple[StageName, Stage], ...]:
        """Each stage with its name, in their order."""
        return (
            ("create", self.create),
            ("create-links", self.create_links),
            ("configure", self.configure),
            ("healthy", self.healthy),
            ("exit", self.exit),
        )


class Credentials(Part):
    """How to log in to a node."""

    username: str | None = None
    password: str | None = None
    identity_file: str | None = None


class Dns(Part):
    """A node's resolver."""

    servers: tuple[str, ...] = ()
    search: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


class Healthcheck(Part):
    """A command that says whether a node is healthy; times in seconds."""

    test: tuple[str, ...] = ()
    interval: Seconds = 30
    timeout: Seconds = 30
    retries: Seconds = 3
    start_period: Seconds = 0


class NodeDefinition(Part):
    """A node, or what nodes of a kind, a group or all nodes have unless they say otherwise.

    None and an empty collection mean that nothing is said.
    """

    kind: str | None = None
    image: str | None = None
    group: str | None = None
    type: Text | None = None
    position: str | None = None
    labels: dict[str, Text] = Field(default_factory=dict)
    mgmt_ipv4: IPv4Address | None = None
    mgmt_ipv6: IPv6Address | None = None
    network_mode: Annotated[str | None, Field(pattern=r"^(none|host|bridge|container:\S+)$")] = None
    hostname: str | None = None
    aliases: tuple[str, ...] = ()
    dns: Dns | None = None
    ports: tuple[Text, ...] = ()
    binds: tuple[Bind, ...] = ()
    volumes: tuple[str, ...] = ()
    tmpfs: dict[Path, str | None] = Field(default_factory=dict)
    env: dict[str, Text] = Field(default_factory=dict)
    env_files: tuple[str, ...] = ()
    sysctls: dict[str, Text] = Field(default_factory=dict)
    entrypoint: Command | None = None
    cmd: Command | None = None
    exec: tuple[Command, ...] = ()
    stages: Stages | None = None
    startup_delay: Seconds | None = None
    healthcheck: Healthcheck | None = None
    credentials: Credentials | None = None
    username: str | None = None  # older spellings of what `credentials` holds
    password: str | None = None
    startup_config: str | None = None
    enforce_startup_config: bool | None = None
    suppress_startup_config: bool | None = None
    license: str | None = None
    auto_remove: bool | None = None
    restart_policy: str | None = None
    image_pull_policy: str | None = None
    runtime: str | None = None
    user: Text | None = None
    cpu: float | None = None
    cpu_set: Text | None = None
    memory: Text | None = None
    shm_size: Text | None = None
    devices: tuple[str, ...] = ()
    cap_add: tuple[str, ...] = ()
    privileged: bool | None = None
    cgroupns_mode: str | None = None
    cgroup_parent: str | None = None
    pid_mode: str | None = None
    security_opts: tuple[str, ...] = ()
    link_apply_mode: str | None = None
    certificate: dict[str, Any] | None = None
    config: dict[str, Any] | None = None
    extras: dict[str, Any] | None = None
    components: tuple[dict[str, Any], ...] = ()


class ManagementNetwork(Part):
    """The out-of-band network. Unless it is given, its first address is the lab's own."""

    network: str | None = None
    bridge: str | None = None
    ipv4_subnet: IPv4Network | Literal["auto"] | None = None
    ipv6_subnet: IPv6Network | Literal["auto"] | None = None
    ipv4_gw: IPv4Address | None = None
    ipv6_gw: IPv6Address | None = None
    ipv4_range: IPv4Network | None = None
    ipv6_range: IPv6Network | None = None
    mtu: Mtu | None = None
    external_access: bool | None = None
    skip_when_unused: bool | None = None
    driver_opts: dict[str, Text] = Field(default_factory=dict)


class Endpoint(Part):
    """One end of a cable; in a file also short as "node:interface"."""

    node: NodeName
    interface: InterfaceName
    mac: Annotated[str | None, Field(pattern=r"^([0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}$")] = None
    ipv4: str | None = None
    ipv6: str | None = None
    vars: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="wrap")
    @classmethod
    def _short(cls, value: Any, read: ModelWrapValidatorHandler[Self]) -> Self:
        if isinstance(value, str):
            node, colon, interface = value.partition(":")
            if not colon:
                raise ValueError("is not an end of a link such as node1:eth1")
            value = {"node": node, "interface": interface}
        return read(value)

    @model_serializer(mode="wrap")
    def _as_short(self, write: Any) -> Any:
        written = write(self)
        return str(self) if set(written) <= {"node", "interface"} else written

    def __str__(self) -> str:
        return f"{self.node}:{self.interface}"


_ONE_END = ("mgmt-net", "host", "macvlan", "vxlan", "vxlan-stitch", "dummy")


class LinkDefinition(Part):
    """A cable, in the short form (no `type`) or the extended one. MTU in bytes."""

    type: (
        Literal[
            "veth",
            "veth-stitch",
            "mgmt-net",
            "host",
            "macvlan",
            "vxlan",
            "vxlan-stitch",
            "dummy",
            "brief",
        ]
        | None
    ) = None
    endpoints: tuple[Endpoint, Endpoint] | None = None
    endpoint: Endpoint | None = None
    host_interface: str | None = None
    mode: Literal["private", "vepa", "bridge", "passthru", "source"] | None = None
    remote: IPv4Address | IPv6Address | None = None
    vni: Annotated[int | None, Field(ge=1, le=16_777_215)] = None
    dst_port: Annotated[int | None, Field(ge=1, le=65_535)] = None
    src_port: Annotated[int | None, Field(ge=1, le=65_535)] = None
    mtu: Mtu = DEFAULT_MTU
    ipv4: tuple[str, ...] = ()
    ipv6: tuple[str, ...] = ()
    labels: dict[str, Text] = Field(default_factory=dict)
    vars: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.type in _ONE_END:
            if self.endpoint is None or self.endpoints is not None:
                raise ValueError(f"a link of type {self.type} has one `endpoint`")
            wanted = {"vxlan": ("remote", "vni", "dst_port"), "dummy": ()}
            needed = wanted.get(self.type.removesuffix("-stitch"), ("host_interface",))
            for name in needed:
                if getattr(self, name) is None:
                    said = name.replace("_", "-")
                    raise ValueError(f"a link of type {self.type} needs `{said}`")
        elif self.endpoints is None or self.endpoint is not None:
            raise ValueError("a link has two `endpoints`")
        return self

    @property
    def ends(self) -> tuple[Endpoint, ...]:
        """The one or two ends."""
        return self.endpoints or ((self.endpoint,) if self.endpoint else ())


class TopologyBody(Part):
    """Nodes and links, and what nodes inherit."""

    defaults: NodeDefinition = NodeDefinition()
    kinds: dict[str, NodeDefinition | None] = Field(default_factory=dict)
    groups: dict[str, NodeDefinition | None] = Field(default_factory=dict)
    nodes: dict[NodeName, NodeDefinition | None]
    links: tuple[LinkDefinition, ...] = ()


class Settings(Part):
    """What containerlab keeps for a whole lab."""

    certificate_authority: dict[str, Any] | None = None


class Topology(Part):
    """A whole topology file."""

    name: Annotated[str, BeforeValidator(_as_text), Field(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9._-]*$")]
    prefix: Annotated[str | None, Field(pattern=r"^([a-zA-Z0-9][a-zA-Z0-9._-]*|__lab-name)?$")] = (
        None
    )
    mgmt: ManagementNetwork | None = None
    topology: TopologyBody
    settings: Settings | None = None
    debug: bool | None = None

    @property
    def nodes(self) -> dict[str, NodeDefinition | None]:
        """The nodes by name as they are written, in the file's order."""
        return self.topology.nodes

    @property
    def links(self) -> tuple[LinkDefinition, ...]:
        """The links in the file's order."""
        return self.topology.links

    def long_name(self, node: str) -> str:
        """The name that containerlab gives a node's container."""
        if self.prefix == "":
            return node
        prefix = [] if self.prefix == "__lab-name" else [self.prefix or "clab"]
        return "-".join([*prefix, self.name, node])
