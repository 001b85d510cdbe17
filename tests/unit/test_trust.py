"""Whom a push believes, and with what, is the word of the person who pushes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pcg_netops.errors import InputError
from pcg_netops.inventory.workspace import load_workspace
from pcg_netops.push.approval import FiledApprovals
from pcg_netops.push.login import production
from pcg_netops.push.trust import FOLDER, Trust, asked_for
from tests.conftest import Pcg

HOSTS = "inventory/hosts.yaml"


@pytest.fixture
def asking(workspace: Path) -> Path:
    """A workspace that asks for secrets of every kind."""
    path = workspace / HOSTS
    login = "login: {password: file:/any, enable: 'keyring:pcg/enable', key_file: ~/.ssh/id}"
    path.write_text(path.read_text().replace("198.18.7.10,", f"198.18.7.10, {login},"))
    return workspace


def test_all_that_is_asked_for_is_shown_and_nothing_is_given(asking: Path, pcg: Pcg) -> None:
    with pytest.raises(InputError) as refused:
        production(load_workspace(asking))
    shown = pcg("secrets", "list").out
    for reference, what in {
        "env:AMBULANCE_BGP": "secret 'bgp'",
        "file:/any": "password of 'hq-border'",
        "keyring:pcg/enable": "enable password of 'hq-border'",
        "key:~/.ssh/id": "private key of 'hq-border'",
    }.items():
        assert f"{reference} for {what}" in refused.value.message
        assert f"not yet  {reference}  {what}\n" in shown
        assert reference in refused.value.remedy


def test_what_is_allowed_stays_so_and_what_is_new_does_not(asking: Path, pcg: Pcg) -> None:
    every = list(asked_for(load_workspace(asking)))
    assert pcg("secrets", "allow", *every).code == 0
    production(load_workspace(asking))
    path = asking / HOSTS
    path.write_text(path.read_text().replace("file:/any", "file:/etc/hostname"))
    with pytest.raises(InputError, match="file:/etc/hostname") as refused:
        production(load_workspace(asking))
    assert "AMBULANCE" not in refused.value.message
    assert "unused   file:/any\n" in pcg("secrets", "list").out


def test_what_the_workspace_does_not_ask_for_is_not_allowed(pcg: Pcg) -> None:
    done = pcg("secrets", "allow", "env:AMBULANCE_BPG")
    assert (done.code, "did you mean 'env:AMBULANCE_BGP'?" in done.err) == (2, True)


def test_a_folder_in_the_workspace_is_not_believed(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FOLDER, str(workspace / "inventory"))
    with pytest.raises(InputError, match="is in the workspace that is to be trusted"):
        Trust.of(load_workspace(workspace))


@pytest.mark.parametrize("name", ["", "known_hosts", "secrets"])
def test_what_others_can_write_to_is_not_believed(
    workspace: Path, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "trust"
    folder.mkdir()
    for file in ("known_hosts", "secrets"):
        (folder / file).touch()
    (folder / name).chmod(0o777)
    monkeypatch.setenv(FOLDER, str(folder))
    with pytest.raises(InputError, match="others can write to it") as refused:
        Trust.of(load_workspace(workspace))
    assert refused.value.remedy.endswith(f"chmod go-w {folder / name}")


def test_host_keys_in_the_workspace_are_not_believed(workspace: Path) -> None:
    (workspace / "inventory/known_hosts").write_text("198.18.7.10 ssh-ed25519 AAAA\n")
    loaded = load_workspace(workspace)
    Trust.of(loaded).allow(asked_for(loaded))
    found = production(loaded)("hq-border")["known_hosts"]
    assert not Path(os.path.realpath(found)).is_relative_to(workspace)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("{", "the file"),
        ('{"digest": "x", "approved_by": "me", "expires": "soon"}', "approved_by, digest, expires"),
        ('{"digest": "' + "0" * 64 + '", "approved_by": ["me"]}', "expires"),
    ],
)
def test_what_is_no_approval_is_told_in_our_words(tmp_path: Path, text: str, wrong: str) -> None:
    (tmp_path / f"{'0' * 64}.json").write_text(text)
    with pytest.raises(InputError) as refused:
        FiledApprovals(tmp_path).allowing("0" * 64)
    assert refused.value.message == f"is not an approval; missing or wrong: {wrong}"
    assert "approved_by (a list of names)" in refused.value.remedy
