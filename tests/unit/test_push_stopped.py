"""A push whose output breaks, or that gets a signal, at any moment: all that tells of it agrees.

Devices, journal, exit code and message are held against each other. `PCG_MOMENTS=all` tries every
signal and every error at each moment; otherwise these take turns.
"""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import TypeVar

import pytest

from pcg_netops.diff import load
from pcg_netops.push import Holds, read_journal
from pcg_netops.push.journal import Record
from tests.conftest import PCG, REPOSITORY
from tests.fake_device import FakeDevice, serving
from tests.unit.controlled import Controller, controlling
from tests.unit.pushed import ENVIRONMENT, Network, holding, network_in

_Kind = TypeVar("_Kind")
ALL = os.environ.get("PCG_MOMENTS") == "all"
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
BROKEN = {
    "EPIPE": "Broken pipe",
    "ENOSPC": "No space left on device",
    "EIO": "Input/output error",
    "EBADF": "Bad file descriptor",
}
RECORDS = 26  # of a push that nothing happens to
WRITES = 7  # to standard output, of the same


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Network:
    return network_in(tmp_path_factory.mktemp("stopped"))


@pytest.fixture(scope="module")
def controller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Controller]:
    with controlling(tmp_path_factory.mktemp("controller") / "output") as started:
        yield started


class Trial:
    """Some runs of `pcg push` to the same new devices."""

    def __init__(self, network: Network, controller: Controller) -> None:
        self.network = network
        self.controller = controller
        self.devices = network.devices()

    def run(self, *arguments: str, **wrong: object) -> tuple[int, str]:
        """The exit status, and what was printed."""
        self.controller.output.write_text("")
        with serving(list(self.devices.values())):
            status = self.controller.run(self.network.arguments(*arguments), **wrong)
        return status, self.controller.output.read_text()

    def start(self, **wrong: object) -> tuple[int, str]:
        change = str(self.network.change)
        return self.run(change, "--phase", "build", "--unapproved", "a trial", **wrong)

    @property
    def journal(self) -> Sequence[Record]:
        return read_journal(sorted(self.network.root.glob("build/*/pushes/*/journal.jsonl"))[-1])

    @property
    def held(self) -> dict[str, str]:
        change = load(self.network.change)
        return {name: holding(change, name, device) for name, device in self.devices.items()}

    def all_hold(self, what: Holds) -> None:
        """Every device does, and the journal's last record says so."""
        assert set(self.held.values()) == {what}, self.journal[-1]
        assert self.journal[-1].act == "end"
        assert dict(self.journal[-1].holds) == self.held

    def notes(self) -> list[str]:
        """What the journal tells of broken outputs."""
        return [record.note for record in self.journal if record.act == "unheard"]


def taking_turns(kinds: Sequence[_Kind], moment: int) -> Sequence[_Kind]:
    return kinds if ALL else [kinds[moment % len(kinds)]]


def test_a_signal_at_any_record_puts_everything_back_or_comes_too_late(
    network: Network, controller: Controller
) -> None:
    ends = set()
    for at in range(1, RECORDS + 1):
        for number in taking_turns(SIGNALS, at):
            again = [[other, at + 1 + more] for more, other in enumerate(SIGNALS)]
            trial = Trial(network, controller)
            status, said = trial.start(signals=[[number, at], *again])
            ends.add(status)
            assert_agreed(trial, status, said, number)
    assert ends == {0, 1}
    assert len(trial.journal) == RECORDS, "the last moment was the last of a whole push"


def assert_agreed(trial: Trial, status: int, said: str, number: signal.Signals) -> None:
    """It was stopped by that signal and everything is as before, or it was done already."""
    if status == 0:
        assert "pushed: every device is changed and confirmed\n" in said
        trial.all_hold(Holds.INTENDED)
        return
    assert status == 1, said
    assert f"error: stopped: by {number.name}\n" in said
    changed = any(record.act == "revert" for record in trial.journal)
    back = "every device is back as it was before" if changed else "nothing was changed"
    assert f"  remedy: {back}\n" in said
    assert trial.journal[-1].failed == {"stopped": f"by {number.name}"}
    trial.all_hold(Holds.BASE)


@pytest.mark.parametrize("ignored", SIGNALS)
def test_a_signal_that_was_ignored_from_the_start_stays_so(
    network: Network, controller: Controller, ignored: signal.Signals
) -> None:
    trial = Trial(network, controller)
    status, said = trial.start(ignored=[ignored], signals=[[ignored, 9]])
    assert_agreed(trial, status, said, ignored)
    assert status == 0


@pytest.mark.parametrize("broken", ["stdout", "both"])
def test_an_output_that_breaks_at_any_line_changes_nothing_and_is_noted(
    network: Network, controller: Controller, broken: str
) -> None:
    for at in range(1, WRITES + 1):
        for kind in taking_turns(list(BROKEN), at):
            trial = Trial(network, controller)
            status, said = trial.start(broken=broken, at_write=at, kind=kind)
            assert (status, said.count("\n")) == (0, at - 1), (kind, said)
            trial.all_hold(Holds.INTENDED)
            # What came of a push is written down before it is said.
            heard = at > WRITES - 2
            expected = f"the output could not be written: {BROKEN[kind]}"
            assert trial.notes() == ([] if heard else [expected])


def test_a_message_that_is_not_heard_leaves_the_exit_code_as_it_is(
    network: Network, controller: Controller
) -> None:
    for at, kind in enumerate(BROKEN):
        for number in taking_turns(SIGNALS, at):
            for broken in ("stderr", "both"):
                trial = Trial(network, controller)
                status, _ = trial.start(
                    signals=[[number, 14]], broken=broken, at_write=1, kind=kind
                )
                assert status == 1
                trial.all_hold(Holds.BASE)


@pytest.mark.parametrize("how", ["--resume", "--unwind"])
@pytest.mark.parametrize("killed_at", [14, 22])
def test_looking_after_a_push_that_was_killed_can_be_stopped_and_unheard_too(
    network: Network, controller: Controller, how: str, killed_at: int
) -> None:
    for at in count(1, 1 if ALL else 3):
        for number in taking_turns(SIGNALS, at):
            trial = Trial(network, controller)
            assert trial.start(signals=[[signal.SIGKILL, killed_at]])[0] == -signal.SIGKILL
            before = len(trial.journal)
            kind = list(BROKEN)[at % len(BROKEN)]
            status, said = trial.run(
                how, signals=[[number, at]], broken="stdout", at_write=1 + at % 2, kind=kind
            )
            resumed = how == "--resume" and status == 0
            trial.all_hold(Holds.INTENDED if resumed else Holds.BASE)
            assert status == 0 or (how, status) == ("--resume", 1), said
            assert len(trial.notes()) == 1
        if at > len(trial.journal) - before:
            break


@pytest.mark.parametrize("number", SIGNALS)
def test_a_push_is_given_up_whatever_happens(
    network: Network, controller: Controller, number: signal.Signals
) -> None:
    trial = Trial(network, controller)
    trial.start(signals=[[signal.SIGKILL, 22]])
    status, said = trial.run(
        "--abandon", "by hand", signals=[[number, 1]], broken="stdout", at_write=1, kind="ENOSPC"
    )
    assert (status, said) == (0, "")
    assert trial.journal[-1].note == "abandoned: by hand"


def test_a_dry_run_that_is_not_heard_ends_as_it_would(
    network: Network, controller: Controller
) -> None:
    for at, kind in enumerate(BROKEN, 1):
        trial = Trial(network, controller)
        change = str(network.change)
        status, _ = trial.run(
            change, "--phase", "build", "--dry-run", broken="both", at_write=at, kind=kind
        )
        assert status == 0
        assert set(trial.held.values()) == {Holds.BASE}


def in_a_terminal(network: Network, devices: dict[str, FakeDevice]) -> tuple[int, str]:
    """Push in a terminal's own session; the terminal goes as the second wave is applied."""
    master, terminal = pty.openpty()
    argv = network.arguments(str(network.change), "--phase", "build", "--unapproved", "a trial")
    take = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY)"
    take += "; os.execv(sys.argv[1], sys.argv[1:])"
    with serving(list(devices.values())):
        process = subprocess.Popen(
            [sys.executable, "-c", take, *PCG, *argv],
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            start_new_session=True,
            cwd=REPOSITORY,
            env={**os.environ, **ENVIRONMENT, "PYTHONPATH": str(REPOSITORY), "TERM": "xterm"},
        )
        os.close(terminal)
        said = b""
        while b"applying on health-net" not in said:
            said += os.read(master, 4096)
        os.close(master)
        return process.wait(timeout=60), said.decode()


def test_a_terminal_that_is_gone_puts_everything_back(
    network: Network, controller: Controller
) -> None:
    trial = Trial(network, controller)
    status, _ = in_a_terminal(network, trial.devices)
    assert status == 1
    trial.all_hold(Holds.BASE)
    assert trial.journal[-1].failed == {"stopped": "by SIGHUP"}
    assert trial.notes() == ["the output could not be written: Input/output error"]


def test_a_reader_that_leaves_changes_nothing(
    network: Network, controller: Controller, tmp_path: Path
) -> None:
    trial = Trial(network, controller)
    argv = network.arguments(str(network.change), "--phase", "build", "--unapproved", "a trial")
    with serving(list(trial.devices.values())):
        process = subprocess.Popen(
            [*PCG, *argv],
            stdout=subprocess.PIPE,
            text=True,
            cwd=REPOSITORY,
            env={**os.environ, **ENVIRONMENT, "PYTHONPATH": str(REPOSITORY)},
        )
        assert process.stdout
        assert process.stdout.readline().startswith("looking at ")
        process.stdout.close()
        assert process.wait(timeout=60) == 0
    trial.all_hold(Holds.INTENDED)
    assert trial.notes() == ["the output could not be written: Broken pipe"]


def test_a_reader_that_stops_holds_nothing_up_and_hears_it_all_in_the_end(
    network: Network, controller: Controller
) -> None:
    trial = Trial(network, controller)
    argv = network.arguments(str(network.change), "--phase", "build", "--unapproved", "a trial")
    reader, writer = os.pipe()
    size = fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    os.write(writer, b"x" * size)
    with serving(list(trial.devices.values())):
        process = subprocess.Popen(
            [*PCG, *argv],
            stdout=writer,
            cwd=REPOSITORY,
            env={**os.environ, **ENVIRONMENT, "PYTHONPATH": str(REPOSITORY)},
        )
        os.close(writer)
        deadline = time.monotonic() + 60
        while set(trial.held.values()) != {Holds.INTENDED}:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        with os.fdopen(reader, encoding="utf-8") as pipe:
            said = pipe.read()
        assert process.wait(timeout=60) == 0
    assert said.startswith("x" * size + "looking at ")
    assert "pushed: every device is changed and confirmed\njournal: " in said
    trial.all_hold(Holds.INTENDED)
    assert trial.notes() == []
