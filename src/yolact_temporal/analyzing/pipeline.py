"""Overlapping the stages of a stream: each in a thread of its own, with a bounded queue between."""

from __future__ import annotations

import os
import queue
import sys
import threading
import time
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass
class Handover:
    """How long a stage and the next one waited for each other.

    Attributes:
        giver, taker: the stages.
        for_room_s: seconds for which the giver waited until the taker took.
        for_item_s: seconds for which the taker waited until the giver gave.
    """

    giver: str
    taker: str
    for_room_s: float = 0.0
    for_item_s: float = 0.0


class _Failure:
    """An exception on its way from the producing thread to the consumer."""

    def __init__(self, error: BaseException) -> None:
        self.error = error


_END = object()


class _Producer(threading.Thread, Generic[T]):
    """Runs an iterator ahead of its consumer, by at most `depth` items."""

    def __init__(
        self, items: Iterable[T], depth: int, name: str, niceness: int, handover: Handover | None
    ) -> None:
        super().__init__(name=name, daemon=True)
        self._handover = handover or Handover(name, "")
        self._niceness = niceness
        self._items = items
        self._queue: queue.Queue[object] = queue.Queue(maxsize=depth)
        self._stopped = threading.Event()

    def run(self) -> None:
        """Produce until the iterator ends, fails, or the consumer leaves."""
        _lower_priority(self._niceness)
        iterator = iter(self._items)
        last: object = _END
        try:
            for item in iterator:
                if not self._put(item):
                    break
        except BaseException as error:
            last = _Failure(error)
        try:
            close = getattr(iterator, "close", None)
            if close is not None:
                close()
        except BaseException as error:
            last = _Failure(error)
        self._put(last)

    def _put(self, item: object) -> bool:
        """Hand an item over; false where the consumer has left."""
        start = time.perf_counter()
        try:
            while not self._stopped.is_set():
                try:
                    self._queue.put(item, timeout=0.1)
                except queue.Full:
                    continue
                return True
            return False
        finally:
            self._handover.for_room_s += time.perf_counter() - start

    def take(self) -> object:
        """Wait for the next item, in short steps so that an interrupt of the main thread is heard."""
        start = time.perf_counter()
        try:
            while True:
                try:
                    return self._queue.get(timeout=0.5)
                except queue.Empty:
                    if not self.is_alive() and self._queue.empty():
                        return _END
        finally:
            self._handover.for_item_s += time.perf_counter() - start

    def stop(self) -> None:
        """Let the thread end at its next item, and wait for that."""
        self._stopped.set()
        self.join()


def _lower_priority(niceness: int) -> None:
    """Lower the priority of the calling thread, and of those it will start, where a thread has one of its own."""
    if niceness and sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), niceness)


def overlapped(
    items: Iterable[T],
    depth: int = 2,
    name: str = "stage",
    niceness: int = 0,
    handover: Handover | None = None,
) -> Generator[T, None, None]:
    """Iterate over `items` while a thread already works on the next `depth` of them.

    An exception of the iterator is raised here as itself, after the items before it. When the consumer leaves early
    (an exception, an interrupt, `close()`), the thread is stopped and the iterator closed before control returns.
    On Linux the thread runs at the given niceness. What thread and consumer wait for each other is added to `handover`.
    """
    return _consume(_Producer(items, depth, name, niceness, handover))


def _consume(producer: _Producer[T]) -> Generator[T, None, None]:
    producer.start()
    try:
        while True:
            item = producer.take()
            if item is _END:
                return
            if isinstance(item, _Failure):
                raise item.error
            yield item  # type: ignore[misc]
    finally:
        producer.stop()
