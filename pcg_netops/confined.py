"""A folder that somebody else may have filled: nothing in it may lead out of it.

A workspace comes from a repository, so its links are the words of whoever wrote to that: one to a
file of the machine would have it read, quoted, rendered into a configuration or overwritten. Links
that stay inside are as good as what they lead to.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path

from pcg_netops.errors import InputError, InputErrors

_REMEDY = "put what it leads to into the folder itself"


def require_inside(root: Path, path: Path) -> Path:
    """`path` without links, which may be missing yet. Raises InputError if it is outside `root`."""
    top, real = Path(os.path.realpath(root)), Path(os.path.realpath(path))
    if not real.is_relative_to(top):
        raise InputError(
            f"leads out of {top}", place=_name(root, path), remedy=_REMEDY, code="PCG001"
        )
    return real


def require_all_inside(root: Path, folders: Iterable[str]) -> None:
    """Look through these folders of `root` for links that lead out, and for what is no file.

    Raises InputErrors naming all of them. What is missing is for others to say.
    """
    errors = []
    for folder in folders:
        errors += _faults(root, root / folder)
    if errors:
        raise InputErrors(errors)


def _faults(root: Path, path: Path) -> list[InputError]:
    try:
        require_inside(root, path)
        mode = path.stat().st_mode
    except InputError as error:
        return [error]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:  # a link that leads to itself, or may not be followed
        said = f"cannot be read: {error.strerror}"
        return [InputError(said, place=_name(root, path), remedy=_REMEDY, code="PCG001")]
    if stat.S_ISDIR(mode):
        if path.is_symlink():
            return []  # to a folder of this one, which is looked through where it is
        return [error for entry in sorted(path.iterdir()) for error in _faults(root, entry)]
    if stat.S_ISREG(mode):
        return []
    remedy = "a pipe, socket or device has no end: put a file in its place"
    said = "cannot be read: is not a regular file"
    return [InputError(said, place=_name(root, path), remedy=remedy, code="PCG001")]


def _name(root: Path, path: Path) -> str:
    return str(path.relative_to(root) if path.is_relative_to(root) else path)
