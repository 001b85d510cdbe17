"""Secrets are named in files and told by nobody: only a push puts their values in."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcg_netops.cutover.bench import write_startup
from pcg_netops.design.steering import stages
from pcg_netops.errors import EnvironmentLack, InputError, PushError
from pcg_netops.inventory.workspace import Workspace, load_workspace
from pcg_netops.model.secret import Secret, named_in
from pcg_netops.push.linux import Shell
from pcg_netops.push.practice import lab_secrets
from pcg_netops.push.runner import Pusher
from pcg_netops.push.secrets import Secrets, looked_up
from pcg_netops.push.trust import Trust, asked_for
from pcg_netops.render import Artifacts, render_stage
from tests.conftest import Pcg

CANARY = "canary-7Qp2Zx9Lr4"
NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,30}", fullmatch=True)
VALUES = st.from_regex(r"[A-Za-z0-9._~+/=@:,-]{8,64}", fullmatch=True)


@given(st.dictionaries(NAMES, VALUES, min_size=1), st.data())
def test_every_marker_gets_its_value_and_nothing_else_changes(
    values: dict[str, str], data: st.DataObject
) -> None:
    words = data.draw(st.lists(st.sampled_from([*values, "neighbor", "pcg_secret_", "_"])))
    text = " ".join(Secret(word).marker if word in values else word for word in words)
    filled = " ".join(values.get(word, word) for word in words)
    assert Secrets(values.__getitem__).fill(text) == filled
    assert named_in(text) == {word for word in words if word in values}


def secrets_of(reference: str, root: Path) -> Secrets:
    return Secrets(looked_up({"bgp": reference}, root))


def test_values_come_from_the_environment_and_from_private_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PCG_TEST_BGP", CANARY)
    (tmp_path / "bgp").write_text(f"{CANARY}\n")
    (tmp_path / "bgp").chmod(0o600)
    for reference in ("env:PCG_TEST_BGP", "file:bgp", f"file:{tmp_path}/bgp"):
        assert secrets_of(reference, tmp_path).fill("key pcg_secret_bgp_;") == f"key {CANARY};"


def test_values_come_from_the_keyring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keyring = ModuleType("keyring")
    kept = {("pcg", "bgp"): CANARY}
    keyring.get_password = lambda service, user: kept.get((service, user))  # type: ignore[attr-defined]
    keyring.errors = SimpleNamespace(KeyringError=OSError)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "keyring", keyring)
    assert secrets_of("keyring:pcg/bgp", tmp_path).fill("pcg_secret_bgp_") == CANARY
    with pytest.raises(InputError, match="has no value: keyring:pcg/other"):
        secrets_of("keyring:pcg/other", tmp_path).fill("pcg_secret_bgp_")


def test_a_keyring_that_is_not_there_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(EnvironmentLack, match="'keyring' is not installed"):
        secrets_of("keyring:pcg/bgp", tmp_path).fill("pcg_secret_bgp_")


def test_a_secret_without_a_value_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PCG_TEST_BGP", raising=False)
    for reference in ("env:PCG_TEST_BGP", "file:nowhere"):
        with pytest.raises(InputError, match=f"'bgp' has no value: {reference}"):
            secrets_of(reference, tmp_path).fill("pcg_secret_bgp_")
    with pytest.raises(InputError, match="no secret named 'other'"):
        secrets_of("env:PCG_TEST_BGP", tmp_path).fill("pcg_secret_other_")


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bgp").write_text(CANARY)
    (tmp_path / "bgp").chmod(0o640)
    with pytest.raises(InputError, match="can be read by others") as refused:
        secrets_of("file:bgp", tmp_path).fill("pcg_secret_bgp_")
    assert CANARY not in str(refused.value)


@pytest.mark.parametrize("value", ["short", f"{CANARY} neighbor", f"{CANARY}\n!", f'{CANARY}"'])
def test_a_value_that_could_be_read_as_more_is_refused_and_not_shown(value: str) -> None:
    with pytest.raises(InputError, match="secret 'bgp' cannot be sent") as refused:
        Secrets(lambda _: value).fill("pcg_secret_bgp_")
    assert value not in str(refused.value)


def test_a_digest_changes_with_the_value_the_text_and_the_key() -> None:
    def digest(value: str, text: str = "key pcg_secret_bgp_", key: bytes = b"one") -> str:
        return Secrets(lambda _: value).digest(text, key)

    assert digest(CANARY) == digest(CANARY)
    others = {digest("another-value"), digest(CANARY, "pcg_secret_bgp_"), digest(CANARY, key=b"2")}
    assert len({digest(CANARY), *others}) == 4


class _Talkative:
    """A device that prints what it was not asked for."""

    def send_command(self, command: str, **_: object) -> str:
        return (
            f"hospital$ pcg-began:\n+ neighbor 192.0.2.1 password {CANARY}\n"
            "- neighbor 192.0.2.1 password of-last-year\npcg-ended:1\n"
        )


def test_what_a_device_prints_is_told_without_secrets(workspace: Path) -> None:
    secrets = Secrets(lambda _: CANARY)
    secrets.require(["pcg_secret_bgp_"])
    from pcg_netops.platforms.linux import LINUX

    device = Shell("hospital", _Talkative(), secrets, LINUX.concealed)
    with pytest.raises(PushError) as failed:
        device.run("frr-reload")
    assert "neighbor 192.0.2.1 password" in str(failed.value)
    assert "hospital$" not in str(failed.value)
    assert CANARY not in str(failed.value)
    assert "of-last-year" not in str(failed.value)
    assert CANARY not in repr(vars(failed.value))


def first_stage(root: Path) -> tuple[Workspace, Artifacts]:
    loaded = load_workspace(root)
    return loaded, render_stage(loaded, stages(loaded.cutover()[1], loaded.services)[0])


def test_files_hold_markers_whatever_the_environment_holds(
    workspace: Path, pcg: Pcg, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AMBULANCE_BGP", CANARY)
    assert pcg("render", "--phase", "build", "--out", "build/files").code == 0
    written = [p for p in workspace.rglob("*") if p.is_file()]
    assert any("pcg_secret_bgp_" in p.read_text() for p in written if p.name == "frr.conf")
    assert not any(CANARY in p.read_text() for p in written)


def test_a_push_without_a_value_is_refused_before_any_log_in(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AMBULANCE_BGP", raising=False)
    loaded, artifacts = first_stage(workspace)
    dialled: list[str] = []
    Trust.of(loaded).allow(asked_for(loaded))
    pusher = Pusher(loaded, lambda name: {"dial": lambda: dialled.append(name)})
    with pytest.raises(InputError, match="secret 'bgp' has no value: env:AMBULANCE_BGP"):
        pusher.push(artifacts, [list(artifacts)], lambda _: None)
    assert dialled == []


def test_each_lab_has_values_of_its_own_in_files_of_its_owner(
    workspace: Path, tmp_path: Path
) -> None:
    _, artifacts = first_stage(workspace)
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        write_startup(folder, artifacts)
        written = [p for p in folder.rglob("*") if p.is_file()]
        assert {p.stat().st_mode & 0o777 for p in written} == {0o600}
        text = (folder / "startup/hospital/frr.conf").read_text()
        assert text == lab_secrets(folder).fill(artifacts["hospital"]["frr.conf"].text)
        assert not named_in(text)
    values = {lab_secrets(folder).fill("pcg_secret_bgp_") for folder in folders}
    assert len(values) == 2


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("secrets: {bgp: AMBULANCE_BGP}", "secrets.bgp"),
        ("secrets: {bgp: env:AMBULANCE_BGP, other: env:X}", "secret 'other' is not used"),
        ("secrets: {bpg: env:AMBULANCE_BGP}", "did you mean 'bpg'?"),
    ],
)
def test_a_wrong_reference_is_found(workspace: Path, pcg: Pcg, line: str, said: str) -> None:
    path = workspace / "inventory/network.yaml"
    path.write_text(path.read_text().replace("secrets: {bgp: env:AMBULANCE_BGP}", line))
    done = pcg("check")
    assert done.code == 2
    assert said in done.err
