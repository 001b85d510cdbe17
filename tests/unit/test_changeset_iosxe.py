"""Changes of IOS-XE configurations: they end where they should, and no moment of them is unsafe."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import permutations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pcg_netops.diff.iosxe.access_lists import Entry, Rejected
from pcg_netops.diff.iosxe.change import both_ways, standard
from pcg_netops.diff.iosxe.lists import edit_access_list, edit_prefix_list
from pcg_netops.diff.iosxe.router import Router
from pcg_netops.diff.iosxe.safety import hazards
from pcg_netops.model.device import Device
from pcg_netops.platforms.iosxe import IOSXE
from tests.unit.meaning.test_meaning import rendered
from tests.unit.variants import STATELESS, every_stage, pairs


def text_of(device: Device) -> str:
    return rendered(device, "iosxe")["iosxe.conf"]


def walk(old: str, new: str, commands: tuple[str, ...]) -> Router:
    """Enter the commands into the one configuration, each of which has to be taken."""
    router = Router(old.splitlines(), Router(new.splitlines()).negatives)
    for command in commands:
        router.enter(command)
    return router


def assert_circular(old: str, new: str) -> None:
    ways = both_ways(old, new)
    assert ways.wrong == ()
    there = walk(old, new, ways.remediation)
    assert there.text() == standard(new)
    assert walk(there.text(), old, ways.back_out).text() == standard(old)
    assert both_ways(there.text(), new).remediation == ()
    assert_exits(ways.remediation)


def assert_exits(commands: tuple[str, ...]) -> None:
    """Every mode that holds lines is left by a command of its own: devices see no indentation."""
    depth = 0
    for command in commands:
        text = command.lstrip()
        indent = len(command) - len(text)
        if text.startswith("exit"):
            assert indent == depth - 1
        else:
            assert indent in (depth, depth + 1)
        depth = indent
    assert depth == 0


@pytest.mark.parametrize("name", ["hq-border", "hospital"])
def test_any_stage_becomes_any_other_and_comes_back(name: str) -> None:
    texts = list(dict.fromkeys(text_of(device) for device in every_stage(name)))
    for old, new in permutations(texts, 2):
        assert_circular(old, new)


@settings(max_examples=30)
@given(pairs())
def test_any_device_becomes_any_other_and_comes_back(pair: tuple[Device, Device]) -> None:
    assume(not any(list(IOSXE.unsayable(device)) for device in pair))
    assert_circular(*map(text_of, pair))


def test_a_new_device_is_set_up_from_nothing_and_taken_away() -> None:
    assert_circular("hostname new\n", text_of(every_stage(STATELESS)[0]))


_TEXTS = [
    f"{action} ip {source} any"
    for action in ("permit", "deny")
    for source in ("host 10.0.0.1", "host 10.0.0.2", "10.0.0.0 0.0.0.3", "any")
]
_HEADER = "ip access-list extended guard"
_lists = st.lists(st.sampled_from(_TEXTS), min_size=1, unique=True)


def _decides(entries: list[str], host: int) -> bool:
    """What the first entry that a packet from this host meets does with it."""
    for text in entries:
        action, _, source = text.split()[:3]
        meets = {
            "any": {1, 2, 3},
            "10.0.0.0": {1, 2, 3},
            "host": {int(text.split()[3][-1] == "2") + 1},
        }
        if host in meets[source]:
            return action == "permit"
    return False


@settings(max_examples=200)
@given(_lists, _lists)
def test_a_list_edited_in_place_lets_nothing_through_that_neither_end_does(
    old: list[str], new: list[str]
) -> None:
    sides = [[Entry(0, text) for text in texts] for texts in (old, new)]
    edit = edit_access_list(_HEADER, *sides)
    router = Router([_HEADER, *(f" {text}" for text in old)])
    for command in edit.commands:
        router.enter(command)
        now = [entry.text for entry in router.access_lists[_HEADER]]
        for host in (1, 2, 3):
            if not edit.moves:
                assert _decides(now, host) in (_decides(old, host), _decides(new, host))
                assert now
    assert [entry.text for entry in router.access_lists[_HEADER]] == new


@settings(max_examples=200)
@given(_lists, _lists)
def test_the_checker_sees_each_leak_through_a_list_in_use(old: list[str], new: list[str]) -> None:
    edit = edit_access_list(_HEADER, *([Entry(0, text) for text in side] for side in (old, new)))
    start, end = (Router(_bound_to_a_class(side).splitlines()) for side in (old, new))
    router = Router(_bound_to_a_class(old).splitlines())
    leaks = False
    for command in edit.commands:
        router.enter(command)
        now = [entry.text for entry in router.access_lists[_HEADER]]
        for host in (1, 2, 3):
            leaks |= _decides(now, host) and not (_decides(old, host) or _decides(new, host))
    found = hazards(start, end, edit.commands)
    assert found or not leaks
    assert edit.moves or not found


@given(_lists, _lists)
def test_a_list_that_a_class_uses_is_changed_safely(old: list[str], new: list[str]) -> None:
    assert_circular(_bound_to_a_class(old), _bound_to_a_class(new))


def _bound_to_a_class(texts: list[str]) -> str:
    lines = [f" {text}" for text in texts]
    return "\n".join(
        [_HEADER, *lines, "class-map match-all guard", " match access-group name guard"]
    )


@pytest.mark.parametrize(
    "bound",
    [
        "interface Loopback7\n ip address 192.0.2.1 255.255.255.255\n ip access-group guard in",
        "line vty 0 4\n access-class guard in",
    ],
)
def test_a_list_whose_entries_change_places_is_stood_in_for(bound: str) -> None:
    ends = [
        "\n".join([_HEADER, f" {_TEXTS[a]}", f" {_TEXTS[b]}", bound]) for a, b in ((0, 6), (6, 0))
    ]
    assert_circular(*ends)
    assert any("guard-next" in line for line in both_ways(*ends).remediation)


_PREFIXES = st.dictionaries(
    st.integers(1, 6),
    st.sampled_from([f"permit 10.0.{n}.0/24" for n in range(5)]),
    min_size=1,
)


@given(_PREFIXES, _PREFIXES)
def test_a_prefix_list_in_use_is_never_empty(old: dict[int, str], new: dict[int, str]) -> None:
    sides = [{n: t for n, t in s.items() if list(s.values()).count(t) == 1} for s in (old, new)]
    if not all(sides):
        return
    router = Router()
    for number, text in sides[0].items():
        router.enter(f"ip prefix-list p seq {number} {text}")
    for command in edit_prefix_list("p", *sides):
        router.enter(command)
        assert router.prefix_lists["p"]
    assert set(router.prefix_lists["p"].values()) == set(sides[1].values())


@cache
def _base() -> str:
    return text_of(every_stage(STATELESS)[1])


_ROUTER = "router bgp 65001"
_FAMILY = " address-family ipv4"


@pytest.mark.parametrize(
    ("commands", "said"),
    [
        (["no ip access-list extended in-GigabitEthernet3"], "missing or empty"),
        (["ip access-list extended in-GigabitEthernet3", " no permit ip any 10.1.0.0 0.0.0.255",
          " no deny ip 10.1.0.0 0.0.0.255 any", " permit ip any any"], "neither did nor will"),
        (["interface GigabitEthernet3", " no ip access-group in-GigabitEthernet3 in"],
         "up without its ip access-group in"),
        (["interface GigabitEthernet3", " ip access-group not-there in"], "missing or empty"),
        (["interface GigabitEthernet3", " shutdown"], "goes down"),
        (["interface GigabitEthernet1", " no ip address"], "loses its address"),
        (["no ip prefix-list site-hq"], "prefix list site-hq is in use"),
        (["no ip prefix-list site-hq seq 5 permit 10.1.0.0/24"], "prefix list site-hq is in use"),
        (["no route-map to-legacy-fw"], "route map to-legacy-fw is in use"),
        (["route-map to-legacy-fw permit 10",
          " no match ip address prefix-list published-dispatch"], "matches what it neither"),
        (["route-map to-legacy-fw permit 5"], "matches what it neither"),
        ([_ROUTER, _FAMILY, "  no neighbor 10.30.1.1 route-map to-legacy-fw out"],
         "up without a policy out"),
        ([_ROUTER, " neighbor 10.30.1.9 remote-as 65009", _FAMILY,
          "  neighbor 10.30.1.9 activate"], "10.30.1.9 is up without a policy in"),
        ([_ROUTER, " no no bgp default ipv4-unicast".replace("no no", "default"),
          " neighbor 10.30.1.9 remote-as 65009"], "10.30.1.9 is up without a policy"),
        ([_ROUTER, _FAMILY, "  neighbor 10.30.1.1 route-map not-there in"], "not-there is in use"),
        (["no policy-map control-plane"], "policy map control-plane is in use"),
        (["no class-map match-all control-plane-unwanted"], "class map"),
        (["ip access-list extended control-plane-unwanted", " no 10", " no 11"], "would refuse it"),
        (["no ip prefix-list site-hq permit 192.0.2.0/24"], "would refuse it"),
        (["ip prefix-list site-hq seq 5 permit 192.0.2.0/24"], "would refuse it"),
        (["ip access-list extended in-GigabitEthernet3", " 10 permit ip any host 192.0.2.1"],
         "duplicate sequence number"),
        (["no vrf definition Mgmt-intf"], "vrf Mgmt-intf is in use"),
    ],
)  # fmt: skip
def test_an_unsafe_moment_is_seen(commands: list[str], said: str) -> None:
    found = hazards(Router(_base().splitlines()), Router(_base().splitlines()), commands)
    assert any(said in str(hazard) for hazard in found)


def test_an_order_that_only_ends_well_is_refused() -> None:
    # The list is taken away and made anew while it is in use.
    header = "ip access-list extended in-GigabitEthernet3"
    entries = [f" {e.text}" for e in Router(_base().splitlines()).access_lists[header]]
    end = Router(_base().splitlines())
    (*_, last) = hazards(Router(_base().splitlines()), end, [f"no {header}", header, *entries])
    assert "missing or empty" in last.what or "neither" in last.what


def test_sessions_come_up_last_and_go_down_first() -> None:
    device = every_stage(STATELESS)[1]
    assert device.bgp
    fewer = replace(device, bgp=replace(device.bgp, sessions=device.bgp.sessions[1:]))
    commands = both_ways(text_of(fewer), text_of(device)).remediation
    peer = device.bgp.sessions[0].peer_address
    about = [line.strip() for line in commands if f"neighbor {peer}" in line]
    assert about[0].endswith("remote-as 65002")
    assert about[-1] == f"neighbor {peer} activate"
    gone = both_ways(text_of(device), text_of(fewer)).remediation
    assert [line.strip() for line in gone if str(peer) in line] == [f"no neighbor {peer}"]


def test_routes_that_are_known_meet_the_changed_policy() -> None:
    old, new = (text_of(device) for device in every_stage(STATELESS)[1:3])
    assert any(line.startswith("do clear ip bgp ") for line in both_ways(old, new).remediation)


def test_a_switch_goes_back_to_its_default_not_to_on() -> None:
    ways = both_ways("hostname a\n", "hostname a\nno ip http server\n")
    assert ways.remediation == ("no ip http server",)
    assert ways.back_out == ("default ip http server",)
    assert ways.wrong == ()


def test_a_port_is_shut_down_before_it_loses_its_filter_and_comes_up_after_it_has_it() -> None:
    port = "interface GigabitEthernet9\n ip address 192.0.2.1 255.255.255.0\n"
    guarded = f"{_HEADER}\n permit ip any any\n{port} ip access-group guard in\n no shutdown\n"
    ways = both_ways("hostname a\n", f"hostname a\n{guarded}")
    assert ways.remediation[-2:] == (" no shutdown", "exit")
    assert [line for line in ways.back_out if "GigabitEthernet9" in line or "down" in line] == [
        "interface GigabitEthernet9",
        " shutdown",
    ]


def test_the_standard_form_of_the_standard_form_is_itself() -> None:
    for name in ("hq-border", "hospital"):
        for device in every_stage(name):
            text = standard(text_of(device))
            assert standard(text) == text


def test_a_banner_of_several_lines_is_one_setting() -> None:
    old = "hostname a\nbanner login ^C\n no entry\n router bgp 1\n^C\n"
    ways = both_ways(old, "hostname a\nbanner login ^C\n keep out\n^C\n")
    assert ways.remediation == ("banner login ^C", " keep out", "^C")
    assert ways.wrong == ()


def test_a_class_is_put_where_its_order_counts() -> None:
    classes = "class-map match-all a\n match protocol x\nclass-map match-all b\n match protocol y\n"
    old = f"{classes}policy-map p\n class b\n  police 8000\n class class-default\n  drop\n"
    new = old.replace(" class b\n", " class a\n  police 9000\n class b\n", 1)
    ways = both_ways(old, new)
    assert " class a insert-before class b" in ways.remediation
    assert ways.wrong == ()


def test_a_command_that_no_device_would_take_is_rejected() -> None:
    with pytest.raises(Rejected):
        Router(["ip access-list resequence not-there 10 10"])
