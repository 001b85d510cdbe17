"""The lab's first process: it starts the agent, reaps orphans, and ends when the agent ends.

When it ends, the kernel ends every process of its PID namespace, and with them all namespaces,
links and mounts of the lab. It imports next to nothing, for it stays as long as the lab.
"""

from __future__ import annotations

import os
import sys

from pcg_netops.lab.embedded.enclosure import Enclosure
from pcg_netops.lab.embedded.syscalls import end_with_parent


def main() -> None:
    """Run as `python -m` with ENCLOSURE CONTROL CONTROLLER, numbers of open descriptors."""
    description, control, controller = (int(argument) for argument in sys.argv[1:])
    enclosure = Enclosure.read(description)
    try:
        enclosure.leave_the_machine()
    except OSError as error:
        what = "" if error.filename == "unshare" else f"{error.filename}: "
        sys.exit(f"unshare: {what}{error.strerror}")
    alive, ours = os.pipe()
    first = os.fork()
    if first == 0:
        end_with_parent()
        os.close(ours)
        if not os.read(alive, 1):
            os._exit(1)  # the parent was gone before
        os.close(alive)
        enclosure.enter()
        _serve(control, controller)
        os._exit(0)
    for descriptor in (alive, control, controller):
        os.close(descriptor)
    os.write(ours, b".")
    os.close(ours)
    os._exit(os.waitstatus_to_exitcode(os.waitpid(first, 0)[1]) & 0xFF)


def _serve(control: int, controller: int) -> None:
    agent = os.fork()
    if agent == 0:
        from pcg_netops.lab.embedded.agent import serve

        serve(control, controller)
        os._exit(0)
    os.close(control)
    os.close(controller)
    while os.wait()[0] != agent:
        pass


if __name__ == "__main__":
    main()
