"""What changes between two renderings, for people to read."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass

from pcg_netops.diff.changeset import DeviceChange
from pcg_netops.diff.unified import unified_diff
from pcg_netops.render import Artifacts


@dataclass(frozen=True)
class FileDiff:
    """A unified diff of one file of one device."""

    device: str
    name: str
    text: str


def diff_artifacts(before: Artifacts, after: Artifacts, context: int = 3) -> Iterator[FileDiff]:
    """One unified diff for each file that differs, by device in order, files by name."""
    for device in dict.fromkeys((*before, *after)):
        old, new = before.get(device, {}), after.get(device, {})
        for name in sorted({*old, *new}):
            texts = [side[name].text if name in side else "" for side in (old, new)]
            if texts[0] == texts[1]:
                continue
            label = f"{device}/{name}"
            a, b = (text.splitlines(keepends=True) for text in texts)
            yield FileDiff(device, name, "".join(unified_diff(a, b, label, context)))


def changed_files(before: Artifacts, after: Artifacts) -> Artifacts:
    """The part of `after` that differs from `before`."""
    changed: Artifacts = {}
    for part in diff_artifacts(before, after, 0):
        if part.name in after.get(part.device, {}):
            changed.setdefault(part.device, {})[part.name] = after[part.device][part.name]
    return changed


def compared(change: DeviceChange) -> str:
    """What a device holds and what it is to hold, as one unified diff; "running" is the former."""
    lines: list[str] = []
    for name in change.intended:
        lines += difflib.unified_diff(
            change.base.get(name, "").splitlines(),
            change.intended[name].splitlines(),
            f"running/{change.device}/{name}",
            f"b/{change.device}/{name}",
            lineterm="",
        )
    return "\n".join(lines)
