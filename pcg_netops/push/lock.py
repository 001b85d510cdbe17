"""One push of a network at a time.

The kernel holds the lock (`flock`), so it goes with its owner, however that ends. The file says
whose it is, for people, and which push that was, for whoever comes after an owner that died.
"""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from pydantic import AwareDatetime, ValidationError

from pcg_netops.errors import EnvironmentLack
from pcg_netops.model.base import Model


class Owner(Model):
    """Who pushes, and into which folder the push writes."""

    process: int
    host: str
    since: AwareDatetime
    push: str

    def __str__(self) -> str:
        age = int((datetime.now(UTC) - self.since).total_seconds())
        return f"process {self.process} on {self.host}, for {age} s (push {self.push})"


@contextmanager
def locked(path: Path, push: str) -> Iterator[Owner | None]:
    """Hold a network's lock; gives the owner before us, if it was killed.

    Raises EnvironmentLack while somebody else holds it, or seems to on another machine.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise EnvironmentLack(
            f"cannot be written: {error.strerror}",
            place=str(path),
            remedy="make room or give permission there",
        ) from None
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _held(path, _owner(file), "wait until it has ended") from None
        last = _owner(file)
        if last and last.host != socket.gethostname():
            remedy = f"once you know that it has ended, remove {path}"
            raise _held(path, last, remedy)
        ours = Owner(
            process=os.getpid(), host=socket.gethostname(), since=datetime.now(UTC), push=push
        )
        with suppress(OSError):  # a full disk: the kernel's lock is what counts
            _write(file, ours.model_dump_json())
        try:
            yield last
        finally:
            with suppress(OSError):
                _write(file, "")
    finally:
        os.close(file)


def _write(file: int, text: str) -> None:
    os.ftruncate(file, 0)
    os.pwrite(file, text.encode(), 0)
    os.fsync(file)


def _owner(file: int) -> Owner | None:
    try:
        return Owner.model_validate_json(os.pread(file, 10_000, 0))
    except ValidationError:
        return None  # nobody, or one that died as it wrote


def _held(path: Path, owner: Owner | None, remedy: str) -> EnvironmentLack:
    return EnvironmentLack(
        f"this network is being pushed to: {owner or 'by somebody'}", place=str(path), remedy=remedy
    )
