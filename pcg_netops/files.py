"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

from pcg_netops.errors import EnvironmentLack, InputError

# What naming another path mends; all else, such as a full disk, is the machine's.
_WRONG_PATH = (PermissionError, NotADirectoryError, IsADirectoryError, FileExistsError)
_EVERYBODY = 0o666  # less what the umask takes
_OWNER = 0o600
# What is named there is open already: a new file in its place would reach nobody.
_OF_PROCESSES = ("/dev", "/proc")


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file, text as UTF-8, through a temporary one beside it, synced and then renamed.

    A new file gets what the umask leaves, one that was there keeps its mode; a link is replaced.
    Raises InputError if that path cannot be written, EnvironmentLack if the disk cannot.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, content, _EVERYBODY)
    except OSError as error:
        raise _error(path, error) from None


def write_output(path: Path, content: str | bytes) -> None:
    """Write what a user asked for to where the user said: also to a device, a pipe or by a link.

    Raises InputError if there is no such folder or the path cannot be written, EnvironmentLack if
    the disk cannot.
    """
    try:
        if _is_written_to(path):
            with path.open("wb") as file:
                file.write(_bytes(content))
            return
        target = Path(os.path.realpath(path))
        if not target.parent.is_dir():
            raise InputError(
                f"there is no folder {path.parent}",
                place=str(path),
                remedy=f"make it (mkdir -p {path.parent}), or name another",
            )
        _replace(target, content, _EVERYBODY)
    except OSError as error:
        raise _error(path, error) from None


def write_private(path: Path, content: str | bytes) -> None:
    """Write a file that only its owner can read, also while it is written. Raises OSError."""
    path.unlink(missing_ok=True)
    with open(path, "wb", opener=lambda name, flags: os.open(name, flags, _OWNER)) as file:
        file.write(_bytes(content))


def _is_written_to(path: Path) -> bool:
    """Whether the path names something that is no file to be replaced."""
    if path.is_absolute() and any(path.is_relative_to(folder) for folder in _OF_PROCESSES):
        return path.exists()
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _replace(path: Path, content: str | bytes, mode: int) -> None:
    old = path.lstat() if os.path.lexists(path) else None
    if old and not (stat.S_ISREG(old.st_mode) or stat.S_ISLNK(old.st_mode)):
        raise IsADirectoryError(0, "is not a regular file")
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        # The kernel takes the umask off; no other way to know it is safe beside other threads.
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(_bytes(content))
            if old and stat.S_ISREG(old.st_mode):
                os.fchmod(descriptor, stat.S_IMODE(old.st_mode))
            file.flush()
            os.fsync(descriptor)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _error(path: Path, error: OSError) -> InputError | EnvironmentLack:
    kind = InputError if isinstance(error, _WRONG_PATH) else EnvironmentLack
    return kind(
        f"cannot be written: {error.strerror}",
        place=str(path),
        remedy="make room or give permission there, or name another folder",
    )


def _bytes(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else content
