"""The lab's first process: it starts the agent, reaps orphans, and ends when the agent ends.

When it ends, the kernel ends every process of its PID namespace, and with them all namespaces,
links and mounts of the lab. It imports next to nothing, for it stays as long as the lab.
"""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run as `python -m pcg_netops.lab.init CONTROL CONTROLLER`, two open descriptors."""
    control, controller = (int(argument) for argument in sys.argv[1:])
    agent = os.fork()
    if agent == 0:
        from pcg_netops.lab.agent import serve

        serve(control, controller)
        os._exit(0)
    os.close(control)
    os.close(controller)
    while os.wait()[0] != agent:
        pass


if __name__ == "__main__":
    main()
