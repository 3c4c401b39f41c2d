"""What every metric says of itself, what every metric is given, and what every metric returns.

To add a metric: write its function and its `MetricSpec`, list the spec in its module's `SPECS`, and, where it is
accumulated over a track, give it an `Accumulator` listed in `yolact_temporal.temporal.metrics.ACCUMULATORS`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol


@dataclass(frozen=True)
class MetricSpec:
    """The contract of one figure.

    Attributes:
        name: column and row name in the tables, the unit at its end where it has one.
        symbol: where it is defined, such as "B1".
        meaning: one sentence.
        inputs: what it is computed from.
        unit: "px", "1/s", "1" for a pure number.
        range: least and greatest possible value.
        direction: "down" where lower is steadier, "up" where higher is, "zero" where nearer to 0 is.
        undefined: when it has no value; the cell is then empty and counted.
        source: the paper or definition it is from.
        level: "pair" if it has a value for each pair (t-1, t) of a track, "track" if only for a whole track, "clip" if
            only for a whole clip.
        over_tracks: how a clip's value comes from its tracks'.
    """

    name: str
    symbol: str
    meaning: str
    inputs: str
    unit: str
    range: tuple[float, float]
    direction: Literal["down", "up", "zero"]
    undefined: str
    source: str
    level: Literal["pair", "track", "clip"] = "track"
    over_tracks: Literal["mean", "sum"] = "mean"


class Figure(NamedTuple):
    """A measured value.

    Attributes:
        value: None where undefined; never NaN.
        n: how many pairs, frames or differences it is of.
        n_undefined: how many of them had no value and were left out.
    """

    value: float | None
    n: int
    n_undefined: int


UNDEFINED = Figure(None, 0, 0)


@dataclass(frozen=True)
class Observation:
    """One frame of a track's life, as the accumulators see it.

    Attributes:
        present: whether the track has a mask in this frame.
        paired: whether the pair (t-1, t) counts: consecutive selected frames, not a repeated frame, motion known.
        counts: whether the frame counts by itself; false for a repeat of the last frame.
        seconds: time from t-1 to t; None at the first frame or where the clip has no time.
        class_id, score, area_px, centroid, box: of the instance; None where it is absent. Centroid (x, y) and box
            (x1, y1, x2, y2) in pixels, a pixel's centre at its index + 0.5.
        pair: the pair's figures by name; None unless `paired` and present in both frames.
    """

    present: bool
    paired: bool
    counts: bool
    seconds: float | None
    class_id: int | None = None
    score: float | None = None
    area_px: int | None = None
    centroid: tuple[float, float] | None = None
    box: tuple[float, float, float, float] | None = None
    pair: Mapping[str, float | None] | None = None


class Accumulator(Protocol):
    """Takes one track's observations in order and keeps a fixed amount of memory, however long the track."""

    def add(self, observation: Observation) -> None:
        """Take the next frame."""
        ...

    def figures(self) -> dict[str, Figure]:
        """Return the figures of the frames so far, by metric name; may be called at any time."""
        ...


def mean_figure(values: Iterable[float | None]) -> Figure:
    """Average the values that are defined and count the rest; none defined gives no value."""
    defined, undefined = [], 0
    for value in values:
        if value is None:
            undefined += 1
        else:
            defined.append(value)
    return Figure(math.fsum(defined) / len(defined) if defined else None, len(defined), undefined)
