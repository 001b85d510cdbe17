"""What a push tells of devices that say no, and the rules of what goes over the line."""

from __future__ import annotations

import time
from dataclasses import replace

import asyncssh
import pytest
from paramiko import HostKeys

from pcg_netops.errors import PushError
from pcg_netops.inventory.workspace import Workspace
from pcg_netops.push import iosxe
from pcg_netops.push.known_hosts import KnownHosts
from tests.fake_device import FakeDevice, Fault, Kind
from tests.fakes.iosxe import FakeIosXe
from tests.unit.fake_network import IOSXE, JUNOS, Maker, pushing, small_workspace

NAME = "hq-border"


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return small_workspace(tmp_path_factory.mktemp("drivers"))


def _device(maker: Maker, *faults: Fault) -> FakeDevice:
    device = maker.device(NAME, maker.startup)
    device.faults.extend(faults)
    return device


def _push(
    workspace: Workspace, maker: Maker, device: FakeDevice, *lines: str, guard_s: int = 120
) -> None:
    change = maker.change(device)
    if lines:
        change = replace(change, lines=lines, from_intended=None)
    with pushing(workspace, {NAME: (maker, device)}) as pusher:
        pusher.push_changes({NAME: change}, [[NAME]], lambda _: None, guard_s)


def _refused(workspace: Workspace, maker: Maker, device: FakeDevice, *lines: str) -> str:
    before = device.running_text
    with pytest.raises(PushError) as error:
        _push(workspace, maker, device, *lines)
    assert device.running_text == before
    return str(error.value)


def test_a_line_that_iosxe_rejects_is_named_with_its_number_and_the_words_for_it(
    workspace: Workspace,
) -> None:
    device = _device(IOSXE)
    padding = [f" remark {n}" for n in range(100)]
    lines = ["ip access-list extended long", *padding[:50], "bogus line", *padding[50:]]
    said = _refused(workspace, IOSXE, device, *lines)
    assert said.startswith("apply: hq-border: line 52 was rejected: bogus line\n")
    assert "% Invalid input detected at '^' marker." in said
    assert said.endswith("remedy: every device is back as it was before")
    assert "remark 49" in device.received
    assert "remark 99" not in device.received, "no further chunk went out"


def test_routes_that_met_a_changed_policy_meet_the_old_one_again(workspace: Workspace) -> None:
    """IOS-XE puts back its configuration, and not what the policies in it decided."""
    device = _device(IOSXE)
    clear = "clear ip bgp 10.30.1.1 soft in"
    _refused(workspace, IOSXE, device, "route-map x permit 10", f"do {clear}", "bogus line")
    received = device.received[device.received.index("configure revert now") :]
    assert clear in received


def test_a_line_that_junos_rejects_ends_the_push_before_anything_is_committed(
    workspace: Workspace,
) -> None:
    device = _device(JUNOS)
    said = _refused(workspace, JUNOS, device, "set system host-name other", "set bogus x", "set y")
    assert said.startswith("stage: hq-border: line 2 was rejected: set bogus x\n")
    assert "terminal:2:(4) syntax error: bogus" in said
    assert "terminal:3" not in said
    assert not [line for line in device.received if line.startswith("commit")]


def test_a_change_that_junos_finds_wrong_as_a_whole_is_not_committed(workspace: Workspace) -> None:
    line = "set protocols bgp group legacy-fw export nobody-knows"
    said = _refused(workspace, JUNOS, _device(JUNOS), line)
    assert "does not pass the check" in said
    assert "Policy nobody-knows referenced but not defined" in said


def test_a_question_counts_as_no(workspace: Workspace) -> None:
    said = _refused(workspace, IOSXE, _device(IOSXE), "no username old", "hostname other")
    assert "line 1 was rejected: no username old" in said
    assert "Do you want to continue? [confirm]" in said


@pytest.mark.parametrize("line", ["description what?", "description a\tb", "x" * 600, " "])
def test_what_a_terminal_would_not_take_as_it_stands_is_never_typed(
    workspace: Workspace, line: str
) -> None:
    device = _device(IOSXE)
    said = _refused(workspace, IOSXE, device, "interface GigabitEthernet2", line)
    assert "line 2 of the change cannot be typed" in said
    assert not [typed for typed in device.received if typed.startswith("configure")]


def test_a_router_without_an_archive_is_refused_before_anything_is_changed(
    workspace: Workspace,
) -> None:
    router = FakeIosXe(NAME, IOSXE.startup, archive=False)
    said = _refused(workspace, IOSXE, router)
    assert "keeps no archive" in said
    assert "configure" not in " ".join(router.received)


@pytest.mark.parametrize("maker", [IOSXE, JUNOS], ids=lambda maker: maker.platform)
def test_a_device_that_was_changed_since_the_plan_is_left_alone(
    workspace: Workspace, maker: Maker
) -> None:
    device = _device(maker)
    change = replace(maker.change(device), from_base=lambda _: "+somebody was here")
    with (
        pushing(workspace, {NAME: (maker, device)}) as pusher,
        pytest.raises(PushError, match=r"(?s)^was changed|.*was changed since this was planned"),
    ):
        pusher.push_changes({NAME: change}, [[NAME]], lambda _: None)
    assert not [line for line in device.received if line.startswith(("configure", "load"))]


@pytest.mark.parametrize("maker", [IOSXE, JUNOS], ids=lambda maker: maker.platform)
def test_every_byte_alone_is_as_good(workspace: Workspace, maker: Maker) -> None:
    little = [line for line in maker.startup.splitlines() if "peer-as" in line]
    device = maker.device(NAME, "\n".join(little))
    device.faults.append(Fault(Kind.CHUNKED))
    intended = maker.intended(device)
    _push(workspace, maker, device)
    rows = maker.rows({"iosxe.conf": device.running_text, "junos.set": device.running_text})
    assert sorted(rows) == sorted(intended)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (Kind.REFUSE_LOGIN, "Authentication"),
        (Kind.CHANGED_KEY, "another host key than the one that you trust; find out why"),
    ],
    ids=["password", "host key"],
)
def test_no_log_in_no_push(workspace: Workspace, kind: Kind, words: str) -> None:
    device = _device(IOSXE, Fault(kind))
    said = _refused(workspace, IOSXE, device)
    assert said.startswith("preflight: hq-border: cannot log in: ")
    assert words in said
    assert device.received == []


def test_the_enable_password_is_typed_where_the_log_in_gives_no_privileges(
    workspace: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    router = FakeIosXe(NAME, IOSXE.startup, enable_secret="tallow-4k")
    with pushing(workspace, {NAME: (IOSXE, router)}, secret="tallow-4k") as pusher:
        pusher.push_changes({NAME: IOSXE.change(router)}, [[NAME]], lambda _: None)
    assert not router.pending
    assert router.running_text == router.saved_text
    assert "tallow-4k" not in caplog.text

    router = FakeIosXe(NAME, IOSXE.startup, enable_secret="another")
    with (
        pushing(workspace, {NAME: (IOSXE, router)}, secret="tallow-4k") as pusher,
        pytest.raises(PushError, match="no privileged mode: % Bad secrets"),
    ):
        pusher.push_changes({NAME: IOSXE.change(router)}, [[NAME]], lambda _: None)


@pytest.mark.parametrize("maker", [IOSXE, JUNOS], ids=lambda maker: maker.platform)
def test_timers_begin_anew_while_waves_go_on(workspace: Workspace, maker: Maker) -> None:
    """Two waves that each take more than half of the time, and together more than all of it."""
    second = "hq-border-2"
    devices = {n: (maker, maker.device(n, maker.startup, minute_s=2.0)) for n in (NAME, second)}
    for _, device in devices.values():
        device.faults.append(Fault(Kind.LATE, at="description new|^commit confirmed", seconds=1.2))
        device.faults[0].nth = 1 if maker is IOSXE else 2  # the load is no wave
    changes = {name: maker.change(device) for name, (_, device) in devices.items()}
    with pushing(workspace, devices) as pusher:
        begun = time.monotonic()
        pusher.push_changes(changes, [[NAME], [second]], lambda _: None, guard_s=2)
        assert time.monotonic() - begun > 2
    for _, device in devices.values():
        assert not device.pending
        assert "description new" in device.running_text


def test_indentation_becomes_the_exit_from_each_mode() -> None:
    lines = ("router bgp 1", " address-family ipv4", "  network 10.0.0.0", " exit-address-family",
             " neighbor 10.0.0.1 shutdown", "ip prefix-list a permit 10.0.0.0/8")  # fmt: skip
    assert list(iosxe._typed(lines)) == [
        (1, "router bgp 1"),
        (2, "address-family ipv4"),
        (3, "network 10.0.0.0"),
        (3, "exit"),
        (5, "neighbor 10.0.0.1 shutdown"),
        (5, "exit"),
        (6, "ip prefix-list a permit 10.0.0.0/8"),
    ]


def test_known_hosts_knows_hashed_and_revoked_keys() -> None:
    one, two = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
    line, other = (key.export_public_key("openssh").decode().strip() for key in (one, two))
    hashed = HostKeys.hash_host("[192.0.2.1]:2222")
    known = KnownHosts(
        f"# ours\n{hashed} {line}\nr2,192.0.2.2 {line}\nr2 {other}\n@revoked r2 {other}\n"
        f"@cert-authority * {other}\nbroken\nr3 ssh-ed25519 AAAAbroken\n"
    )
    assert [key.get_base64() for key in known.keys("[192.0.2.1]:2222")] == [line.split()[1]]
    assert [key.get_base64() for key in known.keys("r2")] == [line.split()[1]]
    assert known.keys("192.0.2.1") == known.keys("r3") == []
    revoked = KnownHosts(f"r4,r5 {line}\n@revoked {HostKeys.hash_host('r4')} {line}\n")
    assert revoked.keys("r4") == []
    assert len(revoked.keys("r5")) == 1
