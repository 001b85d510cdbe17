"""YAML files whose every value knows its line, so that an error can name it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from pcg_netops.errors import InputError, InputErrors

ModelT = TypeVar("ModelT", bound=BaseModel)
Key = str | int
Position = tuple[int, int]

_LARGEST_BYTES = 20_000_000


def did_you_mean(wrong: str, known: Iterable[str]) -> str:
    """A remedy that names the closest known word, or lists what is known."""
    known = sorted(known)
    close = difflib.get_close_matches(wrong, known, n=1)
    if close:
        return f"did you mean '{close[0]}'?"
    return f"known: {', '.join(known)}" if known else ""


@dataclass(frozen=True)
class YamlFile:
    """A parsed file: plain data, and the line and column of each path in it."""

    name: str
    data: Any
    positions: dict[tuple[Key, ...], Position]

    def place(self, *path: Key) -> str:
        """`file:line:column` of a path, or of the closest part of it that exists."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.positions:
                line, column = self.positions[path[:length]]
                return f"{self.name}:{line}:{column}"
        return self.name

    def parse(self, model: type[ModelT]) -> ModelT:
        """The data as a model. Raises InputErrors with one error for each thing wrong."""
        try:
            return model.model_validate(self.data)
        except ValidationError as error:
            raise InputErrors([self._explain(model, item) for item in error.errors()]) from None

    def _explain(self, model: type[BaseModel], item: Any) -> InputError:
        path = tuple(part for part in item["loc"] if part != "[key]")
        place = self.place(*path)
        field = ".".join(str(part) for part in path)
        if item["type"] == "extra_forbidden":
            remedy = did_you_mean(str(path[-1]), _field_names(model))
            return InputError(f"unknown field '{field}'", place=place, remedy=remedy)
        if item["type"] == "missing":
            return InputError(
                f"field '{field}' is missing", place=place, remedy=f"add '{path[-1]}:' here"
            )
        said = item["msg"].removeprefix("Value error, ")
        return InputError(
            f"'{field}': {said} (got {item['input']!r:.60})",
            place=place,
            remedy="see docs/workspace.md for what this field takes",
        )


def _field_names(model: type[BaseModel]) -> set[str]:
    schema = model.model_json_schema()
    found = set(schema.get("properties", ()))
    for part in schema.get("$defs", {}).values():
        found.update(part.get("properties", ()))
    return found


def read_yaml(path: Path, root: Path) -> YamlFile:
    """Read one YAML 1.2 file. Raises InputError for anything but one well-formed document."""
    name = path.relative_to(root).as_posix()
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise InputError(
                f"larger than {_LARGEST_BYTES // 1_000_000} MB", place=name, remedy="split the file"
            )
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(
            "no such file",
            place=name,
            remedy="run pcg in a workspace or name one with --workspace",
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"cannot be read: {error}", place=name, remedy="save it as UTF-8 text"
        ) from None
    try:
        tree = YAML(typ="rt", pure=True).load(text)
    except DuplicateKeyError as error:
        raise InputError(
            f"{error.problem}",
            place=_mark_place(name, error),
            remedy="keep one of the two",
        ) from None
    except MarkedYAMLError as error:
        raise _yaml_error(name, text, error) from None
    except (YAMLError, ValueError, RecursionError) as error:
        raise InputError(f"is not YAML: {error}", place=name, remedy="correct the file") from None
    positions: dict[tuple[Key, ...], Position] = {}
    return YamlFile(name, _plain(tree, (), positions), positions)


def _mark_place(name: str, error: MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    return f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name


def _yaml_error(name: str, text: str, error: MarkedYAMLError) -> InputError:
    mark = error.problem_mark
    line = text.splitlines()[mark.line] if mark and mark.line < len(text.splitlines()) else ""
    if line[: len(line) - len(line.lstrip())].count("\t"):
        return InputError(
            "indented with a tab",
            place=_mark_place(name, error),
            remedy="YAML takes spaces only: replace the tab",
        )
    return InputError(
        f"is not YAML: {error.problem}",
        place=_mark_place(name, error),
        remedy="correct the line",
    )


def _plain(node: Any, path: tuple[Key, ...], positions: dict[tuple[Key, ...], Position]) -> Any:
    if isinstance(node, CommentedMap):
        for key in node:
            line, column = node.lc.key(key) if key in (node.lc.data or {}) else (node.lc.line, 0)
            positions[*path, key] = (line + 1, column + 1)
        return {key: _plain(value, (*path, key), positions) for key, value in node.items()}
    if isinstance(node, CommentedSeq):
        for index in range(len(node)):
            line, column = node.lc.item(index)
            positions[*path, index] = (line + 1, column + 1)
        return [_plain(value, (*path, index), positions) for index, value in enumerate(node)]
    return node
