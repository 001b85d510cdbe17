"""What tests of the whole command share: a small workspace to change, and `pcg` itself."""

from __future__ import annotations

import shutil
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import settings

from pcg_netops.cli import main

REPOSITORY = Path(__file__).parents[1]
SMALL = REPOSITORY / "tests" / "workspaces" / "small"
COUNTY = REPOSITORY / "tests" / "workspaces" / "county"
# The command for a test that needs a process of its own.
PCG = (sys.executable, "-P", "-c", "from pcg_netops.cli import main; main()")

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # which some commands keep to their end

pytest_plugins = ["tests.stalls"]
# A script that starts the tests in the background has them, and all that they start, ignore it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# No property fails because the machine is slow.
settings.register_profile("patient", settings(), deadline=None)
settings.load_profile("patient")


@dataclass(frozen=True)
class Done:
    """How a run of `pcg` ended."""

    code: int
    out: str
    err: str


Pcg = Callable[..., Done]


def copy_small(folder: Path) -> Path:
    """The small workspace, with the repository's templates, as a folder of the test's own."""
    shutil.copytree(SMALL, folder)
    shutil.copytree(REPOSITORY / "templates", folder / "templates")
    return folder


@pytest.fixture(autouse=True)
def nothing_kept_of_ours(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What one test keeps for the user, no other one finds."""
    for kind in ("CACHE", "CONFIG", "STATE"):
        monkeypatch.setenv(f"XDG_{kind}_HOME", str(tmp_path_factory.mktemp(kind.lower())))


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A copy of the small workspace."""
    return copy_small(tmp_path / "workspace")


@pytest.fixture
def pcg(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Pcg:
    """Run `pcg` in the workspace as a user would, within this process."""

    def run(*arguments: str) -> Done:
        monkeypatch.chdir(workspace)
        monkeypatch.setattr(sys, "argv", ["pcg", *arguments])
        capsys.readouterr()
        handlers = {number: signal.getsignal(number) for number in _ENDING}
        try:
            with pytest.raises(SystemExit) as ended:
                main()
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
        out, err = capsys.readouterr()
        code = ended.value.code
        assert isinstance(code, int)
        return Done(code, out, err)

    return run
