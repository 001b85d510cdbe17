"""`hosts.yaml`, `groups.yaml` and `defaults.yaml`: Nornir's SimpleInventory, typed.

Fields are Nornir's own (nornir `core/inventory.py`), so that the same files serve anybody's
playbooks.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, RootModel

from pcg_netops.model.base import Model, Name, Names


class Entry(Model):
    """A host, a group or the defaults. Passwords have no place in these files."""

    hostname: Annotated[str | None, Field(pattern=r"^[A-Za-z0-9.:-]{1,253}$")] = None
    port: Annotated[int | None, Field(ge=1, le=65_535, strict=True)] = None
    username: Name | None = None
    platform: Name | None = None
    groups: Names = ()
    data: Annotated[dict[str, Any], Field(default_factory=dict)]


class Entries(RootModel[dict[Name, Entry]]):
    """The whole of `hosts.yaml` or `groups.yaml`."""
