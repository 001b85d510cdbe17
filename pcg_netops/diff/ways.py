"""What a platform's planner gives: the commands there and back, and what is wrong with them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class BothWays:
    """Two configurations in the standard form, and the commands from each to the other.

    Every mode that commands enter is left by one of them. What is wrong is a moment that is not
    safe, or an end that is not as meant.
    """

    base: str
    intended: str
    remediation: tuple[str, ...] = ()
    back_out: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()
