"""From what a device holds, and what it is to hold, to a change of it both ways."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pcg_netops.diff import junos, linux
from pcg_netops.diff.changeset import DeviceChange
from pcg_netops.diff.iosxe import change as iosxe_change
from pcg_netops.diff.iosxe import scope as iosxe_scope
from pcg_netops.diff.ways import BothWays
from pcg_netops.errors import InputError, InputErrors
from pcg_netops.render import Artifacts


@dataclass(frozen=True)
class Language:
    """How a platform's configuration is compared.

    `managed` takes what a device holds and the renderings that say what of it is ours. `readable`
    are the files of which one is enough, best first; none where each file counts for itself.
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
        junos.standard,
        junos.managed,
        junos.secrets_in,
        ("junos.set", "junos.conf"),
        junos.both_ways,
    ),
}

Files = Mapping[str, str]  # name -> text


def rendered(platform: str, files: Files) -> dict[str, str]:
    """What renderings say, in the form in which states of a device are compared."""
    language = LANGUAGES[platform]
    if not language.readable:
        return dict(files)
    return {language.readable[0]: language.standard(_one_of(language, files))}


def held(platform: str, running: Files, renderings: Iterable[Files]) -> dict[str, str]:
    """What a device holds of what its renderings manage, in the same form."""
    language = LANGUAGES[platform]
    known = list(renderings)
    if not language.readable:
        names = dict.fromkeys(name for files in known for name in files)
        return {
            name: language.managed(running.get(name, ""), [f[name] for f in known if name in f])
            for name in names
        }
    texts = [_one_of(language, files) for files in known]
    return {language.readable[0]: language.managed(_one_of(language, running), texts)}


def _one_of(language: Language, files: Files) -> str:
    return next((files[name] for name in language.readable if name in files), "")


def plan(
    device: str, platform: str, base: Files, intended: Files, secrets: Files | None = None
) -> DeviceChange | None:
    """The change from one state to another, each from `rendered` or `held`; None if they are equal.

    The commands of both directions are walked through before they are returned. Raises InputErrors
    naming each command after which the device would not be safe, or a secret that the device holds
    and the inventory does not name, since undoing the change would take writing it down.
    """
    language = LANGUAGES[platform]
    if _states(language, base) == _states(language, intended):
        return None
    ways = BothWays((), (), ())
    if language.both_ways:
        (name,) = intended
        ways = language.both_ways(base.get(name, ""), intended[name])
        written = [*ways.remediation, *ways.back_out]
    else:
        written = [
            line for text in (*base.values(), *intended.values()) for line in text.splitlines()
        ]
    errors = [_in_clear(device, what) for what in sorted(set(language.secrets_in(written)))]
    errors += [_unsafe(device, what) for what in ways.wrong]
    if errors:
        raise InputErrors(errors)
    return DeviceChange(
        device=device,
        platform=platform,
        base=dict(base),
        intended=dict(intended),
        remediation=ways.remediation,
        back_out=ways.back_out,
        secrets=dict(secrets or {}),
    )


def _states(language: Language, files: Files) -> dict[str, str]:
    """What the files say; the standard form of a platform of commands is that already."""
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
    return _all(
        after,
        platforms,
        lambda device, platform: rendered(platform, _texts(before, device)),
    )


def plan_running(
    running: Mapping[str, Files], before: Artifacts, after: Artifacts, platforms: Mapping[str, str]
) -> tuple[DeviceChange, ...]:
    """What changes on devices that were read, all of which `running` has to name.

    `before` is what they are meant to hold: it tells what was put there for the inventory.
    """
    return _all(
        {device: after[device] for device in running},
        platforms,
        lambda device, platform: held(
            platform, running[device], [_texts(after, device), _texts(before, device)]
        ),
    )


def _all(
    after: Artifacts,
    platforms: Mapping[str, str],
    base: Callable[[str, str], dict[str, str]],
) -> tuple[DeviceChange, ...]:
    changes: list[DeviceChange] = []
    errors: list[InputError] = []
    for device in after:
        platform = platforms[device]
        intended = rendered(platform, _texts(after, device))
        try:
            change = plan(device, platform, base(device, platform), intended)
        except InputErrors as found:
            errors += found.errors
            continue
        changes += [change] if change else []
    if errors:
        raise InputErrors(errors)
    return tuple(changes)


def _texts(artifacts: Artifacts, device: str) -> dict[str, str]:
    return {name: artifact.text for name, artifact in artifacts.get(device, {}).items()}


def stale(change: DeviceChange, running: Files) -> str:
    """How a device differs from what the change was planned on; "" if it does not."""
    return _difference(change, running, change.base, "planned on")


def residue(change: DeviceChange, running: Files) -> str:
    """How a device differs from what the change is to make of it; "" if it does not."""
    return _difference(change, running, change.intended, "intended")


def _difference(change: DeviceChange, running: Files, wanted: Files, label: str) -> str:
    now = held(change.platform, running, (change.intended, change.base))
    language = LANGUAGES[change.platform]
    lines: list[str] = []
    for name in wanted:
        texts = [language.standard(wanted[name]), language.standard(now.get(name, ""))]
        lines += difflib.unified_diff(
            texts[0].splitlines(),
            texts[1].splitlines(),
            f"{change.device}/{name} {label}",
            f"{change.device}/{name} running",
            n=0,
            lineterm="",
        )
    return "\n".join(lines)
