"""From what a device holds, and what it is to hold, to a change of it both ways."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

from pcg_netops.diff import linux
from pcg_netops.diff.changeset import DeviceChange
from pcg_netops.diff.iosxe import change as iosxe_change
from pcg_netops.diff.iosxe import scope as iosxe_scope
from pcg_netops.diff.junos import change as junos_change
from pcg_netops.diff.junos import scope as junos_scope
from pcg_netops.diff.ways import BothWays
from pcg_netops.errors import InputError, InputErrors
from pcg_netops.platforms import PLATFORMS
from pcg_netops.render import Artifacts


@dataclass(frozen=True)
class Language:
    """How a platform's configuration is compared.

    `managed` takes what a device holds and the renderings that say what of it is ours, first the
    one that it is meant to hold, which counts for what devices never print. `readable` are the
    files of which one is enough, best first; none where each file counts for itself.
    """

    standard: Callable[[str], str]
    managed: Callable[[str, Sequence[str]], str]
    secrets_in: Callable[[Iterable[str]], Iterator[str]]
    readable: tuple[str, ...] = ()
    both_ways: Callable[[str, str], BothWays] | None = None  # None: files are replaced whole


LANGUAGES = {
    "linux": Language(linux.standard, linux.managed, linux.secrets_in),
    "iosxe": Language(
        iosxe_change.standard,
        iosxe_scope.managed,
        iosxe_scope.secrets_in,
        ("iosxe.conf",),
        iosxe_change.both_ways,
    ),
    "junos": Language(
        junos_change.standard,
        junos_scope.managed,
        junos_scope.secrets_in,
        ("junos.set", "junos.conf"),
        junos_change.both_ways,
    ),
}

Files = Mapping[str, str]  # name -> text
_MANY = 64  # devices, from which on more processes are worth their start


def rendered(platform: str, files: Files) -> dict[str, str]:
    """What renderings say: all files that a push carries, or the one that says everything."""
    language = LANGUAGES[platform]
    if not language.readable:
        return _sent(platform, files)
    return {language.readable[0]: _one_of(language, files)}


def held(platform: str, running: Files, renderings: Iterable[Files]) -> dict[str, str]:
    """What a device holds of what its renderings manage, in the same form."""
    language = LANGUAGES[platform]
    known = list(renderings)
    if not language.readable:
        known = [_sent(platform, files) for files in known]
        names = dict.fromkeys(name for files in known for name in files)
        return {
            name: language.managed(running.get(name, ""), [f[name] for f in known if name in f])
            for name in names
        }
    texts = [_one_of(language, files) for files in known]
    return {language.readable[0]: language.managed(_one_of(language, running), texts)}


def _sent(platform: str, files: Files) -> dict[str, str]:
    """Those files that a push carries: the others are no part of a change set."""
    return {name: text for name, text in files.items() if name in PLATFORMS[platform].delivered}


def _one_of(language: Language, files: Files) -> str:
    return next((files[name] for name in language.readable if name in files), "")


def plan(
    device: str, platform: str, base: Files, intended: Files, secrets: Files | None = None
) -> DeviceChange | None:
    """The change from one state to another, each from `rendered` or `held`; None if they are equal.

    The commands of both directions are walked through before they are returned. Raises InputErrors
    naming each command after which the device would not be safe.
    """
    language = LANGUAGES[platform]
    if language.both_ways:
        (name,) = intended
        ways = language.both_ways(base.get(name, ""), intended[name])
        base, intended = {name: ways.base}, {name: ways.intended}
    else:
        ways = BothWays("", "")
    if _standard(language, base) == _standard(language, intended):
        return None
    if ways.wrong:
        raise InputErrors([_unsafe(device, what) for what in ways.wrong])
    return DeviceChange(
        device=device,
        platform=platform,
        base=dict(base),
        intended=dict(intended),
        remediation=ways.remediation,
        back_out=ways.back_out,
        secrets=dict(secrets or {}),
    )


def _standard(language: Language, files: Files) -> dict[str, str]:
    """What the files say; on a platform of commands they are in the standard form already."""
    if language.both_ways:
        return dict(files)
    return {name: language.standard(text) for name, text in files.items()}


def _in_clear(device: str, what: str) -> InputError:
    return InputError(
        f"a secret in clear would be written down: '{what} …'",
        place=device,
        remedy="name it in the inventory, or change this line on the device by hand",
    )


def _unsafe(device: str, what: str) -> InputError:
    return InputError(
        f"cannot be changed safely: {what}",
        place=device,
        remedy="make the change in two steps, or that part of it by hand (docs/changesets.md)",
    )


def plan_stages(
    before: Artifacts, after: Artifacts, platforms: Mapping[str, str]
) -> tuple[DeviceChange, ...]:
    """What changes on every device between two stages. Raises InputErrors as `plan` does."""
    return _all([_Job(d, platforms[d], _texts(before, d), _texts(after, d), None) for d in after])


def plan_running(
    running: Mapping[str, Files], before: Artifacts, after: Artifacts, platforms: Mapping[str, str]
) -> tuple[DeviceChange, ...]:
    """What changes on the devices that were read.

    `before` is what they are meant to hold: it tells what was put there for the inventory. Raises
    InputErrors as `plan` does, and for a secret that a device holds and the inventory does not
    name: to undo the change, it would have to be written down.
    """
    return _all(
        [
            _Job(device, platforms[device], _texts(before, device), _texts(after, device), held_now)
            for device, held_now in running.items()
        ]
    )


@dataclass(frozen=True)
class _Job:
    """A device to plan for, with its renderings, and what it holds if that was read."""

    device: str
    platform: str
    before: Files
    after: Files
    running: Files | None


def _planned(job: _Job) -> DeviceChange | list[InputError] | None:
    try:
        intended = rendered(job.platform, job.after)
        if job.running is None:
            base = rendered(job.platform, job.before)
        else:
            base = held(job.platform, job.running, (job.before, job.after))
            _refuse_secrets(job, base)
        return plan(job.device, job.platform, base, intended)
    except InputErrors as found:
        return list(found.errors)


def _refuse_secrets(job: _Job, base: Files) -> None:
    language = LANGUAGES[job.platform]
    known = {
        line
        for files in (job.before, job.after)
        for text in rendered(job.platform, files).values()
        for line in language.standard(text).splitlines()
    }
    lines = [line for text in base.values() for line in text.splitlines() if line not in known]
    found = sorted(set(language.secrets_in(lines)))
    if found:
        raise InputErrors([_in_clear(job.device, what) for what in found])


def _all(jobs: Sequence[_Job]) -> tuple[DeviceChange, ...]:
    """Devices know nothing of each other: many are planned on all processors."""
    if len(jobs) < _MANY:
        results = [_planned(job) for job in jobs]
    else:
        with ProcessPoolExecutor(mp_context=get_context("forkserver")) as pool:
            results = list(pool.map(_planned, jobs, chunksize=8))
    errors = [error for result in results if isinstance(result, list) for error in result]
    if errors:
        raise InputErrors(errors)
    return tuple(result for result in results if isinstance(result, DeviceChange))


def _texts(artifacts: Artifacts, device: str) -> dict[str, str]:
    return {name: artifact.text for name, artifact in artifacts.get(device, {}).items()}


def stale(change: DeviceChange, running: Files) -> str:
    """How a device differs from what the change was planned on; "" if it does not."""
    return _difference(change, running, change.base, "planned on")


def residue(change: DeviceChange, running: Files) -> str:
    """How a device differs from what the change is to make of it; "" if it does not."""
    return _difference(change, running, change.intended, "intended")


def _difference(change: DeviceChange, running: Files, wanted: Files, label: str) -> str:
    now = held(change.platform, running, (wanted, change.intended, change.base))
    language = LANGUAGES[change.platform]
    wanted = _standard(language, wanted)
    lines: list[str] = []
    for name in wanted:
        if now.get(name) == wanted[name]:
            continue
        texts = [wanted[name], language.standard(now.get(name, ""))]
        lines += difflib.unified_diff(
            texts[0].splitlines(),
            texts[1].splitlines(),
            f"{change.device}/{name} {label}",
            f"{change.device}/{name} running",
            n=0,
            lineterm="",
        )
    return "\n".join(_without_secret(language, line) for line in lines)


def without_secrets(platform: str, text: str) -> str:
    """What a device holds, as people may see it."""
    language = LANGUAGES[platform]
    return "".join(f"{_without_secret(language, f' {line}')[1:]}\n" for line in text.splitlines())


def _without_secret(language: Language, row: str) -> str:
    """A line of a comparison as people may see it."""
    before = next(language.secrets_in([row[1:]]), None)
    return row if before is None else f"{row[0]}{before} (not shown)"
