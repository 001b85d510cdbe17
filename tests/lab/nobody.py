"""`python -m tests.lab.nobody PROGRAM...`: run it as an unprivileged user.

Where the interpreter or this checkout lies below a folder that only root may enter, a private view
of the machine's files opens just that part.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from pcg_netops.lab.embedded.syscalls import CLONE_NEWNS, MS_BIND, MS_REC, mount, unshare

_NOBODY = 65534
_MS_PRIVATE = 0x40000


def main(program: list[str]) -> None:
    """Become the user and the program."""
    if os.getuid() == 0:
        unshare(CLONE_NEWNS)
        mount("none", "/", flags=MS_REC | _MS_PRIVATE)
        needed = {Path(sys.base_prefix), Path(sys.prefix), Path(__file__).parents[2]}
        while closed := next((c for path in needed if (c := _closed_parent(path))), None):
            _open_up(closed, [path for path in needed if path.is_relative_to(closed)])
        os.setgroups([])
        os.setresgid(_NOBODY, _NOBODY, _NOBODY)
        os.setresuid(_NOBODY, _NOBODY, _NOBODY)
    os.execvp(program[0], program)  # noqa: S606


def _closed_parent(path: Path) -> Path | None:
    """The topmost folder on the way to `path` that others may not enter."""
    return next((p for p in reversed(path.parents) if not p.stat().st_mode & 0o001), None)


def _open_up(closed: Path, kept: list[Path]) -> None:
    inside = [(path, os.open(path, os.O_PATH)) for path in kept]
    mount("tmpfs", str(closed), "tmpfs")
    closed.chmod(0o755)
    for path, descriptor in inside:
        path.mkdir(parents=True)
        mount(f"/proc/self/fd/{descriptor}", str(path), flags=MS_BIND | MS_REC)
        os.close(descriptor)


if __name__ == "__main__":
    main(sys.argv[1:])
