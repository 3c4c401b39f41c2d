"""Measured values as one tidy table: a row is one figure of one stand-in at one dose, over clips or objects."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import stats

CONFIDENCE = 0.95


class Key(NamedTuple):
    """What a measurement is of.

    Attributes:
        experiment: "scenes" (stand-ins on scenes whose objects stay in sight), "crossing" (on those whose objects hide
            each other wholly), "all_scenes" (compared on both), "long" (on 400 frames), "speed" or "texture" (the
            floor).
        fault: a stand-in's fault; "truth" for the floor.
        dose: of the fault; the speed or the texture for the floor.
        motion: "exact" or "flow", "exact_unmasked" or "flow_unmasked"; "" where it plays no part.
        metric: name.
    """

    experiment: str
    fault: str
    dose: float
    motion: str
    metric: str


@dataclass(frozen=True)
class Measurement:
    """A figure.

    Attributes:
        key: what it is of.
        injected: the dose that was put in; of a rate, as counted.
        unit: of the values.
        values: one a clip or an object; None where undefined.
        of: "clips" or "objects".
        note: what was found where it is no number.
    """

    key: Key
    injected: float
    unit: str
    values: tuple[float | None, ...]
    of: str = "clips"
    note: str = ""

    @property
    def defined(self) -> tuple[float, ...]:
        """The values there are."""
        return tuple(value for value in self.values if value is not None)

    @property
    def mean(self) -> float | None:
        """Mean over what is defined; None where nothing is."""
        return math.fsum(self.defined) / len(self.defined) if self.defined else None

    @property
    def sd(self) -> float | None:
        """Sample standard deviation; None of fewer than two."""
        return float(np.std(self.defined, ddof=1)) if len(self.defined) > 1 else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Student's 95% interval of the mean; None of fewer than two values."""
        mean, sd, n = self.mean, self.sd, len(self.defined)
        if mean is None or sd is None:
            return None
        half = float(stats.t.ppf((1 + CONFIDENCE) / 2, n - 1)) * sd / math.sqrt(n)
        return mean - half, mean + half


class Table:
    """Measurements by what they are of, in order."""

    def __init__(self, measurements: Iterable[Measurement]) -> None:
        self._rows = {row.key: row for row in measurements}

    def __iter__(self) -> Iterator[Measurement]:
        """Yield the rows in order."""
        return iter(self._rows.values())

    def __len__(self) -> int:
        return len(self._rows)

    def get(self, key: Key) -> Measurement | None:
        """Return a measurement; None if there is none of it."""
        return self._rows.get(key)

    def mean(self, key: Key) -> float | None:
        """Return a measurement's mean; None if undefined or not measured."""
        row = self._rows.get(key)
        return None if row is None else row.mean

    def doses(self, experiment: str, fault: str) -> list[float]:
        """Return a fault's doses in an experiment, ascending."""
        return sorted(
            {row.key.dose for row in self if (row.key.experiment, row.key.fault) == (experiment, fault)}
        )
