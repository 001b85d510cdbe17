"""`pcg push` from end to end: what was planned arrives everywhere or nowhere, with a journal."""

from __future__ import annotations

import errno
import json
import os
import re
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pcg_netops.diff import load, save
from pcg_netops.errors import InputError
from pcg_netops.push import (
    Holds,
    Operation,
    PushFailed,
    Unapproved,
    Watcher,
    production,
    read_journal,
)
from pcg_netops.push.journal import Act, Journal
from pcg_netops.push.lock import locked
from tests.conftest import Pcg
from tests.fake_device import FakeDevice, Fault, Kind, serving
from tests.fakes.ios_tree import AccessList, Section
from tests.fakes.iosxe import FakeIosXe
from tests.unit.fake_network import CANARY
from tests.unit.pushed import ENVIRONMENT, MAKERS, Network, holding, let_time_pass, network_in

STRANGE_SECRET = "somebodys-4711-canary"
REASON = ("--unapproved", "a drill")


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Network:
    return network_in(tmp_path_factory.mktemp("push"))


@pytest.fixture
def devices(network: Network, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, FakeDevice]]:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    devices = network.devices()
    with serving(list(devices.values())):
        yield devices


def held(network: Network, devices: dict[str, FakeDevice]) -> set[str]:
    """What the devices hold; one thing where all is well."""
    change = load(network.change)
    return {holding(change, name, device) for name, device in devices.items()}


def test_a_change_set_is_pushed_confirmed_and_written_down(
    network: Network, devices: dict[str, FakeDevice], pcg: Pcg
) -> None:
    done = pcg(*network.arguments(str(network.change), "--phase", "build", *REASON))
    assert done.code == 0, done
    assert held(network, devices) == {"intended"}
    journal = Path(done.out.splitlines()[-1].removeprefix("journal: "))
    records = read_journal(journal)
    beginning = records[0].beginning
    assert beginning
    assert beginning.digest == load(network.change).digest
    assert beginning.allowed == "not approved: a drill"
    acts = [record.act.value for record in records if not record.done]
    assert acts == [
        *("begin", "preflight", "stage", "arm"),
        *["apply", "gate"] * 3,
        *["confirm"] * 3,
    ]
    assert records[-1].act == "end"
    assert records[-1].holds == dict.fromkeys(MAKERS, "intended")
    for path in network.root.rglob("*"):
        assert not path.is_file() or CANARY not in path.read_text(errors="replace"), path


def test_a_dry_run_looks_at_every_device_and_writes_nothing(
    network: Network, devices: dict[str, FakeDevice], pcg: Pcg
) -> None:
    done = pcg(*network.arguments(str(network.change), "--phase", "build", "--dry-run"))
    assert done.code == 0, done
    assert "cloud-north" in done.out
    assert "nothing was written" in done.out
    typed = [line for device in devices.values() for line in device.received]
    assert typed
    harmless = ("show ", "terminal ", "set cli ", "! ", "# ", "exit")
    assert not [line for line in typed if not line.startswith(harmless)]
    assert held(network, devices) == {"base"}
    devices["health-net"].clock_off_s = 3600
    devices["cloud-north"].disk_full = True
    done = pcg(*network.arguments(str(network.change), "--phase", "build", "--dry-run"))
    assert done.code == 1
    assert re.search(r"health-net: has a clock that is 3\d\d\d s off", done.err)
    assert "cloud-north: has room for 0 bytes" in done.err
    assert "hq-border" not in done.err


def test_a_device_that_was_changed_since_the_plan_is_named_with_what_changed(
    network: Network, devices: dict[str, FakeDevice], pcg: Pcg
) -> None:
    device = devices["hq-border"]
    assert isinstance(device, FakeIosXe)
    device.running.below["ip access-list extended strange"] = AccessList()
    (router,) = (s for line, s in device.running.below.items() if line.startswith("router bgp"))
    router.below["neighbor 192.0.2.1 remote-as 64999"] = Section()
    router.below[f"neighbor 192.0.2.1 password {STRANGE_SECRET}"] = Section()
    done = pcg(*network.arguments(str(network.change), "--phase", "build", *REASON))
    assert done.code == 1
    assert "preflight: hq-border: was changed since this was planned:" in done.err
    assert "+ip access-list extended strange" in done.err
    assert "remedy: plan again" in done.err
    files = [path.read_text(errors="replace") for path in network.root.rglob("*") if path.is_file()]
    assert not [text for text in (done.out, done.err, *files) if STRANGE_SECRET in text]
    again = pcg(*network.arguments("--resume"))
    assert again.code == 2, "nothing is left to go on with"
    assert "no push was broken off" in again.err


def test_only_an_approved_change_set_is_pushed(
    network: Network, devices: dict[str, FakeDevice], pcg: Pcg
) -> None:
    digest = load(network.change).digest
    approval = network.root / "approvals" / f"{digest}.json"
    approval.parent.mkdir(exist_ok=True)
    arguments = network.arguments(str(network.change), "--phase", "build")

    def refused(words: str) -> None:
        done = pcg(*arguments)
        assert done.code == 1
        assert words in done.err

    def write(of: str, expires: str) -> None:
        content = {"digest": of, "approved_by": ["A. Ruddock"], "expires": expires}
        approval.write_text(json.dumps(content))

    refused(f"change set {digest} is not approved")
    write(digest, "2020-01-01T00:00:00Z")
    refused("the approval ended")
    write("0" * 64, "2999-01-01T00:00:00Z")
    refused("approves another change set")
    assert not [line for device in devices.values() for line in device.received]
    write(digest, "2999-01-01T00:00:00Z")
    try:
        done = pcg(*arguments)
    finally:
        approval.unlink()
    assert done.code == 0
    records = read_journal(Path(done.out.splitlines()[-1].removeprefix("journal: ")))
    assert records[0].beginning
    assert records[0].beginning.allowed == "approved by A. Ruddock (file not signed)"


@pytest.mark.parametrize(
    ("more", "changed"),
    [
        (["--limit", "health-net"], {"health-net"}),
        (["--wave", "1", "--wave", "3"], {"cloud-north", "hq-border"}),
    ],
    ids=["host", "waves"],
)
def test_a_part_of_a_change_set_can_be_pushed(
    network: Network,
    devices: dict[str, FakeDevice],
    pcg: Pcg,
    more: list[str],
    changed: set[str],
) -> None:
    done = pcg(*network.arguments(str(network.change), "--phase", "build", *REASON, *more))
    assert done.code == 0, done
    change = load(network.change)
    now = {name for name, d in devices.items() if holding(change, name, d) == Holds.INTENDED}
    assert now == changed


def test_one_device_goes_before_all_others_and_a_terminal_shows_what_each_is_at(
    network: Network,
    devices: dict[str, FakeDevice],
    pcg: Pcg,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    whole = (("cloud-north", "health-net"), ("hq-border",))
    save(load(network.change).model_copy(update={"waves": whole}), tmp_path / "change.json")
    done = pcg(*network.arguments(str(tmp_path / "change.json"), "--phase", "build", *REASON))
    assert done.code == 0, done
    records = read_journal(Path(done.out.splitlines()[-1].removeprefix("journal: ")))
    applied = [record.devices for record in records if record.act is Act.APPLY and record.done]
    assert applied == [("cloud-north",), ("health-net",), ("hq-border",)]
    assert re.search(r"health-net +changed and confirmed", done.out)


def test_a_push_that_is_stopped_by_hand_puts_everything_back(
    network: Network, devices: dict[str, FakeDevice]
) -> None:
    def say(text: str) -> None:
        if text == "applying on hq-border":
            raise KeyboardInterrupt

    extras = production(network.workspace, network.ssh_config)
    operation = Operation(network.workspace, extras, watch=Watcher(say))
    with closing(operation), pytest.raises(PushFailed, match="stopped by hand"):
        operation.start(load(network.change), Unapproved("a drill"))
    assert held(network, devices) == {"base"}


def test_a_journal_that_cannot_be_written_ends_the_push_and_not_its_undoing(
    network: Network, devices: dict[str, FakeDevice], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def say(text: str) -> None:
        if text == "applying on hq-border":
            monkeypatch.setattr("pcg_netops.push.journal.os.fsync", full)

    extras = production(network.workspace, network.ssh_config)
    operation = Operation(network.workspace, extras, watch=Watcher(say))
    with closing(operation):
        with pytest.raises(PushFailed, match="the journal cannot be written: No space left"):
            operation.start(load(network.change), Unapproved("a drill"))
        assert held(network, devices) == {"base"}
        monkeypatch.undo()
        for name, value in ENVIRONMENT.items():
            monkeypatch.setenv(name, value)
        operation.unwind()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "what to push is not clear"),
        (["--resume", "--unwind"], "what to push is not clear"),
        (["CHANGE"], "add --phase PHASE"),
        (["CHANGE", "--phase", "move"], "leads to build of cutover"),
        (["CHANGE", "--phase", "buidl"], "no phase 'buidl'"),
        (["CHANGE", "--phase", "build", *REASON, "--limit", "hospital"], "does not change"),
        (["CHANGE", "--phase", "build", *REASON, "--wave", "4"], "no wave 4"),
        (["CHANGE", "--phase", "build", "--unapproved", " "], "needs a reason"),
        (["--unwind"], "no push was broken off"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anybody_logs_in(
    network: Network,
    devices: dict[str, FakeDevice],
    pcg: Pcg,
    arguments: list[str],
    words: str,
) -> None:
    given = [str(network.change) if word == "CHANGE" else word for word in arguments]
    done = pcg(*network.arguments(*given))
    assert done.code == 2
    assert words in done.err
    assert not [line for device in devices.values() for line in device.received]


def test_while_somebody_pushes_nobody_else_does(
    network: Network, devices: dict[str, FakeDevice], pcg: Pcg
) -> None:
    with locked(network.root / "build/ambulance/push.lock", "theirs"):
        done = pcg(*network.arguments(str(network.change), "--phase", "build", *REASON))
    assert done.code == 3
    assert f"this network is being pushed to: process {os.getpid()} on " in done.err
    assert "(push theirs)" in done.err
    assert held(network, devices) == {"base"}


def test_a_session_that_a_wave_costs_brings_everything_back(
    network: Network, devices: dict[str, FakeDevice], monkeypatch: pytest.MonkeyPatch
) -> None:
    victim = devices["health-net"]
    peer, _ = victim.neighbours[0]

    def say(text: str) -> None:
        if text == "applying on health-net":
            victim.down.add(peer)

    extras = production(network.workspace, network.ssh_config)
    operation = Operation(network.workspace, extras, watch=Watcher(say), settle_s=0.3)
    with closing(operation), pytest.raises(PushFailed) as failed:
        operation.start(load(network.change), Unapproved("a drill"))
    assert failed.value.place == "gate"
    assert f"health-net: down: BFD with {peer}, BGP with {peer}" in failed.value.message
    assert failed.value.remedy == "every device is back as it was before"
    assert held(network, devices) == {"base"}
    assert not [line for line in devices["hq-border"].received if line == "configure terminal"]


def test_what_a_site_tries_after_each_wave_decides_too(
    network: Network, devices: dict[str, FakeDevice], pcg: Pcg, tmp_path: Path
) -> None:
    probe, tried = tmp_path / "try services", tmp_path / "tried"
    probe.write_text(
        f'#!/bin/sh\necho "$@" >>"{tried}"\n[ $# -lt 2 ] || {{ echo voice is silent; exit 7; }}\n'
    )
    probe.chmod(0o700)
    push = (str(network.change), "--phase", "build", *REASON, "--probe")
    done = pcg(*network.arguments(*push, str(probe)))
    assert done.code == 1
    assert f"{probe} failed with 7:\nvoice is silent" in done.err
    assert tried.read_text() == "cloud-north\ncloud-north health-net\n"
    assert held(network, devices) == {"base"}
    done = pcg(*network.arguments(*push, "no-such-program"))
    assert (done.code, "no-such-program: is no program that can be run" in done.err) == (2, True)


def test_a_push_that_is_stopped_ends_what_a_site_tries(
    network: Network, devices: dict[str, FakeDevice], tmp_path: Path
) -> None:
    begun, probe = tmp_path / "begun", tmp_path / "probe"
    probe.write_text(f"#!/bin/sh\ntouch {begun}\nexec sleep 20\n")
    probe.chmod(0o700)
    watch = Watcher(stop=lambda: "SIGTERM" if begun.exists() else "")
    extras = production(network.workspace, network.ssh_config)
    operation = Operation(network.workspace, extras, watch=watch, probe=str(probe))
    before = time.monotonic()
    with closing(operation), pytest.raises(PushFailed, match="by SIGTERM") as failed:
        operation.start(load(network.change), Unapproved("a drill"))
    assert time.monotonic() - before < 15
    assert failed.value.exit_code == 1
    assert held(network, devices) == {"base"}


def test_a_journal_that_was_altered_is_refused_and_one_that_was_cut_off_is_not(
    tmp_path: Path,
) -> None:
    path = tmp_path / "journal.jsonl"
    with closing(Journal(path)) as journal:
        for device in ("a", "b", "c"):
            journal.before(Act.APPLY, [device])
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    records = read_journal(path)
    assert [record.devices for record in records] == [("a",), ("b",)]
    with closing(Journal(path, records)) as journal:
        journal.before(Act.APPLY, ["c"])
    assert [record.devices for record in read_journal(path)] == [("a",), ("b",), ("c",)]
    lines = whole.splitlines(keepends=True)
    for altered in (lines[0] + lines[2], lines[1] + lines[2], whole.replace(b'"b"', b'"x"')):
        path.write_bytes(altered)
        with pytest.raises(InputError, match="is not as it was written"):
            read_journal(path)


class DiedError(BaseException):
    """The controller is gone; nothing catches this."""


def broken_off(network: Network, at: str) -> None:
    """A push whose controller dies as it says this."""

    def say(text: str) -> None:
        if text.startswith(at):
            raise DiedError

    extras = production(network.workspace, network.ssh_config)
    operation = Operation(network.workspace, extras, watch=Watcher(say))
    with closing(operation), pytest.raises(DiedError):
        operation.start(load(network.change), Unapproved("a drill"))


@pytest.mark.parametrize("timers", ["run", "are over"])
def test_a_push_that_was_broken_off_is_resumed(
    network: Network, devices: dict[str, FakeDevice], pcg: Pcg, timers: str
) -> None:
    broken_off(network, "applying on hq-border")
    assert devices["hq-border"].pending
    assert devices["cloud-north"].pending
    if timers == "are over":
        let_time_pass(devices)
        assert held(network, devices) == {"base"}
    new = pcg(*network.arguments(str(network.change), "--phase", "build", *REASON))
    assert new.code == 1
    assert "was broken off" in new.err
    done = pcg(*network.arguments("--resume"))
    assert done.code == 0, done
    assert held(network, devices) == {"intended"}


@pytest.mark.parametrize("timers", ["run", "are over"])
def test_a_push_that_was_broken_off_is_unwound(
    network: Network, devices: dict[str, FakeDevice], pcg: Pcg, timers: str
) -> None:
    broken_off(network, "applying on hq-border")
    if timers == "are over":
        let_time_pass(devices)
    done = pcg(*network.arguments("--unwind"))
    assert done.code == 0, done
    assert held(network, devices) == {"base"}


def test_one_that_cannot_be_unwound_can_be_given_up(
    network: Network, devices: dict[str, FakeDevice], pcg: Pcg
) -> None:
    broken_off(network, "applying on hq-border")
    let_time_pass(devices)
    device = devices["cloud-north"]
    device.faults.append(Fault(Kind.REFUSE_LOGIN))
    assert isinstance(device, FakeDevice)
    done = pcg(*network.arguments("--resume"))
    assert done.code == 4
    assert "cloud-north              not known" in done.out
    assert "hq-border                as it was before" in done.out
    assert pcg(*network.arguments("--abandon", "replaced by hand")).code == 0
    assert pcg(*network.arguments("--unwind")).code == 2
