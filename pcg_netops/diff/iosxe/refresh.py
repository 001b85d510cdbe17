"""Routes that a router knows already, and policies that change."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pcg_netops.diff.iosxe.language import references
from pcg_netops.diff.iosxe.objects import maps
from pcg_netops.diff.iosxe.router import Router


def refresh(old: Router, new: Router) -> Iterator[str]:
    """IOS-XE applies a changed policy to routes that it already knows only when told to [K]."""
    before, after = dict(_policies(old)), dict(_policies(new))
    for key, policy in after.items():
        if key in before and before[key] != policy:
            yield f"do clear ip bgp {key[0]} soft {key[1]}"


def _policies(router: Router) -> Iterator[tuple[tuple[str, str], object]]:
    """For each session and direction, everything that its policy says."""
    known = maps(router.top)
    used = re.compile(r"neighbor (\S+) route-map (\S+) (in|out)$")
    for line, below in router.top.items():
        if not line.startswith("router bgp "):
            continue
        for text in (*below, *(x for family in below.values() for x in family)):
            if found := used.match(text):
                entries = known.get(found[2], {})
                lists = {
                    name: sorted(router.prefix_lists.get(name, {}).values())
                    for entry in entries.values()
                    for match in entry
                    for kind, name in references("route-map ", match)
                    if kind == "prefix list"
                }
                meaning = {
                    header: sorted(x for x in entry if not x.startswith("description "))
                    for header, entry in entries.items()
                }
                yield (found[1], found[3]), (meaning, lists)
