"""Documents whose commands need a lab that is up are followed from the first to the last."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.test_docs import IN_A_LAB, checkout, matches, run, shown_commands

pytestmark = pytest.mark.lab
__all__ = ["checkout"]  # a fixture


@pytest.fixture(autouse=True)
def labs_of_its_own(
    tmp_path: Path, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """None of another test's, or of whoever tests."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert os.environ["XDG_RUNTIME_DIR"]
    yield
    run("pcg lab down --all", checkout)


@pytest.mark.parametrize("document", IN_A_LAB)
def test_every_command_does_what_is_shown(document: str, checkout: Path) -> None:
    for command, shown in shown_commands(document):
        done = run(command, checkout)
        assert done.returncode == 0, f"{command}\n{done.stdout}"
        assert matches(shown or "", done.stdout), f"{command} printed:\n{done.stdout}"
