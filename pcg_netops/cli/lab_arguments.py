"""What arguments of `pcg lab` have to be, beyond what their types say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pcg_netops.errors import InputError

if TYPE_CHECKING:
    from pcg_netops.lab.background.client import RunningLab

_LONGEST_S = 1e9


def require_interface(lab: RunningLab, node: str, interface: str) -> None:
    """Raise InputError if the node has no such interface."""
    name = lab.record.node(node).name
    if not lab.nodes()[name].powered:
        return  # then that is said
    lines = lab.run(name, ["ip", "-brief", "link"]).stdout.splitlines()
    known = [line.split()[0].partition("@")[0] for line in lines]
    if interface not in known:
        raise InputError(
            f"node '{name}' has no interface '{interface}'",
            remedy=f"its interfaces: {', '.join(known)}",
        )


def require_time(option: str, seconds: float) -> None:
    """Raise InputError for what is no time, such as NaN."""
    if not 0 < seconds < _LONGEST_S:
        raise InputError(f"{option} is to be some seconds", remedy=f"such as {option} 30")
