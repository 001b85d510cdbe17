"""Changes of Junos configurations: they end where they should and come back."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import assume, given, settings

from pcg_netops.diff.junos.candidate import Candidate, read
from pcg_netops.diff.junos.change import both_ways, standard
from pcg_netops.model.device import Device
from pcg_netops.platforms.junos import JUNOS
from tests.fakes.junos_tree import Editor, StatementError, load
from tests.unit.meaning.test_meaning import rendered
from tests.unit.variants import STATEFUL, STATELESS, every_stage, pairs

GATEWAY = "cloud-north"


def files_of(device: Device) -> dict[str, str]:
    return rendered(device, "junos")


def text_of(device: Device) -> str:
    return files_of(device)["junos.set"]


def assert_circular(old: str, new: str) -> None:
    ways = both_ways(old, new)
    assert ways.wrong == ()
    candidate = read(old)
    for line in ways.remediation:
        candidate.enter(line)
    assert candidate.text() == standard(new)
    assert both_ways(candidate.text(), new).remediation == ()
    for line in ways.back_out:
        candidate.enter(line)
    assert candidate.text() == standard(old)


@pytest.mark.parametrize("name", [STATELESS, STATEFUL, GATEWAY])
def test_any_stage_becomes_any_other_and_comes_back(name: str) -> None:
    texts = list(dict.fromkeys(text_of(device) for device in every_stage(name)))
    for old, new in permutations(texts, 2):
        assert_circular(old, new)


@settings(max_examples=20)
@given(pairs((STATELESS, STATEFUL, GATEWAY)))
def test_any_device_becomes_any_other_and_comes_back(pair: tuple[Device, Device]) -> None:
    assume(not any(list(JUNOS.unsayable(device)) for device in pair))
    assert_circular(*map(text_of, pair))


def test_a_new_device_is_set_up_from_nothing_and_taken_away() -> None:
    assert_circular("", text_of(every_stage(GATEWAY)[0]))


def test_both_forms_say_the_same() -> None:
    for device in every_stage(GATEWAY):
        files = files_of(device)
        assert standard(files["junos.conf"]) == standard(files["junos.set"])
        assert standard(standard(files["junos.set"])) == standard(files["junos.set"])


def test_a_session_is_switched_by_one_word() -> None:
    old, new = (text_of(device) for device in every_stage(STATELESS)[:2])
    assert both_ways(old, new).remediation == (
        "activate protocols bgp group cloud-north",
        "activate protocols bgp group cloud-south",
    )


_TERMS = "set firewall family inet filter f term {} then accept"


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        (["a", "b"], ["b", "a"], ["insert firewall family inet filter f term b before term a"]),
        (
            ["a", "b"],
            ["c", "a", "b"],
            [_TERMS.format("c"), "insert firewall family inet filter f term c before term a"],
        ),
        (["a", "b"], ["a", "b", "c"], [_TERMS.format("c")]),
        (["a", "b", "c"], ["a", "c"], ["delete firewall family inet filter f term b"]),
    ],
)
def test_terms_come_where_their_order_counts(
    old: list[str], new: list[str], wanted: list[str]
) -> None:
    ends = ["\n".join(map(_TERMS.format, terms)) for terms in (old, new)]
    assert list(both_ways(*ends).remediation) == wanted
    assert_circular(*ends)


def test_plain_values_come_where_their_order_counts() -> None:
    """Each is named by itself; the elements of other lists by their keyword as well."""
    ends = [
        "".join(f"set system authentication-order {word}\n" for word in words)
        for words in (("password", "radius"), ("radius", "password"))
    ]
    wanted = "insert system authentication-order radius before password"
    assert both_ways(*ends).remediation == (wanted,)
    assert_circular(*ends)
    editor = Editor(load(ends[0]))
    assert editor.take(wanted) == ""
    assert list(editor.candidate.lines()) == ends[1].splitlines()


def test_a_device_takes_no_term_without_its_keyword_for_a_place() -> None:
    editor = Editor(load("\n".join(map(_TERMS.format, "ab"))))
    with pytest.raises(StatementError):
        editor.take("insert firewall family inet filter f term b before a")
    assert editor.take("insert firewall family inet filter f term b before term a") == ""
    assert list(editor.candidate.lines()) == list(map(_TERMS.format, "ba"))


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        ("set system host-name a", "set system host-name b", ["set system host-name b"]),
        ("set interfaces ge-0/0/0 mtu 1514", "", ["delete interfaces"]),
        (
            "set protocols bgp group g export a\nset protocols bgp group g export b",
            "set protocols bgp group g export b",
            ["delete protocols bgp group g export a"],
        ),
        (
            'set interfaces ge-0/0/0 description "two words"\nset interfaces ge-0/0/0 mtu 1514',
            "set interfaces ge-0/0/0 mtu 1514",
            ["delete interfaces ge-0/0/0 description"],
        ),
    ],
)
def test_no_more_is_said_than_differs(old: str, new: str, wanted: list[str]) -> None:
    assert list(both_ways(old, new).remediation) == wanted
    assert_circular(old, new)


@pytest.mark.parametrize(
    "line",
    [
        "delete system host-name",
        "insert t a before t b",
        "insert a b before c",
        "rename a to b",
        "deactivate system",
    ],
)
def test_a_statement_about_what_is_not_there_is_not_taken(line: str) -> None:
    with pytest.raises(KeyError):
        Candidate().enter(line)


MANAGED = "set system services ssh\nset interfaces fxp0 unit 0 family inet address 192.0.2.1/24\n"


@pytest.mark.parametrize(
    ("after", "said"),
    [
        (MANAGED.replace("192.0.2.1", "192.0.2.2"), "address"),
        (MANAGED + "set interfaces fxp0 disable\n", "address"),
        (MANAGED + "deactivate interfaces fxp0\n", "address"),
        ("set system host-name g1\n", "system services ssh"),
    ],
)
def test_what_a_gateway_is_managed_by_is_never_taken_away(after: str, said: str) -> None:
    wrong = [x for x in both_ways(MANAGED, after).wrong if "managed by" in x]
    assert any(said in x for x in wrong)
    assert both_ways(MANAGED, MANAGED + "set system host-name g1\n").wrong == ()
