"""What each kind of device can say, and what becomes of the rest."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest
from hier_config import Platform as Vendor
from hier_config import get_hconfig

from pcg_netops.design.steering import stages
from pcg_netops.errors import InputErrors, PushError
from pcg_netops.inventory.workspace import Workspace, load_workspace
from pcg_netops.model.device import (
    Aaa,
    AaaProtocol,
    Authentication,
    AuthenticationMethod,
    Bfd,
    Device,
    LocalUser,
    Management,
    PrefixEntry,
    PrefixList,
)
from pcg_netops.model.firewall import ANY, Action, FilterRule, Firewall, Ports, SourceNat
from pcg_netops.model.secret import Secret
from pcg_netops.platforms import PLATFORMS
from pcg_netops.platforms.features import Feature
from pcg_netops.push.runner import Pusher
from pcg_netops.render import Artifacts, render_stage
from tests.platform_table import DOCUMENT, table
from tests.regenerate import GOLDEN, golden_files
from tests.unit.meaning.expected import facts_of
from tests.unit.meaning.facts import differences
from tests.unit.meaning.slow import slow_enough
from tests.unit.meaning.statements import Statement, read
from tests.unit.meaning.test_meaning import (
    READERS,
    REPOSITORY,
    devices,
    rendered,
    said_on,
)

SMALL = REPOSITORY / "tests/workspaces/small"


def device(name: str) -> Device:
    return next(device for device in devices("small") if device.name == name)


def small(**platforms: str) -> Workspace:
    """The small workspace with some hosts on another platform."""
    loaded = load_workspace(SMALL)
    hosts = {
        name: entry.model_copy(update={"platform": platforms.get(name.replace("-", "_"), "linux")})
        for name, entry in loaded.hosts.items()
    }
    return replace(loaded, root=REPOSITORY, hosts=hosts)


def with_rules(name: str, *rules: FilterRule) -> Device:
    found = device(name)
    assert found.firewall
    return replace(found, firewall=replace(found.firewall, rules=rules))


@pytest.mark.parametrize("name", PLATFORMS)
def test_every_feature_is_spelled_or_refused(name: str) -> None:
    platform = PLATFORMS[name]
    assert {*platform.spells, *platform.refuses} == set(Feature)
    assert not platform.spells.keys() & platform.refuses.keys()


def test_the_workspaces_use_every_feature() -> None:
    # So that whatever a platform says it spells is compared in `meaning`.
    known = [*devices("small"), *devices("demonstration")]
    used = {f for f in Feature if any(f.used_by(device) for device in known)}
    # No workspace can have these two and a lab: tests of their own compare them below.
    assert used == set(Feature) - {Feature.TCP_AO, Feature.TACACS}


def test_the_table_in_the_documentation_is_what_the_platforms_say() -> None:
    assert table() in DOCUMENT.read_text(encoding="utf-8"), "run: python -m tests.regenerate"


def test_golden_files_are_what_is_rendered() -> None:
    assert {
        path.relative_to(GOLDEN).as_posix(): path.read_text(encoding="utf-8")
        for path in GOLDEN.rglob("*")
        if path.is_file()
    } == golden_files(), "run: python -m tests.regenerate"


_EDGE_RULE = FilterRule("x", Action.PERMIT, ("eth1",), ("eth2",), (IPv4Network("10.1.0.0/24"),))
_REVERSE = replace(_EDGE_RULE, from_interfaces=("eth3",), to_interfaces=("eth4",), sources=ANY)


@pytest.mark.parametrize("platform", ["iosxe", "junos"])
def test_a_filter_that_cannot_be_parted_into_in_and_out_is_refused(platform: str) -> None:
    # In at eth1 is allowed by one rule and out at eth4 by the other: both together by none.
    edge = with_rules("hq-border", _EDGE_RULE, _REVERSE)
    with pytest.raises(InputErrors, match="filter from eth1 to eth4"):
        rendered(edge, platform)
    assert rendered(edge, "linux")


@pytest.mark.parametrize("platform", ["iosxe", "junos"])
def test_a_rule_for_part_of_a_zone_is_refused(platform: str) -> None:
    partner = device("hospital")
    assert partner.firewall
    second = replace(partner.interfaces[1], name="eth9")
    wider = replace(partner, interfaces=(*partner.interfaces, second))
    with pytest.raises(InputErrors, match="part of zone 'health'"):
        rendered(wider, platform)


_AO = Authentication(AuthenticationMethod.AO, Secret("bgp-ward"))


def _session(**changes: Any) -> Callable[[Device], Device]:
    def change(device: Device) -> Device:
        assert device.bgp
        sessions = tuple(replace(s, **changes) for s in device.bgp.sessions)
        return replace(device, bgp=replace(device.bgp, sessions=sessions))

    return change


_SERVERS = (IPv4Address("198.18.7.201"), IPv4Address("198.18.7.202"))
_TACACS = Aaa(AaaProtocol.TACACS, _SERVERS, Secret("tacacs"))
_ED25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"


def _managed(**changes: Any) -> Callable[[Device], Device]:
    def change(device: Device) -> Device:
        assert device.management
        return replace(device, management=replace(device.management, **changes))

    return change


def _elsewhere(device: Device) -> Device:
    address = IPv4Address("192.0.2.1")
    return replace(device, management=Management("eth0", address, IPv4Network("198.18.7.0/24")))


def _firewall(**changes: Any) -> Callable[[Device], Device]:
    def change(device: Device) -> Device:
        assert device.firewall
        return replace(device, firewall=replace(device.firewall, **changes))

    return change


def _zone(name: str) -> Callable[[Device], Device]:
    def change(device: Device) -> Device:
        interfaces = (device.interfaces[0], replace(device.interfaces[1], zone=name))
        return replace(device, interfaces=interfaces)

    return change


_WIDE = SourceNat(
    "telemetry",
    ("eth2",),
    tuple(IPv4Network("10.1.0.0/24").subnets(new_prefix=28))[:9],
    (IPv4Network("10.2.0.32/28"),),
    "udp",
    Ports(9000, 9010),
    IPv4Network("10.20.0.16/28"),
)


@pytest.mark.parametrize("platform", ["iosxe", "junos", "linux"])
def test_a_filter_without_a_rule_that_denies_by_default_lets_nothing_pass(platform: str) -> None:
    edge = _firewall(rules=(), default=Action.DENY)(device("hq-border"))
    said = differences(
        facts_of(slow_enough(edge, platform)), READERS[platform](rendered(edge, platform))
    )
    assert not said


def test_a_rule_that_names_nothing_cannot_be_made() -> None:
    """An empty tuple once meant everything, and an edge dropped all that its own site sent."""
    with pytest.raises(ValueError, match="names no from_interfaces"):
        replace(_EDGE_RULE, from_interfaces=())
    with pytest.raises(ValueError, match="names no to_interfaces"):
        replace(_EDGE_RULE, to_interfaces=())
    with pytest.raises(ValueError, match="names no sources"):
        replace(_EDGE_RULE, sources=())
    anything = replace(_EDGE_RULE, from_interfaces=ANY, to_interfaces=ANY, sources=ANY)
    assert anything.from_interfaces is anything.sources is ANY


def test_a_translation_for_more_prefixes_than_a_rule_takes_is_several_rules() -> None:
    text = rendered(_firewall(source_nat=(_WIDE,))(device("cloud-north")), "junos")["junos.conf"]
    rules = re.findall(
        r"source-address (\[[^]]*\]|\S+);\n +destination-address 10.2.0.32/28;", text
    )
    named = [re.findall(r"[\d.]+/\d+", rule) for rule in rules]
    assert [len(prefixes) for prefixes in named] == [8, 1]
    assert [prefix for prefixes in named for prefix in prefixes] == list(map(str, _WIDE.sources))


@pytest.mark.parametrize(
    ("platform", "name", "change", "said"),
    [
        ("linux", "hospital", _session(authentication=_AO), "TCP-AO (RFC 5925): FRR 8.4 has"),
        ("linux", "hospital", _managed(aaa=_TACACS), "TACACS+ servers"),
        (
            "iosxe",
            "hospital",
            _managed(users=(LocalUser("netops", (_ED25519,)),)),
            "a key of user 'netops' that is not RSA",
        ),
        (
            "iosxe",
            "hospital",
            _session(bfd=Bfd(20, 3)),
            "BFD every 20 ms with health-net: 50 to 9999 ms",
        ),
        ("iosxe", "hospital", _session(bfd=Bfd(300, 2)), "BFD multiplier 2"),
        ("iosxe", "hospital", _elsewhere, "the management address 192.0.2.1"),
        ("iosxe", "hospital", _firewall(default=Action.PERMIT), "permits by default"),
        ("iosxe", "hospital", _zone("h" * 31), "at most 40 letters together"),
        ("iosxe", "hospital", _zone("self"), "a zone named 'self'"),
        ("junos", "hospital", _zone("junos-host"), "a zone named 'junos-host'"),
        ("junos", "hospital", _elsewhere, "the management address 192.0.2.1"),
        ("junos", "cloud-north", _zone("h" * 31), "at most 22 letters on a gateway"),
    ],
)
def test_what_is_beyond_a_platform_is_refused_by_device_and_feature(
    platform: str, name: str, change: Callable[[Device], Device], said: str
) -> None:
    with pytest.raises(InputErrors, match=re.escape(said)) as refused:
        rendered(change(device(name)), platform)
    assert {error.place for error in refused.value.errors} == {name}


@pytest.mark.parametrize("platform", PLATFORMS)
def test_more_specifics_are_matched_where_a_prefix_list_wants_them(platform: str) -> None:
    # No design asks for them yet.
    partner = device("hospital")
    lists = tuple(
        PrefixList(p.name, p.owner, tuple(PrefixEntry(e.prefix, 32) for e in p.entries))
        for p in partner.prefix_lists
    )
    changed = replace(partner, prefix_lists=lists)
    assert differences(facts_of(changed), READERS[platform](rendered(changed, platform))) == []


@pytest.mark.parametrize("platform", ["iosxe", "junos"])
def test_tcp_ao_is_said_where_a_platform_has_it(platform: str) -> None:
    changed = _session(authentication=_AO)(device("hospital"))
    found = rendered(changed, platform)
    assert differences(facts_of(changed), READERS[platform](found)) == []
    assert differences(facts_of(device("hospital")), READERS[platform](found)) != []


@pytest.mark.parametrize("platform", ["iosxe", "junos"])
def test_tacacs_is_said_where_a_platform_has_it(platform: str) -> None:
    changed = _managed(aaa=_TACACS)(device("hospital"))
    found = rendered(changed, platform)
    assert differences(facts_of(changed), READERS[platform](found)) == []
    assert differences(facts_of(device("hospital")), READERS[platform](found)) != []


def _commands(statement: Statement, path: tuple[str, ...] = ()) -> set[str]:
    """Every line of the `set` form, worked out from the hierarchy."""
    found = set()
    for below in statement.below:
        here = (*path, *(f'"{w}"' if " " in w else w for w in below.words))
        if not below.active:
            found.add(" ".join(("deactivate", *here)))
        if below.remark:
            found.add(" ".join(("annotate", *here, f'"{below.remark}"')))
        found |= _commands(below, here) if below.below else {" ".join(("set", *here))}
    return found


_LISTED = re.compile(r"^(?P<start>.*?) \[ (?P<values>[^\]]*) \];$")


def _one_value_a_line(text: str) -> str:
    lines = []
    for line in text.splitlines():
        found = _LISTED.match(line)
        lines += (
            [f"{found['start']} {value};" for value in found["values"].split()] if found else [line]
        )
    return "\n".join(lines)


@pytest.mark.parametrize("workspace", ["small", "demonstration"])
def test_the_set_form_of_junos_says_what_the_hierarchical_form_says(workspace: str) -> None:
    for each in devices(workspace):
        if not said_on(each, "junos"):
            continue
        files = rendered(each, "junos")
        said, at = set(), ""
        for line in files["junos.set"].splitlines():
            verb, _, rest = line.partition(" ")
            if verb == "edit":
                at = rest
            elif verb == "annotate":
                said.add(f"annotate {at} {rest}")
            elif verb != "top":
                said.add(re.sub(r'"(\S*)"', r"\1", line))
        wanted = _commands(read(_one_value_a_line(files["junos.conf"])))
        assert said == wanted


def test_ios_xe_is_read_by_a_vendor_aware_parser() -> None:
    for each in devices("demonstration"):
        if said_on(each, "iosxe"):
            text = rendered(slow_enough(each, "iosxe"), "iosxe")["iosxe.conf"]
            parsed = get_hconfig(Vendor.CISCO_IOS, text)  # refuses a section that is there twice
            tops = [line for line in text.splitlines() if line[:1].isalpha() and line != "end"]
            assert [child.text for child in parsed.children] == tops


def test_refusals_of_all_devices_are_told_at_once() -> None:
    workspace = small(cloud_north="iosxe", legacy_fw="iosxe", hq_border="junos")
    _, cutover = workspace.cutover()
    with pytest.raises(InputErrors) as refused:
        render_stage(workspace, stages(cutover, workspace.services)[0])
    errors = refused.value.errors
    assert {error.message.split()[0] for error in errors} == {"'cloud-north'", "'legacy-fw'"}
    assert {error.place for error in errors} == {
        "inventory/hosts.yaml:2:1",
        "inventory/hosts.yaml:3:1",
    }
    assert {error.code for error in errors} == {"PCG021"}


@pytest.mark.parametrize(("name", "platform"), [("hq-border", "iosxe"), ("cloud-north", "junos")])
def test_a_push_to_a_platform_that_is_only_rendered_is_refused_before_any_log_in(
    name: str, platform: str
) -> None:
    workspace = small(**{name.replace("-", "_"): platform})
    _, cutover = workspace.cutover()
    artifacts: Artifacts = render_stage(workspace, stages(cutover, workspace.services)[0])
    dialled: list[str] = []
    pusher = Pusher(workspace, lambda host: {"dial": lambda: dialled.append(host)})
    with pytest.raises(PushError, match="are rendered, not pushed"):
        pusher.push({name: artifacts[name]}, [[name]], lambda _: None)
    assert dialled == []


def test_a_stateful_device_needs_no_rules() -> None:
    # Nothing is forwarded then: there is no zone policy to write.
    empty = replace(
        device("hospital"), firewall=Firewall(stateful=True, default=Action.DENY, rules=())
    )
    for platform in PLATFORMS:
        assert differences(facts_of(empty), READERS[platform](rendered(empty, platform))) == []


def test_a_filter_that_was_put_back_is_no_difference_and_another_range_is_one() -> None:
    """nft lists merged prefixes with braces, and without them once it has loaded that listing."""
    (delivery,) = (
        kind.delivery for kind in PLATFORMS["linux"].artifacts if kind.name == "nftables.conf"
    )
    assert delivery
    pushed = "chain forward {\n\tip saddr { 10.20.0.0-10.20.0.47 } accept\n}"
    put_back = "chain forward {\n\tip saddr 10.20.0.0-10.20.0.47 accept\n}"
    assert delivery.residue(put_back, pushed) == ""
    assert "10.20.0.48" in delivery.residue(put_back.replace(".47", ".48"), pushed)
