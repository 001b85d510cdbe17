"""How the parts of a lab talk: JSON lines on stream sockets, with open files beside them."""

from __future__ import annotations

import json
import socket
from collections.abc import Sequence
from typing import Any

_CHUNK = 1 << 16
_MOST_FILES = 4


def send(channel: socket.socket, message: Any, files: Sequence[int] = ()) -> None:
    """Write one message; open files go along as copies, the caller keeps its own."""
    data = json.dumps(message).encode() + b"\n"
    sent = socket.send_fds(channel, [data], files) if files else 0
    channel.sendall(data[sent:])


def receive(channel: socket.socket) -> tuple[Any, list[int]]:
    """Read one message and the files sent with it. EOFError when the other end is gone.

    Each side waits for the other's answer, so nothing is ever read beyond the line's end.
    """
    data = bytearray()
    files: list[int] = []
    while not data.endswith(b"\n"):
        chunk, more, _, _ = socket.recv_fds(channel, _CHUNK, _MOST_FILES)
        if not chunk:
            raise EOFError
        data += chunk
        files += more
    return json.loads(data), files
