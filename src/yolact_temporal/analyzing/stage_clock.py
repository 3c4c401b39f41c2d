"""How long each stage of the main path takes, and which waits for which."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from yolact_temporal.analyzing.pipeline import Handover

T = TypeVar("T")


class Spent(NamedTuple):
    """Seconds on the clock, and of the processor."""

    wall_s: float
    processor_s: float

    @classmethod
    def by_now(cls) -> Spent:
        """Return both clocks of this process; the processor's counts all its threads, and no other process."""
        return cls(time.perf_counter(), time.process_time())

    def since(self, start: Spent) -> Spent:
        """Return what was spent from `start` to this."""
        return Spent(self.wall_s - start.wall_s, self.processor_s - start.processor_s)


@dataclass(frozen=True)
class StageTimes:
    """What a run took, from when its first frame was asked for.

    Attributes:
        total: of the whole process.
        stages: by name; the processor's time is that of the stage's own thread. The stages overlap.
        waits: between each two stages that follow each other.
    """

    total: Spent
    stages: Mapping[str, Spent]
    waits: tuple[Handover, ...] = ()

    @property
    def other_threads_s(self) -> float:
        """Processor time of threads that are no stage's own: the network's, the encoder's."""
        return max(0.0, self.total.processor_s - sum(own.processor_s for own in self.stages.values()))


class StageClock:
    """Time by stage; each stage has a thread of its own, so a plain sum a name is safe."""

    def __init__(self) -> None:
        self._start = time.perf_counter()
        self._began: Spent | None = None
        self._spent: dict[str, Spent] = {}
        self._handovers: list[Handover] = []

    def running(self, name: str) -> _Lap:
        """Count the time within a `with` block for a stage."""
        return _Lap(self._spent, name)

    def timed(self, name: str, items: Iterator[T]) -> Iterator[T]:
        """Pass items on, counting the time spent to make each; what comes before the first is start-up."""
        self._began = self._began or Spent.by_now()
        while True:
            with self.running(name):
                try:
                    item = next(items)
                except StopIteration:
                    return
            yield item

    def handover(self, giver: str, taker: str) -> Handover:
        """Return what counts how long two stages wait for each other."""
        self._handovers.append(Handover(giver, taker))
        return self._handovers[-1]

    def seconds(self) -> dict[str, float]:
        """Return the seconds of each stage so far, and as `total` those since the clock was made."""
        return {name: round(own.wall_s, 3) for name, own in self._spent.items()} | {
            "total": round(time.perf_counter() - self._start, 3)
        }

    def times(self) -> StageTimes:
        """Return all that was counted so far; in total nothing where no item was ever asked for."""
        now = Spent.by_now()
        return StageTimes(now.since(self._began or now), dict(self._spent), tuple(self._handovers))


class _Lap:
    def __init__(self, spent: dict[str, Spent], name: str) -> None:
        self._spent, self._name = spent, name

    def __enter__(self) -> None:
        self._start = Spent(time.perf_counter(), time.thread_time())

    def __exit__(self, *_: object) -> None:
        before = self._spent.get(self._name, Spent(0.0, 0.0))
        lap = Spent(time.perf_counter(), time.thread_time()).since(self._start)
        self._spent[self._name] = Spent(before.wall_s + lap.wall_s, before.processor_s + lap.processor_s)
