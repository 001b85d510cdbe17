"""Each check finds its wrong example and is silent about the right one; plans are read rightly."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pcg_netops.audit.catalogue import CHECK_RULES, RULES, to_markdown
from pcg_netops.audit.checks.plan import Plan
from pcg_netops.audit.checks.run import audit
from pcg_netops.audit.checks.tunnels import inner_mtu
from pcg_netops.audit.finding import Finding, Rule, Severity
from pcg_netops.audit.hardening.run import AUDIT_RULES
from pcg_netops.audit.inputs import INPUT_RULES
from pcg_netops.inventory.compose import compose
from pcg_netops.inventory.workspace import read_workspace
from pcg_netops.model.ipsec import BUILT_IN_PROFILES

REPOSITORY = Path(__file__).parents[2]
NETWORK, CUTOVER = "network.yaml", "cutovers/to-cloud.yaml"
HOSTS = ("hq-border", "legacy-fw", "cloud-north", "cloud-south", "health-net", "hospital")
# Input rules about a text as such: the example stands for the whole file.
WHOLE_FILE = {"PCG002", "PCG003", "PCG004", "PCG005"}
# Input rules whose example is not a part of a file.
NO_EXAMPLE = {"PCG000", "PCG001"}


def merged(base: Any, part: Any) -> Any:
    """The base with the part's values; mappings are merged, all else is replaced."""
    if not (isinstance(base, dict) and isinstance(part, dict)):
        return part
    return base | {key: merged(base.get(key), value) for key, value in part.items()}


def change(workspace: Path, file: str, part: str) -> None:
    """Merge a part into a file of the workspace."""
    path = workspace / "inventory" / file.replace("<name>", "to-cloud")
    data = merged(compose(file, path.read_text())[0], compose("example", part)[0])
    path.write_text(json.dumps(data, indent=1))  # which is YAML too


def found(workspace: Path) -> list[Finding]:
    reading = read_workspace(workspace)
    assert not reading.errors, reading.errors
    return list(audit(reading))


def codes(workspace: Path) -> set[str]:
    return {finding.code for finding in found(workspace)}


def test_the_small_workspace_has_no_finding(workspace: Path) -> None:
    assert found(workspace) == []


@pytest.mark.parametrize("rule", CHECK_RULES, ids=lambda rule: rule.code)
def test_the_wrong_example_is_found(rule: Rule, workspace: Path) -> None:
    for given in rule.example.given:
        change(workspace, *given)
    change(workspace, rule.example.file, rule.example.wrong)
    of_rule = [finding for finding in found(workspace) if finding.code == rule.code]
    assert of_rule
    for finding in of_rule:
        assert re.fullmatch(r"inventory/[\w./-]+\.yaml:\d+:\d+", finding.place)
        assert finding.message
        assert finding.remedy
        assert finding.severity.rank >= rule.severity.rank


@pytest.mark.parametrize("rule", CHECK_RULES, ids=lambda rule: rule.code)
def test_the_right_example_is_not(rule: Rule, workspace: Path) -> None:
    for given in rule.example.given:
        change(workspace, *given)
    change(workspace, rule.example.file, rule.example.right)
    assert rule.code not in codes(workspace)


@pytest.mark.parametrize("kind", ["wrong", "right"])
@pytest.mark.parametrize("rule", INPUT_RULES, ids=lambda rule: rule.code)
def test_input_errors_have_the_code_that_explains_them(
    rule: Rule, kind: str, workspace: Path
) -> None:
    if rule.code in NO_EXAMPLE:
        assert rule.example.wrong.startswith("#")
        return
    text = getattr(rule.example, kind)
    if rule.code in WHOLE_FILE:
        (workspace / "inventory" / NETWORK).write_text(text)
    elif rule.code == "PCG011" and kind == "wrong":
        change(workspace, NETWORK, "sites:\n  hq:\n")
        change(workspace, NETWORK, text)
    else:
        change(workspace, NETWORK, text)
    errors = {error.code for error in read_workspace(workspace).errors}
    assert (rule.code in errors) == (kind == "wrong")


def test_every_code_that_an_error_has_is_explained() -> None:
    sources = "".join(path.read_text() for path in (REPOSITORY / "pcg_netops").rglob("*.py"))
    named = set(re.findall(r'"(PCG[0-9]{3})"', sources))
    assert named == set(RULES)
    listed = (*INPUT_RULES, *CHECK_RULES, *AUDIT_RULES)
    assert len(RULES) == len(listed), "two rules share a code"


def test_the_page_of_findings_is_up_to_date() -> None:
    page = REPOSITORY / "docs" / "findings.md"
    assert page.read_text() == to_markdown(), "run: pcg explain --markdown > docs/findings.md"


def test_the_demonstration_has_the_calendar_s_flags_and_no_others() -> None:
    flags = [(finding.code, finding.severity) for finding in found(REPOSITORY)]
    assert flags == [
        ("PCG104", Severity.WARNING),
        ("PCG101", Severity.NOTE),
        ("PCG112", Severity.NOTE),
    ]
    deadline, support, clocks = (finding.message for finding in found(REPOSITORY))
    assert "misses 'before-march' (2020-02-29) by 31 days" in deadline
    assert "meets 'end-of-march' (2020-03-31)" in deadline
    assert "59 days without support" in support
    assert "both are supported for 0 days" in support
    assert "accepted by Head of Networks until 2020-03-31" in support
    assert "2020-03-29 01:00 UTC, between 'p6' and 'p7'" in clocks


# --- support and deadlines ----------------------------------------------------------------------


@pytest.mark.parametrize(("ends", "is_found"), [("2030-05-31", True), ("2030-06-01", False)])
def test_support_has_to_last_until_the_old_exchange_is_withdrawn(
    ends: str, is_found: bool, workspace: Path
) -> None:
    change(workspace, CUTOVER, f"milestones: {{support_ends: {ends}}}")
    assert ("PCG101" in codes(workspace)) == is_found


def test_an_old_exchange_that_stays_up_is_relied_on_to_the_end(workspace: Path) -> None:
    change(workspace, CUTOVER, "milestones: {support_ends: 2030-06-01}")
    change(workspace, CUTOVER, "phases: {leave: {exchanges: [], allow_lists: []}}")
    (finding,) = (f for f in found(workspace) if f.code == "PCG101")
    assert "until 2030-06-02: 1 days without support" in finding.message


def test_a_plan_that_misses_every_reading_is_late(workspace: Path) -> None:
    change(workspace, CUTOVER, "milestones: {deadlines: {contract: 2030-06-01}}")
    (finding,) = found(workspace)
    assert (finding.code, finding.severity) == ("PCG104", Severity.ERROR)


ACCEPTANCE = """
milestones: {support_ends: 2030-04-30}
risk_acceptances:
  known: {finding: PCG101, owner: Head of Networks, reason: On call, expires: %s}
"""


def test_an_acceptance_makes_a_note_of_the_finding(workspace: Path) -> None:
    change(workspace, CUTOVER, ACCEPTANCE % "2030-06-02")
    (finding,) = found(workspace)
    assert (finding.code, finding.severity) == ("PCG101", Severity.NOTE)
    assert "accepted by Head of Networks until 2030-06-02: 'known'" in finding.message


def test_an_acceptance_that_ends_too_early_accepts_nothing(workspace: Path) -> None:
    change(workspace, CUTOVER, ACCEPTANCE % "2030-06-01")
    severities = {finding.code: finding.severity for finding in found(workspace)}
    assert severities == {"PCG101": Severity.ERROR, "PCG105": Severity.ERROR}


# --- clocks -------------------------------------------------------------------------------------


def plan_of(workspace: Path, zone: str) -> Plan:
    change(workspace, CUTOVER, f"timezone: {zone}")
    return Plan(*read_workspace(workspace).cutovers["to-cloud"])


@pytest.mark.parametrize(
    ("zone", "changes"),
    [
        ("Europe/London", ["2020-03-29T01:00", "2020-10-25T01:00"]),
        ("Australia/Lord_Howe", ["2020-04-04T15:00", "2020-10-03T15:30"]),
        ("Asia/Kolkata", []),
        ("UTC", []),
    ],
)
def test_clock_changes_are_the_zone_s(zone: str, changes: list[str], workspace: Path) -> None:
    plan = plan_of(workspace, zone)
    year = datetime(2020, 1, 1, tzinfo=UTC), datetime(2020, 12, 31, tzinfo=UTC)
    wanted = [datetime.fromisoformat(change).replace(tzinfo=UTC) for change in changes]
    assert list(plan.clock_changes(*year)) == wanted


WINDOW = "phases: {{build: {{window: {{start: {}, end: {}}}}}, before: {{window: {}}}}}"


@pytest.mark.parametrize(
    ("start", "end", "said"),
    [
        ("2030-03-30T22:00", "2030-03-31T04:00", "it lasts 5 h, not 6 h"),
        ("2030-03-31T01:30", "2030-03-31T04:00", "2030-03-31 01:30 in the window of 'build' does"),
        ("2030-10-27T01:30", "2030-10-27T04:00", "2030-10-27 01:30 in the window of 'build' comes"),
    ],
)
def test_a_window_knows_what_the_clocks_do(
    start: str, end: str, said: str, workspace: Path
) -> None:
    early = "{start: 2030-01-02T09:00, end: 2030-01-03T17:00}"
    change(workspace, CUTOVER, WINDOW.format(start, end, early))
    messages = [finding.message for finding in found(workspace) if finding.code == "PCG111"]
    assert any(said in message for message in messages), messages


# --- steering -----------------------------------------------------------------------------------


def test_a_back_up_that_partners_do_not_let_in_is_none(workspace: Path) -> None:
    change(workspace, CUTOVER, "phases: {build: {allow_lists: [legacy]}, move: {}}")
    change(workspace, CUTOVER, "phases: {move: {allow_lists: [legacy, cloud]}}")
    (finding,) = found(workspace)
    assert finding.code == "PCG202"
    assert "in phase 'build' 'dispatch', 'telemetry' has no other exchange" in finding.message


def test_equal_published_ranges_are_steered_together(workspace: Path) -> None:
    paging = """
services:
  paging:
    title: Paging
    owner: Control room
    domain: health
    direction: in
    traffic: [{protocol: tcp, ports: 444}]
    published: {prefix: 10.1.0.64/28, server: 10.1.0.11}
    partners: [ward]
    criticality: 3
    max_outage: 1 h
"""
    change(workspace, "services.yaml", paging)
    wave = "{window: {start: 2030-05-08T22:00, end: 2030-05-08T23:00}, move: [telemetry, dispatch]}"
    later = "{window: {start: 2030-05-08T23:00, end: 2030-05-09T04:00}, move: [paging]}"
    change(workspace, CUTOVER, f"phases: {{move: {{waves: [{wave}, {later}]}}}}")
    (finding,) = found(workspace)
    assert (finding.code, finding.severity) == ("PCG204", Severity.ERROR)
    assert "dispatch and paging share 10.1.0.64/28, but at stage 'move.1'" in finding.message


# --- translation --------------------------------------------------------------------------------


def test_ports_are_counted_for_one_gateway_alone_and_for_all(workspace: Path) -> None:
    # cloud-north and cloud-south have a /28 each, which is 16 x 64,512 ports; so has legacy-fw.
    change(workspace, NETWORK, "nodes: {legacy-fw: {nat: {health: 10.20.0.0/29}}}")
    change(workspace, "services.yaml", "services: {dispatch: {sessions: 600000}}")
    change(workspace, "services.yaml", "services: {telemetry: {sessions: 600000}}")
    messages = [finding.message for finding in found(workspace)]
    assert {finding.severity for finding in found(workspace)} == {Severity.ERROR}
    assert [message.split(", but")[0] for message in messages] == [  # each protocol has its own
        "10.20.0.0/29 gives 'legacy-fw' 516096 tcp ports",
        "10.20.0.0/29 gives 'legacy-fw' 516096 udp ports",
    ]


def test_a_gateway_that_is_too_small_when_it_is_the_last_is_a_warning(workspace: Path) -> None:
    change(workspace, NETWORK, "nodes: {cloud-south: {nat: {health: 10.20.0.32/29}}}")
    change(workspace, "services.yaml", "services: {telemetry: {sessions: 600000}}")
    (finding,) = found(workspace)
    assert (finding.code, finding.severity) == ("PCG211", Severity.WARNING)
    assert "'cloud-south' 516096 udp ports" in finding.message
    assert finding.message.endswith(
        "'telemetry' alone 600000: too few when it is the only gateway left"
    )


# --- autonomous systems -------------------------------------------------------------------------


@pytest.mark.parametrize("asn", [23_456, 65_535, 65_552, 131_071])
def test_numbers_that_nobody_can_have_are_found(asn: int, workspace: Path) -> None:
    change(workspace, NETWORK, f"nodes: {{hospital: {{asn: {asn}}}}}")
    assert codes(workspace) == {"PCG312"}


@pytest.mark.parametrize("asn", [64_512, 65_534, 131_072, 4_200_000_000])
def test_private_and_ordinary_numbers_are_not(asn: int, workspace: Path) -> None:
    change(workspace, NETWORK, f"nodes: {{hospital: {{asn: {asn}}}}}\nprofile: production")
    change(workspace, NETWORK, "pools: {management: 10.40.0.0/24}")
    hosts = "".join(
        f"{name}: {{hostname: 10.40.0.{number}}}\n" for number, name in enumerate(HOSTS, 10)
    )
    change(workspace, "hosts.yaml", hosts)
    assert codes(workspace) == set()


# --- packet sizes -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("profile", "outer", "nat_traversal", "inner"),
    [
        ("prime", 1500, False, 1446),
        ("prime", 1500, True, 1438),
        ("prime", 1400, False, 1346),
        ("prime", 1400, True, 1338),
        ("foundation", 1500, False, 1438),
        ("foundation", 1500, True, 1422),
    ],
)
def test_the_inner_mtu_is_what_esp_leaves(
    profile: str, outer: int, nat_traversal: bool, inner: int
) -> None:
    esp = BUILT_IN_PROFILES[profile].esp
    assert inner_mtu(outer, esp, nat_traversal=nat_traversal) == inner


# --- several mistakes at once -------------------------------------------------------------------


def test_a_plan_s_dates_are_checked_although_another_file_is_broken(workspace: Path) -> None:
    change(workspace, CUTOVER, "milestones: {support_ends: 2030-04-30}")
    (workspace / "inventory" / NETWORK).write_text("name: [")
    reading = read_workspace(workspace)
    assert {error.code for error in reading.errors} == {"PCG002"}
    assert {finding.code for finding in audit(reading)} == {"PCG101"}
