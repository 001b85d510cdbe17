"""`hosts.yaml`, `groups.yaml` and `defaults.yaml`: Nornir's SimpleInventory, typed.

Fields are Nornir's own (nornir `core/inventory.py`), so that the same files serve anybody's
playbooks.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, RootModel

from pcg_netops.model.base import Model, Name, Names
from pcg_netops.model.secret import SecretReference


class Login(Model):
    """How to log in, where the SSH agent's keys do not do. It says where secrets are kept."""

    password: SecretReference | None = None
    key_file: Annotated[str | None, Field(pattern=r"^[A-Za-z0-9._~/+-]{1,200}$")] = None
    enable: SecretReference | None = None


class Entry(Model):
    """A host, a group or the defaults. Passwords have no place in these files."""

    hostname: Annotated[str | None, Field(pattern=r"^[A-Za-z0-9.:-]{1,253}$")] = None
    port: Annotated[int | None, Field(ge=1, le=65_535, strict=True)] = None
    username: Name | None = None
    platform: Name | None = None
    groups: Names = ()
    login: Login | None = None
    data: Annotated[dict[str, Any], Field(default_factory=dict)]


class Entries(RootModel[dict[Name, Entry]]):
    """The whole of `hosts.yaml` or `groups.yaml`."""
