"""Whatever is in the files, reading them ends in a workspace or in errors that have a place.

`PCG_FUZZ_SECONDS` is how long each test goes on with new inputs; benchmarks/fuzz_loader.py sets it.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from yaml.error import YAMLError

from pcg_netops.audit.catalogue import RULES
from pcg_netops.audit.checks.run import audit
from pcg_netops.design.steering import stages
from pcg_netops.errors import InputError, InputErrors
from pcg_netops.inventory.compose import compose
from pcg_netops.inventory.workspace import Workspace, read_workspace
from pcg_netops.render import render_stage
from tests.conftest import copy_small

SECONDS = float(os.environ.get("PCG_FUZZ_SECONDS", "0"))
SLOWEST_S = 20  # for one small input on a busy machine
FILES = ("network", "services", "hosts", "groups", "defaults", "cutovers/to-cloud")

# What YAML is made of, and what readers stumble over.
PIECES = [
    *("\n", "\n  ", "\n    ", "\n- ", " ", "\t", ": ", ":", ", ", "- ", "? ", "# ", "|\n", ">-\n"),
    *("[", "]", "{", "}", "'", '"', "&a ", "*a", "!", "!!str ", "!<x> ", "<<: ", "---\n", "...\n"),
    *("%YAML 1.1\n", "%TAG ! x\n", "\\", '"\\x00"', '"\\u202e"', "\0", "\x1b", "\u2028", "\ufeff"),
    *("a", "b", "a: 1\n", "name", "no", "0o10", "1:30", "null", "~", "1", "-1", "9" * 30, "1e999"),
    *(
        ".nan",
        "2020-02-30",
        "2020-01-31",
        "192.0.2.0/24",
        "0.0.0.0/0",
        "x" * 200,
        "é",
        "\U0001f600",
    ),
]
# What may stand in place of a value of a valid file.
VALUES = [
    *(
        "",
        "~",
        "true",
        "no",
        "0",
        "-1",
        "1",
        "4294967295",
        "9" * 30,
        "1e999",
        ".nan",
        ".inf",
        "0x1",
    ),
    *("[]", "{}", "[[]]", "{a: 1}", "[1, 2]", "''", "'a b'", "'../x'", "'{{ 1 }}'", "'$(id)'"),
    *("0.0.0.0/0", "0.0.0.0/32", "255.255.255.255/32", "10.1.0.0/31", "10.1.0.0/30", "1.2.3.4"),
    *("300 ms", "999999999 h", "1-65535", "0-0", "2-1", "2000-01-01", "2099-12-31", "2030-02-30"),
    *("2000-01-01T00:00", "2099-12-31T23:59", "2030-01-01T00:00+01:00", "Europe/London", "UTC"),
    *("edge", "gateway", "core", "partner", "host", "legacy", "cloud", "health", "hq", "ward"),
    *(
        "hospital",
        "legacy-fw",
        "hq-border",
        "dispatch",
        "telemetry",
        "before",
        "leave",
        "out",
        "in",
    ),
]


def again(run: Callable[[], None]) -> None:
    """Run a property once, or with new inputs until the time is up."""
    end = time.monotonic() + SECONDS
    run()
    while time.monotonic() < end:
        run()


def fresh(property_: Callable[..., None]) -> Callable[[], None]:
    """The property with inputs that are new each time."""
    return lambda: seed(time.monotonic_ns())(property_)()


def check_errors(errors: tuple[InputError, ...]) -> None:
    for error in errors:
        assert error.code in RULES
        assert error.message
        assert error.place.startswith(("inventory/", "templates/"))
        assert str(error).replace("\n", "").isprintable()


# --- texts that are hardly YAML -----------------------------------------------------------------


@pytest.mark.parametrize("pieces", [st.sampled_from(PIECES), st.characters()], ids=["yaml", "any"])
def test_any_text_is_data_or_an_error(pieces: st.SearchStrategy[str]) -> None:
    @settings(max_examples=100, database=None)
    @given(st.lists(pieces, max_size=60).map("".join))
    def property_(text: str) -> None:
        started = time.monotonic()
        refused: InputError | None = None
        try:
            value, marks = compose("a.yaml", text)
        except InputError as error:
            refused = error
        except YAMLError:
            return  # read_yaml gives it a place
        else:
            check_marks(value, marks, text)
        assert refused is None or refused.place.startswith("a.yaml")
        assert time.monotonic() - started < SLOWEST_S

    again(fresh(property_))


def check_marks(value: Any, marks: Any, text: str) -> None:
    """Each part of the data has a mark within the text."""
    lines = text.removeprefix("\ufeff").split("\n")
    keys = (
        value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    )
    assert set(marks) == set(keys)
    for key, mark in marks.items():
        assert 1 <= mark.line <= len(lines)
        assert 1 <= mark.column <= len(lines[mark.line - 1]) + 1
        check_marks(value[key], mark.within, text)


@pytest.mark.parametrize("size", [40])
def test_any_bytes_are_a_file_or_an_error(size: int, tmp_path: Path) -> None:
    workspace = copy_small(tmp_path / "workspace")
    good = (workspace / "inventory/network.yaml").read_bytes()

    @settings(max_examples=30, database=None)
    @given(st.binary(max_size=size), st.integers(0, len(good)))
    def property_(noise: bytes, at: int) -> None:
        (workspace / "inventory/network.yaml").write_bytes(good[:at] + noise + good[at:])
        check_errors(read_workspace(workspace).errors)

    again(fresh(property_))


# --- workspaces that are nearly right -----------------------------------------------------------


def mutate(text: str, random: Random) -> str:
    """One small change of a file."""
    lines = text.splitlines(keepends=True)
    number = random.randrange(len(lines))
    line = lines[number]
    kind = random.randrange(6)
    if kind == 0:
        del lines[number]
    elif kind == 1:
        lines.insert(random.randrange(len(lines)), line)
    elif kind == 2:
        at = random.randrange(len(line))
        lines[number] = line[:at] + random.choice(PIECES) + line[at:]
    else:  # a value, in block or flow style
        name, colon, rest = line.rpartition(": ") if random.random() < 0.5 else line.partition(": ")
        _, end, tail = rest.partition(random.choice([",", "}", "]", "\n"]))
        lines[number] = name + colon + random.choice(VALUES) + (end + tail if end else "\n")
    return "".join(lines) or "\n"


def use(workspace: Workspace) -> None:
    """All that `pcg check` does with a workspace that has no error."""
    for cutover in workspace.cutovers.values():
        every = stages(cutover, workspace.services)
        for stage in (every[0], every[-1]):
            render_stage(workspace, stage)


def test_any_mutated_workspace_is_read_or_refused(tmp_path: Path) -> None:
    workspace = copy_small(tmp_path / "workspace")
    inventory = workspace / "inventory"
    shutil.copytree(inventory, tmp_path / "good")
    good = {name: (inventory / f"{name}.yaml").read_text() for name in FILES}

    @settings(
        max_examples=60,
        database=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(st.randoms(use_true_random=False), st.integers(1, 3))
    def property_(random: Random, changes: int) -> None:
        texts = dict(good)
        for _ in range(changes):
            name = random.choice(FILES)
            texts[name] = mutate(texts[name], random)
        for name, text in texts.items():
            (inventory / f"{name}.yaml").write_text(text)
        started = time.monotonic()
        reading = read_workspace(workspace)
        check_errors(reading.errors)
        for finding in audit(reading):
            assert finding.code in RULES
        if reading.workspace:
            try:
                use(reading.workspace)
            except InputError as error:
                check_errors(error.errors if isinstance(error, InputErrors) else (error,))
        assert time.monotonic() - started < SLOWEST_S

    again(fresh(property_))
