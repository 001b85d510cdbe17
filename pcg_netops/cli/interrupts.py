"""Signals that end a command: Ctrl-C, a cancelled job of CI, a lost session.

All do what Ctrl-C does, so that what has to be put back is. One that is ignored when `pcg` is
started, as `nohup` has it, stays so.
"""

from __future__ import annotations

import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import FrameType

_OF_OTHERS = (signal.SIGTERM, signal.SIGHUP)
_ALL = (signal.SIGINT, *_OF_OTHERS)
_received: list[int] = []


@contextmanager
def interrupted_by_signals() -> Iterator[None]:
    """Have the signals of others raise KeyboardInterrupt, the first of them alone."""
    _received.clear()
    with _handled(_OF_OTHERS):
        yield


@contextmanager
def one_signal() -> Iterator[None]:
    """Have the first of all signals raise KeyboardInterrupt, and no other."""
    with _handled(_ALL):
        yield


def no_more_signals() -> None:
    """Let none of them stop what is done from here on; the contexts above end this."""
    _unheeded(_ALL)


def received() -> int:
    """The number of the signal that has interrupted the command; Ctrl-C's unless another came."""
    return _received[0] if _received else signal.SIGINT


def _unheeded(numbers: Iterable[signal.Signals]) -> None:
    for number in numbers:
        # Not SIG_IGN: Python complains of a signal that has come already and is ignored since.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda _, __: None)


@contextmanager
def _handled(numbers: tuple[signal.Signals, ...]) -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in _ALL}

    def interrupt(number: int, _: FrameType | None) -> None:
        _unheeded(numbers)
        _received.append(number)
        raise KeyboardInterrupt

    for number in numbers:
        if before[number] is not signal.SIG_IGN:
            signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
