"""A journal that was damaged is never forgotten, and the devices themselves tell the way out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcg_netops.diff import load
from pcg_netops.push import Holds, read_journal
from pcg_netops.push.journal import Sound, sound_part
from tests.conftest import Pcg
from tests.fake_device import FakeDevice, serving
from tests.unit.pushed import ENVIRONMENT, MAKERS, Network, holding, let_time_pass, network_in
from tests.unit.test_push_command import REASON, broken_off, held

Damage = Callable[[Path], object]
SECOND_WAVE = "applying on health-net"


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Network:
    return network_in(tmp_path_factory.mktemp("damaged"))


@pytest.fixture
def devices(network: Network, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, FakeDevice]]:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    devices = network.devices()
    with serving(list(devices.values())):
        yield devices


def _edit(change: Callable[[list[bytes]], list[bytes]]) -> Damage:
    def damage(path: Path) -> None:
        path.write_bytes(b"".join(change(path.read_bytes().splitlines(keepends=True))))

    return damage


def _a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


# Whether the beginning can still be believed, and what happened to the file.
DAMAGES: dict[str, tuple[bool, Damage]] = {
    "a record altered": (
        True,
        _edit(lambda lines: [*lines[:4], lines[4].replace(b"true", b"false"), *lines[5:]]),
    ),
    "a line taken out": (True, _edit(lambda lines: [*lines[:3], *lines[4:]])),
    "garbage in the middle": (True, _edit(lambda lines: [*lines[:3], b"\xff\0{\n", *lines[3:]])),
    "the beginning altered": (
        False,
        _edit(lambda lines: [lines[0].replace(b"a drill", b"the board"), *lines[1:]]),
    ),
    "the beginning taken out": (False, _edit(lambda lines: lines[1:])),
    "cut in the first line": (False, _edit(lambda lines: [lines[0][:40]])),
    "its first line without an end": (False, _edit(lambda lines: [lines[0][:-1]])),
    "emptied": (False, lambda path: path.write_bytes(b"")),
    "only line ends": (False, lambda path: path.write_bytes(b"\n\n\n")),
    "somebody's file": (False, lambda path: path.write_text("root:x:0:0:root:/root:/bin/sh\n")),
    "binary": (False, lambda path: path.write_bytes(bytes(range(256)) * 20)),
    "deleted": (False, Path.unlink),
    "a folder": (False, _a_folder),
}


def _journal(network: Network) -> Path:
    return max((network.root / "build/ambulance/pushes").glob("[0-9]*Z")) / "journal.jsonl"


def _new_push(network: Network, pcg: Pcg) -> tuple[int, str]:
    done = pcg(*network.arguments(str(network.change), "--phase", "build", *REASON))
    return done.code, done.err


@pytest.mark.parametrize("damage", DAMAGES)
def test_the_devices_of_a_push_with_a_damaged_journal_are_put_back(
    network: Network, devices: dict[str, FakeDevice], pcg: Pcg, damage: str
) -> None:
    """What waits to be confirmed is this push's: no other one began."""
    believed, do = DAMAGES[damage]
    broken_off(network, SECOND_WAVE)
    path = _journal(network)
    do(path)
    left = path.read_bytes() if path.is_file() else None
    code, said = _new_push(network, pcg)
    assert code == 1
    assert str(path) in said
    assert "pcg push --unwind" in said
    assert devices["cloud-north"].pending

    if not believed:
        resumed = pcg(*network.arguments("--resume"))
        assert resumed.code == 2
        assert "who approved it" in resumed.err
        assert "pcg push --unwind" in resumed.err
    done = pcg(*network.arguments("--unwind"))
    assert done.code == 0, done
    assert held(network, devices) == {Holds.BASE}
    assert set(read_journal(path)[-1].holds.values()) == {Holds.BASE}
    if left is not None:
        aside = next(path.parent.glob("damaged-*"))
        assert aside.read_bytes() == left
        assert aside.name in read_journal(path)[0].note
    assert _new_push(network, pcg)[0] == 0


def test_a_push_whose_beginning_is_whole_is_resumed(
    network: Network, devices: dict[str, FakeDevice], pcg: Pcg
) -> None:
    broken_off(network, SECOND_WAVE)
    DAMAGES["a record altered"][1](_journal(network))
    done = pcg(*network.arguments("--resume"))
    assert done.code == 0, done
    assert held(network, devices) == {Holds.INTENDED}


def test_what_may_be_another_pushs_is_put_back_only_if_it_is_named(
    network: Network, devices: dict[str, FakeDevice], pcg: Pcg
) -> None:
    """Two pushes of one change set, each of a part; the journal of the second is lost."""
    push = (str(network.change), "--phase", "build", *REASON)
    assert pcg(*network.arguments(*push, "--limit", "hq-border")).code == 0
    assert pcg(*network.arguments(*push, "--limit", "cloud-north")).code == 0
    path = _journal(network)
    path.write_bytes(b"")
    refused = pcg(*network.arguments("--unwind"))
    assert refused.code == 4
    assert "hq-border: changed and confirmed" in refused.err
    assert "--unwind --limit cloud-north --limit hq-border" in refused.err
    assert not any(device.pending for device in devices.values())
    done = pcg(*network.arguments("--unwind", "--limit", "cloud-north"))
    assert done.code == 0, done
    change = load(network.change)
    now = {name: holding(change, name, device) for name, device in devices.items()}
    assert now == {
        "cloud-north": Holds.BASE,
        "health-net": Holds.BASE,
        "hq-border": Holds.INTENDED,
    }


def test_people_can_always_say_that_they_have_looked_after_the_devices(
    network: Network, devices: dict[str, FakeDevice], pcg: Pcg
) -> None:
    for damage in ("emptied", "a record altered", "deleted"):
        broken_off(network, SECOND_WAVE)
        DAMAGES[damage][1](_journal(network))
        (_journal(network).parent / "change.json").write_text("{}")
        lost = pcg(*network.arguments("--unwind"))
        assert lost.code == 2
        assert "--abandon REASON" in lost.err
        let_time_pass(devices)
        assert pcg(*network.arguments("--abandon", "all are as before")).code == 0
        last = read_journal(_journal(network))[-1]
        assert last.note == "abandoned: all are as before"
    assert _new_push(network, pcg)[0] == 0


def test_devices_of_a_whole_journal_are_not_chosen_anew(
    network: Network, devices: dict[str, FakeDevice], pcg: Pcg
) -> None:
    broken_off(network, SECOND_WAVE)
    done = pcg(*network.arguments("--unwind", "--limit", "hq-border"))
    assert (done.code, "leave out --limit" in done.err) == (2, True)
    assert pcg(*network.arguments("--unwind")).code == 0
    assert held(network, devices) == {Holds.BASE}


def test_a_journal_cut_anywhere_is_whole_up_to_there_or_found_out(
    network: Network, devices: dict[str, FakeDevice]
) -> None:
    assert len(devices) == len(MAKERS)
    broken_off(network, SECOND_WAVE)
    path = _journal(network)
    text, records = path.read_bytes(), read_journal(path)
    for size in range(len(text)):
        path.write_bytes(text[:size])
        found = sound_part(path)
        whole = text[:size].count(b"\n")
        assert found == Sound(records[:whole], "" if whole else "has no whole line")
    path.write_bytes(text)


@given(st.binary(max_size=200), st.integers(0, 3))
def test_no_text_in_a_journals_place_is_more_than_a_message(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, lines: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.jsonl"
    path.write_bytes(content + b"\n" * lines)
    found = sound_part(path)
    assert (found.records, bool(found.wrong), found.beginning) == ((), True, None)
    path.write_text(json.dumps({"number": 0, "note": content.decode("latin-1")}) + "\n")
    assert sound_part(path).wrong == "line 1 is not as it was written"
