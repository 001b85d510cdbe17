"""JSON Schemas of the workspace's files: current, strict, and found by editors."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pcg_netops.inventory.schema import KINDS, schema_file, schema_of
from tests.conftest import Pcg

REPOSITORY = Path(__file__).parents[2]
INVENTORY = REPOSITORY / "inventory"
SCHEMAS = INVENTORY / "schemas"
OWN_FILES = sorted({*INVENTORY.rglob("*.yaml")} - {INVENTORY / "config.yaml"})  # which is Nornir's


@pytest.mark.parametrize("kind", KINDS)
def test_the_committed_schema_is_up_to_date(kind: str) -> None:
    committed = (SCHEMAS / schema_file(kind)).read_text()
    assert committed == schema_of(kind), "run: pcg schema --out inventory/schemas"


def test_no_other_schema_is_committed() -> None:
    assert {path.name for path in SCHEMAS.iterdir()} == {schema_file(kind) for kind in KINDS}


@pytest.mark.parametrize("path", OWN_FILES, ids=lambda path: path.name)
def test_each_file_tells_editors_its_schema(path: Path) -> None:
    first = path.read_text().partition("\n")[0]
    found = re.fullmatch(r"# yaml-language-server: \$schema=(\S+)", first)
    assert found, first
    kind = "cutover" if path.parent.name == "cutovers" else path.stem
    assert (path.parent / found[1]).resolve() == SCHEMAS / schema_file(kind)


def parts(schema: Any) -> Iterator[dict[str, Any]]:
    """Every mapping in a schema."""
    if isinstance(schema, dict):
        yield schema
        schema = list(schema.values())
    if isinstance(schema, list):
        for part in schema:
            yield from parts(part)


@pytest.mark.parametrize("kind", KINDS)
def test_objects_take_only_what_is_named(kind: str) -> None:
    objects = [part for part in parts(json.loads(schema_of(kind))) if part.get("type") == "object"]
    assert objects
    for part in objects:
        if part.get("title") != "Data":  # of a host: whatever Nornir's users put there
            assert part["additionalProperties"] is False


@pytest.mark.parametrize("kind", KINDS)
def test_every_pattern_is_one_that_editors_know(kind: str) -> None:
    for part in parts(json.loads(schema_of(kind))):
        if isinstance(part.get("pattern"), str):
            re.compile(part["pattern"])
            assert part["pattern"].startswith("^")
        # An editor's own date-time wants seconds and an offset, which our windows must not have.
        assert part.get("format") not in ("date-time", "date")


def test_the_demonstration_s_dates_match_the_schema() -> None:
    schema = json.loads(schema_of("cutover"))
    window = schema["$defs"]["Window"]["properties"]["start"]["pattern"]
    text = (INVENTORY / "cutovers" / "cjx-to-pcg.yaml").read_text()
    times = re.findall(r"start: ([^,}]+)", text)
    assert times
    assert all(re.search(window, time) for time in times)


def test_schema_prints_one_kind(pcg: Pcg) -> None:
    assert pcg("schema", "network").out == schema_of("network")


def test_schema_lists_the_kinds(pcg: Pcg) -> None:
    assert pcg("schema").out.split() == list(KINDS)


def test_schema_knows_what_was_meant(pcg: Pcg) -> None:
    done = pcg("schema", "netwrok")
    assert (done.code, done.out) == (2, "")
    assert done.err == "error: no kind of file 'netwrok'\n  remedy: did you mean 'network'?\n"


def test_schema_writes_all_kinds(pcg: Pcg, tmp_path: Path) -> None:
    done = pcg("schema", "--out", str(tmp_path / "new"))
    assert done.code == 0
    written = {path.name: path.read_text() for path in (tmp_path / "new").iterdir()}
    assert written == {schema_file(kind): schema_of(kind) for kind in KINDS}


def test_schema_with_an_unknown_kind_writes_nothing(pcg: Pcg, tmp_path: Path) -> None:
    assert pcg("schema", "netwrok", "--out", str(tmp_path / "new")).code == 2
    assert not (tmp_path / "new").exists()


def test_a_new_workspace_has_the_schemas(pcg: Pcg, workspace: Path) -> None:
    assert pcg("init", "new").code == 0
    held = {path.name for path in (workspace / "new/inventory/schemas").iterdir()}
    assert held == {schema_file(kind) for kind in KINDS}
