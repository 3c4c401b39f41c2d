"""A browser for tests that cannot hang them: what takes too long is killed, and the test fails.

Several calls of Playwright wait without a limit of their own (a page opened or closed, an expression evaluated), and a
signal does not end such a wait in a teardown. So a thread watches the clock and takes away, one after the other, what a
call can wait for: the browser, the driver between it and Python, and at last the call itself.
"""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import psutil

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
REBOUND = "evil.example"
"""A name of somebody else's that leads the browser to this machine."""

ARGUMENTS = [
    f"--host-resolver-rules=MAP {REBOUND} 127.0.0.1",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",  # where /dev/shm is small, a page that fills it dies without a word
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
LIMIT_S = 120.0
"""How long a test may take, if it asks for no more."""

GRACE_S = 10.0
"""How long what was taken away may take to show before more is taken."""


class DeadlineError(Exception):
    """A test took too long, and what it waited for was killed."""


class Deadline:
    """Takes steps in a thread of its own, one after the other, unless it is left in time.

    After the last step, `DeadlineError` is raised in the thread that entered it, again and again until it leaves.

    Args:
        seconds: until the first step.
        steps: what to do; each is followed by `grace` seconds of waiting.
        grace: between steps.
    """

    def __init__(self, seconds: float, steps: Sequence[Callable[[], object]], grace: float = GRACE_S) -> None:
        self.passed = False
        self._end = time.monotonic() + seconds
        self._seconds = seconds
        self._steps = steps
        self._grace = grace
        self._left = threading.Event()

    def __enter__(self) -> Deadline:
        self._watched = threading.get_ident()
        self._thread = threading.Thread(target=self._watch, name="deadline", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        while True:
            try:
                self._left.set()
                self._thread.join()
                self._raise(None)
                break
            except DeadlineError:  # raised by the watch just now: it must still be ended
                continue
        if self.passed and (error is None or isinstance(error, Exception)):
            raise DeadlineError(
                f"expected an end within {self._seconds:g} s, found none: see the stacks above"
            ) from error

    def _raise(self, error: type[Exception] | None) -> None:
        """Let an error be raised in the watched thread; None takes back one that has not been raised yet."""
        what = None if error is None else ctypes.py_object(error)
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self._watched), what)

    def _watch(self) -> None:
        while (rest := self._end - time.monotonic()) > 0:
            if self._left.wait(rest):
                return
        self.passed = True
        if sys.__stderr__ is not None:
            faulthandler.dump_traceback(sys.__stderr__)
        for step in self._steps:
            with contextlib.suppress(Exception):
                step()
            if self._left.wait(self._grace):
                return
        while not self._left.is_set():
            self._raise(DeadlineError)
            self._left.wait(self._grace)


class WatchedBrowser:
    """Chromium under Playwright: pages open and close within a limit, and a browser that was killed starts anew."""

    def __init__(self, grace: float = GRACE_S) -> None:
        from playwright.sync_api import sync_playwright

        self._grace = grace
        before = _children()
        with Deadline(LIMIT_S, [lambda: kill_trees(_children() - before)], grace):
            self._playwright = sync_playwright().start()
        self._drivers = _children() - before
        self._browser: Any = None

    def kill(self) -> None:
        """Kill the browser and all its processes: calls that wait for it raise."""
        kill_trees({child for driver in self._drivers for child in _children(driver)})

    def kill_driver(self) -> None:
        """Kill the driver too: nothing is left that a call could wait for."""
        kill_trees(self._drivers)

    def watch(self, seconds: float = LIMIT_S) -> Deadline:
        """Return a deadline that takes away the browser, then its driver."""
        return Deadline(seconds, [self.kill, self.kill_driver], self._grace)

    @contextlib.contextmanager
    def page(self, seconds: float = LIMIT_S, **options: Any) -> Iterator[Any]:
        """Open a page and close it, all within a limit."""
        with self.watch(seconds):
            if self._browser is None or not self._browser.is_connected():
                self._browser = self._playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
            page = self._browser.new_page(**options)
            try:
                yield page
            finally:
                with contextlib.suppress(Exception):  # of a page that is gone; the deadline tells of it
                    page.close()

    def close(self) -> None:
        """End browser and driver; what does not end is killed."""
        with contextlib.suppress(Exception), self.watch(30.0):
            if self._browser is not None:
                self._browser.close()
            self._playwright.stop()
        self.kill()
        self.kill_driver()


def kill_trees(processes: set[psutil.Process]) -> None:
    """Kill processes and all that they have started, wherever they stand, stopped ones too."""
    for process in processes:
        with contextlib.suppress(psutil.Error):
            for one in [*process.children(recursive=True), process]:
                with contextlib.suppress(psutil.Error):
                    one.kill()


def _children(process: psutil.Process | None = None) -> set[psutil.Process]:
    try:
        return set((process or psutil.Process()).children())
    except psutil.Error:
        return set()
