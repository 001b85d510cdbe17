"""A unified diff turns the one text into the other, also where lines are alike and many."""

from __future__ import annotations

import difflib
import subprocess
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcg_netops.diff.unified import unified_diff

# Few different lines, so that most are there more than once; some that are there once.
LINES = st.lists(st.sampled_from("aabbcdefgh!!!").map("{}\n".format), max_size=30)


def restored(diff: str, old: list[str]) -> list[str]:
    """What the hunks make of the old lines, each line that they keep or remove being checked."""
    new, at = [], 0
    for line in diff.splitlines(keepends=True)[2:]:
        if line.startswith("@@"):
            first, _, length = line.split()[1][1:].partition(",")
            start = int(first) - (length != "0")
            new += old[at:start]
            at = start
        elif line[0] == "+":
            new.append(line[1:])
        else:
            assert old[at] == line[1:]
            new += [old[at]] if line[0] == " " else []
            at += 1
    return new + old[at:]


@settings(max_examples=300)
@given(LINES, LINES, st.integers(0, 3))
def test_a_diff_restores_the_new_text(old: list[str], new: list[str], context: int) -> None:
    diff = "".join(unified_diff(old, new, "x", context))
    assert bool(diff) == (old != new)
    assert restored(diff, old) == new


@settings(max_examples=30)
@given(old=LINES, new=LINES)
def test_git_takes_it(
    tmp_path_factory: pytest.TempPathFactory, old: list[str], new: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("git")
    (folder / "x").write_text("".join(old))
    diff = "".join(unified_diff(old, new, "x", 3))
    if diff and old and new:
        apply = ["git", "apply", "-p1", "--unsafe-paths", "-"]
        subprocess.run(apply, cwd=folder, input=diff, text=True, check=True)
        assert (folder / "x").read_text() == "".join(new)


def test_a_small_change_is_told_as_python_tells_it() -> None:
    old = [f"line {n}\n" for n in range(50)]
    new = [*old[:10], "added\n", *old[10:30], *old[31:45], "changed\n", *old[46:]]
    ours = "".join(unified_diff(old, new, "x", 3))
    assert ours == "".join(difflib.unified_diff(old, new, "a/x", "b/x"))


def test_a_large_configuration_is_compared_in_seconds() -> None:
    """Python's own comparison takes minutes here: most lines are there thousands of times."""
    old = []
    for n in range(6_000):
        old += [f"route-map m permit {n}\n", " set local-preference 400\n", "exit\n", "!\n"]
    new = [
        line.replace("400", "300") if number % 40 == 1 else line for number, line in enumerate(old)
    ]
    started = time.process_time()
    diff = "".join(unified_diff(old, new, "x", 3))
    assert time.process_time() - started < 10
    assert diff.count("\n+ set local-preference 300\n") == 600
