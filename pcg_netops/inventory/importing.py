"""Brings what others keep into a file of the workspace, whole and checked, or not at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from pcg_netops.confined import require_inside
from pcg_netops.errors import InputError, InputErrors
from pcg_netops.files import write_whole
from pcg_netops.inventory.compose import Key, Mark
from pcg_netops.inventory.edit import Editor, flow
from pcg_netops.inventory.wording import in_our_words
from pcg_netops.inventory.workspace import Reading, read_workspace
from pcg_netops.inventory.yamlfile import YamlFile, follows, network_remedy, read_text, read_yaml

_MOST_ERRORS = 100  # of one entry: nobody reads more before correcting these


@dataclass(frozen=True)
class Entry:
    """What one entry of the file is to be: fields as the file has them; None takes one away.

    A field that is not here stays as it is. `places` says where each comes from, "" the entry.
    """

    name: str
    fields: Mapping[str, Any]
    places: Mapping[str, str]

    def place(self, field: str) -> str:
        """Where a field comes from."""
        return self.places.get(field, self.places[""])


@dataclass(frozen=True)
class Import:
    """A file's text as it will be, and what that changes in it."""

    path: Path
    text: str
    reading: Reading  # of the whole workspace with that text
    added: tuple[str, ...]
    changed: Mapping[str, tuple[str, ...]]  # what each changed entry gets: "owner: A -> B"
    unchanged: tuple[str, ...]
    left: tuple[str, ...]  # entries of the file that nothing was said about

    def write(self) -> None:
        """Put the file in place of the old one. Raises as `write_whole` does."""
        if self.added or self.changed:
            write_whole(self.path, self.text)


@dataclass
class Target:
    """The file that is changed: entries of one model, below `path` from its root."""

    root: Path
    name: str  # such as inventory/services.yaml
    path: tuple[str, ...]
    model: type[BaseModel]
    lines: bool  # whether a new entry has a line for each field
    _file: YamlFile = field(init=False)

    def present(self) -> dict[str, dict[str, Any]]:
        """The entries that there are. Raises InputError."""
        return self._entries(read_yaml(self._place(), self.root.resolve()))

    def _place(self) -> Path:
        root = self.root.resolve()
        require_inside(root, root / self.name)
        return root / self.name

    def bring(self, entries: Sequence[Entry], wrong: Sequence[InputError] = ()) -> Import:
        """Work out the file with these entries.

        Raises InputErrors with all that is wrong with them, after what is known to be `wrong`.
        """
        file = self._place()
        old_text = read_text(file, self.name)
        self._file = read_yaml(file, self.root.resolve(), text=old_text)
        present = self._entries(self._file)
        errors = [*wrong, *(e for entry in entries for e in self._refusals(entry, present))]
        if errors:
            raise InputErrors(errors)
        changes = {
            entry.name: {
                name: value
                for name, value in entry.fields.items()
                if self._differs(present[entry.name], entry, name)
            }
            for entry in entries
            if entry.name in present
        }
        new = {
            entry.name: {
                name: entry.fields[name]
                for name in self.model.model_fields
                if entry.fields.get(name) is not None
            }
            for entry in entries
            if entry.name not in present
        }
        text = self._edited(old_text, present, changes, new)
        reading = read_workspace(self.root, {self.name: text})
        if reading.errors:
            raise InputErrors(list(self._retold(reading.errors, text, entries)))
        named = {entry.name for entry in entries}
        return Import(
            file.resolve(),
            text,
            reading,
            tuple(new),
            {name: _told(present[name], fields) for name, fields in changes.items() if fields},
            tuple(name for name, fields in changes.items() if not fields),
            tuple(name for name in present if name not in named),
        )

    def _entries(self, file: YamlFile) -> dict[str, dict[str, Any]]:
        """What the file holds; nothing is fine, a list or a bare word is not."""
        data = file.data
        for key in self.path:
            data = data.get(key) if isinstance(data, dict) else None
        data = {} if data is None else data
        for name, entry in data.items() if isinstance(data, dict) else [("", None)]:
            if not isinstance(entry, dict):
                path = (*self.path, name) if name else self.path
                raise InputError(
                    "does not hold fields",
                    place=file.place(*path),
                    remedy="correct the file first: pcg check",
                )
        assert isinstance(data, dict)
        return data

    def _refusals(
        self, entry: Entry, present: Mapping[str, dict[str, Any]]
    ) -> Iterator[InputError]:
        """Why the model does not take an entry, in the words and at the places of its source."""
        merged = {**present.get(entry.name, {}), **entry.fields}
        data = {name: value for name, value in merged.items() if value is not None}
        try:
            self.model.model_validate(data)
        except ValidationError as error:
            items = error.errors(include_url=False)[:_MOST_ERRORS]
            for item in (item for item in items if not follows(item, items)):
                name = str(item["loc"][0]) if item["loc"] else ""
                where = ".".join(str(part) for part in item["loc"])
                missing = item["type"] == "missing"
                said = in_our_words(item)
                yield InputError(
                    f"'{entry.name}' has no '{where}'"
                    if missing
                    else f"'{where}' of '{entry.name}': {said} (got {item['input']!r:.60})",
                    place=entry.place(name),
                    remedy="fill it in"
                    if missing
                    else network_remedy(item) or "see docs/workspace.md for what it takes",
                    code="PCG011" if missing else "PCG012",
                )

    def _differs(self, old: Mapping[str, Any], entry: Entry, name: str) -> bool:
        """Whether a field would mean something else; `443` and `"443"` are one port."""
        new = entry.fields[name]
        if new == old.get(name):
            return False
        alone = {key: value for key, value in {**old, **entry.fields}.items() if value is not None}
        before = {**alone, name: old.get(name)}
        try:
            meant = [self.model.model_validate(data) for data in (alone, before)]
        except ValidationError:
            return True
        return bool(getattr(meant[0], name) != getattr(meant[1], name))

    def _edited(
        self,
        text: str,
        present: Mapping[str, dict[str, Any]],
        changes: Mapping[str, dict[str, Any]],
        new: Mapping[str, dict[str, Any]],
    ) -> str:
        """The text with the changes; what it then says is compared with what it has to say."""
        if not new and not any(changes.values()):
            return text
        wanted = dict(new)
        for name, old in present.items():
            merged = {**old, **changes.get(name, {})}
            wanted[name] = {key: value for key, value in merged.items() if value is not None}
        try:
            editor = Editor(text)
            for name, fields in changes.items():
                if fields:
                    editor.change((*self.path, name), fields)
            editor.add(self.path, new, lines=self.lines)
            result = editor.result()
            after = read_yaml(self.root.resolve() / self.name, self.root.resolve(), text=result)
            if self._entries(after) == wanted:
                return result
        except InputError:
            pass  # such as an anchor taken away whose value is repeated elsewhere
        raise InputError(
            "cannot be changed in place: it has aliases or rare forms of YAML there",
            place=self.name,
            remedy="write it out as 'name: value', without '*name', then import again",
        )

    def _retold(
        self, errors: Sequence[InputError], text: str, entries: Sequence[Entry]
    ) -> Iterator[InputError]:
        """Errors of the file that nobody has seen yet, at the places that people know."""
        root = self.root.resolve()
        try:
            marks = read_yaml(root / self.name, root, text=text).marks
        except InputError:
            yield from errors
            return
        for key in self.path:
            marks = marks[key].within
        spots = sorted(_spots(marks))
        known = {entry.name: entry for entry in entries}
        for error in errors:
            file, _, at = error.place.partition(":")
            line, _, column = at.partition(":")
            if file == self.name and line.isdigit():
                here = (int(line), int(column or 1))
                _, path = max((s for s in spots if s[0] <= here), default=(here, ("",)))
                name, *fields = path
                place = (
                    known[name].place(fields[0] if fields else "")
                    if name in known
                    else self._file.place(*self.path, *path)
                )
                error = InputError(error.message, place=place, remedy=error.remedy, code=error.code)
            yield error


def _spots(marks: Mapping[Key, Mark]) -> Iterator[tuple[tuple[int, int], tuple[str, ...]]]:
    """Where each entry and each field of it starts."""
    for name, mark in marks.items():
        yield (mark.line, mark.column), (str(name),)
        for key, inner in mark.within.items():
            yield (inner.line, inner.column), (str(name), str(key))


def _told(old: Mapping[str, Any], fields: Mapping[str, Any]) -> tuple[str, ...]:
    """Each change in a line."""
    return tuple(
        f"{name}: {_shown(old.get(name))} -> {_shown(value)}" for name, value in fields.items()
    )


def _shown(value: Any) -> str:
    return "nothing" if value is None else flow(value)
