"""Access lists as a router holds them: entries by their numbers, with the remarks above each."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

_NUMBERED = re.compile(r"(?:(\d+) )?(.+)$")
_STEP = 10  # between entries that are entered without a number


class Rejected(Exception):
    """A command that a device does not take."""


@dataclass(frozen=True)
class Entry:
    """An entry of an access list with the remarks above it, which come and go with it."""

    number: int
    text: str
    remarks: tuple[str, ...] = ()

    @property
    def permits(self) -> bool:
        return self.text.startswith("permit")


class AccessLists(dict[str, list[Entry]]):
    """Entries in order, by the first line of their list."""

    def __init__(self) -> None:
        super().__init__()
        self._remarks: dict[tuple[str, int], tuple[str, ...]] = {}  # of entries to come; 0: next

    def again(self) -> AccessLists:
        """Others that hold the same."""
        found = AccessLists()
        found.update((header, list(entries)) for header, entries in self.items())
        found._remarks = dict(self._remarks)
        return found

    def remove(self, header: str) -> int:
        """Take a list away; how many entries it had."""
        self._remarks = {key: of for key, of in self._remarks.items() if key[0] != header}
        return len(self.pop(header, ()))

    def enter(self, header: str, text: str) -> int:
        """One line below a list's first; how many entries there are more. Raises Rejected."""
        entries = self[header]
        removes = text.startswith("no ")
        found = _NUMBERED.fullmatch(text.removeprefix("no "))
        assert found
        number, said = int(found[1] or 0), found[2]
        if removes and number == 0 and said.isdigit():
            number, said = int(said), ""
        if said == "remark" or said.startswith("remark "):
            self._remark(header, number, said, removes)
            return 0
        if removes:
            kept = [e for e in entries if not (e.number == number if number else e.text == said)]
            if len(kept) == len(entries):
                raise Rejected(f"{text}: no such entry in {header}")
            entries[:] = kept
            return -1
        if any(e.text == said for e in entries):  # the device takes each entry once
            return 0
        self._insert(header, number, said)
        return 1

    def _insert(self, header: str, number: int, said: str) -> None:
        entries = self[header]
        number = number or (entries[-1].number + _STEP if entries else _STEP)
        before = sorted(key for key in self._remarks if key[0] == header and key[1] <= number)
        remarks = tuple(remark for key in before for remark in self._remarks.pop(key))
        if any(e.number == number for e in entries):
            raise Rejected(f"duplicate sequence number {number} in {header}")
        entries.append(Entry(number, said, remarks))
        if len(entries) > 1 and entries[-2].number > number:
            entries.sort(key=lambda e: e.number)

    def _remark(self, header: str, number: int, said: str, removes: bool) -> None:
        """Remarks are their entry's: the one with their number, or the next one to come."""
        entries = self[header]
        at = next((i for i, e in enumerate(entries) if e.number == number), None)
        if removes and at is None:
            for key in [key for key in self._remarks if key[0] == header]:
                self._remarks[key] = tuple(x for x in self._remarks[key] if x != said)
        elif at is None:
            self._remarks[header, number] = (*self._remarks.get((header, number), ()), said)
        else:
            remarks = () if removes else (*entries[at].remarks, said)
            entries[at] = replace(entries[at], remarks=remarks)

    def last_remarks(self, header: str) -> tuple[str, ...]:
        """The remarks of a list that no entry follows."""
        keys = sorted(key for key in self._remarks if key[0] == header)
        return tuple(remark for key in keys for remark in self._remarks[key])

    def resequence(self, name: str, first: int, step: int) -> None:
        """Number a list's entries anew. Raises Rejected if there is no such list."""
        for header, entries in self.items():
            if header.split()[-1] == name:
                entries[:] = [replace(e, number=first + i * step) for i, e in enumerate(entries)]
                return
        raise Rejected(f"no access list {name}")


def said(entries: Iterable[Entry]) -> list[str]:
    """The lines of an access list in order; the numbers say no more."""
    return [line for entry in entries for line in (*entry.remarks, entry.text)]
