"""Changes to lists that are in use: never empty, and no packet is let through in between.

An access list is edited in place by sequence numbers, new entries first and from the top, old ones
afterwards and from the bottom. So the first entry that a packet meets is always one before which
every entry of the old list, or of the new one, still stands: it is decided as before or as after.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from pcg_netops.diff.iosxe.access_lists import Entry, said

_ROOM = 1000  # between the numbers of an access list while it is edited
_STEP = 10  # as the device numbers entries by itself


def new_access_list(
    header: str, entries: Sequence[Entry], last_remarks: Sequence[str] = ()
) -> list[str]:
    """The commands that make an access list."""
    return [header, *(f" {line}" for line in (*said(entries), *last_remarks)), "exit"]


@dataclass(frozen=True)
class AccessListEdit:
    """What has to be done to an access list, and whether an entry has to change its place."""

    commands: tuple[str, ...]
    moves: bool


def edit_access_list(
    header: str,
    old: Sequence[Entry],
    new: Sequence[Entry],
    *,
    last_remarks: tuple[Sequence[str], Sequence[str]] = ((), ()),
) -> AccessListEdit:
    """Edit in place. An entry that moves is absent for a moment: the device takes none twice.

    `last_remarks` are those that no entry follows, before and after. They go first and come last,
    as they would be the remarks of whatever entry is added behind them.
    """
    old_texts, new_texts = [e.text for e in old], [e.text for e in new]
    matcher = SequenceMatcher(None, old_texts, new_texts, autojunk=False)
    number = {i: _ROOM * (i + 1) for i in range(len(old))}
    inserted: list[str] = []
    removed: list[int] = []
    remarks: list[str] = []
    moves = False
    for kind, i1, i2, j1, j2 in matcher.get_opcodes():
        if kind == "equal":
            for i, j in zip(range(i1, i2), range(j1, j2), strict=True):
                remarks += _remarks(number[i], old[i], new[j])
            continue
        removed += [i for i in range(i1, i2) if old_texts[i] not in new_texts]
        for at, entry in enumerate(new[j1:j2], _ROOM * i1 + 1):
            if entry.text in old_texts:
                moves = True
                inserted.append(f" no {number[old_texts.index(entry.text)]}")
            inserted += [f" {at} {line}" for line in (*entry.remarks, entry.text)]
    body = [*inserted, *remarks, *(f" no {number[i]}" for i in reversed(removed))]
    gone, come = last_remarks
    if body or gone != come:
        body = [*(f" no {x}" for x in gone), *body, *(f" {x}" for x in come)]
    if not body:
        return AccessListEdit((), moves=False)
    name = header.split()[-1]
    first = f"ip access-list resequence {name} {_ROOM} {_ROOM}"
    last = f"ip access-list resequence {name} {_STEP} {_STEP}"
    return AccessListEdit((first, header, *body, "exit", last), moves)


def _remarks(number: int, old: Entry, new: Entry) -> Iterator[str]:
    if old.remarks != new.remarks:
        if old.remarks:
            yield f" no {number} remark"
        yield from (f" {number} {remark}" for remark in new.remarks)


def edit_prefix_list(name: str, old: dict[int, str], new: dict[int, str]) -> list[str]:
    """Additions first. Where every entry permits, order and numbers do not count."""
    command = f"ip prefix-list {name}"
    if all(text.startswith("permit") for text in (*old.values(), *new.values())):
        added = [text for text in new.values() if text not in old.values()]
        gone = [text for text in old.values() if text not in new.values()]
        if not old:
            return [f"{command} seq {number} {text}" for number, text in new.items()]
        return [
            *(f"{command} {text}" for text in added),
            *(f"no {command} {text}" for text in gone),
        ]
    changed = {n: t for n, t in old.items() if new.get(n) != t}
    wanted = {n: t for n, t in new.items() if old.get(n) != t}
    free = {n: t for n, t in wanted.items() if n not in old and t not in old.values()}
    return [
        *(f"{command} seq {number} {text}" for number, text in free.items()),
        *(f"no {command} seq {number} {text}" for number, text in changed.items()),
        *(f"{command} seq {n} {text}" for n, text in wanted.items() if n not in free),
    ]
