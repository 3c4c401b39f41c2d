"""Work shared out to processes of this machine: each sets itself up once, then takes one item after another."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

Tell = Callable[[Any], None]
"""Called by the work with something to be told while it goes on."""

Work = Callable[[Any, Tell], Any]
"""Takes an item, and returns what came of it."""

Setup = Callable[[], tuple[Any, Work]]
"""Called once in each process; returns something to be told, and the work. It is pickled, as are items and results."""

_THREADS = "OMP_NUM_THREADS"


class WorkerError(RuntimeError):
    """A process ended before it had set itself up."""


@dataclass(frozen=True)
class Ready:
    """A process has set itself up; `told` is what its setup gave."""

    told: Any


@dataclass(frozen=True)
class Told:
    """Something that the work on an item has told."""

    item: Any
    told: Any


@dataclass(frozen=True)
class Done:
    """An item that is done, and what came of it."""

    item: Any
    result: Any


@dataclass(frozen=True)
class Lost:
    """An item whose process has ended under it; `reason` says how."""

    item: Any
    reason: str


Event = Ready | Told | Done | Lost


def share_out(setup: Setup, items: Sequence[Any], count: int) -> Iterator[Event]:
    """Share items out to processes, and yield what happens, as it happens; an item goes to whoever is free.

    The cores are shared out too, so that processes do not fight for them, unless OMP_NUM_THREADS says otherwise. A
    process that ends under an item, as one does that the system kills for want of memory, loses this item alone:
    another one takes its place. Leaving the iteration ends all processes at once.

    Args:
        setup: a function of a module, or a `functools.partial` of one, which is called in each process.
        items: each comes back in one `Done` or one `Lost`.
        count: how many processes; no more than items are started.

    Raises:
        WorkerError: if a process ends before it is ready.
        Exception: whatever `setup` raises.
    """
    waiting = deque(items)
    at_work: list[_Worker] = []
    try:
        with _threads_each(count):
            while len(at_work) < min(count, len(items)):
                at_work.append(_Worker(setup))
            while at_work:
                for worker in _that_have_something_to_say(at_work):
                    yield from worker.hear()
                    if worker.ended:
                        at_work.remove(worker)
                        if waiting:
                            at_work.append(_Worker(setup))
                    elif worker.free:
                        if waiting:
                            worker.give(waiting.popleft())
                        else:
                            worker.dismiss()
                            at_work.remove(worker)
    finally:
        for worker in at_work:
            worker.end()


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextlib.contextmanager
def _threads_each(count: int) -> Iterator[None]:
    """Let processes that are started here have their share of the cores."""
    if _THREADS in os.environ:
        yield
        return
    os.environ[_THREADS] = str(max(1, cores() // count))
    try:
        yield
    finally:
        os.environ.pop(_THREADS, None)


class _Worker:
    """One process and what it is at."""

    def __init__(self, setup: Setup) -> None:
        # A fork would copy locks that threads of this process hold.
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self._process: BaseProcess = context.Process(target=_serve, args=(theirs, setup))
        self._process.start()
        theirs.close()  # so that the end of the process is the end of the pipe
        self._at: list[Any] = []
        self.ready = self.ended = False

    @property
    def free(self) -> bool:
        """Whether it waits for an item."""
        return self.ready and not self._at

    def give(self, item: Any) -> None:
        """Let it work on an item; where it has ended meanwhile, `hear` will say so."""
        self._at = [item]
        with contextlib.suppress(OSError):
            self.connection.send(item)

    def hear(self) -> Iterator[Event]:
        """Take what it says."""
        try:
            kind, said = self.connection.recv()
        except (EOFError, OSError):
            yield from self._mourn()
            return
        if kind == "refused":
            self.end()
            raise said
        if kind == "ready":
            self.ready = True
            yield Ready(said)
        elif kind == "told":
            yield Told(self._at[0], said)
        else:
            item, self._at = self._at[0], []
            yield Done(item, said)

    def _mourn(self) -> Iterator[Event]:
        self._process.join()
        self.connection.close()
        self.ended = True
        reason = _how_it_ended(self._process.exitcode)
        if not self.ready:
            raise WorkerError(f"a process {reason} before it could begin")
        if self._at:
            yield Lost(self._at[0], reason)

    def dismiss(self) -> None:
        """Let it end: there is no more to do."""
        self.connection.close()
        self._process.join()

    def end(self) -> None:
        """End it at once."""
        self._process.terminate()
        self._process.join()
        self.connection.close()


def _that_have_something_to_say(workers: Sequence[_Worker]) -> list[_Worker]:
    heard = wait([worker.connection for worker in workers])
    return [worker for worker in workers if worker.connection in heard]


def _how_it_ended(code: int | None) -> str:
    if code is not None and code < 0:
        name = signal.Signals(-code).name if -code in set(signal.Signals) else str(-code)
        memory = ", as the system does where memory runs out" if name == "SIGKILL" else ""
        return f"was ended by {name}{memory}"
    return f"ended with {code}"


def _serve(connection: Connection, setup: Setup) -> None:
    """Work in a process of its own, until the pipe ends."""
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # a terminal sends it to all; whoever started this one ends it
    try:
        told, work = setup()
    except Exception as error:
        connection.send(("refused", _picklable(error)))
        return
    connection.send(("ready", told))
    while True:
        try:
            item = connection.recv()
        except EOFError:
            return
        connection.send(("done", work(item, lambda said: connection.send(("told", said)))))


def _picklable(error: Exception) -> Exception:
    try:
        return (
            error if isinstance(pickle.loads(pickle.dumps(error)), type(error)) else RuntimeError(str(error))
        )
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
