"""Timing that holds on a machine with other work: what is compared takes short turns, and says where it cannot tell."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from yolact_temporal.analyzing.stage_clock import Spent

ROUNDS = 5
"""So often each takes its turn, unless told; a machine that is busy for a while then slows all alike."""
NOISE = 0.2
"""Rounds of which the largest and the smallest differ by more than this share of their median tell nothing."""


@dataclass(frozen=True)
class Ratio:
    """How many times as long one thing takes as another, over all rounds.

    Attributes:
        median, least, most: of the rounds' own ratios.
    """

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, ratios: Sequence[float]) -> Ratio:
        """Return what rounds say together, at least one."""
        return cls(statistics.median(ratios), min(ratios), max(ratios))

    @property
    def steady(self) -> bool:
        """Whether the rounds agree."""
        return self.most - self.least <= NOISE * self.median

    def __str__(self) -> str:
        span = f"{self.least:.2f} to {self.most:.2f}"
        return f"{self.median:.2f} ({span})" if self.steady else f"too noisy to tell ({span})"

    def as_data(self) -> dict[str, Any]:
        """Return it for `--json`."""
        return {"median": self.median, "least": self.least, "most": self.most, "steady": self.steady}


class Rounds:
    """What each of several things spent in each round, in seconds."""

    def __init__(self, turns: Mapping[str, Sequence[Spent]]) -> None:
        self._turns = turns

    def spent(self, name: str) -> Spent:
        """Return the medians of one thing's turns, of the clock and of the processor each by itself."""
        walls, processors = zip(*self._turns[name], strict=True)
        return Spent(statistics.median(walls), statistics.median(processors))

    def ratios(self, name: str, over: Iterable[str]) -> tuple[Ratio, Ratio]:
        """Return how many times as long one thing takes as others together, by the clock and by the processor."""
        others = [self._turns[other] for other in over]
        wall, processor = (
            Ratio.of(
                [
                    own[clock] / sum(turns[number][clock] for turns in others)
                    for number, own in enumerate(mine)
                ]
            )
            for mine in [self._turns[name]]
            for clock in (0, 1)
        )
        return wall, processor

    def added(self, name: str, over: str) -> Spent:
        """Return the medians of by how much more one thing takes than another in the same round."""
        more = [own.since(other) for own, other in zip(self._turns[name], self._turns[over], strict=True)]
        return Rounds({"more": more}).spent("more")


def take_turns(calls: Mapping[str, Callable[[], Spent]], rounds: int = ROUNDS) -> Rounds:
    """Let each thing take its turn in every round, one after the other.

    Args:
        calls: by name; each does the thing once and returns what that took.
        rounds: at least one.
    """
    turns: dict[str, list[Spent]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            turns[name].append(call())
    return Rounds(turns)
