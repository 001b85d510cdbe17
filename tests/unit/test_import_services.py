"""`pcg import services`: a register arrives whole and unharmed, or not at all."""

from __future__ import annotations

import csv
import re
import zipfile
from collections.abc import Callable
from datetime import date
from ipaddress import IPv4Network
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from pcg_netops.errors import InputError, InputErrors
from pcg_netops.inventory.compose import compose
from pcg_netops.inventory.edit import Editor, flow
from pcg_netops.inventory.importing import Target
from pcg_netops.inventory.register import COLUMNS, Register, known_columns, read_register
from pcg_netops.inventory.table import read_table
from pcg_netops.inventory.workspace import load_workspace
from pcg_netops.model.firewall import Ports
from pcg_netops.model.flow import Protocol
from pcg_netops.model.services import Direction, Published, Service, Services, Traffic
from tests.conftest import REPOSITORY, Done, Pcg

SERVICES = "inventory/services.yaml"


def register_of(path: Path, sheet: str | None = None) -> Register:
    return read_register(read_table(path, sheet, known_columns))


def exported(services: dict[str, Service]) -> list[list[str]]:
    """Services as somebody's register would hold them."""

    def ports(of: Ports) -> str:
        return f"{of.first}" if of.first == of.last else f"{of.first}-{of.last}"

    rows = [[column for column in COLUMNS if column not in ("protocol", "ports")]]
    for name, service in services.items():
        cells: dict[str, Any] = service.model_dump(exclude_none=True) | {
            "name": name,
            "traffic": "; ".join(f"{t.protocol} {ports(t.ports)}" for t in service.traffic),
            "max outage": f"{service.max_outage} ms",
            "sites": ", ".join(service.sites),
            "partners": ", ".join(service.partners),
        }
        if service.published:
            cells["published prefix"] = service.published.prefix
            cells["published server"] = service.published.server
        rows.append([str(cells.get(column, "")) for column in rows[0]])
    return rows


def write_csv(path: Path, rows: list[list[str]], delimiter: str = ",") -> Path:
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows(rows)
    return path


def write_xlsx(
    path: Path, rows: list[list[Any]], change: Callable[[Any], None] | None = None
) -> Path:
    book = Workbook()
    assert book.active
    for row in rows:
        book.active.append(row)
    if change:
        change(book)
    book.save(path)
    return path


def services_of(workspace: Path) -> dict[str, Service]:
    return load_workspace(workspace).services.services


# --- the law ------------------------------------------------------------------------------------

NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,30}", fullmatch=True)
LETTERS = st.characters(exclude_categories=("C", "Z"), codec="utf-8") | st.sampled_from(" #:'\"=@")
TEXTS = st.text(LETTERS, min_size=1, max_size=40).map(lambda text: text.strip() or "x")
TRAFFIC = st.builds(
    Traffic,
    protocol=st.sampled_from(Protocol),
    ports=st.tuples(st.integers(1, 65_535), st.integers(0, 9)).map(
        lambda each: f"{each[0]}-{min(65_535, sum(each))}"
    ),
)
PREFIXES = st.integers(0, 2**12 - 1).map(lambda n: str(IPv4Network((0x0A020000 + n * 16, 28))))
SERVICE = st.builds(
    Service,
    title=TEXTS,
    owner=TEXTS,
    contact=st.none() | TEXTS,
    domain=NAMES,
    direction=st.sampled_from(Direction),
    traffic=TRAFFIC.map(lambda traffic: (traffic,)),
    criticality=st.integers(1, 3),
    max_outage=st.integers(0, 10**6).map(lambda n: f"{n} ms"),
    sites=st.lists(NAMES, max_size=3, unique=True).map(tuple),
    partners=st.lists(NAMES, max_size=3, unique=True).map(tuple),
    prefix=st.none() | PREFIXES,
    published=st.none()
    | PREFIXES.map(lambda p: Published(prefix=p, server=str(IPv4Network(p)[1]))),  # type: ignore[arg-type]
    sessions=st.none() | st.integers(1, 10**6),
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(NAMES, SERVICE, min_size=1, max_size=4), st.sampled_from(",;\t"))
def test_what_is_exported_comes_back_the_same(services: dict[str, Service], mark: str) -> None:
    with TemporaryDirectory() as folder:
        register = register_of(write_csv(Path(folder) / "r.csv", exported(services), mark))
    assert register.errors == ()
    assert register.unknown == ()
    editor = Editor("# ours\nservices:\n")
    new = {
        entry.name: {key: value for key, value in entry.fields.items() if value is not None}
        for entry in register.entries
    }
    editor.add(("services",), new, lines=True)
    data, _ = compose("services.yaml", editor.result())
    assert Services.model_validate(data).services == services


@given(TEXTS | st.sampled_from(["no", "010", "1:30", "0x1F", "~", "- x", "1.5", "2020-01-31"]))
def test_any_text_in_yaml_is_read_as_that_text(text: str) -> None:
    for form in (f"a: {flow(text)}\n", f"{{a: {flow(text)}}}\n", f"a: {flow([text, text])}\n"):
        value = compose("x", form)[0]["a"]
        assert value in (text, [text, text])


def test_the_demonstration_of_the_small_workspace_comes_back_the_same(
    workspace: Path, pcg: Pcg
) -> None:
    before = (workspace / SERVICES).read_text()
    write_csv(workspace / "register.csv", exported(services_of(workspace)))
    assert pcg("import", "services", "register.csv") == Done(
        0, "services.yaml: 0 added, 0 changed, 2 unchanged, 0 left as they are\n", ""
    )
    assert (workspace / SERVICES).read_text() == before


# --- what stays ---------------------------------------------------------------------------------

COMMENTED = """\
# The register of services.
services:   # by name
  dispatch:
    title: "Dispatch"     # as the control room says
    owner: Control room
    domain: health
    direction: both

    # agreed in 2029
    traffic:
      - {protocol: tcp, ports: 8443}
    sites: [hq]
    prefix: 10.2.0.16/28
    published: {prefix: 10.1.0.64/28, server: 10.1.0.10}
    partners: [ward]
    criticality: 1
    max_outage: 1 s   # signed
  # --- second ---

  telemetry: {title: Telemetry, owner: Clinical systems, domain: health, direction: out,
    traffic: [{protocol: udp, ports: 9000-9010}], sites: [hq], prefix: 10.2.0.32/28,
    criticality: 2, max_outage: 2 s}
# the end
"""


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_all_that_is_not_changed_stays_as_it_is_written(
    newline: str, workspace: Path, pcg: Pcg
) -> None:
    (workspace / SERVICES).write_bytes(COMMENTED.replace("\n", newline).encode())
    write_csv(
        workspace / "register.csv",
        [
            ["Name", "Ports", "Protocol", "Max. outage", "Contact"],
            ["dispatch", "8443, 8444", "TCP", "2 s", "Duty manager"],
            ["telemetry", "9000-9010", "udp", "3 s", ""],
        ],
        ";",
    )
    done = pcg("import", "services", "register.csv")
    assert done == Done(
        0,
        "changed dispatch: traffic: [{protocol: tcp, ports: 8443}] ->"
        " [{protocol: tcp, ports: 8443}, {protocol: tcp, ports: 8444}]; max_outage: 1 s -> 2 s;"
        " contact: nothing -> Duty manager\n"
        "changed telemetry: max_outage: 2 s -> 3 s\n"
        "services.yaml: 0 added, 2 changed, 0 unchanged, 0 left as they are\n",
        "",
    )
    wanted = (
        COMMENTED.replace(
            "traffic:\n      - {protocol: tcp, ports: 8443}",
            "traffic: [{protocol: tcp, ports: 8443}, {protocol: tcp, ports: 8444}]",
        )
        .replace(
            "max_outage: 1 s   # signed", "max_outage: 2 s   # signed\n    contact: Duty manager"
        )
        .replace("max_outage: 2 s}", "max_outage: 3 s}")
    )
    assert (workspace / SERVICES).read_bytes() == wanted.replace("\n", newline).encode()


def test_an_empty_cell_takes_a_field_away_and_a_missing_column_does_not(
    workspace: Path, pcg: Pcg
) -> None:
    text = (workspace / SERVICES).read_text()
    (workspace / SERVICES).write_text(text.replace("    sites", "    contact: Ward\n    sites"))
    write_csv(workspace / "r.csv", [["name", "contact"], ["dispatch", ""]])
    assert pcg("import", "services", "r.csv").code == 0
    found = services_of(workspace)
    assert (found["dispatch"].contact, found["telemetry"].contact) == (None, "Ward")


def test_a_dry_run_tells_and_writes_nothing(workspace: Path, pcg: Pcg) -> None:
    before = (workspace / SERVICES).read_bytes()
    write_csv(workspace / "r.csv", [["name", "criticality"], ["telemetry", "3"]])
    done = pcg("import", "services", "r.csv", "--dry-run")
    assert done.code == 0
    assert done.out == (
        "changed telemetry: criticality: 2 -> 3\nservices.yaml: 0 added, 1 changed, 0 unchanged,"
        " 1 left as they are: nothing written (--dry-run)\n"
    )
    assert (workspace / SERVICES).read_bytes() == before


def test_columns_that_are_none_are_named(workspace: Path, pcg: Pcg) -> None:
    rows = [["name", "criticality", "Cost centre", "Max outge"], ["telemetry", "3", "77", "1 s"]]
    write_csv(workspace / "r.csv", rows)
    done = pcg("import", "services", "r.csv")
    assert "column not read: 'Cost centre'\n" in done.out
    assert "column not read: 'Max outge' (did you mean 'max outage'?)\n" in done.out


# --- what is refused ----------------------------------------------------------------------------

HEAD = "name;title;owner;domain;direction;traffic;sites;prefix;criticality;max outage\n"
WRONG = f"""\
{HEAD}Ward TV;Ward TV;Estates;health;out;tcp 80;hq;10.2.0.64/28;3;1 h
tv;Ward TV;;health;out;tcp 80;hq;10.2.0.65/28;3;1 h
radio;Radio;Estates;health;sideways;icmp;hq;10.2.0.80/28;9;an hour
radio;Radio;Estates;health;out;tcp 80;hq;10.2.0.80/28;3;1 h
dispatch;"a
b";Estates;health;both;tcp 8443;hq;10.2.0.16/28;1;1 s
x;{{{{ x }}}};Estates;health;out;tcp 80;hq;10.2.0.96/28;3;1 h;surplus
"""


def test_every_row_that_cannot_be_taken_is_named_at_once(workspace: Path, pcg: Pcg) -> None:
    before = (workspace / SERVICES).read_bytes()
    (workspace / "r.csv").write_text(WRONG, encoding="utf-8")
    done = pcg("import", "services", "r.csv")
    assert (done.code, done.out) == (2, "")
    assert re.findall(r"^error: (.*)\n  remedy: (.*)$", done.err, re.M) == [
        ("r.csv:2:1: 'Ward TV' cannot be a name", "write 'ward-tv'"),
        ("r.csv:5:1: 'radio' stands at r.csv:4:1 already", "keep one of the two"),
        (
            "r.csv:8:11: 'surplus' stands in no column",
            "give it a heading, or put what holds the delimiter in quotation marks",
        ),
        ("r.csv:3:3: 'tv' has no 'owner'", "fill it in"),
        (
            "r.csv:3:8: 'prefix' of 'tv': is no IPv4 network (got '10.2.0.65/28')",
            "did you mean '10.2.0.64/28'?",
        ),
        *(
            (f"r.csv:4:{place}", "see docs/workspace.md for what it takes")
            for place in (
                "5: 'direction' of 'radio': 'out', 'in' or 'both' is expected (got 'sideways')",
                "6: 'traffic.0' of 'radio': fields are expected, as 'name: value' (got 'icmp')",
                "9: 'criticality' of 'radio': is to be at most 3 (got 9)",
                "10: 'max_outage' of 'radio': is not a duration such as 300 ms, 1 s, 15 min or 1 h"
                " (got 'an hour')",
            )
        ),
        (
            "r.csv:6:2: 'title' of 'dispatch': holds a control or bidirectional character"
            " (got 'a\\nb')",
            "see docs/workspace.md for what it takes",
        ),
    ]
    assert (workspace / SERVICES).read_bytes() == before


def test_what_contradicts_other_files_is_told_at_the_row(workspace: Path, pcg: Pcg) -> None:
    before = (workspace / SERVICES).read_bytes()
    row = "tv;TV;Estates;helth;out;udp 80;hq;10.2.0.32/28;3;1 h\n"
    (workspace / "r.csv").write_text(HEAD + row, encoding="utf-8")
    done = pcg("import", "services", "r.csv")
    assert done.code == 2
    assert "error: r.csv:2:4: no domain named 'helth'\n  remedy: did you mean 'health'?" in done.err
    assert (workspace / SERVICES).read_bytes() == before


def test_a_new_service_needs_its_place_in_the_plan(workspace: Path, pcg: Pcg) -> None:
    row = "tv;TV;Estates;health;out;udp 80;hq;10.2.0.48/28;3;1 h\n"
    (workspace / "r.csv").write_text(HEAD + row, encoding="utf-8")
    assert (
        "leaves tv on exchange 'legacy', which is not up" in pcg("import", "services", "r.csv").err
    )
    cutover = workspace / "inventory/cutovers/to-cloud.yaml"
    cutover.write_text(
        cutover.read_text().replace("[telemetry, dispatch]", "[telemetry, dispatch, tv]")
    )
    done = pcg("import", "services", "r.csv")
    assert (done.code, done.err) == (0, "")
    assert services_of(workspace)["tv"].prefix == IPv4Network("10.2.0.48/28")
    assert pcg("check").code == 0


ALIASED = COMMENTED.replace("Control room", "&who Control room").replace("Clinical systems", "*who")
COPIED = COMMENTED.replace("dispatch:\n", "dispatch: &all\n").replace(
    "  # --- second ---\n", "  copy: *all\n"
)
INSIDE = COMMENTED.replace("direction: out,\n", "direction: out, contact: x,  # agreed\n")


@pytest.mark.parametrize(
    ("text", "row"),
    [
        (ALIASED, {"name": "dispatch", "owner": "Somebody else"}),
        (COPIED, {"name": "copy", "owner": "Somebody else"}),
        (INSIDE, {"name": "telemetry", "contact": ""}),
    ],
)
def test_what_cannot_be_changed_in_place_is_told_and_kept(
    text: str, row: dict[str, str], workspace: Path, pcg: Pcg
) -> None:
    (workspace / SERVICES).write_text(text)
    write_csv(workspace / "r.csv", [[*row], [*row.values()]])
    done = pcg("import", "services", "r.csv")
    assert (done.code, "cannot be changed in place" in done.err) == (2, True), done.err
    assert (workspace / SERVICES).read_text() == text


SCALARS = st.integers(0, 999) | TEXTS
FIELDS = st.dictionaries(NAMES, SCALARS | st.lists(SCALARS, max_size=3), min_size=1, max_size=4)
CHANGES = st.dictionaries(NAMES, st.none() | SCALARS | st.lists(SCALARS), max_size=4)


@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_edits_change_what_they_should_and_no_comment(data: st.DataObject) -> None:
    entries = data.draw(st.dictionaries(NAMES, FIELDS, min_size=1, max_size=3))
    text = "# first\nroot:   # of all\n"
    for name, fields in entries.items():
        text += f"  # about {name}\n"
        if data.draw(st.booleans()):
            text += f"  {flow(name)}: {flow(fields)}   # of {name}\n\n"
            continue
        text += f"  {flow(name)}:\n"
        for key, value in fields.items():
            text += f"    # before {key}\n"
            if isinstance(value, list) and value and data.draw(st.booleans()):
                text += f"    {flow(key)}:\n" + "".join(f"      - {flow(item)}\n" for item in value)
            else:
                text += f"    {flow(key)}:  {flow(value)}\n"
    text += "# last"
    editor, wanted = Editor(text), {name: dict(fields) for name, fields in entries.items()}
    for entry, fields in entries.items():
        changes: dict[str, Any] = data.draw(CHANGES)
        changes |= dict.fromkeys(data.draw(st.sets(st.sampled_from(sorted(fields)))), "new")
        if all(name in changes and changes[name] is None for name in fields):
            continue  # an entry without fields is none
        editor.change(("root", entry), changes)
        for key, value in changes.items():
            wanted[entry].pop(key, None) if value is None else wanted[entry].update({key: value})
    new = data.draw(st.dictionaries(NAMES.filter(lambda n: n not in entries), FIELDS, max_size=2))
    editor.add(("root",), new, lines=data.draw(st.booleans()))
    result = editor.result()
    assert compose("x", result)[0] == {"root": wanted | new}
    for comment in re.findall(r"# (?:about|first|of|last|before).*", text):
        assert comment in result


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("r.txt", b"name", "is neither .csv nor .xlsx (.txt)"),
        ("r.csv", b"", "has no row of headings"),
        ("r.csv", b"name,owner\n", "has no rows"),
        ("r.csv", b"a,b\n1,2\n", "has no row of headings"),
        ("r.csv", "name;owner\nx;Königsplatz\n".encode("cp1252"), "byte 0xf6 is not UTF-8"),
        ("r.csv", "name,owner\n".encode("utf-16"), "byte 0xff is not UTF-8"),
        ("r.csv", b'name,owner\nx,"open\n', "is not CSV: unexpected end of data"),
        (
            "r.csv",
            b"name,owner,Service owner\nx,a,b\n",
            "'owner' and 'Service owner' are both 'owner'",
        ),
        ("r.csv", b"name,ports\nx,1\n", "has a column 'ports' and not the other"),
        (
            "r.csv",
            b"name,ports,traffic\nx,1,tcp 1\n",
            "has 'traffic' and also 'protocol' or 'ports'",
        ),
        ("r.csv", b"name,owner\n" + b"x,y\n" * 30_000, "is too large"),
        ("r.csv", b"name,owner\n" + b"," * 300, "is too large"),
        ("r.csv", b"x" * 10_000_001, "is too large"),
        ("r.csv", b"name,owner\n" + b"x" * 200_000, "is not CSV: field larger than field limit"),
        ("r.csv", b"name,owner\nx\x00,y\n", "cannot be a name"),
        ("r.xlsx", b"PK\x03\x04 but no more", "is not an Excel workbook: BadZipFile"),
        ("r.xlsx", b"\xd0\xcf\x11\xe0 a password", "is not an Excel workbook: BadZipFile"),
    ],
)
def test_files_that_are_no_register_are_refused(
    name: str, content: bytes, said: str, workspace: Path, pcg: Pcg
) -> None:
    (workspace / name).write_bytes(content)
    done = pcg("import", "services", name)
    assert (done.code, done.out) == (2, "")
    assert said in done.err


def test_a_missing_file_and_a_folder_are_told(workspace: Path, pcg: Pcg) -> None:
    assert "no such file" in pcg("import", "services", "none.csv").err
    assert "is not a regular file" in pcg("import", "services", "inventory").err
    write_csv(workspace / "r.csv", [["name", "owner"], ["dispatch", "x"]])
    assert "has no sheets" in pcg("import", "services", "r.csv", "--sheet", "x").err


@pytest.mark.parametrize("start", ["services:\n", "services: {}\n", "services: # none yet\n", ""])
def test_a_file_without_services_is_filled(start: str, workspace: Path, tmp_path: Path) -> None:
    wanted = services_of(workspace)
    path = write_csv(tmp_path / "register.csv", exported(wanted))
    (workspace / SERVICES).write_text(start or "services: null\n")
    target = Target(workspace, SERVICES, ("services",), Service, lines=True)
    target.bring(register_of(path).entries).write()
    assert services_of(workspace) == wanted


def test_a_services_file_that_holds_something_else_is_told(workspace: Path, pcg: Pcg) -> None:
    write_csv(workspace / "r.csv", [["name", "owner"], ["dispatch", "x"]])
    for text in ("services: [a]\n", "services: {dispatch: 5}\n", "a: [\n"):
        (workspace / SERVICES).write_text(text)
        done = pcg("import", "services", "r.csv")
        assert (done.code, "Traceback" in done.err) == (2, False)
        assert (workspace / SERVICES).read_text() == text


# --- workbooks ----------------------------------------------------------------------------------


def test_a_workbook_gives_what_the_same_csv_gives(workspace: Path, tmp_path: Path) -> None:
    rows: list[list[Any]] = [list(row) for row in exported(services_of(workspace))]
    plain = register_of(write_csv(tmp_path / "r.csv", rows))
    for row in rows[1:]:
        row[rows[0].index("criticality")] = float(row[rows[0].index("criticality")])
    titled = [["Services of the region"], [], *rows]
    typed = register_of(write_xlsx(tmp_path / "r.xlsx", titled))
    assert [entry.fields for entry in typed.entries] == [entry.fields for entry in plain.entries]
    assert typed.entries[0].place("title") == "r.xlsx:4:B"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("=1+1", "holds a formula that was saved without its value"),
        ("#REF!", "holds the error #REF!"),
        (date(2020, 1, 2), "holds the date or time 2020-01-02 00:00:00"),
    ],
)
def test_cells_that_are_no_text_are_named(value: Any, said: str, tmp_path: Path) -> None:
    path = write_xlsx(tmp_path / "r.xlsx", [["name", "owner"], ["x", value]])
    with pytest.raises(InputErrors) as refused:
        register_of(path)
    (error,) = refused.value.errors
    assert error.place == "r.xlsx:2:B"
    assert said in error.message


def test_merged_cells_are_named(tmp_path: Path) -> None:
    rows: list[list[Any]] = [["name", "owner"], ["x", "both"], ["y", None]]
    path = write_xlsx(tmp_path / "r.xlsx", rows, lambda book: book.active.merge_cells("B2:B3"))
    with pytest.raises(InputErrors, match=r"r\.xlsx:3:B: is part of merged cells"):
        register_of(path)


def test_the_sheet_is_the_one_that_can_be_seen_or_the_one_named(tmp_path: Path) -> None:
    def add(book: Any) -> None:
        book.create_sheet("Old").append(["name", "owner"])
        book["Old"].append(["y", "z"])

    def add_hidden(book: Any) -> None:
        add(book)
        book["Old"].sheet_state = "hidden"

    rows = [["name", "owner"], ["x", "a"]]
    path = write_xlsx(tmp_path / "r.xlsx", rows, add_hidden)
    assert [entry.name for entry in register_of(path).entries] == ["x"]
    assert [entry.name for entry in register_of(path, "Old").entries] == ["y"]
    path = write_xlsx(tmp_path / "two.xlsx", rows, add)
    with pytest.raises(InputError, match="has 2 sheets"):
        register_of(path)
    with pytest.raises(InputError, match="has no sheet 'New'"):
        register_of(path, "New")


def _packed(path: Path, part: str, content: bytes) -> Path:
    """The workbook with one part replaced."""
    with zipfile.ZipFile(path) as old:
        parts = {name: old.read(name) for name in old.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name, data in (parts | {part: content}).items():
            new.writestr(name, data)
    return path


def test_workbooks_that_unfold_without_bound_are_refused(tmp_path: Path) -> None:
    path = write_xlsx(tmp_path / "r.xlsx", [["name", "owner"], ["x", "a"]])
    with pytest.raises(InputError, match="is too large"):
        register_of(_packed(path, "xl/media/bomb.bin", bytes(30_000_000)))
    entities = "".join(
        f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' if n else '<!ENTITY a0 "ha">' for n in range(12)
    )
    bomb = f"<?xml version='1.0'?><!DOCTYPE b [{entities}]><b>&a11;</b>"
    path = write_xlsx(tmp_path / "r.xlsx", [["name", "owner"], ["x", "a"]])
    with pytest.raises(InputError, match="is not an Excel workbook"):
        register_of(_packed(path, "xl/workbook.xml", bomb.encode()))
    far = write_xlsx(tmp_path / "far.xlsx", [["name"]], lambda b: b.active.cell(1_048_576, 1, "x"))
    with pytest.raises(InputError, match="is too large"):
        register_of(far)


def test_a_workbook_that_reads_other_files_does_not(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("swordfish")
    path = write_xlsx(tmp_path / "r.xlsx", [["name", "owner"], ["x", "&leak;"]])
    part = "xl/worksheets/sheet1.xml"
    with zipfile.ZipFile(path) as book:
        sheet = book.read(part).decode()
    assert "&amp;leak;" in sheet
    doctype = f'<!DOCTYPE worksheet [<!ENTITY leak SYSTEM "{secret.as_uri()}">]>'
    sheet = doctype + sheet.replace("&amp;leak;", "&leak;")
    try:
        told = str(register_of(_packed(path, part, sheet.encode())).entries)
    except InputError as error:
        told = str(error)
    assert "swordfish" not in told


def test_every_column_is_documented_with_its_other_names() -> None:
    text = (REPOSITORY / "docs/import.md").read_text().partition("<!-- columns -->\n")[2]
    rows = re.findall(r"^\| `([a-z ]+)` \| (.*?) \| \S", text.partition("<!-- end -->")[0], re.M)
    found = {column: tuple(re.findall("`(.*?)`", others)) for column, others in rows}
    assert found == COLUMNS
