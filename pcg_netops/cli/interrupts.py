"""Signals that end a command: Ctrl-C, a cancelled job of CI, a lost session.

All do what Ctrl-C does. One that is ignored when `pcg` is started, as `nohup` has it, stays so.
"""

from __future__ import annotations

import atexit
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_OF_OTHERS = (signal.SIGTERM, signal.SIGHUP)
_ALL = (signal.SIGINT, *_OF_OTHERS)
_received: list[int] = []
_at_once = False


@contextmanager
def interrupted_by_signals() -> Iterator[None]:
    """Have the signals of others raise KeyboardInterrupt, the first of them alone."""
    _received.clear()
    before = {number: signal.getsignal(number) for number in _ALL}

    def interrupt(number: int, _: FrameType | None) -> None:
        # Not SIG_IGN: Python complains of a signal that has come already and is ignored since.
        _handle(_OF_OTHERS, lambda _, __: None)
        _received.append(number)
        raise KeyboardInterrupt

    _handle(_OF_OTHERS, interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            if signal.getsignal(number) is not _keep:
                signal.signal(number, handler)


def keep_signals() -> Callable[[], str]:
    """From here to the end of this process, have every signal wait to be asked for.

    What this gives names the first of them, "" while none has come. What may not stop just
    anywhere, such as a push, asks where it can.
    """
    _received.clear()
    _handle(_ALL, _keep)
    # Python would let go of our handlers a moment before the process has ended.
    atexit.register(_handle, _ALL, signal.SIG_IGN)
    return lambda: signal.Signals(_received[0]).name if _received else ""


@contextmanager
def at_once() -> Iterator[None]:
    """Have the first of the signals that are kept raise KeyboardInterrupt, if it comes by then."""
    global _at_once
    _at_once = True
    try:
        if _received:
            raise KeyboardInterrupt
        yield
    finally:
        _at_once = False


def received() -> int:
    """The number of the signal that has interrupted the command; Ctrl-C's unless another came."""
    return _received[0] if _received else signal.SIGINT


def _keep(number: int, _: FrameType | None) -> None:
    _received.append(number)
    if _at_once and len(_received) == 1:
        raise KeyboardInterrupt


def _handle(
    numbers: tuple[signal.Signals, ...],
    how: Callable[[int, FrameType | None], None] | signal.Handlers,
) -> None:
    for number in numbers:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, how)
