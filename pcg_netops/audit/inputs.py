"""What the codes of input errors mean. The errors themselves come from the layers that read."""

from __future__ import annotations

from pcg_netops.audit.finding import Example, Rule, Severity

_YAML = "YAML 1.2.2"
_OWN = "docs/workspace.md"


def _rule(code: str, title: str, rationale: str, source: str, wrong: str, right: str) -> Rule:
    example = Example("network.yaml", wrong, right)
    return Rule(code, title, Severity.ERROR, rationale, source, example)


INPUT_RULES: tuple[Rule, ...] = (
    _rule(
        "PCG000",
        "Something else that was given cannot be used",
        "An option, a template or a state that no other code is for. The message says what to do.",
        "docs/cli.md",
        "# pcg render --phase p99\n",
        "# pcg render --phase p1\n",
    ),
    _rule(
        "PCG001",
        "A file is missing or cannot be read",
        "A workspace has fixed files, at most 10 MB each, in UTF-8. Devices and pipes are not"
        " read: that might never end.",
        _OWN,
        "# saved as UTF-16 or ISO 8859-1\n",
        "# saved as UTF-8\n",
    ),
    _rule(
        "PCG002",
        "A file is not well-formed YAML",
        "It must be one YAML 1.2 document. Tags and merge keys ('<<') are not taken: other readers"
        " of the same file may not know them.",
        _YAML,
        "nodes: {health-net: {role: core\n",
        "nodes: {health-net: {role: core}}\n",
    ),
    _rule(
        "PCG003",
        "A file holds what nobody can see or no machine should unfold",
        "Control and bidirectional characters show a line as something it is not. Very deep"
        " nesting, very long lines and aliases that multiply (at most 50 levels, 10,000"
        " characters, 250,000 values) can exhaust whatever reads them.",
        "CVE-2021-42574 (Trojan Source), CWE-776 (entity expansion)",
        "domains: &domains\n  health: *domains\n",
        "domains: &domains\n  health: {title: Health network}\n",
    ),
    _rule(
        "PCG004",
        "A value means different things to different YAML readers",
        "YAML 1.1 reads 'no' as false, '010' as 8 and '1:30' as 90; YAML 1.2 does not. Nornir and"
        " other tools read the same files.",
        f"{_YAML} section 10.3, YAML 1.1 types",
        "point_of_no_return: no\n",
        "point_of_no_return: false\n",
    ),
    _rule(
        "PCG005",
        "A key is there twice",
        "One of the two would win in silence, and readers differ on which.",
        f"{_YAML} section 3.2.1.3",
        "mtu: 1500\nmtu: 1400\n",
        "mtu: 1400\n",
    ),
    _rule(
        "PCG010",
        "A field is unknown",
        "A mistyped field would otherwise be skipped in silence.",
        _OWN,
        "organization: Northern Ambulance\n",
        "organisation: Northern Ambulance\n",
    ),
    _rule(
        "PCG011",
        "A field is missing",
        "There is no value that would be right for everybody.",
        _OWN,
        "sites:\n  hq: {title: Headquarters, node: hq-border}\n",
        "sites:\n  hq: {title: Headquarters, node: hq-border, prefix: 10.1.0.0/24}\n",
    ),
    _rule(
        "PCG012",
        "A value cannot be what the field takes",
        "Values reach configurations, file names and commands: what those could misread is refused"
        " here.",
        _OWN,
        "mtu: 15000\n",
        "mtu: 1500\n",
    ),
    _rule(
        "PCG020",
        "A name refers to nothing",
        "It is mistyped, or what it names was removed.",
        _OWN,
        "sites:\n  hq: {title: Headquarters, node: hq-boarder, prefix: 10.1.0.0/24}\n",
        "sites:\n  hq: {title: Headquarters, node: hq-border, prefix: 10.1.0.0/24}\n",
    ),
    _rule(
        "PCG021",
        "Files contradict one another",
        "Each file is right in itself, but no network can be as they say together.",
        _OWN,
        "pools:\n  links: 10.1.0.0/27   # inside the site 10.1.0.0/24\n",
        "pools:\n  links: 10.30.1.0/27\n",
    ),
)
