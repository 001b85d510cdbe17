"""The commands that turn one configuration into another, in an order that is safe at each moment.

What is used is made before it is used, and taken away after it is used no more. A list in use is
edited in place or stood in for by a copy; a session comes up last and goes down first.
`pcg_netops.diff.iosxe.safety` proves it for each change.
"""

from __future__ import annotations

from pcg_netops.diff.iosxe.form import is_fixed
from pcg_netops.diff.iosxe.objects import Blocks, access_lists, prefix_lists, route_maps
from pcg_netops.diff.iosxe.places import additive, bgp, classes, interface
from pcg_netops.diff.iosxe.refresh import refresh
from pcg_netops.diff.iosxe.router import Router
from pcg_netops.diff.iosxe.sections import Command, difference, plain

_CLASSES, _REFRESH = 32, 90
# When a section's changes are entered; those not named come first, in the order of the rendering.
_MAKING = (
    ("no router bgp ", 1),  # there is room for one autonomous system
    ("class-map ", 30),
    ("policy-map ", 31),
    ("control-plane", 50),
    ("zone-pair ", 51),
    ("interface ", 60),
    ("ip route ", 65),
    ("line ", 70),
    ("router bgp ", 80),
    ("no zone-pair ", 100),
    ("no interface ", 105),
    ("no ip route ", 110),
    ("no policy-map ", 130),
    ("no class-map ", 140),
    ("no zone ", 170),
    ("no vrf ", 171),
    ("no ", 180),
    ("default ", 180),
)


def commands(old: Router, new: Router) -> tuple[str, ...]:
    """Every line to enter, with the exits from each mode."""
    blocks = [
        *prefix_lists(old, new),
        *access_lists(old, new),
        *route_maps(old, new),
        *_sections(old, new),
        (_REFRESH, list(refresh(old, new))),
    ]
    return tuple(line for _, lines in sorted(blocks, key=lambda b: b[0]) for line in lines)


def _sections(old: Router, new: Router) -> Blocks:
    before, after = (
        {x: b for x, b in plain(r.top, other.top).items() if not x.startswith("route-map ")}
        for r, other in ((old, new), (new, old))
    )
    for name in old.prefix_lists.keys() - new.prefix_lists.keys():
        # Its description goes with the list.
        before = {x: b for x, b in before.items() if not x.startswith(f"ip prefix-list {name} ")}
    for line in before:
        if line not in after and is_fixed(line):
            after[line] = {"shutdown": {}} if line.startswith("interface ") else {}
    for line in before.keys() & after.keys():
        if line.startswith("policy-map "):
            yield _CLASSES, classes(line, before[line], after[line])
            before[line] = {x: before[line].get(x, {}) for x in after[line]}
    for command in difference(before, after):
        if command.text.startswith("interface "):
            command = interface(command, after[command.text], command.text not in before)
        elif command.text.startswith("router bgp "):
            command = bgp(command, before.get(command.text, {}))
        elif command.below:
            command = additive(command)
        yield _rank(command), command.lines()


def _rank(command: Command) -> int:
    named = (rank for start, rank in _MAKING if command.text.startswith(start))
    rank = next(named, 0)
    shut = command.below and command.below[0].text == "shutdown"
    return 105 if shut and command.text.startswith("interface ") else rank
