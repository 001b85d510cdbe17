"""The fake devices behave as their makers' do, seen by a client that is not ours."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from netmiko import ConnectHandler

from tests.fake_device import PASSWORD, USER, FakeDevice, Fault, Kind, serving
from tests.fakes.ios_print import printed
from tests.fakes.iosxe import FakeIosXe
from tests.fakes.junos import FakeJunos

GOLDEN = Path(__file__).parents[1] / "golden"
IOSXE = (GOLDEN / "iosxe/hq-border/iosxe.conf").read_text()
JUNOS = (GOLDEN / "junos/hq-border/junos.set").read_text()


@contextmanager
def _log_in(device: FakeDevice, kind: str, **more: Any) -> Iterator[Any]:
    with serving([device]):
        netmiko = ConnectHandler(
            device_type=kind,
            host="127.0.0.1",
            port=device.port,
            username=USER,
            password=PASSWORD,
            **more,
        )
        try:
            yield netmiko
        finally:
            netmiko.paramiko_cleanup()


def _wait(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 3
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_iosxe_takes_back_what_is_not_confirmed_and_only_that() -> None:
    router = FakeIosXe("hq-border", IOSXE, minute_s=1.5)
    before = router.running_text
    with _log_in(router, "cisco_xe") as netmiko:
        said = netmiko.send_config_set(
            ["interface GigabitEthernet2", "description new", "bogus line"],
            config_mode_command="configure terminal revert timer 1",
        )
        assert "Backing up current running config to bootflash:archive" in said
        assert "hq-border(config-if)#bogus line" in said
        assert "^\n% Invalid input detected at '^' marker." in said
        assert "\n description new\n" in router.running_text
        assert "Timer value: 1 min" in netmiko.send_command("show archive config rollback timer")
        _wait(lambda: not router.pending)
        assert router.running_text == before

        netmiko.send_config_set(
            ["interface GigabitEthernet2", "no ip mtu"],
            config_mode_command="configure terminal revert timer 120",
        )
        netmiko.send_command("configure confirm")
        assert not router.pending
        assert "[OK]" in netmiko.save_config()
    assert router.saved_text == router.running_text != before


def test_iosxe_without_an_archive_refuses_to_revert() -> None:
    router = FakeIosXe("hq-border", IOSXE, archive=False)
    with _log_in(router, "cisco_xe") as netmiko:
        assert netmiko.send_command("show archive") == "Archive feature not enabled"
        said = netmiko.send_command("configure terminal revert timer 5")
    assert said == "%Turn config archive on before using Rollback Confirmed Change"


def test_iosxe_prints_the_same_configuration_in_pages_and_whole() -> None:
    router = FakeIosXe("hq-border", IOSXE, enable_secret="tallow-4k")
    with _log_in(router, "cisco_xe", secret="tallow-4k") as netmiko:
        netmiko.enable()
        whole = netmiko.send_command("show running-config")
        netmiko.send_command("terminal length 24")
        netmiko.write_channel("show running-config\n")
        pages = netmiko.read_until_pattern(" --More-- |#$")
        count = 1
        while not pages.endswith("#"):
            netmiko.write_channel(" ")
            pages += netmiko.read_until_pattern(" --More-- |#$")
            count += 1
    assert count > 10
    assert whole in re.sub(r" --More-- [\b]* *[\b]*", "", pages)
    assert whole.startswith("Building configuration...\n\nCurrent configuration : ")
    body = whole.partition("version 17.9\n")[2]
    assert body == f"{printed(router.running_text, router.habits)}end"


LINE = "set interfaces ge-0/0/0 description new"


def test_junos_rolls_back_what_is_not_confirmed() -> None:
    gateway = FakeJunos("hq-border", JUNOS, minute_s=1)
    before = gateway.running_text
    with _log_in(gateway, "juniper_junos") as netmiko:
        said = netmiko.send_config_set([LINE, "set bogus x"], exit_config_mode=False)
        assert "^\nsyntax error." in said
        assert gateway.running_text == before, "a candidate does not run"
        assert "+   new;" in netmiko.send_command("show | compare", expect_string="# $")
        said = netmiko.commit(confirm=True, confirm_delay=1)
        assert "# commit confirmed will be rolled back in 1 minutes" in said
        assert f"{LINE}\n" in gateway.running_text
        _wait(lambda: not gateway.pending)
        assert gateway.running_text == before


def test_junos_takes_a_check_for_a_confirmation() -> None:
    gateway = FakeJunos("hq-border", JUNOS)
    with _log_in(gateway, "juniper_junos") as netmiko:
        netmiko.send_config_set([LINE], exit_config_mode=False)
        netmiko.commit(confirm=True, confirm_delay=5)
        pending = gateway.pending
        netmiko.commit(check=True)
        assert (pending, gateway.pending) == (True, False)
    assert f"{LINE}\n" in gateway.running_text


def test_junos_lets_one_session_hold_the_configuration() -> None:
    gateway = FakeJunos("hq-border", JUNOS)
    with _log_in(gateway, "juniper_junos") as one:
        one.config_mode(config_command="configure exclusive")
        other: Any = ConnectHandler(
            device_type="juniper_junos",
            host="127.0.0.1",
            port=gateway.port,
            username=USER,
            password=PASSWORD,
        )
        said = other.send_command("configure exclusive")
        other.paramiko_cleanup()
        assert said.startswith("error: configuration database locked by:")
        one.send_config_set(["set system host-name other"], enter_config_mode=False,
                            exit_config_mode=False)  # fmt: skip
    _wait(lambda: gateway.owner is None)
    assert gateway.candidate == gateway.active, "what was not committed went with the session"


def test_iosxe_wants_the_whole_entry_to_replace_one_of_a_prefix_list() -> None:
    router = FakeIosXe("hq-border", IOSXE)
    entry = next(line for line in router.running.below if line.startswith("ip prefix-list"))
    name = entry.split()[2]
    with _log_in(router, "cisco_xe") as netmiko:
        said = netmiko.send_config_set(
            [f"no ip prefix-list {name} seq 5", f"ip prefix-list {name} seq 5 permit 10.7.0.0/16"]
        )
    assert "% Incomplete command." in said
    assert "%Insertion failed - seq # exists" in said


@pytest.mark.parametrize(("maker", "kind"), [(FakeIosXe, "cisco_xe"), (FakeJunos, "juniper_junos")])
def test_restarting_drops_sessions_and_runs_what_is_saved(
    maker: Callable[..., FakeDevice], kind: str
) -> None:
    device = maker("box", boot_s=0.1)
    device.faults.append(Fault(Kind.REBOOT, at="^show version$"))
    with _log_in(device, kind) as netmiko:
        netmiko.write_channel("show version\n")
        _wait(lambda: not device.listening)
        assert not device.connections
        _wait(lambda: device.listening)
    assert device.running_text == device.saved_text
