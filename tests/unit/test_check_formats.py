"""`pcg check` in each format, its exit codes, and `pcg explain`."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from pcg_netops.audit.catalogue import RULES
from tests.conftest import Pcg

CUTOVER = "inventory/cutovers/to-cloud.yaml"
NETWORK = "inventory/network.yaml"
# Wrong edits of the small workspace, by the worst severity that they give; "" is as it is.
EDITS = {
    "": (CUTOVER, "", ""),
    "note": (NETWORK, ", note: Rented circuit", ""),
    "warning": (CUTOVER, "point_of_no_return: true", "point_of_no_return: false"),
    "error": (CUTOVER, "support_ends: 2030-06-30", "support_ends: 2030-05-31"),
    "input": (NETWORK, "domains:", "domians:"),
}


def spoil(workspace: Path, kind: str) -> None:
    file, old, new = EDITS[kind]
    text = (workspace / file).read_text()
    assert old in text
    (workspace / file).write_text(text.replace(old, new, 1))


@pytest.mark.parametrize("fail_on", ["error", "warning", "note"])
@pytest.mark.parametrize("kind", ["", "note", "warning", "error"])
def test_the_exit_code_is_1_for_findings_that_are_bad_enough(
    kind: str, fail_on: str, workspace: Path, pcg: Pcg
) -> None:
    spoil(workspace, kind)
    order = ["error", "warning", "note"]
    wanted = int(kind != "" and order.index(kind) <= order.index(fail_on))
    done = pcg("check", "--fail-on", fail_on)
    assert (done.code, done.err) == (wanted, "")


@pytest.mark.parametrize("form", ["json", "sarif"])
def test_the_exit_code_is_the_same_in_every_format(form: str, workspace: Path, pcg: Pcg) -> None:
    spoil(workspace, "warning")
    assert pcg("check", "--format", form).code == 0
    assert pcg("check", "--format", form, "--fail-on", "warning").code == 1


def test_errors_fail_unless_something_else_is_said(workspace: Path, pcg: Pcg) -> None:
    spoil(workspace, "warning")
    assert pcg("check").code == 0
    spoil(workspace, "error")
    assert pcg("check").code == 1


def test_text_has_code_place_remedy_and_a_count(workspace: Path, pcg: Pcg) -> None:
    spoil(workspace, "error")
    spoil(workspace, "note")
    first, remedy, note, _, summary = pcg("check").out.splitlines()
    assert first.startswith(f"error PCG101 {CUTOVER}:6:3: support for 'legacy' ends on 2030-05-31")
    assert remedy.startswith("  remedy: extend the support")
    assert note.startswith(f"note PCG303 {NETWORK}:26:5: the link between health-net and hospital")
    assert summary.endswith("1 cutover: 1 error, 1 note")


def test_text_gives_a_plan_s_findings_with_another_file_s_errors(workspace: Path, pcg: Pcg) -> None:
    spoil(workspace, "error")
    spoil(workspace, "input")
    done = pcg("check")
    assert done.code == 2
    assert "PCG101" in done.out
    assert f"error: {NETWORK}:4:1: unknown field 'domians'" in done.err


# --- JSON ---------------------------------------------------------------------------------------


def test_json_holds_every_finding(workspace: Path, pcg: Pcg) -> None:
    spoil(workspace, "error")
    document = json.loads(pcg("check", "--format", "json").out)
    assert document["complete"] is True
    assert document["counts"] == {"error": 1, "warning": 0, "note": 0}
    (finding,) = document["findings"]
    assert list(finding) == ["code", "severity", "file", "line", "column", "message", "remedy"]
    assert (finding["code"], finding["severity"]) == ("PCG101", "error")
    assert (finding["file"], finding["line"], finding["column"]) == (CUTOVER, 6, 3)


def test_json_holds_input_errors_too(workspace: Path, pcg: Pcg) -> None:
    spoil(workspace, "input")
    done = pcg("check", "--format", "json")
    assert (done.code, done.err) == (2, "")
    document = json.loads(done.out)
    assert document["complete"] is False
    (finding,) = document["findings"]
    assert (finding["code"], finding["line"], finding["column"]) == ("PCG010", 4, 1)
    assert finding["remedy"] == "did you mean 'domains'?"


@pytest.mark.parametrize("form", ["json", "sarif"])
def test_a_template_s_error_is_in_the_document(form: str, workspace: Path, pcg: Pcg) -> None:
    (workspace / "templates/linux/frr.conf.j2").write_text("{% if %}")
    done = pcg("check", "--format", form)
    assert (done.code, done.err) == (2, "")
    assert "templates/linux/frr.conf.j2" in done.out
    json.loads(done.out)


@pytest.mark.parametrize("form", ["json", "sarif"])
def test_a_folder_that_is_no_workspace_is_in_the_document(
    form: str, tmp_path: Path, pcg: Pcg
) -> None:
    done = pcg("check", "--format", form, "--workspace", str(tmp_path / "none"))
    assert (done.code, done.err) == (2, "")
    assert "is not a workspace" in done.out
    json.loads(done.out)


# --- SARIF --------------------------------------------------------------------------------------


def sarif(pcg: Pcg) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(pcg("check", "--format", "sarif").out)
    return document


@pytest.mark.parametrize("kind", EDITS)
def test_sarif_is_one_run_with_every_rule(kind: str, workspace: Path, pcg: Pcg) -> None:
    spoil(workspace, kind)
    document = sarif(pcg)
    assert document["version"] == "2.1.0"
    assert "sarif-2.1.0" in document["$schema"]
    (run,) = document["runs"]
    driver = run["tool"]["driver"]
    assert [rule["id"] for rule in driver["rules"]] == list(RULES)
    for rule in driver["rules"]:
        assert RULES[rule["id"]].rationale in rule["fullDescription"]["text"]
        assert rule["defaultConfiguration"]["level"] in ("error", "warning", "note")
    assert run["invocations"] == [{"executionSuccessful": kind != "input"}]
    assert bool(run["results"]) == (kind != "")


@pytest.mark.parametrize("kind", [kind for kind in EDITS if kind])
def test_sarif_results_name_rule_and_place(kind: str, workspace: Path, pcg: Pcg) -> None:
    spoil(workspace, kind)
    (run,) = sarif(pcg)["runs"]
    (result,) = run["results"]
    assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
    assert result["level"] == ("error" if kind == "input" else kind)
    assert result["message"]["text"]
    (location,) = result["locations"]
    physical = location["physicalLocation"]
    uri = physical["artifactLocation"]["uri"]
    assert physical["artifactLocation"]["uriBaseId"] in run["originalUriBaseIds"]
    region = physical["region"]
    line = (workspace / uri).read_text().splitlines()[region["startLine"] - 1]
    assert 1 <= region["startColumn"] <= len(line)


# --- explain ------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", RULES)
def test_explain_tells_what_why_and_how(code: str, pcg: Pcg) -> None:
    done = pcg("explain", code)
    assert done.code == 0
    for part in (code, RULES[code].title, RULES[code].rationale, RULES[code].source):
        assert part in done.out
    for line in (RULES[code].example.wrong + RULES[code].example.right).splitlines():
        assert line in done.out


def test_explain_takes_either_case(pcg: Pcg) -> None:
    assert pcg("explain", "pcg101") == pcg("explain", "PCG101")


def test_explain_lists_all_codes(pcg: Pcg) -> None:
    assert re.findall("^PCG[0-9]+", pcg("explain").out, re.MULTILINE) == list(RULES)


def test_explain_knows_what_was_meant(pcg: Pcg) -> None:
    done = pcg("explain", "PCG-304")
    assert (done.code, done.out) == (2, "")
    assert done.err == "error: no code 'PCG-304'\n  remedy: did you mean 'PCG304'?\n"
