"""The standard form of sections: the same text wherever the meaning is the same."""

from __future__ import annotations

from collections.abc import Iterator

from pcg_netops.diff.iosxe.language import DEFAULTS, LOGICAL, ORDERED, Tree
from pcg_netops.diff.iosxe.terminals import can_be_taken_away


def says_nothing(root: str, line: str, beside: Tree) -> bool:
    """Whether a line of a section is a default that devices leave out."""
    default = DEFAULTS.get(root.partition(" ")[0])
    if not default:
        return False
    if line.startswith("ip mtu "):
        media = next((x.split()[1] for x in beside if x.startswith("mtu ")), "1500")
        return line.split()[2] == media
    return default.match(line) is not None


def lines_of(tree: Tree, root: str, as_entered: bool, depth: int = 0) -> Iterator[str]:
    in_order = as_entered or (depth > 0 and root.startswith(ORDERED))
    for line in tree if in_order else sorted(tree, key=_standard):
        below = tree[line]
        if says_nothing(root, line, tree):
            continue
        if depth == 0 and is_idle(line, below):
            continue
        yield " " * depth + line
        if below:
            yield from lines_of(below, root or line, as_entered, depth + 1)


def is_fixed(line: str) -> bool:
    """Whether this section is always there: a port of the chassis, a terminal line."""
    if line.startswith("interface "):
        return not LOGICAL.match(line)
    return line.startswith(("control-plane", "line ")) and not can_be_taken_away(line)


def is_idle(line: str, below: Tree) -> bool:
    """Whether a section that is always there says no more than one that is not configured."""
    said = (x for x in below if x != "shutdown" and not says_nothing(line, x, below))
    return is_fixed(line) and not any(said)


def _standard(line: str) -> tuple[bool, str]:
    """Addresses come after the VRF, which would take them away."""
    return not line.startswith("vrf forwarding "), line
