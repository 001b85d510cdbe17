"""A push over several devices: every one of them is changed, or none."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import cast

from nornir.core.task import Task

from pcg_netops.errors import EnvironmentLack, PcgError, PushError
from pcg_netops.push import tasks
from pcg_netops.push.driver import Change, Facts, Lapsed, Stale, Unreachable, Unsaved
from pcg_netops.push.fleet import Act as Work
from pcg_netops.push.fleet import Answers, Fleet
from pcg_netops.push.gate import Health, Sessions
from pcg_netops.push.journal import Act, Log
from pcg_netops.push.survey import Holds, survey
from pcg_netops.push.watcher import STOPPED, PushFailed, Stopped, Watcher, listed

GUARD_S = 120
_POLL_S = 0.2
Waves = Sequence[Sequence[str]]


@dataclass(frozen=True)
class Timing:
    """How long things may take, in seconds."""

    guard_s: int = GUARD_S  # after which a device puts everything back by itself
    confirm_s: float = 30.0  # for a device that does not answer to come back and confirm
    revert_s: float = GUARD_S + 60.0  # the same as everything is put back


@dataclass
class Push:
    """One push. `run` makes the change; what `back` of the changes says can undo it."""

    fleet: Fleet
    changes: Mapping[str, Change]
    waves: Waves
    watch: Watcher = field(default_factory=Watcher)
    log: Log = field(default_factory=Log)
    timing: Timing = field(default_factory=Timing)
    health: Health = field(default_factory=Health)
    holds: dict[str, Holds] = field(default_factory=dict)
    _before: Sessions = field(default_factory=dict)
    _armed: bool = False
    _armed_at: float = 0.0
    _undoing: bool = False
    _refused: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.waves = [list(wave) for wave in self.waves if wave]
        for name in self._names:
            self.holds.setdefault(name, Holds.BASE)

    @property
    def _names(self) -> list[str]:
        return [name for wave in self.waves for name in wave]

    def _holding(self, *kinds: Holds) -> list[str]:
        return [name for name in self._names if self.holds[name] in kinds]

    def preflight(self) -> Mapping[str, Facts]:
        """Look at every device that is to be changed; nothing is changed.

        Raises PushError naming everything that speaks against the push, Stale if all of that is
        that devices were changed since the plan.
        """
        names = self._holding(Holds.BASE)
        if names:
            self.watch.say(f"looking at {listed(names)}")

        answers = self._everywhere(
            Act.PREFLIGHT, names, lambda task: tasks.preflight(task, self._change(task))
        )
        if answers.failed:
            stale = all(isinstance(error, Stale) for error in answers.failed.values())
            kind, remedy = (Stale, "plan again") if stale else (PushError, "nothing was changed")
            raise kind(answers.said, place="preflight", remedy=remedy)
        return cast(Mapping[str, Facts], answers.results)

    def run(self) -> None:
        """Make the change on every device that does not hold it, and confirm it everywhere.

        Everything is staged and checked before anything is changed. Then every device arms its own
        timer, which puts back what ran before unless it is confirmed in time: also if this process
        dies. Waves are applied in order, with timers that begin anew before they run out, and all
        are confirmed at the end, in the same order.

        Raises PushFailed naming each host that failed and its own words, once everything is as it
        was before; or with what is not.
        """
        new, begun = self._holding(Holds.BASE), self._holding(Holds.UNCONFIRMED)
        try:
            self._stage(new)
            self._before = self._read_sessions([n for n in self._names if n in self.health.planned])
            self._armed_at = time.monotonic()
            self._armed = True
            self._arm(new)
            self._extend(begun)
            for wave in self.waves:
                self._apply([name for name in wave if name in new])
            self._in_time()
            self._confirm()
        except (PcgError, KeyboardInterrupt) as error:
            raise self.undo(error) from None

    def _stage(self, names: list[str]) -> None:
        if names:
            self.watch.say(f"staging on {listed(names)}")
        self._must(Act.STAGE, names, lambda task: tasks.stage(task, self._change(task)))

    def _arm(self, names: list[str]) -> None:
        answers = self._everywhere(
            Act.ARM, names, lambda task: tasks.arm(task, self.timing.guard_s)
        )
        # What is armed there, if anything, is somebody else's.
        self._refused |= {n for n, e in answers.failed.items() if not isinstance(e, Unreachable)}
        answers.raise_any(Act.ARM, "")

    def _apply(self, wave: list[str]) -> None:
        if not wave:
            return
        self._in_time()
        self.watch.say(f"applying on {listed(wave)}")
        for name in wave:
            self.holds[name] = Holds.UNCONFIRMED
        guard_s = self.timing.guard_s
        self._must(Act.APPLY, wave, lambda task: tasks.apply(task, self._change(task), guard_s))
        self._gate()

    def _gate(self) -> None:
        """Wait until the network is well. Raises PushError if it does not become so in time."""
        changed = self._holding(Holds.UNCONFIRMED, Holds.INTENDED)
        touched = [name for name in changed if name in self.health.planned]
        if not touched and not self.health.probe:
            return
        complete = not self._holding(Holds.BASE)
        self._before_act(Act.GATE, changed)
        deadline = time.monotonic() + self.health.patience_s
        while missing := self.health.missing(
            self._before, self._read_sessions(touched), complete=complete
        ):
            said = "\n".join(f"{name}: down: {what}" for name, what in missing.items())
            if time.monotonic() > deadline:
                raise PushError(said, place="gate")
            self._go_on()
            self._in_time()
            time.sleep(_POLL_S)
        self.health.try_services(changed, self._go_on)
        self._after_act(Act.GATE, changed, Answers({}, {}))

    def _read_sessions(self, names: Collection[str]) -> Sessions:
        answers = self.fleet.everywhere(names, "gate", tasks.sessions)
        answers.raise_any("gate", "")
        return cast(Sessions, answers.results)

    def _in_time(self) -> None:
        """Let the timers begin anew once half of their time is gone.

        Raises PushError if so much of it is gone that some may have run out meanwhile.
        """
        gone = time.monotonic() - self._armed_at
        guard_s = self.timing.guard_s
        if gone <= guard_s / 2:
            return
        if gone > guard_s:
            raise PushError(
                f"this took longer than the {guard_s} s after which devices revert", place="timer"
            )
        begun = time.monotonic()
        self._extend(self._holding(Holds.BASE, Holds.UNCONFIRMED))
        self._armed_at = begun

    def _extend(self, names: Collection[str]) -> None:
        guard_s = self.timing.guard_s
        self._must(Act.EXTEND, names, lambda task: tasks.extend(task, self._change(task), guard_s))

    def _confirm(self) -> None:
        """Confirm everywhere, wave by wave: were we to die, what is left is as between two waves.

        An answer that is lost on the way must not part the devices, so those are asked again.
        """
        for wave in self.waves:
            self._in_time()
            self._go_on()
            self._before_act(Act.CONFIRM, wave)
            answers = self.fleet.insist(
                wave,
                "confirm",
                lambda task: tasks.confirm(task, self._change(task)),
                self.timing.confirm_s,
                self._asked_to_stop,
            )
            for name in wave:
                self._set(name, _after_confirm(answers.failed.get(name)))
            self._after_act(Act.CONFIRM, wave, answers)
            if set(answers.failed) - set(self._holding(Holds.UNSAVED)):
                answers.raise_any("confirm", "")
        if unsaved := self._holding(Holds.UNSAVED):
            raise PushFailed(
                f"every device runs the change; it is not saved on {', '.join(unsaved)}",
                place="confirm",
                remedy="make room there, then: pcg push --resume",
                holds=self.holds,
            )

    def put_back_halves(self) -> None:
        """Put back what is changed by half or not yet, of what an earlier run of us has armed."""
        armed = self._holding(Holds.UNCONFIRMED)
        failed = self.fleet.everywhere(
            armed, "verify", lambda task: tasks.verify(task, self._change(task))
        ).failed
        self._revert([name for name in armed if name in failed])

    def undo(self, error: BaseException) -> PushFailed:
        """Put everything back, last wave first; the error with what became of the devices."""
        if isinstance(error, PushFailed):
            return error
        place = error.place if isinstance(error, PcgError) else STOPPED
        said = [error.message if isinstance(error, PcgError) else "stopped by hand"]
        if not self._armed and set(self.holds.values()) == {Holds.BASE}:
            self.fleet.forget(self._names)  # what they only staged goes with the session
            remedy = "nothing was changed"
            return PushFailed("\n".join(said), place=place, remedy=remedy, holds=self.holds)
        self._undoing = True
        confirmed = self._holding(Holds.INTENDED, Holds.UNSAVED)
        for wave in reversed(self.waves):
            said += self._revert([n for n in wave if n not in confirmed and n not in self._refused])
        said += self._back_out(self._holding(Holds.INTENDED, Holds.UNSAVED))
        if set(self.holds.values()) == {Holds.BASE}:
            remedy = "every device is back as it was before"
        else:
            left = [f"{n}: {h.words}" for n, h in self.holds.items() if h is not Holds.BASE]
            said += ["not put back:", *left]
            remedy = "once these devices can be worked on: pcg push --unwind"
            if not all(change.back for change in self.changes.values()):
                remedy = "push either state again"
        return PushFailed("\n".join(said), place=place, remedy=remedy, holds=self.holds)

    def _revert(self, names: list[str]) -> list[str]:
        """Put back what is not confirmed, and check that; what those that failed say."""
        if not names:
            return []
        self.watch.say(f"reverting on {listed(names)}")
        self._before_act(Act.REVERT, names)
        answers = self.fleet.insist(
            names,
            "revert",
            lambda task: tasks.revert(task, self._change(task)),
            self.timing.revert_s,
        )
        found = survey(self.fleet, {name: self.changes[name] for name in answers.failed})
        for name in names:
            self._set(name, found.get(name, Holds.BASE))
        self._after_act(Act.REVERT, names, answers)
        return [answers.said] if answers.failed else []

    def _back_out(self, names: list[str]) -> list[str]:
        """Push what undoes the change to devices that have confirmed it, last wave first."""
        if not names:
            return []
        changes = {name: undoes for name in names if (undoes := self.changes[name].back)}
        if len(changes) < len(names):
            return ["how to undo what is confirmed is not known"]
        self.watch.say(f"backing out on {listed(names)}")
        self._before_act(Act.BACK_OUT, names)
        waves = [[name for name in wave if name in names] for wave in reversed(self.waves)]
        back = Push(self.fleet, changes, waves, self.watch, self.log, self.timing, _undoing=True)
        said = []
        try:
            back.run()
        except PushError as error:
            said = [str(error)]
        opposite = {Holds.BASE: Holds.INTENDED, Holds.INTENDED: Holds.BASE}
        for name in names:
            self._set(name, opposite.get(back.holds[name], back.holds[name]))
        self._after_act(Act.BACK_OUT, names, Answers({}, {}))
        return said

    def _change(self, task: Task) -> Change:
        return self.changes[task.host.name]

    def _set(self, name: str, holds: Holds) -> None:
        self.holds[name] = holds
        self.watch.device(name, holds.words)

    def _must(self, act: Act, names: Collection[str], work: Work) -> None:
        """Act on all of them. Raises PushError with what each one that failed said."""
        self._everywhere(act, names, work).raise_any(act, "")

    def _everywhere(self, act: Act, names: Collection[str], work: Work) -> Answers:
        if not names:
            return Answers({}, {})
        self._go_on()
        self._before_act(act, names)
        for name in names:
            self.watch.device(name, act)
        answers = self.fleet.everywhere(names, act, work)
        for name in answers.failed:
            self.watch.device(name, f"{act} failed")
        self._after_act(act, names, answers)
        return answers

    def _asked_to_stop(self) -> str:
        """By whom. Putting back goes on to its end, whoever asks."""
        return "" if self._undoing else self.watch.stop()

    def _go_on(self) -> None:
        """Raise Stopped if somebody wants this to stop, which it does between acts alone."""
        if asked := self._asked_to_stop():
            raise Stopped(f"by {asked}", place=STOPPED, remedy="nothing was changed")

    def _before_act(self, act: Act, names: Collection[str]) -> None:
        with self._even_unwritten():
            self.log.before(act, names)

    def _after_act(self, act: Act, names: Collection[str], answers: Answers) -> None:
        with self._even_unwritten():
            self.log.after(act, names, answers.failed, {n: self.holds[n].value for n in names})

    @contextmanager
    def _even_unwritten(self) -> Iterator[None]:
        """A journal that cannot be written ends a push; it does not keep one from being undone."""
        try:
            yield
        except EnvironmentLack:
            if not self._undoing:
                raise


def _after_confirm(error: PcgError | None) -> Holds:
    if error is None:
        return Holds.INTENDED
    if isinstance(error, Unsaved):
        return Holds.UNSAVED
    return Holds.BASE if isinstance(error, Lapsed) else Holds.UNCONFIRMED
