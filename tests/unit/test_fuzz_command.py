"""Whatever is on the command line ends in one of the codes that are a user's, without a traceback.

`PCG_FUZZ_SECONDS` is how long it goes on with new inputs; benchmarks/fuzz_loader.py sets it.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
import typer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pcg_netops.cli.commands import app
from tests.conftest import Pcg
from tests.unit.test_fuzz_loader import again, fresh

# What boots a lab for as long as that takes; the devices' own network is closed below.
LEFT_OUT = {"rehearse"}
# What may stand as a value or argument: files of the workspace, folders, and what they are not.
VALUES = [
    *(
        "",
        " ",
        "-",
        "--",
        ".",
        "..",
        "a",
        "A" * 300,
        "x/" * 3000,
        "é",
        "\u202e",
        "\x1b[31m",
        "a\nb",
    ),
    *("\udcff", "\U0001f600", "0", "-1", "1", "9" * 30, "nan", "inf", "1e999", "0x10", "٣", "1,2"),
    *("inventory", "inventory/network.yaml", "inventory/services.yaml", "templates", "none/none"),
    *("inventory/network.yaml/x", "change.json", "register.csv", "noise", "topology.clab.yml"),
    *("before", "leave", "p1", "hq-border", "hq-border:eth1", "to-cloud", "text", "json", "PCG101"),
    *("linux", "cisco", "network", "env:HOME", "env:", "file:/none", "a=b", "http://127.0.0.1:1"),
    *("power", "loss", "delay", "mtu", "both", "netns", "error", "true", "sarif", "table"),
]


def _commands(group: Any, way: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _commands(command, (*way, name))
        elif name not in LEFT_OUT:
            yield (*way, name), command


COMMANDS = dict(_commands(typer.main.get_command(app)))


def arguments(command: Any, random: Random) -> Iterator[str]:
    """A command line that is nearly right: some options and arguments, with whatever values."""
    for parameter in command.params:
        value = random.choice(VALUES)
        if parameter.param_type_name == "argument":
            if random.random() < 0.8:
                yield value
        elif random.random() < (0.7 if parameter.required else 0.25):
            option = random.choice([*parameter.opts, *parameter.secondary_opts])
            yield from (option,) if parameter.is_flag else (option, value)
    if random.random() < 0.1:
        yield random.choice([*VALUES, "--none", "-x", "--help"])


@pytest.fixture
def secluded(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace with files of many kinds; no connection leads anywhere."""
    (workspace / "noise").write_bytes(bytes(range(256)))
    (workspace / "register.csv").write_text("name,owner,direction\nsome-service,me,out\n")
    (workspace / "change.json").write_text('{"digest": "x", "change_set": {}}')
    (workspace / "topology.clab.yml").write_text("name: x\ntopology: {nodes: {a: {kind: no}}}\n")

    def refused(*_: object, **__: object) -> None:
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(socket.socket, "connect", refused)
    return workspace


@pytest.mark.parametrize("way", COMMANDS, ids=" ".join)
def test_any_command_line_ends_in_words(way: tuple[str, ...], pcg: Pcg, secluded: Path) -> None:
    @settings(
        max_examples=6,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    )
    @given(st.randoms(use_true_random=False))
    def property_(random: Random) -> None:
        given_ = list(arguments(COMMANDS[way], random))
        done = pcg(*way, *given_)
        assert done.code in range(5), (given_, done)
        assert "Traceback" not in done.err, (given_, done)
        assert done.code == 0 or done.err or done.out, (given_, done)
        assert not set(done.out + done.err) & {"\x1b", "\u202e"}, (given_, done)

    again(fresh(property_))
