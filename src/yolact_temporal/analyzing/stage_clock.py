"""How long each stage of the main path takes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TypeVar

T = TypeVar("T")


class StageClock:
    """Wall time by stage; each stage has a thread of its own, so a plain sum a name is safe."""

    def __init__(self) -> None:
        self._start = time.perf_counter()
        self._spent: dict[str, float] = {}

    def running(self, name: str) -> _Lap:
        """Count the time within a `with` block for a stage."""
        return _Lap(self._spent, name)

    def timed(self, name: str, items: Iterator[T]) -> Iterator[T]:
        """Pass items on, counting the time spent to make each."""
        while True:
            with self.running(name):
                try:
                    item = next(items)
                except StopIteration:
                    return
            yield item

    def seconds(self) -> dict[str, float]:
        """Return the seconds of each stage so far, and as `total` those since the clock was made."""
        return {name: round(value, 3) for name, value in self._spent.items()} | {
            "total": round(time.perf_counter() - self._start, 3)
        }


class _Lap:
    def __init__(self, spent: dict[str, float], name: str) -> None:
        self._spent, self._name = spent, name

    def __enter__(self) -> None:
        self._start = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self._spent[self._name] = self._spent.get(self._name, 0.0) + time.perf_counter() - self._start
