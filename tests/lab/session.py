"""`python -m tests.lab.session FOLDER`: a user's program with a lab, to be ended from outside.

Prints one JSON line once the lab has converged, then waits for the end of its standard input.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from pcg_netops.errors import PcgError
from pcg_netops.lab.embedded.lab import NetnsLab
from tests.lab.small import ring, wait_for_routes


def main(folder: Path) -> None:
    """Boot a ring of two routers in `folder`."""
    topology = ring(folder, 2, hosts=2)
    with NetnsLab.up(topology, folder, folder / "run") as lab:
        wait_for_routes(lab, 2)
        with lab.connect("r1") as ssh:
            greeting = ssh.recv(4).decode()
        print(json.dumps({"user": os.getuid(), "processes": lab.processes(), "ssh": greeting}))
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]))
    except PcgError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
