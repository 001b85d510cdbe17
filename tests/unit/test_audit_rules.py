"""Each rule of `pcg audit` finds its wrong example and is silent about the right one."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from pcg_netops.audit.finding import Check, Rule
from pcg_netops.audit.hardening.configuration import Configuration, statements_in
from pcg_netops.audit.hardening.device_rules import DEVICE_RULES, Audited
from pcg_netops.audit.hardening.firewall_analysis import described
from pcg_netops.audit.hardening.intent import Intent
from pcg_netops.audit.hardening.peers import peers_in
from pcg_netops.audit.hardening.run import AUDIT_RULES, TEXT_RULES, audit_stages, moments
from pcg_netops.audit.hardening.spelling import Spelling, TextRule
from pcg_netops.design.devices import design
from pcg_netops.design.steering import stages
from pcg_netops.inventory.workspace import Workspace, load_workspace
from pcg_netops.model.device import Device, Role
from pcg_netops.model.firewall import ANY, Action, FilterRule, Firewall, Ports
from pcg_netops.platforms import PLATFORMS
from pcg_netops.render import render_stage
from tests.conftest import SMALL

EDGE, GATEWAY = "hq-border", "cloud-north"


@cache
def small() -> tuple[Workspace, dict[str, Device]]:
    workspace = load_workspace(SMALL)
    _, cutover = workspace.cutover()
    return workspace, design(workspace, stages(cutover, workspace.services)[0])


def read(file: str, text: str, device: str = EDGE) -> Configuration:
    workspace, devices = small()
    intent = Intent(workspace.network, workspace.services)
    return Configuration(file, statements_in(file, text), devices[device], intent)


# --- rules about text ---------------------------------------------------------------------------

SPELLINGS = [(rule, spelling) for rule in TEXT_RULES for spelling in rule.spellings]


def named(value: object) -> str:
    return value.rule.code if isinstance(value, TextRule) else getattr(value, "file", "")


@pytest.mark.parametrize(("rule", "spelling"), SPELLINGS, ids=named)
def test_text_that_is_wrong_is_found_and_text_that_is_right_is_not(
    rule: TextRule, spelling: Spelling
) -> None:
    device = EDGE if Role.EDGE in rule.roles else GATEWAY
    faults = list(spelling.faults(read(spelling.file, spelling.wrong, device)))
    assert faults
    for fault in faults:
        assert fault.line is None or 0 < fault.line <= len(spelling.wrong.splitlines())
        assert fault.message
        assert fault.remedy
    assert list(spelling.faults(read(spelling.file, spelling.right, device))) == []


@pytest.mark.parametrize("rule", AUDIT_RULES, ids=lambda rule: rule.code)
def test_every_rule_says_why_and_whence_and_shows_both(rule: Rule) -> None:
    assert len(rule.rationale) > 40
    assert re.search(r"RFC|STIG|NCSC|NIST|IEEE|MOPAC|PSN|practice", rule.source)
    assert "CIS " not in rule.source + rule.rationale  # their text may not be copied
    for example in (rule.example, *rule.further_examples):
        assert example.wrong
        assert example.right
        assert example.wrong != example.right


def test_every_platform_has_rules_for_its_files() -> None:
    spelled = {spelling.file for _, spelling in SPELLINGS}
    rendered = {kind.name for platform in PLATFORMS.values() for kind in platform.artifacts}
    made_from_another = {"junos.set"}
    says_nothing_to_judge = {"sysusers.conf", "tmpfiles.conf"}  # the accounts of network.yaml
    assert rendered - made_from_another - says_nothing_to_judge <= spelled


# --- readers ------------------------------------------------------------------------------------


def test_a_banner_says_nothing_to_the_audit() -> None:
    text = "banner login ^C\nip http server\n^C\nhostname x\n"
    assert [s.text for s in statements_in("iosxe.conf", text)] == ["banner login", "hostname x"]


def test_what_is_inactive_on_junos_counts_as_not_there() -> None:
    text = "system { services { inactive: telnet; ssh; } }\ninactive: snmp { community public; }\n"
    assert [s.text for s in statements_in("junos.conf", text)] == ["system services ssh"]


def test_remarks_of_junos_say_nothing_and_lines_are_right() -> None:
    text = "/* system { services { telnet; } } */\nsystem {\n    /* x */\n    host-name a;\n}\n"
    (statement,) = statements_in("junos.conf", text)
    assert (statement.line, statement.text) == (4, "system host-name a")


def test_settings_of_a_peer_group_count_for_its_members() -> None:
    text = (
        "router bgp 65001\n neighbor up peer-group\n neighbor up password x\n"
        " neighbor 10.30.1.1 remote-as 65002\n neighbor 10.30.1.1 peer-group up\n"
        " neighbor 10.30.1.9 remote-as 65001\n"
    )
    first, second = peers_in(read("frr.conf", text))
    assert (first.address, first.external, first.has("password x")) == ("10.30.1.1", True, True)
    assert (second.address, second.external, second.has("password x")) == (
        "10.30.1.9",
        False,
        False,
    )


def test_settings_of_all_of_bgp_count_for_every_peer_of_junos() -> None:
    text = (
        "routing-options { autonomous-system 65001; }\n"
        "protocols { bgp { ttl 255; group a { peer-as 65002; neighbor 10.30.1.1; }\n"
        "group b { neighbor 10.30.1.9 { peer-as 65001; } } } }\n"
    )
    first, second = peers_in(read("junos.conf", text))
    assert (first.external, first.has("ttl 255")) == (True, True)
    assert (second.external, second.has("ttl 255")) == (False, True)


# --- rules about the design ---------------------------------------------------------------------


def parsed(line: str) -> FilterRule:
    """The other way round from `described`."""
    owner, _, rest = line.partition(": ")
    ways, addresses, service = rest.split(", ")
    action, _, interfaces = ways.partition(" ")

    def either(text: str) -> tuple[str, ...] | None:
        return ANY if text == "any" else tuple(text.split("|"))

    from_, to = (either(side) for side in interfaces.split(" > "))
    sources, targets = (
        tuple(map(IPv4Network, names)) if (names := either(s)) else ANY
        for s in addresses.split(" > ")
    )
    protocol, _, ports = service.partition(" ")
    first, _, last = ports.partition("-")
    return FilterRule(
        owner,
        Action(action),
        from_,
        to,
        sources,
        targets,
        None if protocol == "any" else protocol,
        Ports(int(first), int(last or first)) if ports else None,
    )


def test_a_described_rule_has_everything_in_it() -> None:
    _, devices = small()
    rules = [r for d in devices.values() if d.firewall for r in d.firewall.rules]
    assert rules
    assert [parsed(described(rule)) for rule in rules] == rules


@pytest.mark.parametrize("check", DEVICE_RULES, ids=lambda check: check.rule.code)
def test_filters_that_are_wrong_are_found_and_those_that_are_right_are_not(
    check: Check[Audited],
) -> None:
    workspace, devices = small()
    example = check.rule.example
    device = devices[example.file.removeprefix("the filter of ")]
    assert device.firewall

    def findings(text: str) -> list[str]:
        rules = tuple(map(parsed, text.splitlines()))
        firewall = Firewall(device.firewall.stateful, Action.DENY, rules)  # type: ignore[union-attr]
        intent = Intent(workspace.network, workspace.services)
        audited = Audited(workspace, intent, replace(device, firewall=firewall))
        return [finding.message for finding in check.findings(audited)]

    assert findings(example.wrong)
    assert findings(example.right) == []


# --- the whole command --------------------------------------------------------------------------

# What somebody may do to a template, and the rule that finds it.
EDITS: dict[str, tuple[str, str, str, str]] = {
    "PCG402": ("linux/nftables.conf.j2", '\t\tiifname "lo" accept', "tcp dport 23 accept", EDGE),
    "PCG410": ("linux/nftables.conf.j2", '\t\tiifname "lo" accept', "tcp dport 22 accept", EDGE),
    "PCG411": ("linux/frr.conf.j2", "interface lo\n", " ipv6 address 2001:db8::1/64", EDGE),
    "PCG506": ("linux/nftables.conf.j2", "\t\tct state invalid drop", "accept", GATEWAY),
    "PCG511": ("linux/nftables.conf.j2", "\t\tct state invalid drop", "log group 3", GATEWAY),
}


@pytest.mark.parametrize("code", EDITS)
def test_a_template_that_was_edited_for_the_worse_is_found(code: str, workspace: Path) -> None:
    file, after, line, device = EDITS[code]
    path = workspace / "templates" / file
    text = path.read_text()
    assert after in text
    before = load_workspace(workspace)
    chosen = moments(before)[:1]
    assert code not in {finding.code for finding in audit_stages(before, chosen)}
    path.write_text(text.replace(after, f"{after.rstrip()}\n{line}\n", 1))
    found = [f for f in audit_stages(load_workspace(workspace), chosen) if f.code == code]
    places = {finding.place.partition(":")[0] for finding in found}
    assert f"{device}/{Path(file).stem}" in places
    (place,) = (f.place for f in found if f.place.startswith(device))
    number = int(place.rpartition(":")[2])
    rendered = render_stage(load_workspace(workspace), chosen[0].stage)
    lines = rendered[device][Path(file).stem].text.splitlines()
    assert line.strip() in lines[number - 1]
