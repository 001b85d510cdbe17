"""`python -m tests.lab.ways_out_session CANARY`: start a lab and try every way out of its nodes.

Prints, as JSON, what led out of a node of each kind, and whom its processes belong to outside.
"""

from __future__ import annotations

import json
import os
import pwd
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from pcg_netops.lab.embedded.lab import NetnsLab
from pcg_netops.lab.topology.file import load
from tests.lab import ways_out
from tests.lab.small import ring

_PYTHON = "/usr/bin/python3"  # which frr-pythontools needs: a node may not see this one
_OWN_FILES = """\
name: other
topology:
  nodes:
    free: {kind: linux, image: anything}
"""


def main(canary: str) -> None:
    """Try."""
    program = Path(ways_out.__file__).read_text(encoding="utf-8")
    found: dict[str, list[str]] = {}
    folder = Path(tempfile.mkdtemp(prefix="pcg-ways-"))
    try:
        topology = folder / "other.clab.yml"
        topology.write_text(_OWN_FILES)
        labs = {"saved": ("r1", ring(folder, 1)), "own files": ("free", load(topology))}
        for kind, (node, network) in labs.items():
            accepted = ("anything",) if kind == "own files" else ()
            run_dir = folder / kind.replace(" ", "-")
            with NetnsLab.up(network, folder, run_dir, accepted=accepted) as lab:
                argv = [_PYTHON, "-I", "-c", program, str(os.getpid()), *_folders()]
                done = lab.run(node, argv, stdin=canary + "\n", timeout=50)
                found[kind] = [*done.stdout.splitlines(), *done.stderr.splitlines()]
                found["user outside"] = sorted({_owner(lab)})
    finally:
        shutil.rmtree(folder)
    found["left behind"] = list(_left_behind())
    print(json.dumps(found))


def _folders() -> list[str]:
    """Where this Python and its modules are."""
    return sorted({sys.prefix, sys.base_prefix, *filter(None, sys.path)})


def _left_behind() -> Iterator[str]:
    """Files that a node could write to the machine."""
    for folder in ("/usr", "/etc", "/bin", *_folders()):
        path = Path(folder, ways_out.LEFT_BEHIND)
        if path.exists():
            path.unlink()
            yield str(path)


def _owner(lab: NetnsLab) -> str:
    """To whom the machine says that the lab belongs: nobody it knows, or whoever started it."""
    user = Path(f"/proc/{lab.first_process}").stat().st_uid
    if user == os.getuid() and user != 0:
        return "unknown"
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return "unknown"


if __name__ == "__main__":
    main(sys.argv[1])
