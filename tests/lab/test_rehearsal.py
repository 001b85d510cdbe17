"""`pcg rehearse` as a user runs it: what it proves, what it finds, and what it leaves behind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from pcg_netops.cutover import run
from pcg_netops.cutover.evidence import Evidence, StepEvidence, StepKind, Verdict
from pcg_netops.errors import ExitCode
from pcg_netops.inventory.workspace import load_workspace
from tests.conftest import PCG, REPOSITORY, Pcg, copy_small

pytestmark = pytest.mark.lab

_NOBODY = (sys.executable, "-m", "tests.lab.nobody")
_LIMIT_S = 240
OTHERS = {"hq-border": "iosxe", "cloud-north": "junos"}


class Session:
    """A `pcg rehearse` that runs in a process group of its own, as in a terminal."""

    def __init__(self, workspace: Path, build: Path, *, become: tuple[str, ...] = ()) -> None:
        self.build = build
        self._process = subprocess.Popen(
            [*become, *PCG, "rehearse", "--workspace", str(workspace), "--build", str(build)],
            cwd=REPOSITORY,
            env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._lab = ""

    @property
    def first_step(self) -> str:
        """The line of the first step; the lab runs by then."""
        assert self._process.stdout
        assert self._process.stderr
        line = self._process.stdout.readline()
        assert line, self._process.stderr.read()
        ours = Path("/proc/self/ns/pid").readlink()
        spaces = [Path(f"/proc/{child}/ns/pid_for_children") for child in _children(self.number)]
        (self._lab,) = (str(found) for space in spaces if (found := space.readlink()) != ours)
        return line

    @property
    def number(self) -> int:
        """Of the process."""
        return self._process.pid

    @property
    def inhabitants(self) -> list[str]:
        """Processes of the lab: those in its PID namespace, and who waits for the first of them.

        One that has ended and waits for its parent to take note, which is the machine's first
        process once the controller is dead, holds nothing any more.
        """
        found = []
        for process in Path("/proc").iterdir():
            try:
                kinds = ("pid", "pid_for_children") if process.name.isdigit() else ()
                if any(str((process / "ns" / kind).readlink()) == self._lab for kind in kinds):
                    state = (process / "stat").read_text()
                    if state.rpartition(")")[2].split()[0] != "Z":
                        found.append(state)
            except OSError:
                continue  # has ended
        return found

    def left_after(self, seconds: float) -> list[str]:
        """What is still there of the lab, at most that long from now."""
        deadline = time.monotonic() + seconds
        while (left := self.inhabitants) and time.monotonic() < deadline:
            time.sleep(0.02)
        return left

    def interrupt(self) -> None:
        """Ctrl-C: the terminal sends it to the whole foreground group."""
        os.killpg(self._process.pid, signal.SIGINT)

    def cancel(self) -> None:
        """SIGTERM, and SIGHUP right behind it."""
        self._process.send_signal(signal.SIGTERM)
        self._process.send_signal(signal.SIGHUP)

    def hang_up(self) -> None:
        """The terminal is gone: nobody reads any more, and SIGHUP tells so."""
        for stream in (self._process.stdout, self._process.stderr):
            assert stream
            stream.close()
        os.killpg(self._process.pid, signal.SIGHUP)

    def wait(self) -> int:
        """Wait for the end; the exit code."""
        return self._process.wait(timeout=_LIMIT_S)

    def kill_lab(self) -> None:
        """`kill -9` of the process that the lab ends with."""
        for child in _children(self.number):
            space = Path(f"/proc/{child}/ns/pid_for_children")
            if str(space.readlink()) == self._lab:
                os.kill(int(child), signal.SIGKILL)

    def kill(self) -> None:
        """`kill -9` of the main process alone."""
        self._process.kill()

    def end(self) -> tuple[int, str, str]:
        """Wait for the end; the exit code and what was printed since the first step."""
        out, err = self._process.communicate(timeout=_LIMIT_S)
        return self._process.returncode, out, err

    def close(self) -> None:
        """End it in any case."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdout, self._process.stderr):
            if stream:
                stream.close()


def _children(pid: int) -> list[str]:
    return [
        child
        for task in Path(f"/proc/{pid}/task").iterdir()
        for child in (task / "children").read_text().split()
    ]


def _machine() -> tuple[list[str], str]:
    """What a lab must not change: interfaces and mounts."""
    interfaces = sorted(path.name for path in Path("/sys/class/net").iterdir())
    return interfaces, Path("/proc/self/mountinfo").read_text()


@dataclass(frozen=True)
class Finished:
    """A rehearsal that has ended."""

    code: int
    out: str
    err: str
    left: list[str]
    run_dir: Path
    evidence: Evidence

    def steps(self, *kinds: StepKind) -> list[StepEvidence]:
        found = [step for step in self.evidence.steps if step.kind in kinds]
        assert found
        return found


def _finished(session: Session, first: str) -> Finished:
    code, out, err = session.end()
    left = session.left_after(2)
    (run_dir,) = session.build.glob("*/*")
    evidence = Evidence.model_validate_json((run_dir / "evidence.json").read_text())
    return Finished(code, first + out, err, left, run_dir, evidence)


PLANNED = (
    StepKind.BASELINE,
    StepKind.MOVE,
    StepKind.RECOVERY,
    StepKind.ROLL_BACK,
    StepKind.REDO,
)


def _proves(finished: Finished, steps: int) -> None:
    """What holds for every rehearsal that passes."""
    assert finished.code == 0, finished.out + finished.err
    assert finished.err == ""
    assert finished.evidence.verdict is Verdict.PASS
    assert "verdict: PASS after " in finished.out
    assert len(finished.evidence.steps) == steps
    for step in finished.steps(*PLANNED):
        lost = {(flow.flow, flow.lost) for s in step.services for flow in s.flows if flow.lost}
        assert lost == set(), step.name
        assert all(flow.sent > 0 for s in step.services for flow in s.flows), step.name
        assert step.forbidden
        assert all(item.blocked for item in step.forbidden), step.name
    for step in finished.evidence.steps:
        for service in step.services:
            for flow in service.flows:
                assert flow.seen == (flow.intended,), (step.name, flow.flow)
    for step in finished.steps(StepKind.FAILURE):
        assert sum(service.lost for service in step.services) > 0, "the power cut had no effect"
        for service in step.services:
            assert service.outage_ms <= service.limit_ms, service.service
    report = (finished.run_dir / "index.html").read_text()
    assert "<svg" in report
    assert finished.evidence.organisation.split("(")[0].strip() in report
    assert (finished.run_dir / "topology.clab.yml").is_file()


def _give_bfd_time(workspace: Path) -> None:
    """Two labs on two cores can starve a BFD daemon for 300 ms, which then takes down good links.

    A power cut is noticed by the carrier, so nothing else changes.
    """
    path = workspace / "inventory/network.yaml"
    slower = path.read_text().replace("interval_ms: 100", "interval_ms: 300")
    assert slower != path.read_text()
    path.write_text(slower)


def _let_others_make(workspace: Path) -> None:
    """Two devices of other makers, for which Linux stands in."""
    path = workspace / "inventory/hosts.yaml"
    text = path.read_text()
    for device, platform in OTHERS.items():
        old, text = text, text.replace(f"{device}: {{", f"{device}: {{platform: {platform}, ")
        assert text != old
    path.write_text(text)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Finished, Finished]]:
    """Two rehearsals of the same network at the same time: by whoever tests, and by nobody.

    In nobody's network, two of the devices are of other makers.
    """
    ours = tmp_path_factory.mktemp("rehearsal")
    theirs = Path(tempfile.mkdtemp(prefix="pcg-nobody-"))
    copy_small(ours / "workspace")
    copy_small(theirs / "workspace")
    for workspace in (ours / "workspace", theirs / "workspace"):
        _give_bfd_time(workspace)
    _let_others_make(theirs / "workspace")
    theirs.chmod(0o777)
    (theirs / "build").mkdir(0o777)
    (theirs / "build").chmod(0o777)
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, theirs)
        first = Session(ours / "workspace", ours / "build")
        stack.callback(first.close)
        second = Session(theirs / "workspace", theirs / "build", become=_NOBODY)
        stack.callback(second.close)
        begun = (first.first_step, second.first_step)
        yield _finished(first, begun[0]), _finished(second, begun[1])


def test_two_rehearsals_at_once_both_pass_one_as_an_ordinary_user(
    pair: tuple[Finished, Finished],
) -> None:
    for finished in pair:
        _proves(finished, 8)
    begun = [finished.evidence.started for finished in pair]
    assert abs((begun[0] - begun[1]).total_seconds()) < 15
    if os.getuid() == 0:
        owners = [(finished.run_dir / "evidence.json").stat().st_uid for finished in pair]
        assert owners == [0, 65534]


def test_every_service_is_on_the_new_exchange_after_its_move(
    pair: tuple[Finished, Finished],
) -> None:
    steps = {step.name: step for step in pair[0].evidence.steps}
    for name, exchange in (("build", "legacy"), ("move", "cloud"), ("leave", "cloud")):
        assert {service.carrier for service in steps[name].services} == {exchange}
    seen = {flow.flow: flow.seen for service in steps["move"].services for flow in service.flows}
    assert seen == {
        "dispatch/out/hq/tcp-8443": ("cloud-south",),
        "dispatch/in/ward/tcp-8443": ("cloud-south",),
        "telemetry/out/hq/udp-9000": ("cloud-south",),
    }
    back = steps["move failure"]
    assert {flow.seen for service in back.services for flow in service.flows} == {("legacy-fw",)}


def test_what_was_pushed_is_in_the_evidence(pair: tuple[Finished, Finished]) -> None:
    steps = {step.name: step for step in pair[0].evidence.steps}
    (moved,) = steps["move"].diffs
    assert (moved.device, moved.file) == ("hq-border", "frr.conf")
    assert "\n+ set local-preference 300\n" in moved.text
    assert pair[0].evidence.artifacts["move/hq-border/frr.conf"] == moved.sha256
    assert steps["before"].diffs == ()


def test_other_makers_devices_are_rehearsed_with_stand_ins_and_told_apart(
    pair: tuple[Finished, Finished],
) -> None:
    ours, theirs = (finished.evidence for finished in pair)
    ran = {name for name in theirs.artifacts if name.startswith("move/hq-border/")}
    assert ran == {"move/hq-border/frr.conf", "move/hq-border/nftables.conf"}
    assert theirs.artifacts == ours.artifacts
    assert "move/hq-border/iosxe.conf" in theirs.not_run
    assert {d.device: d.platform for d in theirs.devices if d.ran != d.platform} == OTHERS
    assert ours.not_run == {}
    assert all(d.ran == d.platform for d in ours.devices)


def test_nothing_is_left_after_a_normal_end(pair: tuple[Finished, Finished]) -> None:
    assert [finished.left for finished in pair] == [[], []]


@pytest.mark.parametrize("how", ["Ctrl-C", "a cancelled job", "kill -9"])
def test_nothing_is_left_two_seconds_after_it_was_stopped(
    workspace: Path, tmp_path: Path, how: str
) -> None:
    before = _machine()
    session = Session(workspace, tmp_path / "build")
    try:
        assert "PASS" in session.first_step
        assert len(session.inhabitants) > 6 * 3, "the lab runs"
        assert _machine() == before
        if how == "Ctrl-C":
            session.interrupt()
        elif how == "a cancelled job":
            session.cancel()
        else:
            session.kill()
        assert session.left_after(2) == []
        code, _, err = session.end()
    finally:
        session.close()
    assert _machine() == before
    assert (code, err) == ((4, "") if how != "kill -9" else (-9, ""))
    if how != "kill -9":
        (path,) = (tmp_path / "build").glob("*/*/evidence.json")
        evidence = Evidence.model_validate_json(path.read_text())
        assert evidence.verdict is Verdict.INCOMPLETE
        assert "stopped by hand or by a signal" in evidence.problems[0]
        assert evidence.steps
        assert path.with_name("index.html").is_file()


def test_a_lost_terminal_leaves_evidence_of_what_was_measured(
    workspace: Path, tmp_path: Path
) -> None:
    session = Session(workspace, tmp_path / "build")
    try:
        assert "PASS" in session.first_step
        session.hang_up()
        assert session.left_after(2) == []
        assert session.wait() == 4
    finally:
        session.close()
    evidence = _evidence(tmp_path / "build")
    assert evidence.verdict is Verdict.INCOMPLETE
    assert [step.verdict for step in evidence.steps] == [Verdict.PASS] * len(evidence.steps)


def test_a_rehearsal_that_is_stopped_as_it_boots_says_that_nothing_was_measured(
    workspace: Path, tmp_path: Path
) -> None:
    session = Session(workspace, tmp_path / "build")
    try:
        deadline = time.monotonic() + 30
        while not list((tmp_path / "build").glob("*/*/agent.log")):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        session.cancel()
        code, out, err = session.end()
    finally:
        session.close()
    assert (code, err) == (4, "")
    assert "verdict: INCOMPLETE" in out
    evidence = _evidence(tmp_path / "build")
    assert evidence.problems == ("stopped by hand or by a signal after 0 steps",)
    assert evidence.steps == ()


def test_a_lab_that_dies_leaves_evidence_of_what_was_measured(
    workspace: Path, tmp_path: Path
) -> None:
    session = Session(workspace, tmp_path / "build")
    try:
        assert "PASS" in session.first_step
        session.kill_lab()
        code, out, err = session.end()
    finally:
        session.close()
    evidence = _evidence(tmp_path / "build")
    assert (code, err) == (1, "")
    assert evidence.verdict is Verdict.FAIL
    assert "the lab has ended" in "".join(evidence.problems)
    assert "not all that was measured could be read: " in evidence.problems[-1]
    assert "verdict: FAIL" in out


def _evidence(build: Path) -> Evidence:
    """Of the only rehearsal there, which has a report, too."""
    (path,) = build.glob("*/*/evidence.json")
    assert path.with_name("index.html").is_file()
    return Evidence.model_validate_json(path.read_text())


def test_a_forgotten_allow_list_fails_and_names_the_services(
    workspace: Path, pcg: Pcg, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The partner was never told of the new exchange's addresses: what it lets in must show."""
    path = workspace / "inventory/cutovers/to-cloud.yaml"
    text = path.read_text()
    text = text.replace("allow_lists: [legacy, cloud]", "allow_lists: [legacy]")
    # A short rehearsal: nothing after the move, and the faults before it.
    text = text[: text.index("  leave:")] + "rehearsal: {fail_after: build, roll_back: build}\n"
    path.write_text(text)
    monkeypatch.setattr(run, "_SETTLE_LIMIT_S", 6.0)  # what is waited for here never comes
    done = pcg("rehearse")
    assert (done.code, done.err) == (1, "")
    assert "verdict: FAIL after " in done.out
    (run_dir,) = (workspace / "build").glob("*/*")
    evidence = Evidence.model_validate_json((run_dir / "evidence.json").read_text())
    *others, move = evidence.steps
    assert {step.verdict for step in others} == {Verdict.PASS}
    assert (move.name, move.verdict) == ("move", Verdict.FAIL)
    assert set(move.problems) == {
        "dispatch/out/hq/tcp-8443: no answer",
        "telemetry/out/hq/udp-9000: no answer",
    }
    for problem in move.problems:
        assert f"  move: {problem}\n" in done.out
    failed = {flow.flow for s in move.services for flow in s.flows if flow.verdict is Verdict.FAIL}
    assert failed == {"dispatch/out/hq/tcp-8443", "telemetry/out/hq/udp-9000"}
    report = (run_dir / "index.html").read_text()
    assert "dispatch" in report


def test_the_demonstration_passes(tmp_path: Path) -> None:
    """The main job, on the repository's own workspace, within what the project promises.

    Where the machine stood still, a rehearsal says so and proves nothing: it is measured again.
    """
    for attempt in range(3):
        session = Session(REPOSITORY, tmp_path / f"build{attempt}")
        try:
            finished = _finished(session, session.first_step)
        finally:
            session.close()
        if finished.code != ExitCode.INCOMPLETE:
            break
    _proves(finished, 20)
    assert finished.evidence.lab.memory_mb < 600
    assert "unknown" not in finished.evidence.lab.versions.values()
    (failure,) = finished.steps(StepKind.FAILURE)
    voice = next(s for s in failure.services if s.service == "interforce-voice")
    assert voice.limit_ms == 300
    assert 0 < voice.outage_ms <= 300
    at_full_rate = {flow.flow for flow in voice.flows if flow.interval_ms == 1.0}
    assert at_full_rate == {
        f"interforce-voice/{way}/udp-16384" for way in ("out/dc1", "in/force-a")
    }
    services = load_workspace(REPOSITORY).services.services
    assert {s.service: s.limit_ms for s in failure.services} == {
        name: service.max_outage for name, service in services.items()
    }
    last = finished.evidence.steps[-1]
    assert {service.carrier for service in last.services} == {"pcg"}
    kinds = {item.kind for step in finished.evidence.steps for item in step.forbidden}
    assert kinds == {
        "domain to domain",
        "partner to partner",
        "exchange to exchange",
        "beside a tunnel",
        "anywhere to management",
    }
