"""Output goes where a user says: whole, with the mode it should have, or not at all."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcg_netops.confined import require_all_inside, require_inside
from pcg_netops.errors import EnvironmentLack, InputError
from pcg_netops.files import write_output, write_whole
from tests.conftest import Pcg

PLAN = ("diff", "--from", "before", "--to", "build", "--output")


@pytest.mark.parametrize("name", ["null", "zero"])
def test_a_device_is_written_to_and_stays_one(name: str, tmp_path: Path) -> None:
    device = Path("/dev", name)
    before = device.stat()
    for path in (device, tmp_path / "link"):
        if path != device:
            path.symlink_to(device)
        write_output(path, "text")
    assert device.stat().st_ino == before.st_ino
    assert stat.S_ISCHR(device.stat().st_mode)


def test_a_device_that_takes_nothing_says_so() -> None:
    with pytest.raises(EnvironmentLack, match="No space left on device"):
        write_output(Path("/dev/full"), "text")
    assert stat.S_ISCHR(Path("/dev/full").stat().st_mode)


def test_a_pipe_gets_what_is_written(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    write_output(pipe, "text")
    reader.join(10)
    assert read == ["text"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_link_of_the_users_stays_and_its_target_is_written(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "link").symlink_to("kept/file")
    write_output(tmp_path / "link", "text")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "kept" / "file").read_text() == "text"


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_the_umask_holds_for_a_new_file(tmp_path: Path, umask: int, mode: int) -> None:
    before = os.umask(umask)
    try:
        write_output(tmp_path / "a", "text")
        write_whole(tmp_path / "b", "text")
    finally:
        os.umask(before)
    assert [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in "ab"] == [mode, mode]


def test_a_file_that_was_there_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch(mode=0o600)
    path.chmod(0o640)
    write_output(path, "text")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_missing_folder_is_an_error_with_a_remedy(pcg: Pcg, workspace: Path) -> None:
    done = pcg(*PLAN, "no/such/change.json")
    assert done.code == 2
    assert "there is no folder no/such" in done.err
    assert "mkdir -p no/such" in done.err
    assert not (workspace / "no").exists()


def test_nothing_is_left_of_what_could_not_be_written(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(InputError, match="is not a regular file"):
        write_whole(folder, "text")
    assert list(tmp_path.iterdir()) == [folder]


# Trees of folders, files and links, of which some lead out.
NAMES = st.sampled_from(["a", "b", "c"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
TARGETS = st.one_of(
    PATHS,
    st.tuples(st.integers(1, 4), PATHS).map(lambda t: "../" * t[0] + t[1]),
    st.just("/etc/hostname"),
    st.just(".."),
)
TREES = st.lists(st.tuples(PATHS, TARGETS | st.none()), max_size=8)


@given(tree=TREES)
def test_whatever_is_let_in_lies_inside(
    tree: list[tuple[str, str | None]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("tree") / "root"
    root.mkdir()
    for name, target in tree:
        path = root / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch() if target is None else path.symlink_to(target)
        except (OSError, InputError):
            continue  # another part of the tree is in the way
    try:
        require_all_inside(root, ("a", "b", "c"))
    except InputError:
        return
    for folder, folders, files in os.walk(root, followlinks=False):
        for name in (*folders, *files):
            path = Path(folder, name)
            assert require_inside(root, path).is_relative_to(root.resolve())
