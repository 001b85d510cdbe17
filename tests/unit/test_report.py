"""The report, as its readers meet it: the page parsed as a browser would, the data read back."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from pcg_netops.cutover.evidence import (
    Evidence,
    FlowEvidence,
    ForbiddenEvidence,
    ServiceEvidence,
    ServiceTimeline,
    StepEvidence,
    StepKind,
    Verdict,
)
from pcg_netops.errors import InputError
from pcg_netops.report.html import diff_markup, write_report
from pcg_netops.report.svg import Scale, describe, timeline_svg
from pcg_netops.report.topology import draw
from pcg_netops.report.words import duration

TEMPLATES = Path(__file__).parents[2] / "templates"
VOID = {"meta", "br"}
HOSTILE = "<script>alert(1)</script>\"'`&amp;\\N</style></svg><img src=x onerror=y>{{ 7 * 7 }}"


# --- evidence of a small rehearsal in a network of other names ---


def flow(**changes: Any) -> FlowEvidence:
    return FlowEvidence.model_validate(
        {
            "flow": "tills/out/shop/tcp-443",
            "protocol": "tcp",
            "direction": "out",
            "intended": "new-1",
            "seen": ["new-1"],
            "sent": 1_200,
            "lost": 0,
            "lost_forward": None,
            "lost_return": None,
            "interval_ms": 10,
            "resolution_ms": 10,
            "outage_ms": 0,
            "stalled_ms": 0,
            "sessions_opened": 1,
            "sessions_lost": 0,
            "verdict": "pass",
            "reason": "",
        }
        | changes
    )


def service(*flows: FlowEvidence, **changes: Any) -> ServiceEvidence:
    flows = flows or (flow(),)
    return ServiceEvidence.model_validate(
        {
            "service": "tills",
            "carrier": "new",
            "moved": False,
            "limit_ms": 0,
            "outage_ms": max(each.outage_ms for each in flows),
            "lost": sum(each.lost for each in flows),
            "sent": sum(each.sent for each in flows),
            "sessions_lost": sum(each.sessions_lost for each in flows),
            "verdict": max((each.verdict for each in flows), key=list(Verdict).index),
            "flows": flows,
        }
        | changes
    )


def forbidden(**changes: Any) -> ForbiddenEvidence:
    return ForbiddenEvidence.model_validate(
        {
            "name": "partner to partner",
            "kind": "transit",
            "detail": "TCP 443 from bank to courier",
            "blocked": True,
            "reason": "",
        }
        | changes
    )


def step(name: str, kind: StepKind, at: float, **changes: Any) -> StepEvidence:
    return StepEvidence.model_validate(
        {
            "name": name,
            "kind": kind,
            "stage": name,
            "phase": name,
            "title": f"Title of {name}",
            "window": "2 Mar 2020 22:00 to 3 Mar 04:00",
            "at": at,
            "push_seconds": 1.5,
            "settle_seconds": 0.25,
            "seconds": 4.0,
            "services": [service(), service(flow(flow="mail/out"), service="mail")],
            "forbidden": [forbidden()],
            "diffs": [],
            "problems": [],
            "verdict": "pass",
        }
        | changes
    )


MOVED = service(flow(sessions_lost=2), moved=True)
FAILED_OVER = service(
    flow(sent=4_000, lost=212, interval_ms=1, resolution_ms=1, outage_ms=212.5),
    limit_ms=300,
    carrier="old",
)
DIFF = {
    "device": "new-1",
    "file": "frr.conf",
    "sha256": "ab" * 32,
    "text": "--- a/frr.conf\n+++ b/frr.conf\n@@ -1,3 +1,2 @@\n kept\n--- old\n-gone\n+new\n",
}


def evidence(**changes: Any) -> Evidence:
    steps = [
        step("s1", StepKind.BASELINE, 1, push_seconds=None),
        step("s2", StepKind.MOVE, 5, services=[MOVED], diffs=[DIFF]),
        step("failure", StepKind.FAILURE, 9, services=[FAILED_OVER], push_seconds=None),
        step("recovery", StepKind.RECOVERY, 13, push_seconds=None),
        step("back", StepKind.ROLL_BACK, 17),
        step("redo", StepKind.REDO, 21),
    ]
    lab = {
        "backend": "netns",
        "boot_seconds": 3.2,
        "memory_mb": 410.4,
        "processes": 97,
        "kernel": "6.1",
        "cpus": 2,
        "versions": {"FRR": "8.4.4"},
        "nodes": [
            {"name": "edge", "role": "edge", "title": "Head office", "group": "Shop"},
            {"name": "old-1", "role": "gateway", "title": "Old gateway", "group": "old"},
            {"name": "new-1", "role": "gateway", "title": "New gateway", "group": "new"},
            {"name": "core", "role": "core", "title": "Trade core", "group": "trade"},
            {"name": "bank", "role": "partner", "title": "Bank", "group": "Bank plc"},
            {"name": "bank-host", "role": "host", "title": "Bank desk", "group": ""},
        ],
        "links": [
            {"ends": ["edge", "old-1"], "zone": "inside", "mtu": 1500},
            {"ends": ["new-1", "edge"], "zone": "inside", "mtu": 1500},
            {"ends": ["old-1", "core"], "zone": "trade", "mtu": 1400},
            {"ends": ["core", "new-1"], "zone": "trade", "mtu": 1400},
            {"ends": ["bank", "core"], "zone": "trade", "mtu": 1500},
            {"ends": ["bank-host", "bank"], "zone": "site", "mtu": 1500},
        ],
    }
    sent, lost = [10] * 25, [0] * 9 + [10, 5] + [0] * 14
    carrier = ["old"] * 5 + ["new"] * 4 + ["", "old"] + ["old"] * 2 + ["new"] * 12
    return Evidence.model_validate(
        {
            "organisation": "Corner Shop",
            "cutover": "old-to-new",
            "title": "Old to new",
            "run": "run-7",
            "started": datetime(2026, 3, 1, 9, 5, 7, tzinfo=UTC),
            "seconds": 25,
            "verdict": "pass",
            "problems": [],
            "lab": lab,
            "steps": steps,
            "timeline": {
                "bin_ms": 1_000,
                "start_at": 0.0,
                "services": [{"service": "tills", "sent": sent, "lost": lost, "carrier": carrier}],
            },
            "stalls": [{"at": 3.0, "ms": 44.0}],
            "artifacts": {"s1/new-1/frr.conf": "cd" * 32, "s2/new-1/frr.conf": "ab" * 32},
            "fidelity": ["Linux stands in for the routers."],
        }
        | changes
    )


# --- a page, parsed ---


@dataclass
class Element:
    tag: str
    attributes: dict[str, str | None] = field(default_factory=dict)
    children: list[Element | str] = field(default_factory=list)

    def all(self, tag: str = "") -> Iterator[Element]:
        for child in self.children:
            if isinstance(child, Element):
                if tag in ("", child.tag):
                    yield child
                yield from child.all(tag)

    def of_class(self, name: str) -> Element:
        return next(e for e in self.all() if name in (e.attributes.get("class") or "").split())

    def with_heading(self, heading: str) -> Element:
        return next(e for e in self.all("section") if [h.text for h in e.all("h2")] == [heading])

    def rows(self) -> list[list[str]]:
        return [[e.text for e in row.all() if e.tag in ("th", "td")] for row in self.all("tr")]

    @property
    def raw(self) -> str:
        return "".join(child if isinstance(child, str) else child.raw for child in self.children)

    @property
    def text(self) -> str:
        return " ".join(self.raw.split())


class Reader(HTMLParser):
    """Builds the tree, and insists that every element is closed where it should be."""

    def __init__(self) -> None:
        super().__init__()
        self.open = [Element("")]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, dict(attrs))
        self.open[-1].children.append(element)
        if tag not in VOID:
            self.open.append(element)
        elif tag == "br":
            self.open[-1].children.append(" ")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open[-1].children.append(Element(tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop().tag == tag

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)


def parse(html: str) -> Element:
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert len(reader.open) == 1
    return reader.open[0]


def page_of(measured: Evidence, out: Path) -> Element:
    write_report(measured, out)
    return parse((out / "index.html").read_text())


def cell(page: Element, of_service: str, at_step: str) -> str:
    head, *rows = page.of_class("matrix").rows()
    column = next(i for i, name in enumerate(head) if name.split()[0] == at_step)
    return next(row[column] for row in rows if row[0] == of_service)


def figures(page: Element) -> dict[str, list[str]]:
    found = {}
    for each in page.of_class("figures").all("div"):
        label, value, note = [e.text for e in each.all() if e.tag in ("dt", "dd")]
        found[label] = [value, note]
    return found


# --- what a board member reads ---


def test_data_reads_back_as_it_was(tmp_path: Path) -> None:
    write_report(evidence(), tmp_path / "run")
    data = (tmp_path / "run/evidence.json").read_text()
    assert Evidence.model_validate_json(data) == evidence()


def test_page_names_the_digest_of_the_data(tmp_path: Path) -> None:
    page = page_of(evidence(), tmp_path)
    digest = hashlib.sha256((tmp_path / "evidence.json").read_bytes()).hexdigest()
    assert digest in page.with_heading("Lab").text


def test_pass_in_words_and_figures(tmp_path: Path) -> None:
    page = page_of(evidence(), tmp_path)
    assert page.of_class("sentence").text == (
        "✓ PASS The rehearsal passed: 3 planned moves lost no probe, and after the exchange failed"
        " every service was back within its limit."
    )
    assert "Reasons" not in page.of_class("verdict").text
    assert figures(page) == {
        "Probes lost in planned moves": [
            "0 of 6,000",
            "1 move, 1 roll-back, 1 redo; worst outage < 10 ms",
        ],
        "Worst outage when the exchange failed": [
            "212.5 ms of 300 ms allowed",
            "tills, the closest to its limit",
        ],
        "Established sessions lost by planned moves": ["2", "by step: s2: 2"],
        "Forbidden traffic that got through": ["0 of 6 tries", "every try was checked"],
        "Rehearsal took": ["25.00 s", "of which the lab took 3.20 s to boot"],
        "Lab": ["6 nodes, 6 links", "netns; 410 MB, 97 processes"],
    }


def test_first_screen_says_what_when_and_what_was_not_real(tmp_path: Path) -> None:
    header = next(page_of(evidence(), tmp_path).all("header")).text
    assert header.startswith("Corner Shop Rehearsal of Old to new Cutover old-to-new, run run-7")
    assert "started 1 March 2026, 09:05:07 UTC" in header
    assert "What was real and what was not Linux stands in for the routers." in header


def test_fail_gives_every_reason(tmp_path: Path) -> None:
    lossy = flow(lost=3, outage_ms=40, verdict="fail", reason="3 probes lost, none may be")
    slow = flow(lost=40, outage_ms=412, verdict="fail", reason="412 ms, limit 300 ms")
    through = forbidden(blocked=False, reason="answered after 2 ms")
    steps = [
        step("s2", StepKind.MOVE, 1, services=[service(lossy)], verdict="fail"),
        step("s3", StepKind.MOVE, 5, problems=["new-1 refused line 7"], verdict="fail"),
        step("s4", StepKind.MOVE, 9, forbidden=[through], verdict="fail"),
        step(
            "s5", StepKind.FAILURE, 13, services=[service(slow, slow, limit_ms=300)], verdict="fail"
        ),
        step("s6", StepKind.MOVE, 17, settle_seconds=None, verdict="incomplete"),
    ]
    page = page_of(evidence(steps=steps, verdict="fail", problems=["stopped after s6"]), tmp_path)
    assert page.of_class("sentence").text == (
        "✗ FAIL The rehearsal failed: 4 of 5 steps (s2, s3, s4, s5) missed a requirement;"
        " 1 of 5 steps (s6) could not be checked in full."
    )
    assert [item.text for item in page.of_class("verdict").all("li")] == [
        "stopped after s6",
        "s2, tills: 3 probes lost, none may be",
        "s3: new-1 refused line 7",
        "s4: forbidden traffic partner to partner got through (answered after 2 ms)",
        "s5, tills: 412 ms, limit 300 ms (and 1 more flow)",
    ]
    found = figures(page)
    assert found["Probes lost in planned moves"][0] == "3 of 8,400"
    assert found["Forbidden traffic that got through"][0] == "1 of 5 tries"
    assert page.with_heading("Forbidden traffic").rows()[1][-2:] == [
        "blocked in 4 of 5 steps; got through in s4 (answered after 2 ms)",
        "✗ FAIL",
    ]


def test_no_reason_is_dropped_when_there_are_many(tmp_path: Path) -> None:
    problems = [f"problem {number}" for number in range(40)]
    page = page_of(evidence(verdict="fail", problems=problems), tmp_path)
    assert [item.text for item in page.of_class("verdict").all("li")] == problems


def test_figures_that_could_not_be_measured_are_never_a_pass(tmp_path: Path) -> None:
    silent = flow(flow="tills/udp", sent=0, verdict="incomplete", reason="no probe was sent")
    unsure = forbidden(blocked=None, reason="no answer from the sender")
    steps = [
        step(
            "s2",
            StepKind.MOVE,
            1,
            services=[service(flow(), silent)],
            forbidden=[unsure],
            push_seconds=None,
            settle_seconds=None,
            verdict="incomplete",
        )
    ]
    page = page_of(evidence(steps=steps, verdict="incomplete"), tmp_path)
    assert page.of_class("sentence").text == (
        "? INCOMPLETE The rehearsal is incomplete, which is not a pass;"
        " 1 of 1 step (s2) could not be checked in full."
    )
    assert page.with_heading("Steps").rows()[1][5:] == [
        "not measured",
        "not measured",
        "4.00 s",
        "? INCOMPLETE",
    ]
    assert cell(page, "tills", "s2") == "? unchecked not measured 0 of 1,200 probes lost new"
    found = figures(page)
    assert found["Probes lost in planned moves"][1] == "1 move; worst outage not measured"
    assert found["Worst outage when the exchange failed"][0] == "not measured"
    assert found["Forbidden traffic that got through"] == [
        "0 of 1 try",
        "1 more could not be checked",
    ]
    assert page.with_heading("Forbidden traffic").rows()[1][-1] == "? INCOMPLETE"
    missed = page.with_heading("Flows").rows()[-1]
    assert missed[6] == "not measured"
    assert missed[-1] == "? INCOMPLETE no probe was sent"


def test_rehearsal_that_stopped_before_its_first_step_has_a_report(tmp_path: Path) -> None:
    measured = evidence(
        steps=[],
        seconds=0,
        verdict="incomplete",
        problems=["the lab did not boot"],
        timeline={"bin_ms": 100, "start_at": 0.0, "services": []},
        stalls=[],
        artifacts={},
        fidelity=[],
    )
    page = page_of(measured, tmp_path)
    assert "the lab did not boot" in page.of_class("verdict").text
    assert figures(page)["Probes lost in planned moves"][0] == "not measured"


def test_steps_with_their_times(tmp_path: Path) -> None:
    rows = page_of(evidence(), tmp_path).with_heading("Steps").rows()
    window = "2 Mar 2020 22:00 to 3 Mar 04:00"
    ends = ["0.25 s", "4.00 s", "✓ PASS"]
    assert rows[2] == ["s2", "Title of s2 (move)", "tills", window, "5.00 s", "1.50 s", *ends]
    assert rows[3][4:] == ["9.00 s", "no push", *ends]


def test_service_without_loss_was_interrupted_for_less_than_a_probe_interval(
    tmp_path: Path,
) -> None:
    page = page_of(evidence(), tmp_path)
    assert cell(page, "mail", "s1") == "✓ pass: < 10 ms 0 of 1,200 probes lost new"


def test_service_with_loss_shows_outage_limit_sessions_and_carrier(tmp_path: Path) -> None:
    page = page_of(evidence(), tmp_path)
    assert cell(page, "tills", "failure") == (
        "✓ pass: 212.5 ms (limit 300 ms) 212 of 4,000 probes lost old"
    )
    assert cell(page, "tills", "s2") == (
        "✓ pass: < 10 ms 0 of 1,200 probes lost −2 sessions lost → new"
    )
    assert cell(page, "mail", "s2") == "not in this step"


def test_flows_of_the_failure_one_by_one(tmp_path: Path) -> None:
    head, row, *_ = page_of(evidence(), tmp_path).with_heading("Flows").rows()
    assert dict(zip(head, row, strict=True)) == {
        "Service": "tills",
        "Flow": "tills/out/shop/tcp-443 (tcp, out)",
        "Gateway intended": "new-1",
        "Gateway seen": "new-1",
        "Lost of sent": "212 of 4,000",
        "Probe interval": "1 ms",
        "Worst outage": "212.5 ms",
        "Limit": "300 ms",
        "Prober held up": "0 ms",
        "Sessions lost of opened": "0 of 1",
        "Verdict": "✓ PASS",
    }


def test_diffs_by_step_and_device_with_digests(tmp_path: Path) -> None:
    changes = page_of(evidence(), tmp_path).with_heading("Changes")
    assert [h.text for h in changes.all("h3")] == ["s2: Title of s2"]
    assert next(changes.all("summary")).text == f"new-1/frr.conf {'ab' * 32}"
    assert changes.of_class("diff").raw == DIFF["text"]


def test_diff_marks_additions_and_removals_only() -> None:
    marked = parse(str(diff_markup(DIFF["text"])))
    assert [e.raw for e in marked.all("ins")] == ["+new\n"]
    assert [e.raw for e in marked.all("del")] == ["--- old\n-gone\n"]


def test_files_of_several_stages_are_listed_once(tmp_path: Path) -> None:
    same = {f"{stage}/new-1/frr.conf": "ef" * 32 for stage in ("s1", "s2")}
    page = page_of(evidence(artifacts=same | {"s1/core/frr.conf": "ab" * 32}), tmp_path)
    assert page.with_heading("Files").rows()[1:] == [
        ["core/frr.conf", "ab" * 32, "s1"],
        ["new-1/frr.conf", "ef" * 32, "s1, s2"],
    ]


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (0, "0 ms"),
        (0.26, "0.3 ms"),
        (300.4, "300.4 ms"),
        (1_204, "1.204 s"),
        (300_000, "300 s"),
        (900_000, "15 min"),
        (3_600_000, "1 h"),
        (3_600_001, "3,600.001 s"),
    ],
)
def test_durations_keep_a_unit_that_people_use(ms: float, text: str) -> None:
    assert duration(ms).replace("\u00a0", " ") == text


# --- timelines ---

EDGES = ServiceTimeline(
    service="tills", sent=(10, 10, 10, 0), lost=(0, 10, 5, 0), carrier=("old", "", "new", "")
)


def test_timeline_shows_carrier_and_share_lost_at_their_time() -> None:
    scale = Scale(seconds=4, bin_seconds=1, first_bin_at=0)
    picture = parse(str(timeline_svg(EDGES, [], scale, ["new", "old"])))
    seen = [(e.attributes["class"], e.attributes["x"]) for e in picture.all("rect")]
    assert seen == [
        ("exchange-1", "0.0"),
        ("unanswered", "250.0"),
        ("exchange-0", "500.0"),
        ("unsent", "750.0"),
    ]
    assert [e.text for e in picture.all("text")] == ["old", "new"]
    heights = re.findall(r"M([\d.]+) 30v-(\d+)", str(picture.of_class("lost").attributes["d"]))
    assert heights == [("250.0", "30"), ("500.0", "17")]


def test_timeline_without_loss_has_no_mark() -> None:
    clean = EDGES.model_copy(update={"lost": (0, 0, 0, 0)})
    picture = parse(str(timeline_svg(clean, [], Scale(4, 1, 0), ["new", "old"])))
    assert not [e for e in picture.all() if e.attributes.get("class") == "lost"]


def test_single_lost_probe_in_a_long_rehearsal_can_be_seen() -> None:
    lost = (0,) * 4_999 + (1,) + (0,) * 5_000
    long = ServiceTimeline(service="s", sent=(100,) * 10_000, lost=lost, carrier=("a",) * 10_000)
    picture = parse(str(timeline_svg(long, [], Scale(1_000, 0.1, 0), ["a"])))
    assert picture.of_class("lost").attributes["d"] == "M499.9 30v-4h2.0v4z"


def test_timeline_in_words() -> None:
    assert describe(EDGES, Scale(4, 1, 0)).replace("\u00a0", " ") == (
        "tills: 15 of 30 probes lost between 1.00 s and 3.00 s;"
        " carried by old from 0.00 s, new from 2.00 s"
    )


def test_steps_share_the_time_axis_and_keep_apart(tmp_path: Path) -> None:
    steps = [step(f"s{n}", StepKind.MOVE, 24 + n / 100, seconds=0.01) for n in range(8)]
    axis = page_of(evidence(steps=steps), tmp_path).of_class("axis")
    labels = [e for e in axis.all("text") if e.attributes.get("class") == "step"]
    places = [float(str(e.attributes["transform"])[10:].split()[0]) for e in labels]
    assert [e.text for e in labels] == [f"s{n}" for n in range(8)]
    assert all(b - a >= 13 for a, b in pairwise(places))
    assert places[-1] <= 1_000


# --- the picture of the lab ---


def test_picture_is_grouped_and_runs_from_the_organisation_to_its_partners(tmp_path: Path) -> None:
    picture = page_of(evidence(), tmp_path).of_class("topology")
    assert picture.attributes["role"] == "img"
    assert picture.attributes["aria-label"] == "6 nodes and 6 links of the lab"
    x = {e.text: float(e.attributes["x"] or 0) for e in picture.all("text")}
    assert {"Shop", "old", "new", "trade", "Partners"} < x.keys()
    columns = ["edge", "old-1", "core", "bank", "bank-host"]
    assert sorted(columns, key=x.__getitem__) == columns
    assert x["old-1"] == pytest.approx(x["new-1"], abs=20)


def test_a_tunnel_is_a_double_line_and_the_report_says_who_encrypted(tmp_path: Path) -> None:
    data = evidence().lab.model_dump()
    plain = str(draw(evidence(lab=data).lab).svg)
    tunnel = {"ends": ("new-1", "bank"), "zone": "trade", "mtu": 1338}
    cabled, tunnelled = (
        evidence(lab=data | {"links": [*data["links"], tunnel | more], "ipsec": "the kernel"})
        for more in ({}, {"tunnel": True})
    )
    paths = [str(draw(found.lab).svg).count("<path") for found in (cabled, tunnelled)]
    assert plain.count("<path") + 1 == paths[0] == paths[1] - 1
    assert "double: IPsec tunnel, encrypted by the kernel." in page_of(tunnelled, tmp_path).text
    assert "IPsec" not in page_of(evidence(), tmp_path).text


def test_report_without_graphviz_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    page = page_of(evidence(), tmp_path)
    assert page.of_class("warning").text == (
        "The picture of the lab could not be drawn: the program dot is not installed (Debian"
        " package graphviz). Install graphviz and rehearse again; nothing else in this report"
        " depends on it."
    )
    assert cell(page, "mail", "s1").startswith("✓")


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        ("echo 'no fonts' >&2; exit 3", "dot refused it: no fonts"),
        ("exit 3", "dot refused it: exit code 3"),
        ("echo '<svg>'", "dot could not be used: no element found: line 2, column 0"),
    ],
)
def test_graphviz_that_fails_is_quoted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, problem: str
) -> None:
    (tmp_path / "dot").write_text(f"#!/bin/sh\ncat >/dev/null\n{script}\n")
    (tmp_path / "dot").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert draw(evidence().lab).problem == problem


def test_link_to_a_node_outside_the_lab_does_not_prevent_the_picture() -> None:
    data = evidence().lab.model_dump()
    data["links"] = [*data["links"], {"ends": ("edge", "elsewhere"), "zone": "", "mtu": 1500}]
    lab = evidence(lab=data).lab
    assert draw(lab).svg


# --- a page that is safe to open, keep and read in any way ---


def hostile(value: Any, key: str = "") -> Any:
    """The same data with every free text replaced."""
    kept = {"version", "verdict", "role", "started"}
    if isinstance(value, dict):
        return {name: hostile(each, name) for name, each in value.items()}
    if isinstance(value, list):
        return [hostile(each, key) for each in value]
    is_kind = value in {*StepKind}
    return HOSTILE if isinstance(value, str) and key not in kept and not is_kind else value


def test_no_text_can_become_markup(tmp_path: Path) -> None:
    plain = page_of(evidence(), tmp_path)
    measured = Evidence.model_validate(hostile(evidence(problems=["one"]).model_dump(mode="json")))
    page = page_of(measured, tmp_path)
    assert {e.tag for e in page.all()} <= {e.tag for e in plain.all()}
    assert not {name for e in page.all() for name in e.attributes} & {"onerror", "src"}
    title = next(page.all("h1")).text
    assert title == f"Rehearsal of {HOSTILE}"
    assert HOSTILE in [e.text for e in page.of_class("topology").all("text")]


@pytest.mark.parametrize("measured", [evidence(), evidence(verdict="fail", problems=["one"])])
def test_page_needs_nothing_but_itself(tmp_path: Path, measured: Evidence) -> None:
    page = page_of(measured, tmp_path)
    html = (tmp_path / "index.html").read_text()
    assert not re.search(r"://|url\(|@import|javascript:", html)
    assert not {e.tag for e in page.all()} & {"script", "link", "img", "iframe", "object", "use"}
    assert not [name for e in page.all() for name in e.attributes if name.startswith("on")]
    ids = [e.attributes["id"] for e in page.all() if "id" in e.attributes]
    assert len(ids) == len(set(ids))
    targets = [e.attributes["href"] for e in page.all() if "href" in e.attributes]
    assert targets
    assert {target for target in targets if target} <= {f"#{name}" for name in ids}


def test_page_can_be_read_with_assistive_technology(tmp_path: Path) -> None:
    page = page_of(evidence(), tmp_path)
    assert next(page.all("html")).attributes["lang"] == "en-GB"
    assert all(e.attributes.get("scope") in ("row", "col") for e in page.all("th"))
    for picture in page.all("svg"):
        named = picture.attributes.get("aria-label") or next(picture.all("title")).text
        assert picture.attributes["role"] == "img"
        assert named
    assert "tills: 15 of 250 probes lost between 9.00 s and 11.00 s" in page.text


def test_page_of_a_large_rehearsal_stays_small(tmp_path: Path) -> None:
    flows = [flow(flow=f"service/out/site-{n}/tcp-443", lost=9, outage_ms=90) for n in range(25)]
    names = [f"service-{n}" for n in range(13)]
    services = [service(*flows, service=name, limit_ms=300) for name in names]
    text = DIFF["text"] + "+a line of configuration as long as most\n" * 60
    diffs = [DIFF | {"device": f"device-{n}", "text": text} for n in range(10)]
    kinds = [StepKind.FAILURE, StepKind.RECOVERY, *[StepKind.MOVE] * 13]
    steps = [
        step(f"p{n}", kind, n * 6, services=services, diffs=diffs) for n, kind in enumerate(kinds)
    ]
    bins = {
        "sent": [250] * 1_000,
        "lost": [n % 7 for n in range(1_000)],
        "carrier": [("old", "new", "")[n % 3] for n in range(1_000)],
    }
    timeline = {
        "bin_ms": 100,
        "start_at": 0.0,
        "services": [{"service": name} | bins for name in names],
    }
    write_report(evidence(steps=steps, timeline=timeline, seconds=100), tmp_path)
    assert (tmp_path / "index.html").stat().st_size < 3_000_000


# --- files ---


def test_losses_there_and_back_are_told_apart(tmp_path: Path) -> None:
    one_way = flow(protocol="udp", sent=300, lost=7, lost_forward=5, lost_return=2)
    services = [service(one_way, limit_ms=300, carrier="old")]
    failure = step("p6 failure", StepKind.FAILURE, 0, services=services)
    assert "5 there, 2 back" in page_of(evidence(steps=[failure]), tmp_path).text
    assert " there, " not in page_of(evidence(), tmp_path).text


def test_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="cannot be written") as caught:
        write_report(evidence(), tmp_path / "file/run")
    assert caught.value.place == str(tmp_path / "file/run/evidence.json")


def test_second_report_replaces_the_first_and_leaves_nothing_else(tmp_path: Path) -> None:
    page_of(evidence(), tmp_path)
    page = page_of(evidence(title="Second"), tmp_path)
    assert next(page.all("h1")).text == "Rehearsal of Second"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["evidence.json", "index.html"]
