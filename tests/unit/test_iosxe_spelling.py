"""What a device prints in its own words means what we render."""

from __future__ import annotations

import re
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcg_netops.diff.iosxe.change import both_ways, standard
from pcg_netops.diff.iosxe.router import Router
from pcg_netops.diff.iosxe.safety import hazards
from pcg_netops.diff.iosxe.scope import managed
from pcg_netops.diff.iosxe.spelling import _PORTS, as_we_write
from pcg_netops.errors import InputError

NAMED = [(protocol, name, number) for protocol, t in _PORTS.items() for name, number in t.items()]


@pytest.mark.parametrize(("protocol", "name", "number"), NAMED)
def test_a_port_by_name_is_the_port_by_number(protocol: str, name: str, number: str) -> None:
    for entry in (
        "permit {p} any host 192.0.2.1 eq {n}",
        "10 deny {p} any eq {n} any log",
        "no 20 permit {p} any range {n} 65535 any established",
        "permit {p} any any neq {n}",
        "permit {p} any eq {n} any eq {n} log-input",
    ):
        assert as_we_write(entry.format(p=protocol, n=name)) == entry.format(p=protocol, n=number)


def test_a_name_means_nothing_for_another_protocol() -> None:
    assert as_we_write("permit udp any any eq www") == "permit udp any any eq www"
    assert as_we_write("remark permit tcp any any eq www") == "remark permit tcp any any eq www"


@given(number=st.integers(65536, 2**32 - 1))
def test_an_as_number_with_a_dot_is_that_number(number: int) -> None:
    dotted = f"{number >> 16}.{number & 0xFFFF}"
    for line in ("router bgp {}", "neighbor 192.0.2.1 remote-as {}", "set as-path prepend {} {}"):
        assert as_we_write(line.format(dotted, dotted)) == line.format(number, number)
    assert as_we_write("neighbor 192.0.2.1 description 1.2") == "neighbor 192.0.2.1 description 1.2"


VTY = " login local\n transport input ssh\n access-class management in\n"


@given(cuts=st.sets(st.integers(1, 15)))
def test_terminal_lines_are_compared_by_what_they_cover(cuts: set[int]) -> None:
    firsts = [0, *sorted(cuts)]
    lasts = [*(first - 1 for first in firsts[1:]), 15]
    parts = [
        f"line vty {first} {last}" if first != last else f"line vty {first}"
        for first, last in zip(firsts, lasts, strict=True)
    ]
    printed = "!\n".join(f"{part}\n{VTY}" for part in parts)
    assert standard(f"hostname r1\n{printed}!\nend\n") == standard(
        f"hostname r1\nline vty 0 15\n{VTY}!\nend\n"
    )


def test_lines_that_differ_stay_apart() -> None:
    text = f"line vty 0 4\n{VTY}line vty 5 15\n transport input none\n"
    assert "line vty 5 15" in standard(text)


BANNERS = st.lists(st.text("ab .#", max_size=8), min_size=1, max_size=4).map("\n".join)


@given(held=BANNERS, named=st.sampled_from(["login", "motd", "exec"]))
def test_a_banner_that_is_replaced_comes_back(held: str, named: str) -> None:
    running = f"hostname r1\nbanner {named} ^C{held}^C\nend\n"
    rendered = f"hostname r1\nbanner {named} ^CAuthorised use only.^C\nend\n"
    base = managed(running, [rendered])
    found = both_ways(base, rendered)
    assert found.wrong == ()
    assert "no banner" not in "\n".join(found.back_out)
    meant = f"banner {named} ^C{held}^C".splitlines()
    assert [line.rstrip() for line in found.back_out] == [line.rstrip() for line in meant]


@pytest.mark.parametrize("setting", ["ip domain name", "logging facility", "clock timezone"])
def test_whatever_a_rendering_replaces_comes_back(setting: str) -> None:
    base = managed(f"{setting} old 1\nend\n", [f"{setting} new 2\nend\n"])
    assert both_ways(base, f"{setting} new 2\nend\n").back_out == (f"{setting} old 1",)


def test_the_devices_own_bgp_process_is_not_taken_away() -> None:
    found = both_ways("router bgp 64999\n", "router bgp 304.304\n")
    assert found.wrong == (
        "remediation: takes away `router bgp 64999`, the device's own BGP process: mend its number"
        " by hand",
    )


def test_what_no_device_can_have_is_an_error() -> None:
    with pytest.raises(InputError, match="duplicate sequence number 10 in ip access-list"):
        standard("ip access-list extended a\n 10 permit ip any any\n 10 deny ip any any\n")


ON = ("ip http server", "ip http secure-server", "service pad", "cdp run", "ip source-route")


@given(held=st.sets(st.sampled_from(ON)), off=st.sets(st.sampled_from(ON), min_size=1))
def test_what_a_device_has_switched_on_is_switched_off_and_on_again(
    held: set[str], off: set[str]
) -> None:
    running = "hostname r1\n" + "".join(f"{line}\n" for line in sorted(held)) + "end\n"
    rendered = "hostname r1\n" + "".join(f"no {line}\n" for line in sorted(off)) + "end\n"
    found = both_ways(managed(running, [rendered]), rendered)
    assert found.wrong == ()
    assert {f"no {line}" for line in held & off} <= set(found.remediation)
    assert held & off <= set(found.back_out)


@pytest.mark.parametrize(
    "line",
    [
        "interface Gi1\n description {}\n",
        "router bgp 1\n neighbor 192.0.2.1 description {}\n",
        "ip prefix-list a description {}\nip prefix-list a seq 5 permit 192.0.2.0/24\n",
    ],
)
def test_a_text_of_people_comes_back_as_it_was(line: str) -> None:
    held, wanted = line.format("two  spaces\tand a tab"), line.format("ours")
    found = both_ways(managed(held, [wanted]), wanted)
    assert found.wrong == ()
    assert "two  spaces\tand a tab" in "\n".join(found.back_out)


MANAGED = "interface GigabitEthernet1\n vrf forwarding Mgmt-intf\n ip address {} 255.255.255.0\n"
LINES = "line vty 0 15\n login local\n access-class m in\n transport input {}\n"


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (MANAGED.format("192.0.2.1"), MANAGED.format("192.0.2.2"), "GigabitEthernet1"),
        (MANAGED.format("192.0.2.1"), MANAGED.format("192.0.2.1") + " shutdown\n", "Ethernet1"),
        (MANAGED.format("192.0.2.1"), "hostname r1\n", "GigabitEthernet1"),
        (LINES.format("ssh"), LINES.format("none"), "every `line vty` that takes SSH"),
    ],
)
def test_what_a_device_is_managed_by_is_never_taken_away(
    before: str, after: str, said: str
) -> None:
    (wrong,) = [x for x in both_ways(before, after).wrong if "managed by" in x]
    assert said in wrong
    assert not [x for x in both_ways(before, before + "ip domain name x\n").wrong if "managed" in x]


@pytest.mark.parametrize("line", ["no login", "no access-class m in", "no transport input"])
def test_a_terminal_line_is_at_no_moment_open(line: str) -> None:
    text = LINES.format("ssh").splitlines()
    found = hazards(Router(text), Router(text), ["line vty 5 15", f" {line}", "exit"])
    assert "line vty 5 is open without" in str(found[0])


@pytest.mark.parametrize(
    ("printed", "rendered"),
    [
        ("police 8000 1500 1500 conform-action drop  exceed-action drop", None),
        ("police 500000 15625 conform-action drop exceed-action drop", None),
        ("set community 4259905636 no-export", "set community 65001:100 65535:65281"),
        ("permit ip 0.0.0.0 255.255.255.255 192.0.2.1 0.0.0.0", "permit ip any host 192.0.2.1"),
        ("10 permit 192.0.2.1 0.0.0.0", "10 permit 192.0.2.1"),
        ("permit host 192.0.2.1 log", "permit 192.0.2.1 log"),
    ],
)
def test_what_says_the_same_is_the_same(printed: str, rendered: str | None) -> None:
    plain = " ".join(re.sub(r"(police \d+)(?: \d+)+", r"\1", printed).split())
    assert as_we_write(" ".join(printed.split())) == as_we_write(rendered or plain)


def test_a_burst_of_ones_own_is_kept() -> None:
    assert "9000" in as_we_write("police 8000 9000 conform-action drop exceed-action drop")


ALONE = (
    "router bgp 1\n neighbor", "router bgp 1\n no neighbor", "zone-pair security x source",
    "interface Gi1\n ip access-group", "interface Gi1\n ip mtu", "route-map", "route-map x",
    "ip prefix-list", "ip prefix-list x", "ip access-list", "line vty", "line vty x", "banner",
    "policy-map x\n class", "ip community-list", "no", "default", "police", "router bgp",
    "ip access-list extended z\n no", "ip access-list extended z\n remark",
    "ip access-list resequence", "ip access-list standard z\n permit any",
)  # fmt: skip


@pytest.mark.parametrize("line", ALONE)
def test_a_command_without_its_words_is_planned_around_or_refused(line: str) -> None:
    base = (
        "hostname a\nrouter bgp 1\n neighbor 10.0.0.1 remote-as 2\n"
        "ip access-list extended z\n permit ip any any\n"
        "interface Gi1\n ip access-group z in\n ip address 192.0.2.1 255.255.255.0\n"
    )
    ends = ((base, f"{base}{line}\n"), (f"{base}{line}\n", "hostname a\n"), (f"{line}\n", base))
    for old, new in ends:
        with suppress(InputError):
            both_ways(old, new)
