"""What has to be so on a device before a push touches any."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

from pcg_netops.push.driver import Change, Facts

# What the templates are written for (docs/platforms.md).
_LEAST = {"linux": (8, 4), "iosxe": (17,), "junos": (21,)}
_SKEW_S = 60  # beyond this, logs of devices can no longer be put side by side
_ROOM = 256 * 1024  # bytes besides the texts of the change


def unfit(platform: str, facts: Facts, change: Change) -> Iterator[str]:
    """Every reason not to push to this device."""
    version = tuple(int(number) for number in re.findall(r"\d+", facts.version)[:2])
    if version < _LEAST[platform]:
        least = ".".join(map(str, _LEAST[platform]))
        yield f"runs version {facts.version}, and this is written for {least} and later"
    sizes = [*(len(a.text) for a in change.files.values()), *map(len, change.lines)]
    needed = _ROOM + 2 * sum(sizes)
    if facts.free_bytes < needed:
        yield f"has room for {facts.free_bytes} bytes, and needs {needed}"
    if facts.clock is not None:
        skew = abs((datetime.now(UTC) - facts.clock).total_seconds())
        if skew > _SKEW_S:
            yield f"has a clock that is {skew:.0f} s off, with {_SKEW_S} s allowed"
