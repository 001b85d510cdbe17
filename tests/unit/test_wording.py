"""What is told of a wrong value is in our words, and a value of two readings is refused."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import pytest
from openpyxl import Workbook
from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML

from pcg_netops.errors import InputError
from pcg_netops.inventory.register import known_columns, read_register
from pcg_netops.inventory.table import read_table
from pcg_netops.inventory.wording import in_our_words
from pcg_netops.inventory.workspace import load_workspace
from pcg_netops.lab.topology.file import load
from pcg_netops.model.cutover import Cutover
from pcg_netops.model.hosts import Entries, Entry
from pcg_netops.model.network import Network
from pcg_netops.model.services import Services
from tests.conftest import SMALL, Pcg

# How the library that reads fields begins its sentences.
THEIRS = re.compile(
    r"(Input|String|Value|List|Tuple|Dictionary|Object|Field|Datetime|URL)s? (is|should|error|must)"
)
DASH = "22\N{EN DASH}25"
WRONG = [7, -1, 1.5, "", "443/tcp", DASH, "any", True, None, [], [["x"]], {"x": 1}, "x" * 500]
FILES: dict[str, type[BaseModel]] = {
    "network": Network,
    "services": Services,
    "hosts": Entries,
    "groups": Entries,
    "defaults": Entry,
    "cutovers/to-cloud": Cutover,
}
OTHERS = {"missing", "extra_forbidden"}  # told by the file, with the field's name


def _places(data: object, path: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    found = [path] if path else []
    items: Iterable[tuple[object, object]] = ()
    if isinstance(data, dict):
        items = data.items()
    elif isinstance(data, list):
        items = enumerate(data)
    for key, value in items:
        found += _places(value, (*path, key))
    return found


@pytest.mark.parametrize("name", FILES)
def test_whatever_stands_in_a_field_no_librarys_words_are_told(name: str) -> None:
    data = YAML(typ="safe").load(SMALL / "inventory" / f"{name}.yaml")
    told = set()
    for path in _places(data):
        for wrong in WRONG:
            try:
                FILES[name].model_validate(_with(data, path, wrong))
            except ValidationError as error:
                told |= {in_our_words(i) for i in error.errors() if i["type"] not in OTHERS}
    assert told
    assert [words for words in told if THEIRS.search(words)] == []


def _with(data: object, path: tuple[object, ...], value: object) -> object:
    if not path:
        return value
    if isinstance(data, dict):
        return {k: _with(v, path[1:], value) if k == path[0] else v for k, v in data.items()}
    assert isinstance(data, list)
    return [_with(v, path[1:], value) if i == path[0] else v for i, v in enumerate(data)]


HEADINGS = ("name", "title", "protocol", "ports")


def _imported(path: Path) -> list[InputError]:
    return list(read_register(read_table(path, None, known_columns)).errors)


@pytest.mark.parametrize("ports", ["22 443", "16 384", "10 - 20 30", "443\u00a0444", "1\u2009024"])
def test_ports_parted_by_a_space_are_never_one_port(ports: str, tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    path.write_text(f"name,title,protocol,ports\nssh,SSH,tcp,{ports}\n", encoding="utf-8")
    (error,) = _imported(path)
    assert error.place == "r.csv:2:4"
    assert "can be one port or several" in error.message
    path.write_text(f"name,title,traffic\nssh,SSH,udp {ports}\n", encoding="utf-8")
    (error,) = _imported(path)
    assert error.place == "r.csv:2:3"


@pytest.mark.parametrize("ports", ["22-25", "22 - 25", "22\N{EN DASH}25"])
def test_a_range_is_one_however_it_is_written(ports: str, tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    path.write_text(f"name,title,protocol,ports\nssh,SSH,tcp,{ports}\n", encoding="utf-8")
    register = read_register(read_table(path, None, known_columns))
    assert register.entries[0].fields["traffic"] == [{"protocol": "tcp", "ports": "22-25"}]


@pytest.mark.parametrize(
    ("value", "form", "shown"),
    [(22443, "#,##0", "22,443"), (0.45, "0%", "45%"), (1024.0, "#,##0.00", "1,024")],
)
def test_a_number_that_shows_another_is_refused_at_its_cell(
    value: float, form: str, shown: str, tmp_path: Path
) -> None:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(HEADINGS)
    sheet.append(("ssh", "SSH", "tcp", value))
    sheet.cell(2, 4).number_format = form
    book.save(tmp_path / "r.xlsx")
    with pytest.raises(
        InputError, match=re.escape(f"and shows {shown}: format the cell as text")
    ) as e:
        _imported(tmp_path / "r.xlsx")
    assert "r.xlsx:2:D" in str(e.value)


GROUPS = "inventory/groups.yaml"


def test_groups_that_contain_each_other_are_named_with_their_lines(
    workspace: Path, pcg: Pcg
) -> None:
    (workspace / GROUPS).write_text(
        "everything: {groups: [g1]}\ng1: {groups: [g2]}\ng2: {groups: [g1]}\n"
    )
    done = pcg("check")
    assert done.code == 2
    assert re.search(r"groups contain each other: g\d in g\d in g\d", done.err)
    assert "g1 is at inventory/groups.yaml:2" in done.err
    assert "g2 is at inventory/groups.yaml:3" in done.err


def test_groups_of_groups_count_as_they_do_for_nornir(workspace: Path) -> None:
    (workspace / GROUPS).write_text(
        "everything: {groups: [inner], data: {a: outer}}\n"
        "inner: {platform: iosxe, data: {a: b, c: d}}\n"
    )
    host = load_workspace(workspace).hosts["hq-border"]
    assert host.platform == "iosxe"
    assert host.data == {"a": "outer", "c": "d"}


def test_a_lab_may_have_a_number_for_a_name(tmp_path: Path) -> None:
    path = tmp_path / "lab.clab.yml"
    path.write_text("name: 12\ntopology: {nodes: {a: {kind: linux, image: alpine}}}\n")
    assert load(path).name == "12"


def test_a_field_at_the_wrong_level_is_not_said_to_be_misspelt(workspace: Path, pcg: Pcg) -> None:
    path = workspace / "inventory/network.yaml"
    path.write_text(path.read_text().replace("pools:\n", "pools:\n  exchanges: {}\n"))
    done = pcg("check")
    assert "unknown field 'pools.exchanges'" in done.err
    assert "did you mean 'exchanges'" not in done.err
    assert "it belongs elsewhere" in done.err
