"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from pcg_netops.errors import EnvironmentLack, InputError

# What naming another path mends; all else, such as a full disk, is the machine's.
_WRONG_PATH = (PermissionError, NotADirectoryError, IsADirectoryError, FileExistsError)


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file, text as UTF-8, through a temporary one beside it, synced and then renamed.

    Raises InputError if that path cannot be written, EnvironmentLack if the disk cannot.
    """
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        temporary = Path(name)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as error:
        if temporary:
            temporary.unlink(missing_ok=True)
        kind = InputError if isinstance(error, _WRONG_PATH) else EnvironmentLack
        raise kind(
            f"cannot be written: {error.strerror}",
            place=str(path),
            remedy="make room or give permission there, or name another folder",
        ) from None


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def write_private(path: Path, content: str | bytes) -> None:
    """Write a file that only its owner can read, also while it is written."""
    path.unlink(missing_ok=True)
    with open(path, "wb", opener=_private) as file:
        file.write(content.encode() if isinstance(content, str) else content)
