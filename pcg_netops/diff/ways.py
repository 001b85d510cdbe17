"""What a platform's planner gives: the commands there and back, and what is wrong with them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class BothWays:
    """Commands of both directions, each with the exits from every mode that it enters."""

    remediation: tuple[str, ...]
    back_out: tuple[str, ...]
    wrong: tuple[str, ...]
