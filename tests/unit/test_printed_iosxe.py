"""A router prints what it was told in its own way, and holds more than we told it: plans hold.

The router is `tests/fakes/ios_tree.py`, which shares nothing with what is tested, and prints by way
of `tests/fakes/ios_print.py`. What it may hold besides is a corpus of what people and devices leave
on routers, in the forms in which they are printed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pcg_netops.diff import DeviceChange, residue, stale
from pcg_netops.diff.planning import held, plan, rendered
from pcg_netops.model.device import Device
from pcg_netops.platforms.iosxe import IOSXE
from tests.fakes.ios_print import Habits, printed
from tests.fakes.ios_tree import Editor, Section, load
from tests.unit.test_changeset_iosxe import text_of
from tests.unit.variants import every_stage, pairs

FILE = "iosxe.conf"
HABITS = st.builds(Habits, *[st.booleans()] * len(Habits.__dataclass_fields__))

# What a router may hold that no rendering mentions, by what becomes of it. "Ours" goes with the
# change, and comes back with the back-out; everybody else's stays.
OURS = {
    "a list of remarks alone": "ip access-list extended leftover\n remark asked for by Ann\n",
    "a remark at the end of a list": (
        "ip access-list extended old-in\n permit tcp any any established\n deny ip any any log\n"
        " remark nothing below\n"
    ),
    "a list with ports by name": (
        "ip access-list extended old-web\n remark web\n permit tcp any host 192.0.2.9 eq 80\n"
        " permit udp any eq 123 any eq 123\n deny tcp any any range 20 21\n"
        " permit icmp any any echo-reply\n permit gre any any\n permit ip any any\n"
    ),
    "a standard list": (
        "ip access-list standard old-managers\n permit 192.0.2.1\n deny 192.0.2.0 0.0.0.255\n"
        " permit any\n"
    ),
    "prefix lists with gaps": (
        "ip prefix-list old description kept  since\t2009\n"
        "ip prefix-list old seq 3 deny 10.0.0.0/8 le 32\n"
        "ip prefix-list old seq 17 permit 0.0.0.0/0\n"
    ),
    "route maps": (
        "route-map old deny 5\n match ip address prefix-list none\nroute-map old permit 7\n"
        " description all  the rest\n set local-preference 90\n set community 65001:7 no-export\n"
        " set as-path prepend 65001 65001\n"
    ),
    "a community list": "ip community-list standard old permit 65001:9 no-export\n",
    "a class and a policer": (
        "class-map match-all old\n match access-group name old-acl\n"
        "ip access-list extended old-acl\n permit udp any any eq 161\n"
        "policy-map old\n class old\n  police 64000 conform-action transmit exceed-action drop\n"
        " class class-default\n"
    ),
    "a static route": "ip route 198.51.100.0 255.255.255.0 Null0 name old\n",
    "an old zone": "zone security old\n",
}
THEIRS = {
    "accounts": "username ann privilege 15 secret 9 $9$abcdefghijklmn$o\nenable secret 9 $9$xyz\n",
    "routes of a VRF": "ip route vrf Mgmt-intf 0.0.0.0 0.0.0.0 198.18.7.1\n",
    "an archive": "archive\n path bootflash:archive\n maximum 14\n",
    "other terminal lines": "line vty 16 31\n transport input none\n",
    "a name server": "ip name-server 192.0.2.53\nip domain name example.net\n",
    "a switch": "no ip domain lookup\n",
    "an own banner": "banner exec ^Cno router bgp 1^C\n",
}
REPLACED = {
    "the web server is on": "ip http server\nip http secure-server\nservice pad\n",
    "the first lines apart": (
        "line vty 0 4\n access-class old-in in\n exec-timeout 5 0\n transport input ssh telnet\n"
        " login local\n"
    ),
    "an old name of the console": "line con 0\n exec-timeout 0 0\n",
    "a description with  spaces": "interface GigabitEthernet2\n description to  the\tcore\n",
}


def router(text: str, *more: str) -> Section:
    """A router that was told a rendering, after what it held before."""
    tree = load("".join(more))
    editor = Editor(tree)
    for line in text.splitlines():
        if not line.startswith((" ", "!")):
            editor = Editor(tree)
        if line.strip() not in ("", "!", "end"):
            editor.take(line.strip(), "")
    return tree


def entered(tree: Section, commands: Sequence[str]) -> None:
    """Type the commands as a push does."""
    editor = Editor(tree)
    depth = 0
    for line in commands:
        text, indent = line.strip(), len(line) - len(line.lstrip())
        if text.startswith("exit") and indent == depth - 1:
            editor.leave()
        elif not text.startswith("do "):
            editor.take(text, "")
        depth = indent
        if not editor._path:
            editor = Editor(tree)


def shown(tree: Section, habits: Habits) -> dict[str, str]:
    return {FILE: printed("\n".join(tree.lines()), habits) + "end\n"}


def told(tree: Section) -> list[str]:
    """All that it holds. The numbers of prefixes that are permitted say nothing."""
    return sorted(
        re.sub(r"^(ip prefix-list \S+) seq \d+ permit", r"\1 permit", x) for x in tree.lines()
    )


def circle(tree: Section, old: str, new: str, habits: Habits) -> DeviceChange | None:
    """What runs, to the new rendering, and back: all seen through what the router prints."""
    before, after = ({FILE: text} for text in (old, new))
    base = held("iosxe", shown(tree, habits), (before, after))
    change = plan("r1", "iosxe", base, rendered("iosxe", after))
    if change is None:
        return None
    was = told(tree)
    assert not stale(change, shown(tree, habits)), stale(change, shown(tree, habits))
    entered(tree, change.remediation)
    assert not residue(change, shown(tree, habits)), residue(change, shown(tree, habits))
    entered(tree, change.back_out)
    assert not stale(change, shown(tree, habits)), stale(change, shown(tree, habits))
    assert told(tree) == was
    entered(tree, change.remediation)
    assert not residue(change, shown(tree, habits)), residue(change, shown(tree, habits))
    return change


@settings(max_examples=40)
@given(pairs(), HABITS)
def test_a_router_that_prints_its_own_way_goes_there_and_back(
    pair: tuple[Device, Device], habits: Habits
) -> None:
    assume(not any(list(IOSXE.unsayable(device)) for device in pair))
    old, new = map(text_of, pair)
    tree = router(old)
    assert (
        plan("r1", "iosxe", held("iosxe", shown(tree, habits), ({FILE: old},)), {FILE: old}) is None
    )
    circle(tree, old, new, habits)


OLD, NEW = (text_of(every_stage("hq-border")[stage]) for stage in (1, 3))


@pytest.mark.parametrize("name", [*OURS, *THEIRS, *REPLACED])
def test_what_a_router_holds_besides_is_taken_away_and_comes_back(name: str) -> None:
    said = (OURS | THEIRS | REPLACED)[name]
    for habits in (Habits(), Habits(numbers=False, names=False, parts=False, dotted=True)):
        tree = router(OLD, said)
        if name in REPLACED:
            tree = router(said, OLD)
        change = circle(tree, OLD, NEW, habits)
        assert change
        text = "\n".join(change.remediation)
        assert ("old" in text or "leftover" in text) is (name in OURS)


@settings(max_examples=60)
@given(
    st.lists(st.sampled_from([*OURS.values(), *THEIRS.values()]), unique=True),
    st.lists(st.sampled_from([*REPLACED.values()]), unique=True),
    HABITS,
)
def test_all_of_it_together(besides: list[str], replaced: list[str], habits: Habits) -> None:
    tree = router("".join(replaced), OLD, *besides)
    circle(tree, OLD, NEW, habits)
