"""Start Python processes inside the lab that talk over a socket: probes, the SSH servers."""

from __future__ import annotations

import fcntl
import select
import socket
import struct
import subprocess
import sys
import termios
import threading
import time
from pathlib import Path
from typing import Any

from pcg_netops.errors import LabError
from pcg_netops.lab.embedded import wire

_PATIENCE = 20.0
_POLL = 0.005
_LAST_LINES = 5


def start(module: str, first_message: Any, run_dir: Path) -> socket.socket:
    """Start `python -m module` with a socket as descriptor 3; give the other end.

    Its standard error goes to a file named after it in `run_dir`. Returns once it has read the
    first message; raises LabError with its last words if it ends before.
    """
    ours, theirs = socket.socketpair()
    log = run_dir / f"{module}.log"
    # The shell moves the socket to the agreed descriptor and is gone.
    command = ["sh", "-c", 'exec "$@" 3<&0 </dev/null', "sh", sys.executable, "-P", "-m", module]
    with theirs, log.open("ab") as words:
        process = subprocess.Popen(
            command,
            stdin=theirs.fileno(),
            stdout=words,
            stderr=words,
            cwd="/",
            start_new_session=True,
        )
    deadline = time.monotonic() + _PATIENCE
    try:
        wire.send(ours, first_message)
        while _unread(ours) and time.monotonic() < deadline:
            time.sleep(_POLL)
        reading = not (_unread(ours) or _hung_up(ours))
    except BrokenPipeError:
        reading = False
    if not reading:
        ours.close()
        process.kill()
        process.wait()
        last = log.read_text(errors="replace").strip().splitlines()[-_LAST_LINES:]
        raise LabError("did not start:\n" + "\n".join(last), place=module)
    threading.Thread(target=process.wait, daemon=True).start()
    return ours


def _unread(channel: socket.socket) -> int:
    """Bytes of memory held by what the other end has not read yet."""
    answer = fcntl.ioctl(channel, termios.TIOCOUTQ, bytes(4))
    count: int = struct.unpack("i", answer)[0]
    return count


def _hung_up(channel: socket.socket) -> bool:
    """Whether the other end is closed; what it had not read counts as read then."""
    poll = select.poll()
    poll.register(channel, 0)
    return bool(poll.poll(0))
