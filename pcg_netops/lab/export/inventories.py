"""The files that containerlab leaves beside a topology, so that other tools find the nodes.

Node addresses lead nowhere outside a lab: each node's SSH is a port of this machine's 127.0.0.1.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import yaml

from pcg_netops.confined import require_inside
from pcg_netops.errors import InputError
from pcg_netops.lab.background.folders import KEY, KNOWN_HOSTS, SSH_CONFIG, NodeRecord, Record
from pcg_netops.lab.controller import USERNAME
from pcg_netops.lab.embedded.layout import Layout
from pcg_netops.lab.topology.definitions import Endpoint, LinkDefinition, ManagementNetwork

_NORNIR = "nornir-simple-inventory.yml"
_ANSIBLE = "ansible-inventory.yml"
_DATA = "topology-data.json"
_LOCAL = "127.0.0.1"


@contextmanager
def written(record: Record, layout: Layout, run_dir: Path) -> Iterator[None]:
    """The lab's folder beside its topology, as long as the lab runs. What others put there stays.

    Raises OSError where it cannot be written.
    """
    folder = Path(record.folder)
    texts = {
        _NORNIR: _yaml(nornir(record, run_dir)),
        _ANSIBLE: _yaml(ansible(record, run_dir)),
        _DATA: json.dumps(topology_data(layout), indent=2) + "\n",
        SSH_CONFIG: ssh_config(record, run_dir),
    }
    try:
        require_inside(folder.parent, folder)
        folder.mkdir(exist_ok=True)
        for name in texts:  # of a lab that was killed, or a link that others left
            (folder / name).unlink(missing_ok=True)
        for name, text in texts.items():
            try:
                (folder / name).write_text(text, encoding="utf-8")
            except OSError as error:
                error.filename = folder / name  # a full disk does not say it
                raise
        yield
    finally:
        with suppress(InputError):
            require_inside(folder.parent, folder)
            for name in texts:
                (folder / name).unlink(missing_ok=True)
        with suppress(OSError):  # holds what was saved
            folder.rmdir()


def write_known_hosts(run_dir: Path, record: Record) -> None:
    """Add the forwarded ports to the lab's host keys, whose lines name a node second."""
    path = run_dir / KNOWN_HOSTS
    ports = {node.name: node.ssh_port for node in record.nodes}
    lines = []
    for line in path.read_text(encoding="utf-8").splitlines():
        names, key = line.split(maxsplit=1)
        port = ports[names.split(",")[1]]
        lines.append(f"{names},[{_LOCAL}]:{port} {key}\n")
    path.write_text("".join(lines), encoding="utf-8")


def _yaml(data: Any) -> str:
    text: str = yaml.safe_dump(data, sort_keys=False)
    return text


def _managed(record: Record) -> Iterator[NodeRecord]:
    return (node for node in record.nodes if node.ssh_port)


def nornir(record: Record, run_dir: Path) -> dict[str, Any]:
    """Hosts of a SimpleInventory; Netmiko logs in with them as they are."""
    extras = {
        "use_keys": True,
        "key_file": str(run_dir / KEY),
        "ssh_strict": True,
        "system_host_keys": False,
        "alt_host_keys": True,
        "alt_key_file": str(run_dir / KNOWN_HOSTS),
    }
    return {
        node.name: {
            "username": USERNAME,
            "password": "",
            "platform": "linux",
            "hostname": _LOCAL,
            "port": node.ssh_port,
            **_nornir_groups(node),
            "connection_options": {"netmiko": {"extras": dict(extras)}},
        }
        for node in _managed(record)
    }


def _nornir_groups(node: NodeRecord) -> dict[str, list[str]]:
    groups = [v for label, v in node.labels.items() if label.startswith("nornir-group")]
    return {"groups": sorted(groups)} if groups else {}


def ansible(record: Record, run_dir: Path) -> dict[str, Any]:
    """Hosts by kind, and by their label `ansible-group`."""
    groups: dict[str, dict[str, Any]] = {}
    for node in _managed(record):
        address = {"ansible_host": _LOCAL}
        if node.labels.get("ansible-no-host-var") == "true":
            address = {}
        for group in filter(None, (node.kind, node.labels.get("ansible-group"))):
            hosts = groups.setdefault(group, {"hosts": {}})["hosts"]
            hosts[node.long_name] = address | {"ansible_port": node.ssh_port}
    variables = {
        "ansible_user": USERNAME,
        "ansible_ssh_private_key_file": str(run_dir / KEY),
        "ansible_ssh_common_args": f"-o UserKnownHostsFile={run_dir / KNOWN_HOSTS}",
        # Its default is below a home folder, of which a node has none that can be written to.
        "ansible_remote_tmp": "/tmp/.ansible",  # noqa: S108
    }
    return {"all": {"vars": variables, "children": groups}}


def ssh_config(record: Record, run_dir: Path) -> str:
    """A configuration for OpenSSH in which each node is a host by its short and long name."""
    lines = []
    for node in _managed(record):
        lines += [
            f"Host {node.name} {node.long_name}",
            f"  HostName {_LOCAL}",
            f"  Port {node.ssh_port}",
            f"  User {USERNAME}",
            f'  IdentityFile "{run_dir / KEY}"',
            "  IdentitiesOnly yes",
            f'  UserKnownHostsFile "{run_dir / KNOWN_HOSTS}"',
            "  GlobalKnownHostsFile none",
            "  StrictHostKeyChecking yes",
        ]
    return "\n".join(lines) + "\n"


def topology_data(layout: Layout) -> dict[str, Any]:
    """What containerlab exports of a lab."""
    topology = layout.topology
    nodes: dict[str, Any] = {}
    management = topology.mgmt.network if topology.mgmt else None
    for index, (name, node) in enumerate(sorted(layout.nodes.items())):
        address, address6 = layout.addresses.get(name), layout.addresses6.get(name)
        nodes[name] = {
            "index": str(index),
            "shortname": name,
            "longname": topology.long_name(name),
            "fqdn": f"{name}.{topology.name}.io",
            "group": node.group or "",
            "labdir": str(layout.folder / name),
            "kind": node.kind,
            "image": node.image or "",
            "mgmt-net": management or "clab",
            "mgmt-intf": "eth0" if address else "",
            "mgmt-ipv4-address": str(address or ""),
            "mgmt-ipv4-prefix-length": layout.subnet.prefixlen if address else 0,
            "mgmt-ipv6-address": str(address6 or ""),
            "mgmt-ipv6-prefix-length": layout.subnet6.prefixlen if address6 else 0,
            "mac-address": "",
            "labels": dict(node.labels),
            "port-bindings": [],
        }
    prefix = "clab" if topology.prefix is None else topology.prefix
    given = topology.mgmt or ManagementNetwork()
    config = {
        "prefix": prefix,
        "mgmt": given.model_dump(mode="json", by_alias=True, exclude_none=True),
    }
    return {
        "name": topology.name,
        "type": "clab",
        "clab": {"config": config},
        "ssh-pub-keys": [],
        "nodes": nodes,
        "links": [_link(link) for link in topology.links],
    }


def _link(link: LinkDefinition) -> dict[str, Any]:
    ends = dict(zip("az", (_end(end) for end in link.ends), strict=False))
    for name, other in (("a", "z"), ("z", "a")):
        if name in ends:
            ends[name]["peer"] = other if other in ends else "dummy"
    return {"endpoints": ends} | ({"vars": dict(link.vars)} if link.vars else {})


def _end(end: Endpoint) -> dict[str, Any]:
    more = {key: value for key in ("ipv4", "ipv6", "vars") if (value := getattr(end, key))}
    return {"node": end.node, "interface": end.interface, "mac": end.mac or ""} | more
