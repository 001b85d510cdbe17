"""A node's settings after inheritance: from defaults, its kind and its group, and its own.

By containerlab's rules (`types/topology.go`): the most specific wins; lists and mappings add up,
the least specific first, where they say so below.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

from pcg_netops.lab.topology.definitions import (
    Credentials,
    NodeDefinition,
    Stage,
    Stages,
    TopologyBody,
)

_LISTS = (*("exec", "binds", "volumes", "env_files", "devices", "cap_add", "security_opts"),)
_MAPPINGS = ("env", "labels", "sysctls", "tmpfs")
_OWN = ("mgmt_ipv4", "mgmt_ipv6", "aliases")
_OF_FOLDER = ("binds", "volumes")  # the most specific one of each target stays
_IMPORT = "__IMPORT_ENVS"


def settled(body: TopologyBody, name: str) -> NodeDefinition:
    """The node with all that it inherits."""
    own = body.nodes[name] or NodeDefinition()
    kind, group = _kind(body, own), ""
    group = own.group or _of(body.kinds, kind).group or body.defaults.group or ""
    levels = (own, _of(body.groups, group), _of(body.kinds, kind), body.defaults)
    values: dict[str, Any] = {}
    for field in NodeDefinition.model_fields:
        values[field] = _value(field, levels)
    values |= {"kind": kind.lower() or None, "group": group or None}
    values |= {"username": None, "password": None, "credentials": _credentials(levels)}
    if "true" in (level.env.get(_IMPORT) for level in levels):
        values["env"] = dict(os.environ) | values["env"]
    values["env"].pop(_IMPORT, None)
    return NodeDefinition(**values)


def _of(levels: dict[str, NodeDefinition | None], name: str) -> NodeDefinition:
    return levels.get(name) or NodeDefinition()


def _kind(body: TopologyBody, own: NodeDefinition) -> str:
    groups = (_of(body.groups, own.group or ""), _of(body.groups, body.defaults.group or ""))
    return next((n.kind for n in (own, *groups, body.defaults) if n.kind), "")


def _value(field: str, levels: Sequence[NodeDefinition]) -> Any:
    found = [getattr(level, field) for level in levels]
    if field in _OWN:
        return found[0]
    if field in _LISTS:
        return tuple(_added(field, found[::-1]))
    if field in _MAPPINGS:
        return {key: value for level in found[::-1] for key, value in level.items()}
    if field == "stages":
        return _stages([stages for stages in found[::-1] if stages])
    return next((value for value in found if value not in (None, (), {})), found[-1])


def _added(field: str, found: Sequence[Sequence[str]]) -> Iterator[str]:
    items = list(dict.fromkeys(item for level in found for item in level))
    if field in _OF_FOLDER:
        by_target = {_target(item): item for item in items}
        return iter(sorted(by_target.values(), key=_target))
    return iter(items)


def _target(bind: str) -> str:
    source, _, rest = bind.partition(":")
    return rest.partition(":")[0] or source


def _stages(levels: Sequence[Stages]) -> Stages | None:
    if not levels:
        return None
    merged: dict[str, Stage] = {}
    for level in levels:
        for name, stage in level.items():
            field = name.replace("-", "_")
            before = merged.get(field, Stage())
            waits = dict.fromkeys((*before.wait_for, *stage.wait_for))
            merged[field] = Stage(wait_for=tuple(waits), exec=(*before.commands, *stage.commands))
    return Stages(**merged)


def _credentials(levels: Sequence[NodeDefinition]) -> Credentials | None:
    """A user's name and password come together, from the most specific that has either."""
    for level in levels:
        given = level.credentials or Credentials()
        user, password = given.username or level.username, given.password or level.password
        if user or password:
            return Credentials(username=user, password=password, identity_file=given.identity_file)
    return None
