"""A gateway prints what it was told in its own way, and holds more than we told it: plans hold.

The gateway is `tests/fakes/junos_tree.py`, which shares nothing with what is tested, and prints by
way of `tests/fakes/junos_print.py`, in both forms.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pcg_netops.diff import DeviceChange, residue, stale
from pcg_netops.diff.planning import held, plan, rendered
from pcg_netops.model.device import Device
from pcg_netops.platforms.junos import JUNOS
from tests.fakes.junos_print import Habits, printed
from tests.fakes.junos_tree import Editor, Statements, load
from tests.unit.test_changeset_junos import GATEWAY, text_of
from tests.unit.variants import STATEFUL, STATELESS, every_stage, pairs

HABITS = st.builds(Habits, *[st.booleans()] * len(Habits.__dataclass_fields__))

# What a gateway may hold besides: ours goes with the change and comes back, theirs stays.
OURS = {
    "a policy": (
        "set policy-options policy-statement old term a from protocol static\n"
        "set policy-options policy-statement old term a then accept\n"
        "set policy-options policy-statement old then reject\n"
    ),
    "a prefix list": "set policy-options prefix-list old 192.0.2.0/24\n",
    "a group that is switched off": (
        'set protocols bgp group old description "since 2009; ask Ann"\n'
        "set protocols bgp group old neighbor 192.0.2.1\ndeactivate protocols bgp group old\n"
    ),
    "a group with several policies": (
        "set protocols bgp group old type external\nset protocols bgp group old import b\n"
        "set protocols bgp group old import a\nset policy-options policy-statement a then accept\n"
        "set policy-options policy-statement b then accept\n"
    ),
    "a filter": (
        "set firewall family inet filter old term b from destination-port ssh\n"
        "set firewall family inet filter old term b then accept\n"
        "set firewall family inet filter old term a then discard\n"
    ),
    "a static route": "set routing-options static route 198.51.100.0/24 discard\n",
    "an application": "set applications application old protocol tcp\n",
}
THEIRS = {
    "a routing instance": "set routing-instances old instance-type virtual-router\n",
    "an interface": "set interfaces ge-0/0/8 unit 0 family inet address 192.0.2.77/31\n",
    "a class of users": 'set system login class old permissions "view view-configuration"\n',
    "a syslog file": "set system syslog file old any any\n",
}
REPLACED = {
    "another name": "set system host-name old\n",
    "another banner": "set system login message \"old; do not { enter } 'here'\"\n",
    "another description": 'set interfaces ge-0/0/0 description "to the old /* core */"\n',
}


def gateway(*texts: str) -> Statements:
    return load("".join(texts))


def entered(statements: Statements, commands: Sequence[str]) -> None:
    editor = Editor(statements)
    for line in commands:
        assert editor.take(line) == "", line


def shown(statements: Statements, habits: Habits) -> dict[str, str]:
    return {"junos.conf" if habits.blocks else "junos.set": printed(statements, habits)}


def told(statements: Statements) -> list[str]:
    return sorted(statements.lines())


def circle(statements: Statements, old: str, new: str, habits: Habits) -> DeviceChange | None:
    """What runs, to the new rendering, and back: all seen through what the gateway prints."""
    before, after = {"junos.set": old}, {"junos.set": new}
    base = held("junos", shown(statements, habits), (before, after))
    change = plan("g1", "junos", base, rendered("junos", after))
    if change is None:
        return None
    was = told(statements)
    for lines, difference in (
        ((), stale),
        (change.remediation, residue),
        (change.back_out, stale),
        (change.remediation, residue),
    ):
        entered(statements, lines)
        found = difference(change, shown(statements, habits))
        assert not found, found
        if lines is change.back_out:
            assert told(statements) == was
    return change


@settings(max_examples=30)
@given(pairs((STATELESS, STATEFUL, GATEWAY)), HABITS)
def test_a_gateway_that_prints_its_own_way_goes_there_and_back(
    pair: tuple[Device, Device], habits: Habits
) -> None:
    assume(not any(list(JUNOS.unsayable(device)) for device in pair))
    old, new = map(text_of, pair)
    statements = gateway(old)
    known = {"junos.set": old}
    assert plan("g1", "junos", held("junos", shown(statements, habits), (known,)), known) is None
    circle(statements, old, new, habits)


OLD, NEW = (text_of(every_stage("hq-border")[stage]) for stage in (1, 3))


@pytest.mark.parametrize("name", [*OURS, *THEIRS, *REPLACED])
def test_what_a_gateway_holds_besides_is_taken_away_and_comes_back(name: str) -> None:
    for habits in (Habits(), Habits(marks_last=True), Habits(blocks=True, protected=True)):
        change = circle(gateway(OLD, (OURS | THEIRS | REPLACED)[name]), OLD, NEW, habits)
        without = circle(gateway(OLD), OLD, NEW, habits)
        assert change
        assert without
        assert (change.remediation != without.remediation) is (name not in THEIRS)


@settings(max_examples=40)
@given(st.lists(st.sampled_from([*(OURS | THEIRS | REPLACED).values()]), unique=True), HABITS)
def test_all_of_it_together(besides: list[str], habits: Habits) -> None:
    circle(gateway(OLD, *besides), OLD, NEW, habits)
