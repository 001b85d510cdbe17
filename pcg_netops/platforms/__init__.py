"""One module for each kind of device: what is written for it, and where it goes."""

from __future__ import annotations

from pcg_netops.errors import InputError
from pcg_netops.platforms.base import Platform
from pcg_netops.platforms.iosxe import IOSXE
from pcg_netops.platforms.junos import JUNOS
from pcg_netops.platforms.linux import LINUX

PLATFORMS = {platform.name: platform for platform in (LINUX, IOSXE, JUNOS)}


def platform_named(name: str) -> Platform:
    """The platform of that name. Raises InputError if there is none."""
    if name not in PLATFORMS:
        raise InputError(
            f"no platform '{name}'",
            remedy=f"known: {', '.join(PLATFORMS)} (inventory/groups.yaml)",
        )
    return PLATFORMS[name]
