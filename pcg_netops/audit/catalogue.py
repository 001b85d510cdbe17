"""Every code there is, and how each is explained."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import indent

from pcg_netops.audit.checks.acceptances import EXPIRED, UNUSED
from pcg_netops.audit.checks.addresses import NETWORK_CHECKS
from pcg_netops.audit.checks.capacity import PORTS_CHECK, SPLIT_CHECK
from pcg_netops.audit.checks.milestones import MILESTONE_CHECKS
from pcg_netops.audit.checks.steering import STEERING_CHECKS
from pcg_netops.audit.checks.tunnels import TUNNEL_CHECKS
from pcg_netops.audit.checks.windows import WINDOW_CHECKS
from pcg_netops.audit.finding import Rule
from pcg_netops.audit.hardening.run import AUDIT_RULES
from pcg_netops.audit.inputs import INPUT_RULES
from pcg_netops.errors import InputError
from pcg_netops.inventory.yamlfile import did_you_mean

CHECK_RULES: tuple[Rule, ...] = (
    *(check.rule for check in MILESTONE_CHECKS),
    EXPIRED.rule,
    UNUSED.rule,
    *(check.rule for check in WINDOW_CHECKS),
    *(check.rule for check in STEERING_CHECKS),
    PORTS_CHECK.rule,
    SPLIT_CHECK.rule,
    *(check.rule for check in NETWORK_CHECKS),
    *(check.rule for check in TUNNEL_CHECKS),
)
RULES: dict[str, Rule] = {rule.code: rule for rule in (*INPUT_RULES, *CHECK_RULES, *AUDIT_RULES)}


def rule_of(code: str) -> Rule:
    """The rule with this code, in either case. Raises InputError for any other code."""
    wanted = code.upper()
    if wanted not in RULES:
        raise InputError(f"no code {code!r:.40}", remedy=did_you_mean(wanted[:40], RULES))
    return RULES[wanted]


def explanation(rule: Rule) -> str:
    """A rule as plain text."""
    heading = f"{rule.code}: {rule.title} ({rule.severity})"
    parts = [heading, rule.rationale, f"Source: {rule.source}"]
    for label, text in _example(rule):
        parts += [f"{label}:", indent(text, "    ").rstrip()]
    return "\n\n".join(parts) + "\n"


def _example(rule: Rule) -> Iterator[tuple[str, str]]:
    """Each part of the examples with a label."""
    for example in (rule.example, *rule.further_examples):
        for file, text in example.given:
            yield f"With, in {file}", text
        yield f"Wrong, in {example.file}", example.wrong
        yield "Right", example.right


def overview() -> str:
    """Each code with its severity and title, one on a line."""
    return "".join(f"{rule.code}  {rule.severity:<7}  {rule.title}\n" for rule in RULES.values())


def to_markdown() -> str:
    """The page docs/findings.md."""
    return "".join(_markdown())


def _markdown() -> Iterator[str]:
    yield (
        "# Findings and input errors\n\n"
        "<!-- Made by: pcg explain --markdown > docs/findings.md -->\n\n"
        "`pcg check` gives each of these a place, a message and a remedy, `pcg audit` those from"
        " PCG401 on.\n`pcg explain CODE` shows what is below. A code keeps its meaning. Its"
        " severity is the worst that it gives.\n\n"
        "| code | severity | what is wrong |\n|---|---|---|\n"
    )
    for rule in RULES.values():
        yield f"| [{rule.code}](#{rule.code.lower()}) | {rule.severity} | {rule.title} |\n"
    for rule in RULES.values():
        yield f"\n## {rule.code}\n\n**{rule.title}.** {rule.rationale}\n\n"
        yield f"Source: {rule.source}\n"
        for label, text in _example(rule):
            yield f"\n{label}:\n\n```text\n{text}```\n"
