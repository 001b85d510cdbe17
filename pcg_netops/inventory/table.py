"""Rows of text out of a CSV file or an Excel workbook, each cell with its place."""

from __future__ import annotations

import csv
import io
import re
import warnings
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pcg_netops.errors import InputError, InputErrors

if TYPE_CHECKING:
    from openpyxl.workbook import Workbook

_LARGEST_BYTES = 10_000_000
_LARGEST_UNPACKED = 20_000_000  # of a workbook: what a hostile one unfolds to has no other bound
_MOST_ROWS = 20_000
_MOST_COLUMNS = 200
_DELIMITERS = ",;\t"


@dataclass(frozen=True)
class Row:
    """The cells of a row as text without space around it. `number` is its line, or its row."""

    number: int
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """A file's rows; `letters` says whether its columns are known by letters."""

    name: str
    rows: tuple[Row, ...]
    letters: bool = False

    def place(self, row: Row, column: int) -> str:
        """`file:row:column`; the column, here from 0, is told as people see it."""
        return f"{self.name}:{row.number}:{_letters(column) if self.letters else column + 1}"


# How many columns of a row are known: of the ways to read a file, the best has the most.
Score = Callable[[tuple[str, ...]], int]


def read_table(path: Path, sheet: str | None, score: Score) -> Table:
    """Read a `.csv` or `.xlsx` file. Raises InputError, or InputErrors naming cells."""
    data = _bytes(path)
    kind = path.suffix.lower()
    if kind == ".csv":
        if sheet is not None:
            raise InputError(
                "has no sheets", place=path.name, remedy="leave --sheet out: it is for .xlsx"
            )
        return _csv(path.name, data, score)
    if kind == ".xlsx":
        return _xlsx(path.name, data, sheet)
    raise InputError(
        f"is neither .csv nor .xlsx ({kind or 'no ending'})",
        place=path.name,
        remedy="save the register as 'CSV UTF-8' or as an Excel workbook (.xlsx)",
    )


def _bytes(path: Path) -> bytes:
    try:
        if not path.is_file():
            what = "is not a regular file" if path.exists() else "no such file"
            raise InputError(what, place=str(path), remedy="name a .csv or .xlsx file")
        with path.open("rb") as file:
            data = file.read(_LARGEST_BYTES + 1)
    except OSError as error:
        raise InputError(
            f"cannot be read: {error.strerror}", place=str(path), remedy="name a file you may read"
        ) from None
    if len(data) > _LARGEST_BYTES:
        raise _too_large(path.name)
    return data


def _too_large(name: str) -> InputError:
    return InputError(
        f"is too large: at most {_LARGEST_BYTES // 1_000_000} MB,"
        f" {_LARGEST_UNPACKED // 1_000_000} MB unpacked, {_MOST_ROWS} rows and"
        f" {_MOST_COLUMNS} columns",
        place=name,
        remedy="keep the register alone in the file, or split it",
    )


def _csv(name: str, data: bytes, score: Score) -> Table:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"byte 0x{data[error.start]:02x} is not UTF-8",
            place=f"{name}:{line}",
            remedy="save it as 'CSV UTF-8': in other encodings the same byte is another letter"
            " elsewhere",
        ) from None
    errors: list[InputError] = []
    tables: list[tuple[int, Table]] = []
    for delimiter in _DELIMITERS:
        try:
            table = Table(name, tuple(_records(name, text, delimiter)))
        except InputError as error:
            errors.append(error)
        else:
            tables.append((max((score(row.cells) for row in table.rows[:50]), default=0), table))
    best = max(tables, key=lambda scored: scored[0], default=None)
    if best is None or (errors and best[0] < 2):
        raise errors[0]
    return best[1]


def _records(name: str, text: str, delimiter: str) -> Iterator[Row]:
    """Rows with something in them. A record of several lines has the number of its first."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = 1
    try:
        for count, cells in enumerate(reader):
            if count > _MOST_ROWS or len(cells) > _MOST_COLUMNS:
                raise _too_large(name)
            row = Row(line, tuple(cell.strip() for cell in cells))
            line = reader.line_num + 1
            if any(row.cells):
                yield row
    except csv.Error as error:
        raise InputError(
            f"is not CSV: {error}",
            place=f"{name}:{line}",
            remedy="close every quotation mark, and write one inside a cell twice",
        ) from None


def _xlsx(name: str, data: bytes, sheet: str | None) -> Table:
    """The values that the workbook was saved with."""
    formulas, values = _workbooks(name, data)
    title = _choose(name, values.worksheets, sheet)
    shown, sources = values[title], formulas[title]
    if shown.max_row > _MOST_ROWS or shown.max_column > _MOST_COLUMNS:
        raise _too_large(name)
    hidden = {
        cell
        for merged in shown.merged_cells.ranges
        for cell in merged.cells
        if cell != (merged.min_row, merged.min_col)
    }
    errors: list[InputError] = []
    rows = []
    for number, cells in enumerate(shown.iter_rows(), 1):
        texts = []
        for column, cell in enumerate(cells):
            fault, text = _cell(cell, sources.cell(number, column + 1).data_type == "f")
            if (number, column + 1) in hidden:
                fault = "is part of merged cells: each row needs its own"
            if fault:
                place = f"{name}:{number}:{_letters(column)}"
                remedy = "change the cell in the workbook, save it and import it again"
                errors.append(InputError(fault, place=place, remedy=remedy))
            texts.append(text)
        if any(texts):
            rows.append(Row(number, tuple(texts)))
    if errors:
        raise InputErrors(errors)
    return Table(name, tuple(rows), letters=True)


def _workbooks(name: str, data: bytes) -> tuple[Workbook, Workbook]:
    """The workbook with its formulas, and with the values that they had when it was saved."""
    from openpyxl import load_workbook

    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            unpacked = sum(part.file_size for part in packed.infolist())
        if unpacked <= _LARGEST_UNPACKED:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # what openpyxl does not keep, we do not read
                return (
                    load_workbook(io.BytesIO(data)),
                    load_workbook(io.BytesIO(data), data_only=True),
                )
    except Exception as error:  # openpyxl and zipfile raise whatever a broken part leads to
        raise InputError(
            f"is not an Excel workbook: {type(error).__name__}",
            place=name,
            remedy="save it as an Excel workbook (.xlsx) without a password, or as 'CSV UTF-8'",
        ) from None
    raise _too_large(name)


def _choose(name: str, sheets: Sequence[Any], wanted: str | None) -> str:
    """The sheet that is meant: the one named, or the only one that can be seen."""
    visible = [str(sheet.title) for sheet in sheets if sheet.sheet_state == "visible"]
    if wanted is None and len(visible) == 1:
        return visible[0]
    if wanted is not None and wanted in {sheet.title for sheet in sheets}:
        return wanted
    raise InputError(
        f"has no sheet {wanted!r:.60}" if wanted else f"has {len(visible)} sheets",
        place=name,
        remedy=f"choose one with --sheet: {', '.join(repr(title) for title in visible)}",
    )


def _cell(cell: Any, is_formula: bool) -> tuple[str, str]:
    """What is wrong with a cell, and its text: Excel keeps 443 as 443.0."""
    value = cell.value
    if cell.data_type == "e":
        return f"holds the error {value}", ""
    if value is None:
        return "holds a formula that was saved without its value" if is_formula else "", ""
    if isinstance(value, (date, time, timedelta)):
        return f"holds the date or time {value}: format the cell as text", ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        shown = _shown_otherwise(value, str(cell.number_format))
        if shown:
            return f"holds {value} and shows {shown}: format the cell as text", ""
    return "", str(value).strip()


def _shown_otherwise(value: float, form: str) -> str:
    """How a number's format makes people read another one; "" if it does not."""
    if "%" in form:
        return f"{value * 100:g}%"
    if re.search(r"[#0],[#0]", form) and abs(value) >= 1000:
        return f"{value:,}"
    return ""


def _letters(column: int) -> str:
    """A column, from 0, as spreadsheets name it: A, B, … Z, AA."""
    letters = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters
