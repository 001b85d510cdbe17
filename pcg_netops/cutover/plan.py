"""The steps of a rehearsal, and the order in which a step's devices are changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from pcg_netops.cutover.evidence import StepKind
from pcg_netops.design.steering import Stage
from pcg_netops.errors import InputError
from pcg_netops.model.cutover import Cutover
from pcg_netops.model.device import Role
from pcg_netops.model.network import Network


@dataclass(frozen=True)
class Step:
    """One thing the rehearsal does, and the stage in which it leaves the network."""

    name: str
    kind: StepKind
    stage: Stage
    title: str


def steps(cutover: Cutover, stages: tuple[Stage, ...]) -> Iterator[Step]:
    """The whole rehearsal: every stage in order, with the faults where the cutover wants them.

    After the phase `fail_after` the new exchange loses power and gets it back; then the phase
    `roll_back` and all after it are undone and done again.
    """
    faults_at = max(i for i, s in enumerate(stages) if s.phase == cutover.rehearsal.fail_after)
    undone = min(i for i, s in enumerate(stages) if s.phase == cutover.rehearsal.roll_back)
    for index, stage in enumerate(stages):
        kind = StepKind.MOVE if index else StepKind.BASELINE
        yield Step(stage.name, kind, stage, stage.title)
        if index == faults_at:
            yield Step(
                f"{stage.name} failure",
                StepKind.FAILURE,
                on_backup(cutover, stage),
                f"every gateway of {cutover.to_exchange} loses power",
            )
            yield Step(
                f"{stage.name} recovery",
                StepKind.RECOVERY,
                stage,
                f"{cutover.to_exchange} comes back, and services return to it",
            )
            before = stages[undone - 1]
            yield Step(
                f"{stages[undone].phase} back-out",
                StepKind.ROLL_BACK,
                before,
                f"back to the state after {before.name}",
            )
            for again in stages[undone : index + 1]:
                yield Step(f"{again.name} again", StepKind.REDO, again, again.title)


@dataclass(frozen=True)
class Part:
    """Which of the steps are wanted; without names, all. `only` one says more than `until`."""

    only: str | None = None
    until: str | None = None
    fail_fast: bool = False  # whether a step that is not right ends it


EVERYTHING = Part()


def chosen(all_steps: list[Step], part: Part) -> list[Step]:
    """The steps that a part has, the first of them a baseline.

    Raises InputError for a step that there is not.
    """
    last = _position(all_steps, part.until, "--until") if part.until else len(all_steps) - 1
    if part.only is None:
        return all_steps[: last + 1]
    at = _position(all_steps, part.only, "--only")
    if at == 0:
        return all_steps[:1]
    # What comes back has to have failed.
    first = at - 1 if all_steps[at].kind is StepKind.RECOVERY else at
    before = all_steps[first - 1].stage
    baseline = Step(before.name, StepKind.BASELINE, before, before.title)
    return [baseline, *all_steps[first : at + 1]]


def _position(all_steps: list[Step], name: str, option: str) -> int:
    names = [step.name for step in all_steps]
    if name not in names:
        raise InputError(
            f"no step '{name}'", place=option, remedy=f"choose one of: {', '.join(names)}"
        )
    return names.index(name)


def on_backup(cutover: Cutover, stage: Stage) -> Stage:
    """The same stage with every service carried by the exchange that it comes from."""
    carriers = dict.fromkeys(stage.carriers, cutover.from_exchange)
    name = f"{stage.name} on {cutover.from_exchange}"
    return replace(stage, name=name, carriers=carriers, moved=())


def waves(
    network: Network, before: Stage, after: Stage, changed: Iterable[str]
) -> tuple[tuple[str, ...], ...]:
    """Make before break: the path is complete before an edge uses it, and is left before it goes.

    When an exchange comes up or a partner lets in more, everything else precedes the edges. When
    one is withdrawn, the edges precede everything else.
    """
    changed = tuple(changed)
    edges = tuple(name for name in changed if network.nodes[name].role is Role.EDGE)
    others = tuple(name for name in changed if name not in edges)
    withdraws = set(before.exchanges) - set(after.exchanges) or (
        set(before.allow_lists) - set(after.allow_lists)
    )
    return (edges, others) if withdraws else (others, edges)
