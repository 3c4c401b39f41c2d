"""Ctrl-C and termination: the first one ends the command in order, and those that follow cannot break that."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import NoReturn

INTERRUPTED = 130
"""Exit code of a command that was interrupted."""

PATIENCE_S = 10.0
"""How long the end may take before a further request ends the process as it stands."""

_IMPORT_S = 0.05
"""How often a request that came in the middle of an import is tried again."""


class Interrupts:
    """Turns the first SIGINT or SIGTERM into a KeyboardInterrupt, and keeps those after it from doing harm.

    A second KeyboardInterrupt would hit the clean-up of the first: threads not waited for, which abort the process
    when Python ends under them, and files left half removed. So it is only noted, unless the end takes long. Nor is
    one raised while a module is imported: torch aborts the process where its own start is broken off. It comes right
    after.
    """

    def __init__(self) -> None:
        self._asked_s: float | None = None
        self._raised = False

    def listen(self) -> None:
        """Answer both signals from now on; one that whoever started the process has set aside stays so."""
        for number in _signals():
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._answer)

    def deafen(self) -> None:
        """Answer neither: all that is left is Python's own end, which a signal could turn into an abort."""
        self._raised = True
        for number in _signals():
            signal.signal(number, signal.SIG_IGN)

    @property
    def asked(self) -> bool:
        """Whether an end was asked for."""
        return self._asked_s is not None

    def _answer(self, _number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if self._asked_s is None:
            self._asked_s = now
        elif now - self._asked_s >= PATIENCE_S:
            with contextlib.suppress(OSError):
                os.write(2, b"yolact-temporal: interrupted again: ended without waiting for what still ran\n")
            leave(INTERRUPTED)
        self._raise(frame)

    def _raise(self, frame: FrameType | None) -> None:
        if self._raised:
            return
        if _within_import(frame) and hasattr(signal, "setitimer"):
            signal.signal(signal.SIGALRM, lambda _number, frame: self._raise(frame))
            signal.setitimer(signal.ITIMER_REAL, _IMPORT_S)
            return
        self._raised = True
        raise KeyboardInterrupt


@contextlib.contextmanager
def ended_in_order(stop: Callable[[], object]) -> Iterator[None]:
    """Inside the block, let the first SIGINT or SIGTERM call `stop`, after which what runs comes to its own end.

    A second one is answered as before the block. Outside the main thread, where no signal comes, nothing is changed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in _signals()}

    def back() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def answer(_number: int, _frame: FrameType | None) -> None:
        back()
        stop()

    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, answer)
    try:
        yield
    finally:
        back()


def leave(code: int) -> NoReturn:
    """End the process now, with what was printed so far; threads that still run end with it."""
    for stream in (sys.stdout, sys.stderr):
        # A stream may be closed, or be the very one that was being written when a signal came.
        with contextlib.suppress(OSError, ValueError, RuntimeError, AttributeError):
            stream.flush()
    os._exit(code)


def _signals() -> tuple[signal.Signals, ...]:
    return (signal.SIGINT, signal.SIGTERM)


def _within_import(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False
