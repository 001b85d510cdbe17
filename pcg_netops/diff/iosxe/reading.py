"""From a text to what a router holds."""

from __future__ import annotations

from pcg_netops.diff.iosxe.access_lists import Rejected
from pcg_netops.diff.iosxe.router import Router
from pcg_netops.errors import InputError


def read(text: str) -> Router:
    """What a text says. Raises InputError for one that no device can have."""
    try:
        return Router(text.splitlines())
    except Rejected as error:
        raise InputError(
            f"is no configuration that a device can have: {error}",
            remedy="capture it anew: terminal length 0, then show running-config",
        ) from None
