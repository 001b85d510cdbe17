"""Figures in words: one way to write each kind of number, always with its unit."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from pcg_netops.cutover.evidence import FlowEvidence

NOT_MEASURED = "not measured"
NBSP = "\u00a0"  # keeps a number and its unit on one line


def number(value: float, digits: int = 0) -> str:
    """With thousands separators and without trailing zeros after the point."""
    text = f"{value:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def duration(ms: float) -> str:
    """Milliseconds as people say them: `212 ms`, `1.2 s`, `15 min`, `1 h`."""
    if ms < 1_000:
        return f"{number(ms, 1)}{NBSP}ms"
    for unit, size in (("h", 3_600_000), ("min", 60_000)):
        if ms >= 600_000 and ms % size == 0:
            return f"{number(ms / size)}{NBSP}{unit}"
    return f"{number(ms / 1_000, 3)}{NBSP}s"


def seconds(value: float | None) -> str:
    """Seconds to a hundredth, or that there is no figure."""
    return NOT_MEASURED if value is None else f"{value:,.2f}{NBSP}s"


def count(how_many: int, noun: str, plural: str = "") -> str:
    """`1 probe`, `2 probes`, `1,000 probes`."""
    return f"{number(how_many)} {noun if how_many == 1 else plural or noun + 's'}"


def when(moment: datetime) -> str:
    """`2 March 2020, 22:00:00 GMT`."""
    return f"{moment.day} {moment:%B %Y, %H:%M:%S %Z}".strip()


def listed(items: Iterable[str]) -> str:
    """Items after one another, or `none`."""
    return ", ".join(items) or "none"


def outage(flows: Iterable[FlowEvidence]) -> str:
    """The worst gap of these flows.

    Without a loss it is below the longest time between two probes, which is not zero. A flow
    that was not probed leaves the whole without a figure.
    """
    flows = tuple(flows)
    if not flows or any(flow.sent == 0 for flow in flows):
        return NOT_MEASURED
    if any(flow.lost for flow in flows):
        return duration(max(flow.outage_ms for flow in flows if flow.lost))
    return f"<{NBSP}{duration(max(flow.resolution_ms for flow in flows))}"
