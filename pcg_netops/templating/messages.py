"""Messages over a pipe: their length, then their bytes."""

from __future__ import annotations

import struct
from typing import BinaryIO

_LENGTH = struct.Struct("!Q")


def receive(stream: BinaryIO) -> bytes:
    """One message. Raises EOFError at the end of the stream."""
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        raise EOFError
    (length,) = _LENGTH.unpack(head)
    data = stream.read(length)
    if len(data) < length:
        raise EOFError
    return data


def send(stream: BinaryIO, data: bytes) -> None:
    """One message."""
    stream.write(_LENGTH.pack(len(data)))
    stream.write(data)
    stream.flush()
