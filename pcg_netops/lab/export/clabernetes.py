"""A topology as the Kubernetes manifests that Clabernetes runs: Namespace, ConfigMaps, Topology.

Fields: the Topology resource's own schema. What becomes of a topology there: Clabernetes'
`controllers/topology/compilecontainerlab.go` and `docs/upgrading.md`, version 0.8. Each node runs
in a launcher of its own, where files of ConfigMaps lie at their paths beside its topology file.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import yaml

from pcg_netops.errors import InputError
from pcg_netops.lab.export.folder import File, nodes_of
from pcg_netops.lab.topology.definitions import HOST, LinkDefinition, NodeDefinition, Topology
from pcg_netops.lab.topology.support import BRIDGES, OWN_IMAGE
from pcg_netops.lab.topology.variables import literal

NAMESPACE_FILE, FILES_FILE, TOPOLOGY_FILE = (
    "00-namespace.yaml",
    "10-files.yaml",
    "20-topology.yaml",
)
LAB_VALUES = "pcg-netops/lab-values"
_MOST = 1_000_000  # bytes of a ConfigMap; Kubernetes takes 1 MiB of all that is in it
_LONGEST = 63
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_SSH = 22


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_KEYS = _words(
    "binds cap-add certificate cmd components config devices dns enforce-startup-config entrypoint"
    " env env-files exec extras image kind labels license mgmt-ipv4 mgmt-ipv6 network-mode ports"
    " privileged security-opts shm-size startup-config suppress-startup-config sysctls tmpfs type"
    " user"
)
_LEGACY_KEYS = _words(
    "aliases auto-remove binds certificate cmd components config cpu cpu-set dns"
    " enforce-startup-config entrypoint env env-files exec extras healthcheck image"
    " image-pull-policy kind labels license memory mgmt-ipv4 mgmt-ipv6 network-mode ports position"
    " runtime startup-config startup-delay sysctls type user"
)
_MANAGEMENT_KEYS = _words(
    "network ipv4-subnet ipv4-gw ipv4-range ipv6-subnet ipv6-gw ipv6-range mtu external-access"
)
# Every container has a network of Docker's in its launcher; without its interface there is none.
_NO_MANAGEMENT = "ip link set dev eth0 down"


class Api(StrEnum):
    """The resource's group and version, which changed with Clabernetes 0.7."""

    C9S = "c9s.run/v1alpha1"
    LEGACY = "clabernetes.containerlab.dev/v1alpha1"


@dataclass(frozen=True)
class Manifests:
    """The files to apply, by name, and what of the topology has no effect there, for people."""

    files: Mapping[str, str]
    ignored: tuple[str, ...]


def manifests(
    topology: Topology, needed: Mapping[str, Sequence[File]], api: Api, namespace: str
) -> Manifests:
    """Raises InputError naming everything that Clabernetes cannot run."""
    nodes = nodes_of(topology)
    name = _resource_name(topology.name)
    faults = [*_faults(topology, nodes, api), *_file_faults(needed)]
    if not _LABEL.fullmatch(namespace):
        faults.append(f"namespace {namespace}: Kubernetes takes no such name")
    if faults:
        raise InputError(
            "Clabernetes cannot run this lab; nothing was written:\n"
            + "\n".join(f"  {fault}" for fault in faults),
            place=topology.name,
            remedy="change these, or run it with containerlab: --to containerlab",
        )
    keys = _KEYS if api is Api.C9S else _LEGACY_KEYS
    written = {node: _definition(definition) for node, definition in nodes.items()}
    ignored = _ignored(topology, written, keys)
    document = {
        "name": topology.name,
        **({"mgmt": management} if (management := _management(topology)) else {}),
        "topology": {
            "nodes": {
                node: {key: value for key, value in keyed.items() if key in keys}
                for node, keyed in written.items()
            },
            "links": [_link(link) for link in topology.links],
        },
    }
    maps = {node: list(_config_maps(name, node, found)) for node, found in needed.items() if found}
    return Manifests(
        {
            NAMESPACE_FILE: _yaml(_namespace(namespace)),
            FILES_FILE: _yaml(
                *(_config_map(m, namespace) for found in maps.values() for m in found)
            ),
            TOPOLOGY_FILE: _yaml(_resource(name, namespace, api, document, maps, nodes)),
        },
        ignored,
    )


def _resource_name(lab: str) -> str:
    name = re.sub(r"[^a-z0-9]+", "-", lab.lower()).strip("-")[:_LONGEST].strip("-")
    return name or "lab"


# --- what cannot be ----------------------------------------------------------------------------


def _faults(topology: Topology, nodes: Mapping[str, NodeDefinition], api: Api) -> Iterator[str]:
    for name, node in nodes.items():
        mode = node.network_mode or "bridge"
        if not _LABEL.fullmatch(name):
            yield f"{name}: a node's name has lower-case letters, digits and hyphens only"
        if node.kind in (*BRIDGES, HOST):
            yield f"{name}: kind {node.kind} belongs to one machine, not to a cluster"
        if mode == "host" or (mode.startswith("container:") and api is Api.LEGACY):
            yield f"{name}: network-mode {mode}"
    for link in topology.links:
        ends = " – ".join(map(str, link.ends))
        special = {end.node for end in link.ends if end.node not in nodes and end.node != HOST}
        if link.type not in (None, "brief", "veth") or special:
            yield f"link {ends}: only cables between nodes, or to the launcher (host), are laid"


def _file_faults(needed: Mapping[str, Sequence[File]]) -> Iterator[str]:
    for node, found in needed.items():
        for file in found:
            if _size(file) > _MOST:
                yield (
                    f"{node}: {file.path} has {len(file.content)} bytes, more than a ConfigMap"
                    " holds; serve it over HTTP and add it to filesFromURL"
                )


def _ignored(
    topology: Topology, written: Mapping[str, Mapping[str, Any]], keys: frozenset[str]
) -> tuple[str, ...]:
    found: dict[str, list[str]] = {}
    for node, keyed in written.items():
        for key in keyed.keys() - keys:
            found.setdefault(key, []).append(node)
    said = [f"{key} ({', '.join(names)})" for key, names in sorted(found.items())]
    given = topology.mgmt.model_dump(by_alias=True, exclude_defaults=True) if topology.mgmt else {}
    said += [f"mgmt {key}" for key in sorted(given.keys() - _MANAGEMENT_KEYS)]
    if topology.settings:
        said.append("settings")
    if any(end.mac for link in topology.links for end in link.ends):
        said.append("mac of links")
    return tuple(said)


# --- the topology ------------------------------------------------------------------------------


def _definition(node: NodeDefinition) -> dict[str, Any]:
    """The node's keys as its topology file would hold them, with all that it inherits."""
    changes: dict[str, Any] = {"group": None}
    if node.network_mode == "none":
        changes |= {"network_mode": None, "exec": (_NO_MANAGEMENT, *node.exec)}
    elif node.network_mode == "bridge":
        changes["network_mode"] = None
    changed = node.model_copy(update=changes)
    keyed: dict[str, Any] = changed.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return {key: value for key, value in keyed.items() if value not in (None, {}, [])}


def _management(topology: Topology) -> dict[str, Any]:
    if topology.mgmt is None:
        return {}
    given = topology.mgmt.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return {key: value for key, value in given.items() if key in _MANAGEMENT_KEYS}


def _link(link: LinkDefinition) -> dict[str, Any]:
    return {"endpoints": [str(end) for end in link.ends], "mtu": link.mtu}


# --- the manifests -----------------------------------------------------------------------------


@dataclass(frozen=True)
class _ConfigMap:
    """Files by key, all of one node."""

    name: str
    files: Mapping[str, File]


def _size(file: File) -> int:
    """Bytes in a manifest: what is no text is written in base64."""
    return len(file.content) if _is_text(file) else len(file.content) * 4 // 3 + 4


def _is_text(file: File) -> bool:
    try:
        return "\0" not in file.content.decode()
    except UnicodeDecodeError:
        return False


def _config_maps(lab: str, node: str, found: Sequence[File]) -> Iterator[_ConfigMap]:
    """As many as the files need."""
    part: dict[str, File] = {}
    number = size = 0
    for index, file in enumerate(found):
        if size + _size(file) > _MOST:
            yield _ConfigMap(_map_name(lab, node, number), part)
            part, number, size = {}, number + 1, 0
        # Numbered, since the names of volumes are made from keys, and lose what is not a letter.
        stem = re.sub(r"[^A-Za-z0-9._-]", "-", file.path.rpartition("/")[2])
        part[f"{index:03d}-{stem}"[-_LONGEST:]] = file
        size += _size(file)
    yield _ConfigMap(_map_name(lab, node, number), part)


def _map_name(lab: str, node: str, number: int) -> str:
    return f"{lab}-{node}-files" + (f"-{number}" if number else "")


def _namespace(name: str) -> dict[str, Any]:
    # A launcher runs Docker, which needs a privileged container.
    enforced = {"pod-security.kubernetes.io/enforce": "privileged"}
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": name, "labels": enforced},
    }


def _config_map(config_map: _ConfigMap, namespace: str) -> dict[str, Any]:
    text = {key: f.content.decode() for key, f in config_map.files.items() if _is_text(f)}
    binary = {
        key: base64.b64encode(f.content).decode()
        for key, f in config_map.files.items()
        if not _is_text(f)
    }
    note = "its passwords and keys are random, of this export alone"
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": config_map.name,
            "namespace": namespace,
            "annotations": {LAB_VALUES: note},
        },
        **({"data": text} if text else {}),
        **({"binaryData": binary} if binary else {}),
    }


def _resource(
    name: str,
    namespace: str,
    api: Api,
    document: Mapping[str, Any],
    maps: Mapping[str, Sequence[_ConfigMap]],
    nodes: Mapping[str, NodeDefinition],
) -> dict[str, Any]:
    mounted = {
        node: [
            {
                "filePath": file.path,
                "configMapName": config_map.name,
                "configMapPath": key,
                "mode": "execute" if file.executable else "read",
            }
            for config_map in found
            for key, file in config_map.files.items()
        ]
        for node, found in maps.items()
    }
    spec = {
        "definition": {"containerlab": literal(_yaml(document))},
        "deployment": {"filesFromConfigMap": mounted},
        "expose": {"exposeType": "ClusterIP"},
        "naming": "prefixed",
        "statusProbes": _probes(nodes),
    }
    return {
        "apiVersion": str(api),
        "kind": "Topology",
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }


def _probes(nodes: Mapping[str, NodeDefinition]) -> dict[str, Any]:
    """A router of ours serves once its SSH server does; of others nothing is known."""
    ours = [n for n, node in nodes.items() if OWN_IMAGE in (node.image or "") and node.mgmt_ipv4]
    if not ours:
        return {"enabled": False}
    return {
        "enabled": True,
        "excludedNodes": [node for node in nodes if node not in ours],
        "probeConfiguration": {"tcpProbeConfiguration": {"port": _SSH}},
    }


class _Dumper(yaml.SafeDumper):
    """Text of several lines as a block, which people can read."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def _yaml(*documents: Any) -> str:
    text: str = yaml.dump_all(documents, Dumper=_Dumper, sort_keys=False, width=4096)
    return text
