"""`pcg audit` as a user meets it, and the waivers that a workspace may hold."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pcg_netops.audit.finding import Finding, Rule, Severity
from pcg_netops.audit.hardening.run import audit_stages, moments
from pcg_netops.audit.hardening.waiving import EXPIRED, UNUSED
from pcg_netops.inventory.workspace import load_workspace
from tests.conftest import REPOSITORY, Pcg

TEMPLATE = "templates/linux/frr.conf.j2"


def spoil(workspace: Path, line: str = "debug bgp packet detail") -> None:
    """Every gateway debugs packets: PCG511 on three of the six devices."""
    path = workspace / TEMPLATE
    path.write_text(f"{path.read_text()}{line}\n")


def waive(workspace: Path, **fields: str) -> None:
    """One waiver for what `spoil` does, with some fields otherwise."""
    known = {
        "rule": "PCG511",
        "devices": "['*']",
        "owner": "Head of Networks",
        "reason": "A fault is looked for",
        "expires": "2030-12-31",
    }
    lines = "".join(f"    {name}: {value}\n" for name, value in (known | fields).items())
    (workspace / "inventory/waivers.yaml").write_text(f"waivers:\n  fault:\n{lines}")


def found(workspace: Path, *codes: str) -> list[Finding]:
    loaded = load_workspace(workspace)
    return [f for f in audit_stages(loaded, moments(loaded)) if f.code in codes]


def severities(workspace: Path, code: str = "PCG511") -> dict[str, Severity]:
    return {f.place.partition("/")[0]: f.severity for f in found(workspace, code)}


GATEWAYS = ("legacy-fw", "cloud-north", "cloud-south")


# --- waivers ------------------------------------------------------------------------------------


def test_without_waivers_everything_counts(workspace: Path) -> None:
    spoil(workspace)
    assert severities(workspace) == dict.fromkeys(GATEWAYS, Severity.ERROR)


def test_a_waiver_makes_notes_that_name_who_answers_and_until_when(workspace: Path) -> None:
    spoil(workspace)
    waive(workspace)
    assert severities(workspace) == dict.fromkeys(GATEWAYS, Severity.NOTE)
    for finding in found(workspace, "PCG511"):
        assert "(waived by Head of Networks until 2030-12-31: 'fault')" in finding.message
    assert found(workspace, "PCG601", "PCG602") == []


def test_a_waiver_is_for_its_devices_alone(workspace: Path) -> None:
    spoil(workspace)
    waive(workspace, devices="[cloud-*]")
    wanted = {"legacy-fw": Severity.ERROR} | dict.fromkeys(GATEWAYS[1:], Severity.NOTE)
    assert severities(workspace) == wanted


@pytest.mark.parametrize(("place", "holds"), [("'*/frr.conf'", True), ("'*/nft*'", False)])
def test_a_waiver_is_for_its_files_alone(place: str, holds: bool, workspace: Path) -> None:
    spoil(workspace)
    waive(workspace, places=f"[{place}]")
    assert set(severities(workspace).values()) == {Severity.NOTE if holds else Severity.ERROR}
    assert bool(found(workspace, "PCG602")) != holds


def test_a_waiver_is_for_its_stages_alone(workspace: Path) -> None:
    spoil(workspace)
    waive(workspace, stages="[before, b*]")
    of_north = [f for f in found(workspace, "PCG511") if f.place.startswith("cloud-north/")]
    assert [(f.severity, f.message.rpartition(" (at ")[2]) for f in of_north] == [
        (Severity.ERROR, "move, leave)"),
        (Severity.NOTE, "before, build)"),
    ]


def test_a_waiver_that_expires_before_a_stage_fails_there(workspace: Path) -> None:
    spoil(workspace)
    waive(workspace, expires="2030-05-09")  # the last day of stage "move"
    of_north = [f for f in found(workspace, "PCG511") if f.place.startswith("cloud-north/")]
    assert [f.severity for f in of_north] == [Severity.ERROR, Severity.NOTE]
    assert of_north[0].message.endswith(" (at leave)")
    (expired,) = found(workspace, "PCG601")
    assert expired.severity is Severity.ERROR
    assert expired.place.startswith("inventory/waivers.yaml:7:")
    assert "'fault' expired on 2030-05-09, before stage 'leave' ends" in expired.message


def test_a_waiver_for_nothing_is_a_warning(workspace: Path) -> None:
    waive(workspace)
    (unused,) = found(workspace, "PCG602")
    assert unused.severity is Severity.WARNING
    assert unused.place == "inventory/waivers.yaml:2:3"


def test_a_waiver_for_other_stages_is_not_called_unused(workspace: Path, pcg: Pcg) -> None:
    spoil(workspace)
    waive(workspace, stages="[leave]")
    assert "PCG602" not in pcg("audit", "--phase", "before").out


@pytest.mark.parametrize("rule", [EXPIRED.rule, UNUSED.rule], ids=lambda rule: rule.code)
def test_the_examples_of_waivers_are_what_they_say(rule: Rule, workspace: Path) -> None:
    # The example waives that no server checks log-ins, so those of one device must be unchecked.
    hosts = workspace / "inventory/hosts.yaml"
    text = hosts.read_text()
    assert "hospital: {" in text
    hosts.write_text(text.replace("hospital: {", "hospital: {platform: iosxe, ", 1))
    path = workspace / "inventory/waivers.yaml"
    path.write_text(rule.example.wrong)
    assert found(workspace, rule.code)
    path.write_text(rule.example.right)
    assert found(workspace, "PCG601", "PCG602") == []


def test_a_waiver_that_is_wrongly_written_is_refused_with_its_line(
    workspace: Path, pcg: Pcg
) -> None:
    waive(workspace, expires="soon")
    for command in ("audit", "check"):
        done = pcg(command)
        assert done.code == 2
        assert "inventory/waivers.yaml:7:" in done.err


# --- the command --------------------------------------------------------------------------------


def test_the_demonstration_has_nothing_that_is_not_waived() -> None:
    loaded = load_workspace(REPOSITORY)
    for finding in audit_stages(loaded, moments(loaded)):
        assert finding.severity is Severity.NOTE, finding
        assert "(waived by " in finding.message


def test_what_is_found_at_every_stage_is_said_once(workspace: Path, pcg: Pcg) -> None:
    spoil(workspace)
    lines = [line for line in pcg("audit").out.splitlines() if "PCG511 cloud-north" in line]
    assert len(lines) == 1
    assert "(at " not in lines[0]


@pytest.mark.parametrize(
    ("fail_on", "bad", "code"), [("error", True, 1), ("error", False, 0), ("note", False, 1)]
)
def test_the_exit_code_says_whether_it_is_bad_enough(
    fail_on: str, bad: bool, code: int, workspace: Path, pcg: Pcg
) -> None:
    spoil(workspace)
    if not bad:
        waive(workspace)
        path = workspace / "inventory/waivers.yaml"
        edges = "{rule: PCG508, devices: ['*'], owner: x, reason: x, expires: 2030-12-31}"
        path.write_text(f"{path.read_text()}  edges: {edges}\n")
    done = pcg("audit", "--fail-on", fail_on)
    assert (done.code, done.err) == (code, "")
    assert done.out.splitlines()[-1].startswith("Northern Ambulance (test): 6 nodes at 4 stages")


def test_one_phase_is_enough(workspace: Path, pcg: Pcg) -> None:
    assert "6 nodes at 1 stage, " in pcg("audit", "--phase", "move").out
    wrong = pcg("audit", "--phase", "moev")
    assert (wrong.code, wrong.out) == (2, "")
    assert wrong.err == "error: no phase or wave 'moev'\n  remedy: did you mean 'move'?\n"


def test_json_and_sarif_hold_the_same(workspace: Path, pcg: Pcg) -> None:
    spoil(workspace)
    document = json.loads(pcg("audit", "--format", "json").out)
    of_rule = [f for f in document["findings"] if f["code"] == "PCG511"]
    assert {f["file"] for f in of_rule} == {f"{name}/frr.conf" for name in GATEWAYS}
    assert all(f["line"] for f in of_rule)
    (run,) = json.loads(pcg("audit", "--format", "sarif").out)["runs"]
    assert len(run["results"]) == len(document["findings"])


def test_a_template_that_cannot_be_rendered_is_input_that_is_wrong(
    workspace: Path, pcg: Pcg
) -> None:
    spoil(workspace, "{% if %}")
    assert pcg("audit").code == 2
    done = pcg("audit", "--format", "json")
    assert (done.code, done.err) == (2, "")
    assert json.loads(done.out)["complete"] is False


def test_check_does_not_audit(workspace: Path, pcg: Pcg) -> None:
    spoil(workspace)
    assert pcg("check").code == 0
