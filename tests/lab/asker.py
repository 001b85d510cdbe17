"""A helper for the test of helpers: answers a node's name with the addresses of its network."""

from __future__ import annotations

import json
import os
import socket
import subprocess

from pcg_netops.lab.embedded.syscalls import enter


def main() -> None:
    """Serve on descriptor 3."""
    lines = socket.socket(fileno=3).makefile("rw", encoding="utf-8")
    paths = json.loads(lines.readline())["netns"]
    for line in lines:
        enter([os.open(paths[json.loads(line)], os.O_RDONLY)])
        listed = subprocess.run(["ip", "-br", "-4", "address"], capture_output=True, text=True)
        lines.write(json.dumps(listed.stdout) + "\n")
        lines.flush()


if __name__ == "__main__":
    main()
