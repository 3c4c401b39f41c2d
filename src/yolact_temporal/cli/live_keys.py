"""The key that ends a live run, where a person sits at a terminal."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable, Iterator

_LOOK_S = 0.2


@contextlib.contextmanager
def quit_key(wanted: bool, stop: Callable[[], object]) -> Iterator[bool]:
    """Inside the block, call `stop` when q is pressed; yields whether that key is listened to.

    Args:
        wanted: whether standard input is free for it.
        stop: what the key does.
    """
    if not wanted or sys.stdin is None or not sys.stdin.isatty():
        yield False
        return
    ended = threading.Event()
    with _single_keys():
        thread = threading.Thread(target=_listen, args=(ended, stop), name="keys", daemon=True)
        thread.start()
        try:
            yield True
        finally:
            ended.set()
            thread.join(2 * _LOOK_S)


def _listen(ended: threading.Event, stop: Callable[[], object]) -> None:
    while not ended.is_set():
        if _pressed() in ("q", "Q"):
            stop()
            return


if sys.platform == "win32":
    import msvcrt

    def _single_keys() -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()

    def _pressed() -> str:
        """Return a key that was pressed; "" where none was for a while."""
        if msvcrt.kbhit():
            return msvcrt.getwch()
        threading.Event().wait(_LOOK_S)
        return ""

else:
    import os
    import select
    import termios
    import tty

    @contextlib.contextmanager
    def _single_keys() -> Iterator[None]:
        """Have keys come one by one, unseen, inside the block; Ctrl-C stays what it is."""
        file = sys.stdin.fileno()
        before = termios.tcgetattr(file)
        try:
            tty.setcbreak(file)
            yield
        finally:
            termios.tcsetattr(file, termios.TCSADRAIN, before)

    def _pressed() -> str:
        """Return a key that was pressed; "" where none was for a while."""
        file = sys.stdin.fileno()
        ready, _, _ = select.select([file], [], [], _LOOK_S)
        return os.read(file, 1).decode("ascii", "replace") if ready else ""
