"""YAML files whose every value knows its line, so that an error can name it."""

from __future__ import annotations

import difflib
import stat
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from yaml.error import MarkedYAMLError, YAMLError

from pcg_netops.errors import InputError, InputErrors
from pcg_netops.inventory.compose import Key, Mark, compose
from pcg_netops.inventory.wording import in_our_words

ModelT = TypeVar("ModelT", bound=BaseModel)

_LARGEST_BYTES = 10_000_000
_MOST_ERRORS = 100  # of one file: nobody reads more before correcting these


def did_you_mean(wrong: str, known: Iterable[str]) -> str:
    """A remedy that names the closest known word, or lists what is known."""
    known = sorted(known)
    close = difflib.get_close_matches(wrong, known, n=1)
    if close:
        return f"did you mean '{close[0]}'?"
    return f"known: {', '.join(known)}" if known else ""


@dataclass(frozen=True)
class YamlFile:
    """A parsed file: plain data, and where each part of it stands."""

    name: str
    data: Any
    marks: Mapping[Key, Mark]

    def place(self, *path: Key) -> str:
        """`file:line:column` of a path, or of the closest part of it that exists."""
        place, marks = self.name, self.marks
        for key in path:
            if key not in marks:
                break
            mark = marks[key]
            place, marks = f"{self.name}:{mark.line}:{mark.column}", mark.within
        return place

    def parse(self, model: type[ModelT], guide: str = "docs/workspace.md") -> ModelT:
        """The data as a model. Raises InputErrors with one error for each thing wrong.

        `guide` is the page that tells of the fields.
        """
        try:
            return model.model_validate(self.data)
        except ValidationError as error:
            items = error.errors(include_url=False)[:_MOST_ERRORS]
            causes = [item for item in items if not follows(item, items)]
            found = [self._explain(model, item, guide) for item in causes]
            if more := error.error_count() - len(items):
                found.append(
                    InputError(
                        f"{more} more errors",
                        place=self.name,
                        remedy="correct those above first",
                        code="PCG012",
                    )
                )
            raise InputErrors(found) from None

    def _explain(self, model: type[BaseModel], item: Any, guide: str) -> InputError:
        path = tuple(part for part in item["loc"] if part != "[key]")
        place = self.place(*path)
        field = ".".join(str(part) for part in path)
        if item["type"] == "extra_forbidden":
            known = _field_names(model)
            remedy = (
                f"it belongs elsewhere: see {guide}"
                if path[-1] in known
                else did_you_mean(str(path[-1]), known)
            )
            return InputError(f"unknown field '{field}'", place=place, remedy=remedy, code="PCG010")
        if item["type"] == "missing":
            return InputError(
                f"field '{field}' is missing",
                place=place,
                remedy=f"add '{path[-1]}:' here",
                code="PCG011",
            )
        what = f"'{field}'" if field else "the file"
        if item["type"] in ("model_type", "dict_type"):
            return InputError(
                f"{what} holds {_kind(item['input'])} where fields are expected",
                place=place,
                remedy="write fields as 'name: value', one on each line",
                code="PCG012",
            )
        said = in_our_words(item)
        return InputError(
            f"{what}: {said} (got {item['input']!r:.60})",
            place=place,
            remedy=network_remedy(item) or f"see {guide} for what this field takes",
            code="PCG012",
        )


def follows(item: Any, items: Iterable[Any]) -> bool:
    """Whether an error only repeats another one: a misspelt field is also a missing one."""
    if item["type"] == "missing":
        *parent, name = item["loc"]
        return any(
            other["type"] == "extra_forbidden"
            and [*other["loc"][:-1]] == parent
            and difflib.get_close_matches(str(other["loc"][-1]), [name])
            for other in items
        )
    # pydantic counts only the valid items of a list
    within = len(item["loc"])
    return item["type"] == "too_short" and any(
        len(other["loc"]) > within and other["loc"][:within] == item["loc"] for other in items
    )


def _kind(value: object) -> str:
    if value is None:
        return "nothing"
    return "a list" if isinstance(value, list) else "a single value"


def network_remedy(item: Any) -> str:
    """The network that was meant, where only the bits of a host in it are wrong."""
    if item["type"] != "ip_v4_network":
        return ""
    try:
        return f"did you mean '{IPv4Network(item['input'], strict=False)}'?"
    except ValueError:
        return "write a network such as 192.0.2.0/24"


@cache
def _field_names(model: type[BaseModel]) -> set[str]:
    schema = model.model_json_schema()
    found = set(schema.get("properties", ()))
    for part in schema.get("$defs", {}).values():
        found.update(part.get("properties", ()))
    return found


def read_yaml(
    path: Path,
    root: Path,
    *,
    text: str | None = None,
    expand: Callable[[str, str], str] | None = None,
    lenient: bool = False,
) -> YamlFile:
    """Read one YAML 1.2 file. Raises InputError for anything but one well-formed document.

    `text` is read in place of the file's own. `expand` gets the file's name and text and gives the
    text to read. `lenient` is for files that others wrote for a YAML 1.1 reader: see `compose`.
    """
    name = path.relative_to(root).as_posix()
    text = read_text(path, name) if text is None else text
    if expand:
        text = expand(name, text)
    try:
        return YamlFile(name, *compose(name, text, lenient=lenient))
    except MarkedYAMLError as error:
        raise _yaml_error(name, text, error) from None
    except (YAMLError, ValueError, RecursionError) as error:
        raise InputError(
            f"is not YAML: {error}", place=name, remedy="correct the file", code="PCG002"
        ) from None


def read_text(path: Path, name: str) -> str:
    """A file's text, known as `name` in errors.

    A device or a pipe is refused: reading one may never end.
    """
    try:
        status = path.stat()
        if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
            raise InputError(
                "cannot be read: is not a regular file",
                place=name,
                remedy="it must be a file that you may read",
                code="PCG001",
            )
        with path.open("rb") as file:
            data = file.read(_LARGEST_BYTES + 1)
        if len(data) > _LARGEST_BYTES:
            raise InputError(
                f"larger than {_LARGEST_BYTES // 1_000_000} MB",
                place=name,
                remedy="split the file",
                code="PCG001",
            )
        return data.decode().removeprefix("\ufeff")
    except FileNotFoundError:
        raise InputError(
            "no such file",
            place=name,
            remedy="every workspace has this file: add it, or copy it from 'pcg init FOLDER'",
            code="PCG001",
        ) from None
    except OSError as error:
        raise InputError(
            f"cannot be read: {error.strerror}",
            place=name,
            remedy="it must be a file that you may read",
            code="PCG001",
        ) from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"byte 0x{error.object[error.start]:02x} is not UTF-8",
            place=f"{name}:{line}",
            remedy="save it as UTF-8 text",
            code="PCG001",
        ) from None


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
            code="PCG002",
        )
    return InputError(
        f"is not YAML: {error.problem}",
        place=_mark_place(name, error),
        remedy="correct the line",
        code="PCG002",
    )
