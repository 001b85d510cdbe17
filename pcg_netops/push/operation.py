"""A change set's push to a workspace's network: allowed, alone, written down, and resumable."""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pcg_netops.confined import require_all_inside
from pcg_netops.design.devices import design
from pcg_netops.design.steering import find_stage, stages
from pcg_netops.diff import ChangeSet
from pcg_netops.errors import EnvironmentLack, InputError, PcgError, PushError
from pcg_netops.inventory.nornir import Extras
from pcg_netops.inventory.workspace import Workspace
from pcg_netops.push.approval import Approvals
from pcg_netops.push.damaged import LOST, require_beginning, require_named, whole
from pcg_netops.push.driver import Change, Facts, planned
from pcg_netops.push.engine import GUARD_S, Push, Timing, Waves
from pcg_netops.push.fleet import Fleet
from pcg_netops.push.folder import JOURNAL, begun, change_of, lost, reopened, shown
from pcg_netops.push.gate import Health, planned_sessions
from pcg_netops.push.journal import Act, Beginning, Journal, Log, Record, Sound, sound_part
from pcg_netops.push.lock import locked
from pcg_netops.push.secrets import Secrets
from pcg_netops.push.survey import Holds, settled, survey
from pcg_netops.push.watcher import PushFailed, Stopped, Watcher, listed

_LOCK = "push.lock"


@dataclass(frozen=True)
class Selection:
    """Which part of a change set is pushed; everything by default."""

    hosts: tuple[str, ...] = ()
    waves: tuple[int, ...] = ()  # counted from 1

    def of(self, change: ChangeSet) -> tuple[tuple[str, ...], ...]:
        """The waves that are left, the first device before all others.

        Raises InputError for what is not there, or if nothing is left.
        """
        known = {name for wave in change.waves for name in wave}
        if unknown := [name for name in self.hosts if name not in known]:
            raise InputError(
                f"does not change in this change set: {', '.join(unknown)}",
                remedy=f"it changes {', '.join(sorted(known))}",
            )
        if unknown := [str(n) for n in self.waves if not 1 <= n <= len(change.waves)]:
            raise InputError(
                f"no wave {', '.join(unknown)}", remedy=f"there are {len(change.waves)}"
            )
        chosen = [
            tuple(name for name in wave if name in (self.hosts or known))
            for number, wave in enumerate(change.waves, 1)
            if number in (self.waves or range(1, len(change.waves) + 1))
        ]
        left = [wave for wave in chosen if wave]
        if not left:
            raise InputError("there is nothing to push", remedy="look at it: pcg diff --commands")
        canary, others = left[0][:1], left[0][1:]
        return (canary, *([others] if others else []), *left[1:])


class Operation:
    """Pushes change sets to one network, and looks after those that were broken off."""

    def __init__(
        self,
        workspace: Workspace,
        extras: Extras,
        *,
        folder: Path | None = None,
        secrets: Secrets | None = None,
        watch: Watcher | None = None,
        timing: Timing | None = None,
        settle_s: float = Health.patience_s,
        probe: str = "",
    ) -> None:
        """`extras` is `production(workspace)`, or what else connections need.

        Journals go to `folder`, by default `build/<network>/pushes` of the workspace. `settle_s` is
        how long BGP and BFD may take to come up after a wave, and then the program `probe` to end.
        """
        self._workspace = workspace
        own = Path("build", workspace.network.name, "pushes")
        if folder is None:
            require_all_inside(workspace.root, (str(own), str(own.with_name(_LOCK))))
        self._folder = folder or (workspace.root / own).resolve()
        self._fleet = Fleet(workspace, extras, secrets)
        self._watch = watch or Watcher()
        self._timing = timing
        self._settle_s = settle_s
        self._probe = probe

    def check(self, change: ChangeSet, selection: Selection | None = None) -> Mapping[str, Facts]:
        """What each device is, up to the first write. Raises what `Push.preflight` does."""
        waves = (selection or Selection()).of(change)
        return self._push(change, waves, "check", GUARD_S, Log()).preflight()

    def start(
        self,
        change: ChangeSet,
        approvals: Approvals,
        selection: Selection | None = None,
        timer_s: int = GUARD_S,
    ) -> Path:
        """Push a change set, and give its journal.

        Raises PushError if it is not allowed or devices are not fit for it, PushFailed if it was
        made nowhere, InputError if it is not for this network, EnvironmentLack while somebody else
        pushes.
        """
        waves = (selection or Selection()).of(change)
        allowed = approvals.allowing(change.digest)
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%S-%fZ}"
        with self._alone(name):
            if unfinished := self._unfinished():
                folder, found = unfinished
                wrong = f"its journal does not tell how it ended: {found.wrong}"
                raise PushError(
                    wrong
                    if found.wrong
                    else "was broken off, or left devices that are not all in one state",
                    place=str(folder / JOURNAL),
                    remedy="first: pcg push --resume, or pcg push --unwind;"
                    " both ask the devices what they hold",
                )
            folder = self._folder / name
            push = self._push(change, waves, name, timer_s, Log())
            with begun(folder, change) as journal:
                push.log = journal
                with _ended(push, journal):
                    journal.begin(_beginning(change, waves, allowed, timer_s))
                    shown(folder)
                    push.preflight()
                    push.run()
        return folder / JOURNAL

    def resume(self) -> Path:
        """Go on with the push that was broken off, from what each device holds now.

        Raises PushFailed as `start` does, or if a device holds something else or does not answer:
        then nothing is changed.
        """
        with self._again(Act.RESUME) as (push, journal):
            strange = [n for n, h in push.holds.items() if h in (Holds.OTHER, Holds.UNKNOWN)]
            if strange:
                raise PushFailed(
                    "\n".join(f"{name}: {push.holds[name].words}" for name in strange),
                    place="resume",
                    remedy="mend these by hand, or put all others back: pcg push --unwind",
                    holds=push.holds,
                )
            push.put_back_halves()
            try:
                push.preflight()
            except Stopped as stopped:
                raise push.undo(stopped) from None
            except PushError as error:
                raise PushFailed(
                    error.message, place=error.place, remedy=error.remedy, holds=push.holds
                ) from None
            push.run()
        return journal

    def unwind(self, selection: Selection | None = None) -> Path:
        """Put back every device of that push. Raises PushFailed if that fails.

        `selection` says which those are, where its journal was damaged and does not tell any more.
        """
        with self._again(Act.UNWIND, selection) as (push, journal):
            failed = push.undo(PushError("unwound", place="unwind"))
            if set(push.holds.values()) != {Holds.BASE}:
                raise failed
        return journal

    def abandon(self, reason: str) -> Path:
        """Write down that people have looked after the devices of a push that was broken off."""
        if not reason.strip():
            raise InputError("giving up a push needs a reason", remedy="say what was done")
        with self._alone("abandon"):
            folder, found = self._to_go_on_with()
            path = folder / JOURNAL
            with closing(reopened(path, found, found.beginning)) as journal:
                journal.after(Act.END, note=f"abandoned: {reason.strip()}")
        return path

    def close(self) -> None:
        """Log out everywhere."""
        self._fleet.close()

    @contextmanager
    def _again(self, act: Act, selection: Selection | None = None) -> Iterator[tuple[Push, Path]]:
        """The push that was broken off, with what its devices hold now."""
        with self._alone(act):
            folder, found = self._to_go_on_with()
            path = folder / JOURNAL
            beginning, change = found.beginning, change_of(folder)
            if act is Act.RESUME:
                require_beginning(beginning, path)
            unknown = beginning is None or beginning.allowed == LOST
            if selection and not unknown:
                raise InputError(
                    "the journal tells which devices were changed: no others are put back",
                    place=str(path),
                    remedy="leave out --limit",
                )
            if beginning is None or (unknown and selection):
                waves = selection.of(change) if selection else whole(change)
                beginning = _beginning(change, waves, LOST, GUARD_S)
            if change.digest != beginning.digest:
                raise lost(folder, "is not the change set that was pushed")
            with closing(reopened(path, found, beginning)) as journal:
                push = self._push(change, beginning.waves, folder.name, beginning.timer_s, journal)
                journal.before(act, note=f"{getpass.getuser()} on {socket.gethostname()}")
                self._watch.say(f"asking what {listed(list(push.changes))} hold")
                push.holds.update(survey(self._fleet, push.changes))
                journal.after(Act.SURVEY, push.holds, holds=push.holds)
                for name, holds in push.holds.items():
                    self._watch.device(name, holds.words)
                with _ended(push, journal):
                    if unknown and not selection:
                        require_named(push.holds, push.waves)
                    yield push, path

    @contextmanager
    def _alone(self, name: str) -> Iterator[None]:
        with locked(self._folder.parent / _LOCK, name) as killed:
            if killed:
                self._watch.say(f"the last push was killed: {killed}")
            yield

    def _push(self, change: ChangeSet, waves: Waves, label: str, timer_s: int, log: Log) -> Push:
        workspace = self._workspace
        if change.network != workspace.network.name:
            raise InputError(
                f"is for network '{change.network}', and this is '{workspace.network.name}'",
                place="change set",
                remedy="name another workspace with --workspace",
            )
        changes: dict[str, Change] = {}
        for name in (name for wave in waves for name in wave):
            device = change.device(name)
            known = workspace.hosts.get(name)
            if known is None or known.platform != device.platform:
                raise InputError(
                    f"'{name}' is no device with {device.platform} in this workspace",
                    place="change set",
                    remedy="plan again: the inventory has changed",
                )
            changes[name] = planned(device, label)
        self._fleet.require_secrets(changes)
        _, cutover = workspace.cutover(change.cutover)
        stage = find_stage(stages(cutover, workspace.services), change.after)
        whole = len(changes) == len(change.devices)
        health = Health(
            planned_sessions(design(workspace, stage)), self._settle_s, whole, self._probe
        )
        timing = self._timing or Timing(timer_s, revert_s=timer_s + 60)
        return Push(self._fleet, changes, waves, self._watch, log, timing, health)

    def _unfinished(self) -> tuple[Path, Sound] | None:
        """The folder of the latest push and its journal, unless all devices are in one state."""
        latest = max(self._folder.glob("[0-9]*Z"), default=None)
        if latest is None:
            return None
        found = sound_part(latest / JOURNAL)
        return None if not found.wrong and _is_over(found.records[-1]) else (latest, found)

    def _to_go_on_with(self) -> tuple[Path, Sound]:
        unfinished = self._unfinished()
        if unfinished is None:
            raise InputError(
                "no push was broken off", place=str(self._folder), remedy="start one: pcg push FILE"
            )
        return unfinished


def _is_over(record: Record) -> bool:
    return record.act is Act.END and (bool(record.note) or settled(record.holds))


@contextmanager
def _ended(push: Push, journal: Journal) -> Iterator[None]:
    """Write down how it ended, unless it is killed."""
    try:
        yield
    except (PcgError, KeyboardInterrupt) as error:
        ours = error if isinstance(error, PcgError) else PushError("stopped by hand")
        with suppress(EnvironmentLack):  # a journal that cannot be written is not the worst of it
            _note_what_was_unheard(push, journal)
            journal.after(Act.END, push.holds, {ours.place: ours}, push.holds)
        raise
    _note_what_was_unheard(push, journal)
    journal.after(Act.END, push.holds, holds=push.holds)


def _note_what_was_unheard(push: Push, journal: Journal) -> None:
    if reason := push.watch.lost():
        journal.after(Act.UNHEARD, note=reason)


def _beginning(change: ChangeSet, waves: Waves, allowed: str, timer_s: int) -> Beginning:
    return Beginning(
        network=change.network,
        cutover=change.cutover,
        before=change.before,
        after=change.after,
        digest=change.digest,
        waves=tuple(map(tuple, waves)),
        allowed=allowed,
        user=getpass.getuser(),
        host=socket.gethostname(),
        process=os.getpid(),
        timer_s=timer_s,
    )
