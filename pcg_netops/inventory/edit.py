"""Changes values in a YAML text and leaves every other character of it as it is.

Comments, order, blank lines, quotes and alignment are whoever's wrote the file. The parser says
where each value starts and ends; new text takes the place of those characters alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.events import (
    DocumentStartEvent,
    Event,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from pcg_netops.errors import InputError

# What every YAML reader takes for the text that it is, in a list or mapping on one line too.
_PLAIN = re.compile(
    r"[A-Za-z][A-Za-z0-9 ._/()-]*(?<! )"
    r"|[0-9]+(\.[0-9]+){3}(/[0-9]+)?|[0-9]+-[0-9]+|[0-9]+ ?(ms|s|min|h)"
)
_WORDS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}


@dataclass(frozen=True, slots=True)
class _Value:
    """A value's place in the text, as indices; the end leaves out space and comments behind it."""

    start: int
    end: int
    block: bool  # a list or mapping of several lines
    entries: Mapping[str, _Entry] | None  # of a mapping


@dataclass(frozen=True, slots=True)
class _Entry:
    key: int
    key_end: int
    value: _Value


@dataclass
class Editor:
    """Collects changes of a text whose root is a mapping. `compose` has accepted the text before.

    A path names keys from the root down; what it names has to be there, except for the last.
    """

    text: str
    _splices: list[tuple[int, int, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._root = _Value(len(self.text), len(self.text), False, None)
        events = YAML(typ="safe", pure=True).parse(self.text)
        for event in events:
            if isinstance(event, DocumentStartEvent):
                self._root = self._read(next(events), events)
                break
        self._newline = "\r\n" if "\r\n" in self.text else "\n"

    def has(self, *path: str) -> bool:
        """Whether there is such an entry."""
        value = self._root
        for key in path:
            if not value.entries or key not in value.entries:
                return False
            value = value.entries[key].value
        return True

    def change(self, path: tuple[str, ...], fields: Mapping[str, Any]) -> None:
        """Set fields of the mapping at a path to plain data; None takes a field away.

        Raises InputError where it is the repetition of another one.
        """
        mapping = self._value(path)
        if mapping.entries is None:
            raise InputError(f"'{'.'.join(path)}' repeats what stands elsewhere")
        new = {name: None if data is None else flow(data) for name, data in fields.items()}
        if not mapping.block and None in new.values():
            self._rewrite(mapping, new)
            return
        for name in new.keys() & mapping.entries.keys():
            text = new[name]
            if text is None:
                self._remove(mapping.entries[name])
            else:
                self._replace(mapping.entries[name], text)
        added = [(name, text) for name, text in new.items() if text and not self.has(*path, name)]
        self._append(mapping, added)

    def add(self, path: tuple[str, ...], entries: Mapping[str, Any], *, lines: bool) -> None:
        """Add mappings to the mapping at a path, each on one line or with `lines` on several."""
        mapping = self._value(path)
        first = next(iter(mapping.entries.values())) if mapping.entries else None
        column = self._column(first.key) if first else 2 * len(path)
        spread = lines and (mapping.block or not first)
        if spread:
            inner = f"{self._newline}{' ' * (column + 2)}"
            added = [
                (name, "".join(f"{inner}{_entry(key, flow(data))}" for key, data in fields.items()))
                for name, fields in entries.items()
            ]
        else:
            added = [(name, flow(fields)) for name, fields in entries.items()]
        if first:
            gap = self._newline if spread and re.search(r"\n[ \t\r]*\n", self.text) else ""
            self._append(mapping, added, gap)
        else:
            text = "".join(f"{self._newline}{' ' * column}{_entry(*each)}" for each in added)
            self._splices.append((mapping.start, mapping.end, text))

    def result(self) -> str:
        """The text with all changes."""
        parts, at = [], 0
        for start, end, new in sorted(self._splices, key=lambda splice: splice[:2]):
            parts += [self.text[at:start], new]
            at = end
        text = "".join([*parts, self.text[at:]])
        return text if text.endswith("\n") else text + self._newline

    def _value(self, path: tuple[str, ...]) -> _Value:
        value = self._root
        for key in path:
            assert value.entries is not None
            value = value.entries[key].value
        return value

    def _read(self, event: Event, events: Iterator[Event]) -> _Value:
        start, end = event.start_mark.index, event.end_mark.index
        if isinstance(event, MappingStartEvent):
            entries: dict[str, _Entry] = {}
            last = end
            while isinstance(key := next(events), ScalarEvent):
                value = self._read(next(events), events)
                entries[str(key.value)] = _Entry(key.start_mark.index, key.end_mark.index, value)
                last = value.end
            end = key.end_mark.index if event.flow_style else last
            return _Value(start, end, not event.flow_style, entries)
        if isinstance(event, SequenceStartEvent):
            last = end
            while not isinstance(item := next(events), SequenceEndEvent):
                last = self._read(item, events).end
            end = item.end_mark.index if event.flow_style else last
            return _Value(start, end, not event.flow_style, None)
        return _Value(start, start + len(self.text[start:end].rstrip()), False, None)

    def _column(self, index: int) -> int:
        return index - (self.text.rfind("\n", 0, index) + 1)

    def _line_end(self, index: int) -> int:
        """The end of a line, its comment included, before what ends it."""
        found = re.compile(r"\r?\n|\Z").search(self.text, index)
        assert found
        return found.start()

    def _replace(self, entry: _Entry, text: str) -> None:
        between = self.text[entry.key_end : entry.value.start]
        if between.strip() == ":" and ("\n" in between or entry.value.start == entry.value.end):
            self._splices.append((entry.key_end, entry.value.end, f": {text}"))
        else:
            self._splices.append((entry.value.start, entry.value.end, text))

    def _remove(self, entry: _Entry) -> None:
        """Take away the lines of an entry of a block mapping."""
        start = entry.key - self._column(entry.key) - len(self._newline)
        self._splices.append((start, self._line_end(entry.value.end), ""))

    def _rewrite(self, mapping: _Value, new: dict[str, str | None]) -> None:
        """Put down a mapping of one line anew, with what stays as it is written."""
        assert mapping.entries
        if re.search(r"#.*\n", self.text[mapping.start : mapping.end]):
            raise InputError("has comments inside its braces, which would be lost")
        kept: dict[str, str | None] = {
            name: self.text[entry.key_end : entry.value.end].removeprefix(":").strip()
            for name, entry in mapping.entries.items()
        }
        parts = [_entry(name, text) for name, text in (kept | new).items() if text is not None]
        self._splices.append((mapping.start, mapping.end, "{" + ", ".join(parts) + "}"))

    def _append(self, mapping: _Value, added: list[tuple[str, str]], gap: str = "") -> None:
        """Put entries behind the last one, in the style of the mapping."""
        if not added:
            return
        assert mapping.entries
        *_, last = mapping.entries.values()
        if mapping.block:
            indent = " " * self._column(next(iter(mapping.entries.values())).key)
            lines = [f"{gap}{indent}{_entry(*each)}" for each in added]
            at = self._line_end(mapping.end)
            self._splices.append((at, at, self._newline.join(["", *lines])))
        else:
            text = "".join(f", {_entry(*each)}" for each in added)
            self._splices.append((last.value.end, last.value.end, text))


def _entry(name: str, text: str) -> str:
    return f"{flow(name)}:{text}" if text.startswith(("\n", "\r")) else f"{flow(name)}: {text}"


def flow(data: Any) -> str:
    """Plain data as YAML on one line; text that a reader could mistake stands in quotes."""
    if isinstance(data, Mapping):
        return "{" + ", ".join(f"{flow(key)}: {flow(value)}" for key, value in data.items()) + "}"
    if isinstance(data, (list, tuple)):
        return "[" + ", ".join(flow(value) for value in data) + "]"
    if isinstance(data, str):
        plain = _PLAIN.fullmatch(data) and data.lower() not in _WORDS
        return data if plain else json.dumps(data, ensure_ascii=False)
    return json.dumps(data)
