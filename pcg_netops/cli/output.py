"""Files and text that commands leave behind."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import typer

from pcg_netops.cli.speech import say
from pcg_netops.errors import InputError
from pcg_netops.files import write_whole
from pcg_netops.render import Artifacts, written

_COLOURS = {"+": typer.colors.GREEN, "-": typer.colors.RED, "@": typer.colors.CYAN}


def write_artifacts(artifacts: Artifacts, folder: Path) -> tuple[int, int]:
    """Write `<folder>/<device>/<file>` and `<folder>/MANIFEST`, which `sha256sum -c` reads.

    Returns the number of files, and how many of them were there with the same bytes. Raises
    InputError where one cannot be written, or a link would have it elsewhere.
    """
    changed = sum(written(files, folder) for files in artifacts.values())
    sums = [
        f"{artifact.digest}  {device}/{artifact.name}\n"
        for device, files in artifacts.items()
        for artifact in files.values()
    ]
    write_whole(folder / "MANIFEST", "".join(sorted(sums)))
    return len(sums), len(sums) - changed


def print_diff(text: str) -> None:
    """Print a unified diff, in colour on a terminal."""
    for line in text.splitlines():
        if line.startswith(("+++", "---")):
            say(line, bold=True)
        else:
            say(line, fg=_COLOURS.get(line[:1]))


def new_run_folder(parent: Path) -> Path:
    """A folder of its own for a run, named by the time. Raises InputError if it cannot be made."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    try:
        parent.mkdir(parents=True, exist_ok=True)
        for number in range(1, 100):
            folder = parent / (stamp if number == 1 else f"{stamp}-{number}")
            try:
                folder.mkdir()
            except FileExistsError:
                continue
            return folder
    except OSError as error:
        raise InputError(
            f"cannot be written: {error.strerror}",
            place=str(parent),
            remedy="name another folder with --build",
        ) from None
    raise InputError("has too many runs of this second", place=str(parent), remedy="try again")
