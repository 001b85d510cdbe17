"""Findings for programs: our own JSON, and SARIF 2.1.0 for code hosts and editors."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import pcg_netops
from pcg_netops.audit.catalogue import RULES
from pcg_netops.audit.finding import Finding, Rule, Severity
from pcg_netops.printable import json_text

_PLACE = re.compile(r"(?P<file>.*?)(?::(?P<line>[0-9]+))?(?::(?P<column>[0-9]+))?")


def to_json(findings: Sequence[Finding], *, complete: bool) -> str:
    """One object; `complete` is false where broken input kept checks from running."""
    document = {
        "complete": complete,
        "counts": {s.value: sum(f.severity is s for f in findings) for s in Severity},
        "findings": [
            {
                "code": finding.code,
                "severity": finding.severity.value,
                **_place(finding.place),
                "message": finding.message,
                "remedy": finding.remedy,
            }
            for finding in findings
        ],
    }
    return json_text(document)


def _place(place: str) -> dict[str, Any]:
    match = _PLACE.fullmatch(place)
    file, line, column = match.groups() if match else (place, None, None)
    return {
        "file": file or None,
        "line": int(line) if line else None,
        "column": int(column) if column else None,
    }


def to_sarif(findings: Sequence[Finding], *, complete: bool) -> str:
    """A SARIF 2.1.0 log with one run. Paths are relative to the workspace."""
    used = list(RULES.values())
    driver = {
        "name": "pcg-netops",
        "semanticVersion": pcg_netops.__version__,
        "rules": [_rule(rule) for rule in used],
    }
    index = {rule.code: number for number, rule in enumerate(used)}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {"WORKSPACE": {"description": {"text": "the checked workspace"}}},
        "invocations": [{"executionSuccessful": complete}],
        "results": [_result(finding, index[finding.code]) for finding in findings],
    }
    schema = "https://json.schemastore.org/sarif-2.1.0.json"
    log = {"$schema": schema, "version": "2.1.0", "runs": [run]}
    return json_text(log)


def _rule(rule: Rule) -> dict[str, Any]:
    example = f"Wrong:\n{rule.example.wrong}\nRight:\n{rule.example.right}"
    return {
        "id": rule.code,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": f"{rule.rationale} Source: {rule.source}."},
        "help": {"text": example},
        "defaultConfiguration": {"level": rule.severity.value},
    }


def _result(finding: Finding, index: int) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": finding.code,
        "ruleIndex": index,
        "level": finding.severity.value,
        "message": {"text": f"{finding.message}\nRemedy: {finding.remedy}"},
    }
    place = _place(finding.place)
    if place["file"] and not place["file"].startswith("/"):
        physical: dict[str, Any] = {
            "artifactLocation": {"uri": place["file"], "uriBaseId": "WORKSPACE"}
        }
        if place["line"]:
            region = {"startLine": place["line"], "startColumn": place["column"]}
            physical["region"] = {key: value for key, value in region.items() if value}
        result["locations"] = [{"physicalLocation": physical}]
    return result
