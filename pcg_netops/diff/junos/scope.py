"""The part of a running configuration that an inventory manages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from pcg_netops.diff.junos.candidate import SINGLE, Path, Statement, copy, fits, read, statements

# What is a rendering's own, so that what it does not mention is taken away. All else stays.
_OWNED = tuple(
    tuple(path.split())
    for path in (
        "protocols bgp",
        "policy-options",
        "firewall",
        "routing-options static",
        "security policies",
        "security zones",
        "security nat",
        "security address-book",
        "applications",
    )
)
_SECRET = re.compile(r"(secret|password|authentication-key|key|ascii-text|encrypted-password)$")


def managed(running: str, renderings: Sequence[str]) -> str:
    """What of a running configuration any rendering of the device manages, in the standard form."""
    known = [read(text).top for text in renderings]
    return "".join(f"{line}\n" for line in statements(_like(read(running).top, known)))


def _like(running: Statement, known: Iterable[Statement]) -> Statement:
    """The part of a running configuration that renderings of the device manage.

    Remarks are not in what a device prints in the `set` form: those of the renderings stand.
    """
    found = copy(running)
    for rendering in known:
        _mask(found, rendering)
    _scope(found, list(known), ())
    return found


def _scope(at: Statement, known: list[Statement], path: Path) -> None:
    for word in list(at.below):
        here = (*path, word)
        same = [k.below[word] for k in known if word in k.below]
        owned = any(fits(o, here) and len(here) >= len(o) for o in _OWNED)
        leads = any(fits(here, o) for o in _OWNED)
        if not same and not owned and not leads and path and _values_of(known, path[-1]):
            continue  # another value of a setting that a rendering makes
        if not same and not owned:
            if leads:
                _scope(at.below[word], [], here)
            if not leads or not at.below[word].below:
                del at.below[word]
        else:
            found = at.below[word]
            found.remark = next((s.remark for s in same if s.remark), "")
            was_empty = not found.below
            _scope(found, same, here)
            if not (was_empty or found.below or any(not s.below for s in same)):
                del at.below[word]  # all that is in it is somebody else's


def _values_of(known: list[Statement], word: str) -> bool:
    return word in SINGLE and any(k.below for k in known)


def _mask(at: Statement, known: Statement) -> None:
    """Whatever value a device holds where a rendering has a secret's marker counts as that one."""
    for word, below in known.below.items():
        if "pcg_secret_" in word and word not in at.below and len(at.below) == 1:
            at.below = {word: next(iter(at.below.values()))}
        elif word in at.below:
            _mask(at.below[word], below)


def secrets_in(lines: Iterable[str]) -> Iterator[str]:
    """Statements that hold a value which nobody may read, without it."""
    for line in lines:
        words = line.split()
        for index, word in enumerate(words[:-1]):
            if _SECRET.match(word) and "pcg_secret_" not in words[index + 1]:
                yield " ".join(words[: index + 1])
