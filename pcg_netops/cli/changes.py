"""`pcg diff` of planned changes: as a comparison, as commands, or as a change set in a file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from pcg_netops.cli.output import print_diff
from pcg_netops.cli.speech import say
from pcg_netops.confined import require_all_inside
from pcg_netops.cutover.plan import waves
from pcg_netops.design.devices import design
from pcg_netops.design.steering import Stage, find_stage, stages
from pcg_netops.diff import (
    ChangeSet,
    DeviceChange,
    compared,
    plan_running,
    plan_stages,
    save,
)
from pcg_netops.diff.captures import whole
from pcg_netops.errors import InputError
from pcg_netops.inventory.workspace import Workspace, load_workspace
from pcg_netops.inventory.yamlfile import did_you_mean
from pcg_netops.push import tasks
from pcg_netops.push.digests import key_file, users_key, with_digests
from pcg_netops.push.driver import Change
from pcg_netops.push.fleet import Fleet
from pcg_netops.push.practice import AT_ONCE, practice, stand_ins
from pcg_netops.push.secrets import Secrets
from pcg_netops.push.trust import values_of
from pcg_netops.render import Artifacts, StageRenderer, render_stage

RUNNING = "running"
_LARGEST = 20_000_000  # bytes of one device's file


@dataclass(frozen=True)
class Choice:
    """What to compare with what."""

    before: str | None
    after: str
    running: Path | None
    host: str | None
    secrets: bool = False  # whether their digests are wanted
    lab: bool = False  # whether of the lab's stand-ins


def show_changes(
    root: Path, cutover_name: str | None, choice: Choice, commands: bool, output: Path | None
) -> None:
    """Print the comparison, or with `commands` what is sent; with `output` write the change set."""
    workspace = load_workspace(root)
    if choice.lab:
        workspace = stand_ins(workspace)
    name, cutover = workspace.cutover(cutover_name)
    planned = stages(cutover, workspace.services)
    if choice.lab and choice.before is None and choice.running is None:
        stage = find_stage(planned, choice.after)
        _show_lab(workspace, stage, choice.host, plan=commands or output is not None)
        return
    if choice.before is None and choice.running is None:
        raise InputError("nothing to compare with", remedy="give --from PHASE or --running FOLDER")
    after = find_stage(planned, choice.after)
    before = find_stage(planned, choice.before) if choice.before else after
    renderer = StageRenderer(workspace)
    old, new = (_of_host(renderer.render(stage), choice.host) for stage in (before, after))
    platforms = {name: device.platform for name, device in design(workspace, after).items()}
    if choice.running is None:
        changes = plan_stages(old, new, platforms)
    else:
        running = _captured(choice.running, {name: platforms[name] for name in new})
        changes = plan_running(running, old, new, platforms)
    if choice.secrets:
        values = Secrets(values_of(workspace))
        key = users_key(key_file())
        changes = tuple(with_digests(change, values, key) for change in changes)
    if output is not None:
        order = waves(workspace.network, before, after, [c.device for c in changes])
        change_set = ChangeSet(
            network=workspace.network.name,
            cutover=name,
            before=before.name if choice.running is None else RUNNING,
            after=after.name,
            waves=tuple(wave for wave in order if wave),
            devices=changes,
        )
        save(change_set, output)
        say(f"wrote {output}: {len(changes)} devices, digest {change_set.digest}")
    elif commands:
        for line in _sent(changes):
            say(line)
    else:
        for change in changes:
            print_diff(compared(change))


def _show_lab(workspace: Workspace, stage: Stage, host: str | None, *, plan: bool) -> None:
    """What each node of the lab that is up would still have to change, in its programs' words."""
    if plan:
        raise InputError(
            "only what differs can be told of what a lab runs",
            remedy="give --from PHASE for the commands or a change set",
        )
    practised = practice(workspace)
    wanted = _of_host(render_stage(practised.workspace, stage), host)
    fleet = Fleet(practised.workspace, practised.extras, practised.secrets, AT_ONCE)
    with closing(fleet):
        changes = {name: Change(files=files) for name, files in wanted.items()}
        fleet.require_secrets(changes)
        answers = fleet.everywhere(
            list(changes), "diff", lambda task: tasks.differing(task, changes[task.host.name])
        )
    answers.raise_any("diff", "look at the lab: pcg lab status")
    for name, found in answers.results.items():
        if found:
            say(f"# {name}, to become {stage.name}", bold=True)
            print_diff(found)


def _of_host(artifacts: Artifacts, host: str | None) -> Artifacts:
    if host is None:
        return artifacts
    if host not in artifacts:
        raise InputError(f"no device '{host}'", remedy=did_you_mean(host, artifacts))
    return {host: artifacts[host]}


def _captured(folder: Path, platforms: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """What was read from each device, as far as it is surely whole."""
    require_all_inside(folder, platforms)
    return {
        device: {
            name: whole(platform, text, f"{folder / device / name}")
            for name, text in _read(folder / device).items()
        }
        for device, platform in platforms.items()
    }


def _read(folder: Path) -> dict[str, str]:
    """Every file that was read from a device."""
    try:
        paths = sorted(path for path in folder.iterdir() if path.is_file())
        for path in paths:
            if path.stat().st_size > _LARGEST:
                raise InputError("is too large for a configuration", place=str(path))
        return {path.name: path.read_text(encoding="utf-8") for path in paths}
    except OSError as error:
        raise InputError(
            f"cannot be read: {error.strerror}",
            place=error.filename or str(folder),
            remedy="save each device's configuration there, or name one with --host",
        ) from None
    except UnicodeDecodeError:
        raise InputError(
            "holds a file that is not text", place=str(folder), remedy="save it in UTF-8"
        ) from None


def _sent(changes: Iterable[DeviceChange]) -> Iterator[str]:
    """What each device is sent, and what would undo it."""
    for change in changes:
        for name, digest in change.secrets.items():
            yield f"# {change.device} ({change.platform}): secret {name} is {digest}"
        for way, lines in (("remediation", change.remediation), ("back-out", change.back_out)):
            if not change.replaced:
                yield f"# {change.device} ({change.platform}): {way}"
                yield from lines
        for name in change.replaced:
            yield f"# {change.device} ({change.platform}): {name} is replaced whole, both ways"
