"""A service register, as tables of an organisation hold it, brought into `services.yaml`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from pcg_netops.errors import InputError
from pcg_netops.inventory.importing import Entry
from pcg_netops.inventory.table import Row, Table
from pcg_netops.inventory.yamlfile import did_you_mean
from pcg_netops.model.base import Name

# Each column with other headings that are understood. Letters and digits count, nothing else.
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "name": ("service", "service name", "id"),
    "title": ("description", "service title"),
    "owner": ("service owner", "business owner"),
    "domain": ("network",),
    "direction": ("initiated by",),
    "traffic": ("protocols and ports",),
    "protocol": ("protocols", "transport"),
    "ports": ("port", "port s", "destination port", "destination ports"),
    "sites": ("site", "own sites", "our sites"),
    "prefix": ("partner prefix", "partner range", "destination", "remote prefix"),
    "published prefix": ("published", "published range"),
    "published server": ("server", "server address"),
    "partners": ("partner", "partner sites"),
    "contact": ("partner contact",),
    "criticality": ("crit", "priority", "tier"),
    "max outage": ("maximum outage", "longest outage", "rto"),
    "sessions": ("concurrent sessions", "connections"),
}
_HEADINGS = {alias: column for column, others in COLUMNS.items() for alias in (column, *others)}
_DIRECTIONS = {
    **dict.fromkeys(("out", "outbound", "outgoing"), "out"),
    **dict.fromkeys(("in", "inbound", "incoming"), "in"),
    **dict.fromkeys(("both", "in/out", "out/in", "bidirectional"), "both"),
}
_TRAFFIC = re.compile(r"(?P<protocol>[A-Za-z]+)[\s/:]*(?P<ports>[0-9][0-9\s\N{EN DASH}-]*)")
_LISTED = re.compile(r"[,;\n]+")
_FIRST_ROWS = 50  # a heading may stand below a title, but not further down


@dataclass(frozen=True)
class Register:
    """What a table says: one entry for each service, what is wrong, and headings of no column."""

    entries: tuple[Entry, ...]
    errors: tuple[InputError, ...]
    unknown: tuple[str, ...]


def known_columns(cells: tuple[str, ...]) -> int:
    """How many cells of a row are headings of a register."""
    return sum(_heading(cell) in _HEADINGS for cell in cells)


def read_register(table: Table) -> Register:
    """Understand a table. Raises InputError where it has no headings that say what is what."""
    header = next(
        (
            row
            for row in table.rows[:_FIRST_ROWS]
            if "name" in map(_column, row.cells) and known_columns(row.cells) > 1
        ),
        None,
    )
    if header is None:
        raise InputError(
            "has no row of headings",
            place=table.name,
            remedy="the first row needs a column 'name' and others: see docs/import.md",
        )
    columns, unknown = _columns(table, header)
    errors: list[InputError] = []
    entries: dict[str, Entry] = {}
    for row in table.rows[table.rows.index(header) + 1 :]:
        try:
            entry = _entry(table, row, columns, len(header.cells))
            if entry.name in entries:
                raise InputError(
                    f"'{entry.name}' stands at {entries[entry.name].place('')} already",
                    place=entry.place(""),
                    remedy="keep one of the two",
                )
            entries[entry.name] = entry
        except InputError as found:
            errors.append(found)
    if not entries and not errors:
        errors.append(InputError("has no rows", place=table.name, remedy="add one for a service"))
    return Register(tuple(entries.values()), tuple(errors), unknown)


def _heading(text: str) -> str:
    return " ".join(re.findall(r"[a-z0-9]+", text.casefold()))


def _column(text: str) -> str | None:
    return _HEADINGS.get(_heading(text))


def _columns(table: Table, header: Row) -> tuple[dict[str, int], tuple[str, ...]]:
    """Where each column stands, and the headings that are none."""
    columns: dict[str, int] = {}
    unknown: list[str] = []
    for index, text in enumerate(header.cells):
        column = _column(text)
        if column in columns:
            raise InputError(
                f"the columns {header.cells[columns[column]]!r:.60} and {text!r:.60} are both"
                f" '{column}'",
                place=table.place(header, index),
                remedy="keep one of the two",
            )
        if column is not None:
            columns[column] = index
        elif text:
            close = did_you_mean(_heading(text), _HEADINGS)
            hint = f" ({close})" if close.startswith("did") else ""
            unknown.append(f"'{text:.60}'{hint}" if text.isprintable() else f"{text!r:.60}")
    if "traffic" in columns and ("protocol" in columns or "ports" in columns):
        raise InputError(
            "has 'traffic' and also 'protocol' or 'ports'",
            place=table.place(header, columns["traffic"]),
            remedy="keep 'traffic' alone, or 'protocol' and 'ports' without it",
        )
    if ("protocol" in columns) != ("ports" in columns):
        only = "protocol" if "protocol" in columns else "ports"
        raise InputError(
            f"has a column '{only}' and not the other of 'protocol' and 'ports'",
            place=table.place(header, columns[only]),
            remedy="add it, or write both in one column 'traffic': tcp 443",
        )
    return columns, tuple(unknown)


def _entry(table: Table, row: Row, columns: Mapping[str, int], width: int) -> Entry:
    for index, cell in enumerate(row.cells[width:], width):
        if cell:
            raise InputError(
                f"{cell!r:.60} stands in no column",
                place=table.place(row, index),
                remedy="give it a heading, or put what holds the delimiter in quotation marks",
            )
    cells = {
        column: row.cells[index] if index < len(row.cells) else ""
        for column, index in columns.items()
    }
    name = cells["name"]
    place = table.place(row, columns["name"])
    try:
        TypeAdapter(Name).validate_python(name)
    except ValidationError:
        better = re.sub(r"[^a-z0-9]+", "-", name.casefold()).strip("-")[:31].rstrip("-")
        remedy = "lower-case letters, digits and hyphens, at most 31, a letter first"
        raise InputError(
            f"{name!r:.60} cannot be a name" if name else "the row has no name",
            place=place,
            remedy=f"write '{better}'" if re.match("[a-z]", better) else f"write {remedy}",
        ) from None
    try:
        fields = dict(_fields(cells))
    except _TwoReadings as found:
        column = columns.get("ports", columns.get("traffic", columns["name"]))
        said, remedy = found.args
        raise InputError(said, place=table.place(row, column), remedy=remedy) from None
    places = {
        field: table.place(row, columns[column])
        for field in fields
        for column in _columns_of(field)
        if column in columns
    }
    return Entry(name, fields, {**places, "": place})


def _columns_of(field: str) -> tuple[str, ...]:
    if field == "traffic":
        return ("ports", "protocol", "traffic")
    if field == "published":
        return ("published server", "published prefix")
    return (field.replace("_", " "),)


def _fields(cells: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    """Each field of a service that the row has columns for. The model judges what is in them."""
    for column, text in cells.items():
        field = column.replace(" ", "_")
        if column in ("title", "owner", "contact", "domain", "prefix", "max outage"):
            yield field, text or None
        elif column == "direction":
            yield field, _DIRECTIONS.get(text.casefold(), text) or None
        elif column in ("criticality", "sessions"):
            yield field, (int(text) if re.fullmatch(r"[0-9]{1,18}", text) else text or None)
        elif column in ("sites", "partners"):
            yield field, _listed(text) or None
        elif column == "traffic":
            yield field, [_traffic(part) for part in _listed(text)] or None
        elif column == "ports":
            yield "traffic", _product(_listed(cells["protocol"]), _listed(text)) or None
    if "published prefix" in cells or "published server" in cells:
        published = {
            "prefix": cells.get("published prefix"),
            "server": cells.get("published server"),
        }
        yield "published", {key: value for key, value in published.items() if value} or None


def _listed(text: str) -> list[str]:
    return [part.strip() for part in _LISTED.split(text) if part.strip()]


def _traffic(text: str) -> Any:
    """`tcp 443`, `UDP/16384-32767` or `tcp:53`; anything else as it is, for the model to refuse."""
    match = _TRAFFIC.fullmatch(text)
    if match is None:
        return text
    return {"protocol": match["protocol"].lower(), "ports": _ports(match["ports"])}


def _product(protocols: list[str], ports: list[str]) -> list[dict[str, Any]]:
    """Each protocol with each range."""
    names = [part for text in protocols for part in text.lower().replace("/", " ").split()]
    return [{"protocol": name, "ports": _ports(text)} for name in names for text in ports]


def _ports(text: str) -> int | str:
    """A port or a range. Raises _TwoReadings for what is one port or several."""
    text = re.sub(r"\s*[-\N{EN DASH}]\s*", "-", text.strip())
    if re.search(r"[0-9]\s+[0-9]", text):
        raise _TwoReadings(
            f"'{text:.60}' can be one port or several",
            f"write {'; '.join(text.split())} for several, {''.join(text.split())} for one",
        )
    return int(text) if re.fullmatch("[0-9]{1,5}", text) else text


class _TwoReadings(Exception):
    """A cell that says one thing or another, and what to write for each."""
