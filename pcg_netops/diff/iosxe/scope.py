"""The part of a running configuration that an inventory manages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from pcg_netops.diff.iosxe.language import (
    ON_BY_DEFAULT,
    OWNED,
    OWNED_WITHIN,
    SECRET,
    UNSEEN,
    Tree,
    single,
)
from pcg_netops.diff.iosxe.reading import read
from pcg_netops.diff.iosxe.router import Router
from pcg_netops.diff.iosxe.terminals import cuts_of

_MARKER = re.compile(r"(?:\d )?pcg_secret_[a-z0-9-]+_")


def managed(running: str, renderings: Sequence[str]) -> str:
    """What of a running configuration any rendering of the device manages.

    All else is somebody else's: accounts, licences, certificates, other VRFs' routes. A secret that
    a rendering names is taken as that one, whatever the device holds and however it salts it. What
    devices never print is taken as the first rendering has it, which is what it is meant to hold.
    """
    router = read(running)
    known = [read(text) for text in renderings]
    cuts = cuts_of(router.top, *(k.top for k in known))
    for each in (router, *known):
        each.regroup(cuts)
    _scope(router, router.top, [k.top for k in known], "")
    for line in [x for k in known[:1] for x in k.top if UNSEEN.match(x) and x not in router.top]:
        router.assume("", router.top, line)
    for header in [h for h in router.access_lists if not OWNED.match(h)]:
        if not any(header in k.access_lists for k in known):
            del router.access_lists[header]
    return router.text(as_entered=True)


def _scope(router: Router, tree: Tree, known: list[Tree], root: str) -> None:
    _mask(router, tree, known, root)
    named = {line for k in known for line in k}
    replaced = {setting[0] for line in named if (setting := single(root, line))}
    settled = {line for line in named if line.startswith("no ")}
    for line in list(tree):
        if line in named:
            _scope(router, tree[line], [k[line] for k in known if line in k], root or line)
        elif (setting := single(root, line)) and setting[0] in replaced:
            continue  # a rendering takes its place, and the back-out has to bring it back
        elif not _is_ours(root, line) and f"no {line}" not in named and line[3:] not in named:
            router.forget(root, tree, line)
    for line in settled - set(tree):
        if line[3:] not in tree and not ON_BY_DEFAULT.match(line[3:]):
            router.assume(root, tree, line)  # off unless said otherwise, so the device is silent


def _is_ours(root: str, line: str) -> bool:
    if not root:
        return bool(OWNED.match(line))
    within = next((w for start, w in OWNED_WITHIN.items() if root.startswith(start)), None)
    return within is None or bool(within.match(line))


def _mask(router: Router, tree: Tree, known: list[Tree], root: str) -> None:
    for wanted in [line for k in known for line in k if _MARKER.search(line)]:
        parts = map(re.escape, _MARKER.split(wanted))
        pattern = re.compile(r"(?:\d )?\S+".join(parts) + r"(?: \d)?")  # of NTP it comes last
        for line in [x for x in tree if x != wanted and pattern.fullmatch(x)]:
            router.forget(root, tree, line)
            router.assume(root, tree, wanted)


def secrets_in(lines: Iterable[str]) -> Iterator[str]:
    """Lines that hold a value which nobody may read, without it."""
    for line in lines:
        found = SECRET.match(line.strip())
        if found and "pcg_secret_" not in line:
            yield line.strip()[: found.end(1)]
