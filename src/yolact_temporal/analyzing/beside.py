"""Pictures of a run drawn in a process beside this one, while this one compares and writes; each is drawn once.

The end of a run has the cores to itself, and drawing keeps one of them busy by Python alone. The process is started
while frames come, so that all is loaded by then. Whatever it cannot do is done here.
"""

from __future__ import annotations

import contextlib
import pickle
import queue
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Sequence
from typing import Any, BinaryIO, Generic, TypeVar, cast

T = TypeVar("T")

WORTH_IT_FRAMES = 100
"""Frames after which the process is started: it takes half a second of a core, more than a short run has to gain."""

_END_S = 5.0


class Later(Generic[T]):
    """Something that is done once, in the process beside or here, whoever comes first.

    Args:
        task: a function of a module, or a `functools.partial` of one; it is pickled, as is what it returns.
    """

    def __init__(self, task: Callable[[], T]) -> None:
        self.task = task
        self._lock = threading.Lock()
        self._taken = False
        self._done = threading.Event()
        self._result: T | None = None
        self._given_back = False

    def take(self) -> bool:
        """Say whether it is the caller's to do, who then must `give` its result or `give_back`."""
        with self._lock:
            free, self._taken = not self._taken, True
        return free

    def give(self, result: T) -> None:
        """Take what came of it."""
        self._result = result
        self._done.set()

    def give_back(self) -> None:
        """Leave it to whoever wants the result."""
        self._given_back = True
        self._done.set()

    def do(self) -> None:
        """Do it now, unless it is done or being done.

        Raises:
            Exception: whatever the task raises.
        """
        if self.take():
            try:
                self.give(self.task())
            except BaseException:
                self.give_back()
                raise

    def result(self) -> T:
        """Return what came of it: do it now, unless it is done or being done.

        Raises:
            Exception: whatever the task raises.
        """
        self.do()
        self._done.wait()
        return self.task() if self._given_back else cast(T, self._result)


def do_all(laters: Sequence[Later[Any]]) -> None:
    """Do what nobody is at yet, the last first, as a process beside begins with the first; then wait for the rest."""
    for later in reversed(laters):
        later.do()
    for later in laters:
        later.result()


class Beside:
    """Does tasks in a process beside this one, in their order; without one, all is done where its result is wanted."""

    def __init__(self) -> None:
        self._tasks: queue.SimpleQueue[Later[Any] | None] = queue.SimpleQueue()
        self._end: weakref.finalize | None = None  # type: ignore[type-arg]

    def __enter__(self) -> Beside:
        return self

    def __exit__(self, *_: object) -> None:
        self._tasks.put(None)
        if self._end is not None:
            self._end()

    def start(self) -> None:
        """Start the process; where that is not possible there is none."""
        if self._end is not None:
            return
        with contextlib.suppress(OSError):
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "yolact_temporal.analyzing.beside_process"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
            self._end = weakref.finalize(self, _end, process)
            threading.Thread(target=_feed, args=(process, self._tasks), name="beside", daemon=True).start()

    def later(self, task: Callable[[], T]) -> Later[T]:
        """Have something done."""
        later = Later(task)
        self._tasks.put(later)
        return later


def _feed(process: subprocess.Popen[bytes], tasks: queue.SimpleQueue[Later[Any] | None]) -> None:
    """Hand tasks over one by one, and take their results; a task that comes back without one is given back."""
    assert process.stdin is not None
    assert process.stdout is not None
    alive = True
    while (later := tasks.get()) is not None:
        if not (alive and later.take()):
            continue
        done = False
        with contextlib.suppress(AttributeError, TypeError, pickle.PickleError):  # a task that cannot be sent
            try:
                send(cast(BinaryIO, process.stdin), later.task)
                done, result = receive(cast(BinaryIO, process.stdout))
            except (OSError, EOFError, ValueError):
                alive = False
        if done:
            later.give(result)
        else:
            later.give_back()


def send(pipe: BinaryIO, what: Any) -> None:
    """Write something to a pipe, whole.

    Raises:
        OSError: if whoever reads it has left.
        AttributeError, TypeError, pickle.PickleError: if it cannot be pickled; nothing is written then.
    """
    pipe.write(pickle.dumps(what, pickle.HIGHEST_PROTOCOL))
    pipe.flush()


def receive(pipe: BinaryIO) -> Any:
    """Read the next thing from a pipe of our own process.

    Raises:
        EOFError, pickle.PickleError: if whoever writes it has left.
    """
    return pickle.load(pipe)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait(_END_S)
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()
