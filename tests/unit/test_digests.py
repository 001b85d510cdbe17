"""That a secret changes shows in a change set, and what it is does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from pcg_netops.diff import DeviceChange, load
from pcg_netops.errors import EnvironmentLack, InputError
from pcg_netops.push.digests import check_digests, key_file, users_key, with_digests
from pcg_netops.push.driver import planned
from pcg_netops.push.secrets import Secrets
from tests.conftest import Pcg
from tests.unit.fake_network import CANARY, IOSXE, pushing, small_workspace

LINES = ("router bgp 1", " neighbor 192.0.2.1 password pcg_secret_bgp_", "exit")
CHANGE = DeviceChange(
    device="r1", platform="iosxe", base={}, intended={}, remediation=LINES, secrets={}
)
KEY = bytes(32)


def secrets_of(value: str) -> Secrets:
    return Secrets(lambda _: value)


def test_diff_shows_that_a_secret_changed_and_not_what_it_is(
    workspace: Path, pcg: Pcg, monkeypatch: pytest.MonkeyPatch
) -> None:
    def digest_with(value: str) -> str:
        monkeypatch.setenv("AMBULANCE_BGP", value)
        assert pcg(*diff, "--output", "change.json").code == 0
        assert value not in (workspace / "change.json").read_text()
        change = load(workspace / "change.json")
        assert all(set(device.secrets) == {"bgp"} for device in change.devices)
        return change.digest

    diff = ("diff", "--from", "build", "--to", "move", "--secrets")
    assert "pcg secrets allow env:AMBULANCE_BGP" in pcg(*diff).err
    assert pcg("secrets", "allow", "env:AMBULANCE_BGP").code == 0
    first = digest_with(CANARY)
    assert digest_with(CANARY) == first
    assert digest_with("another-value") != first
    shown = pcg(*diff, "--commands")
    assert "): secret bgp is " in shown.out
    assert "another-value" not in shown.out
    monkeypatch.delenv("AMBULANCE_BGP")
    lacking = pcg(*diff, "--commands")
    assert (lacking.code, "secret 'bgp' has no value" in lacking.err) == (2, True)


def test_another_value_or_another_key_is_refused() -> None:
    digests = with_digests(CHANGE, secrets_of(CANARY), KEY).secrets
    check_digests(digests, secrets_of(CANARY), KEY)
    with pytest.raises(InputError, match="secret 'bgp' has another value"):
        check_digests(digests, secrets_of("another-value"), KEY)
    with pytest.raises(InputError, match="cannot be told with this key"):
        check_digests(digests, secrets_of(CANARY), bytes(31) + b"1")


def test_equal_values_have_digests_of_their_own() -> None:
    lines = (*LINES, " neighbor 192.0.2.2 password pcg_secret_other_")
    change = CHANGE.model_copy(update={"remediation": lines})
    digests = with_digests(change, secrets_of(CANARY), KEY).secrets
    assert digests["bgp"] != digests["other"]


def test_a_push_with_another_value_ends_before_any_log_in(tmp_path: Path) -> None:
    device = IOSXE.device("r1", IOSXE.startup)
    change = with_digests(CHANGE, secrets_of("another-value"), users_key(key_file()))
    with (
        pushing(small_workspace(tmp_path), {"r1": (IOSXE, device)}) as pusher,
        pytest.raises(InputError, match="secret 'bgp' has another value"),
    ):
        pusher.push_changes({"r1": planned(change, "test")}, [["r1"]], lambda _: None)
    assert device.received == []


def test_the_key_is_made_once_and_is_the_users_alone(tmp_path: Path) -> None:
    path = tmp_path / "state/secrets.key"
    key = users_key(path)
    assert (len(key), path.stat().st_mode & 0o777) == (32, 0o600)
    assert users_key(path) == key
    path.chmod(0o640)
    with pytest.raises(InputError, match="others can read it"):
        users_key(path)
    (tmp_path / "file").write_text("")
    with pytest.raises(EnvironmentLack, match="cannot be kept"):
        users_key(tmp_path / "file/secrets.key")
