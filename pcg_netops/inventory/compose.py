"""YAML text as plain data, each value with its place, at a cost that the text's size bounds.

The parser gives events; this puts them together. It keeps aliases from multiplying, takes only
spellings that every YAML reader understands alike (1.1 and 1.2 differ on `no`, `010`, `1:30`), and
has no tags, no merge keys and no second document.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from pcg_netops.errors import InputError

Key = str | int

_DEEPEST = 50
_MOST_VALUES = 250_000  # what aliases repeat counts each time
_MOST_LINES = 250_000
_LONGEST_LINE = 10_000
_LONGEST_KEY = 128
_MOST_DIGITS = 18

_NULLS = {"", "~", "null", "Null", "NULL"}
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False}
_BOOLEANS["FALSE"] = False
_NUMBER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_FRACTION = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
# Read as a boolean or a number by some readers, and as another number or as text by others.
_TWO_MEANINGS = re.compile(
    r"(?i:yes|no|on|off)"
    r"|[-+]?0[0-9_]+|[-+]?0[oO][0-7_]*|[-+]?0[xX][0-9a-fA-F_]*|[-+]?0[bB][01_]*"
    r"|[-+]?[0-9]+_[0-9_]*"
    r"|[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?"
)


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a key or a list's item stands (from 1), and the marks of what it holds."""

    line: int
    column: int
    within: Mapping[Key, Mark]


@dataclass(slots=True)
class _Part:
    """A value, with what it costs: the values in it, and the levels."""

    value: Any
    marks: dict[Key, Mark] = field(default_factory=dict)
    size: int = 1
    height: int = 0


@dataclass(slots=True)
class _Open:
    """A list or mapping whose end has not come yet."""

    part: _Part
    event: NodeEvent
    key: str | None = None
    key_event: Event | None = None


def compose(name: str, text: str, *, lenient: bool = False) -> tuple[Any, Mapping[Key, Mark]]:
    """The document's data and marks. Raises InputError, or the parser's own MarkedYAMLError.

    `lenient` leaves words such as `yes` and `22:22` as the text they are, and a merge key `<<` as a
    key like any other.
    """
    check_characters(name, text)
    composer = _Composer(name, lenient)
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        composer.take(event)
    return composer.root.value, composer.root.marks


def check_characters(name: str, text: str) -> None:
    """Refuse what a reader of the file could not see as it is."""
    lines = text.split("\n")
    if len(lines) > _MOST_LINES:
        raise InputError(
            f"has more than {_MOST_LINES} lines",
            place=name,
            remedy="split the file",
            code="PCG003",
        )
    for number, line in enumerate(lines, 1):
        if len(line) > _LONGEST_LINE:
            raise InputError(
                f"the line has more than {_LONGEST_LINE} characters",
                place=f"{name}:{number}",
                remedy="write one value on each line",
                code="PCG003",
            )
        shown = line.removesuffix("\r").replace("\t", " ")
        if not shown.isprintable():
            column, char = next((i, c) for i, c in enumerate(shown, 1) if not c.isprintable())
            raise InputError(
                f"holds U+{ord(char):04X} {unicodedata.name(char, 'control character')}",
                place=f"{name}:{number}:{column}",
                remedy="remove it: people and programs would read the line differently",
                code="PCG003",
            )


class _Composer:
    """Takes one document's events. Errors name the place of the event."""

    def __init__(self, name: str, lenient: bool = False) -> None:
        self.root = _Part(None)
        self._name = name
        self._lenient = lenient
        self._open: list[_Open] = []
        self._anchors: dict[str, _Part] = {}
        self._documents = 0
        self._values = 0

    def take(self, event: Event) -> None:
        """The next event."""
        if isinstance(event, DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                raise self._error(event, "is not YAML: but found another document", "PCG002")
        elif isinstance(event, (MappingStartEvent, SequenceStartEvent)):
            self._start(event)
        elif isinstance(event, (MappingEndEvent, SequenceEndEvent)):
            done = self._open.pop()
            self._anchor(done.event, done.part)
            self._put(done.event, done.part)
        elif isinstance(event, AliasEvent):
            self._put(event, self._aliased(event))
        elif isinstance(event, ScalarEvent):
            self._scalar(event)

    def _error(self, event: Event, message: str, code: str, remedy: str = "") -> InputError:
        mark = event.start_mark
        assert mark is not None, "the parser marks every event"
        place = f"{self._name}:{mark.line + 1}:{mark.column + 1}"
        return InputError(message, place=place, remedy=remedy or "correct the line", code=code)

    def _start(self, event: MappingStartEvent | SequenceStartEvent) -> None:
        self._refuse_tag(event)
        if len(self._open) >= _DEEPEST:
            raise self._too_deep(event)
        if self._expects_key():
            raise self._error(
                event, "a list or mapping cannot be a key", "PCG002", "write a name before ':'"
            )
        value: Any = {} if isinstance(event, MappingStartEvent) else []
        self._open.append(_Open(_Part(value), event))

    def _too_deep(self, event: Event) -> InputError:
        return self._error(
            event, f"nested more than {_DEEPEST} levels deep", "PCG003", "write it flatter"
        )

    def _refuse_tag(self, event: MappingStartEvent | SequenceStartEvent | ScalarEvent) -> None:
        if event.tag is not None:
            raise self._error(event, f"has the tag {event.tag!r:.60}", "PCG002", "remove the tag")

    def _expects_key(self) -> bool:
        top = self._open[-1] if self._open else None
        return top is not None and isinstance(top.part.value, dict) and top.key is None

    def _scalar(self, event: ScalarEvent) -> None:
        self._refuse_tag(event)
        text, plain = str(event.value), not event.style
        unclear = plain and _TWO_MEANINGS.fullmatch(text) is not None
        if unclear and not self._lenient:
            raise self._error(
                event,
                f"{text:.60} means different things to different YAML readers",
                "PCG004",
                "write true or false, a decimal number, or text in quotes",
            )
        if self._expects_key():
            self._key(event, text, plain)
            return
        part = _Part(self._resolve(event, text) if plain and not unclear else text)
        self._anchor(event, part)
        self._put(event, part)

    def _key(self, event: ScalarEvent, text: str, plain: bool) -> None:
        top = self._open[-1]
        if plain and text == "<<" and not self._lenient:
            raise self._error(event, "merge keys are not YAML 1.2", "PCG002", "write the fields")
        if not text or len(text) > _LONGEST_KEY or not text.isprintable():
            raise self._error(
                event,
                f"a key must have 1 to {_LONGEST_KEY} printable characters (got {text!r:.60})",
                "PCG003",
            )
        if text in top.part.value:
            raise self._error(
                event, f"'{text}' stands here a second time", "PCG005", "keep one of the two"
            )
        top.key, top.key_event = text, event
        self._anchor(event, _Part(text))

    def _resolve(self, event: ScalarEvent, text: str) -> Any:
        """A plain scalar as YAML 1.2's core schema reads it."""
        if text in _NULLS:
            return None
        if text in _BOOLEANS:
            return _BOOLEANS[text]
        if _NUMBER.fullmatch(text):
            if len(text) > _MOST_DIGITS:
                raise self._error(
                    event, f"the number {text:.20}… is too long", "PCG004", "put text in quotes"
                )
            return int(text)
        return float(text) if _FRACTION.fullmatch(text) else text

    def _aliased(self, event: AliasEvent) -> _Part:
        if any(opened.event.anchor == event.anchor for opened in self._open):
            raise self._error(event, f"'*{event.anchor}' stands inside what it repeats", "PCG003")
        if event.anchor not in self._anchors:
            raise self._error(
                event, f"is not YAML: found undefined alias {event.anchor!r}", "PCG002"
            )
        if self._expects_key():
            raise self._error(event, "an alias cannot be a key", "PCG002", "write the name")
        return self._anchors[event.anchor]

    def _anchor(self, event: NodeEvent, part: _Part) -> None:
        if event.anchor is not None:
            self._anchors[event.anchor] = part

    def _put(self, event: NodeEvent, part: _Part) -> None:
        """Give a finished value to what holds it."""
        repeated = isinstance(event, AliasEvent)
        self._values += part.size if repeated else 1
        if self._values > _MOST_VALUES:
            raise self._error(
                event,
                f"holds more than {_MOST_VALUES} values",
                "PCG003",
                "repeat less through aliases, or split the file",
            )
        if not self._open:
            self.root = part
            return
        top = self._open[-1]
        if len(self._open) + part.height > _DEEPEST:
            raise self._too_deep(event)
        top.part.size += part.size
        top.part.height = max(top.part.height, part.height + 1)
        if isinstance(top.part.value, list):
            key: Key = len(top.part.value)
            mark = event.start_mark
            top.part.value.append(part.value)
        else:
            assert top.key is not None
            assert top.key_event is not None
            key, mark = top.key, top.key_event.start_mark
            top.part.value[key] = part.value
            top.key = None
        assert mark is not None, "the parser marks every event"
        top.part.marks[key] = Mark(mark.line + 1, mark.column + 1, part.marks)
