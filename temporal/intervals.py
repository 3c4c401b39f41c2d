"""95% intervals of one model's own figures within one clip, from the very sums that the figures are made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from yolact_temporal.temporal.comparison.statistics import Interval, ratio_interval
from yolact_temporal.temporal.metrics import REGISTRY
from yolact_temporal.temporal.metrics.contract import Compute
from yolact_temporal.temporal.stability import TrackStability

Floats = NDArray[np.float64]


class RatioOfSums(NamedTuple):
    """A figure as what each frame adds to its sums: T frames that add something, O tracks.

    Attributes:
        values: float64 (T, O), numerators.
        weight: float64 (T, O), denominators.
        compute: makes the figure of each track's ratio of sums; the mean over tracks is the clip's.
    """

    values: Floats
    weight: Floats
    compute: Compute


def own_intervals(tracks: Sequence[TrackStability]) -> dict[str, Interval]:
    """Return the intervals of a model's headline figures over a clip, by metric name; left out where there is none.

    Args:
        tracks: all of the clip's.
    """
    found = {}
    for name in REGISTRY.headlines():
        figure = ratio_of_sums(tracks, name)
        interval = None if figure is None else ratio_interval(*figure)
        if interval is not None:
            found[name] = interval
    return found


def ratio_of_sums(tracks: Sequence[TrackStability], name: str) -> RatioOfSums | None:
    """Lay out what each frame adds to a figure, over the tracks that have a value; None where none has.

    Args:
        tracks: all of the clip's.
        name: of a headline metric.
    """
    sums = [one for track in tracks if (one := track.sums.get(name)) is not None and one.value() is not None]
    if not sums:
        return None
    parts = [each.by_frame() for each in sums]
    frames, rows = np.unique(np.concatenate([part[0] for part in parts]), return_inverse=True)
    values, weight = np.zeros((2, len(frames), len(sums)))
    starts = np.cumsum([0, *(len(part[0]) for part in parts)])
    for column, (_, numerators, denominators) in enumerate(parts):
        own = rows[starts[column] : starts[column + 1]]
        values[own, column] = numerators
        weight[own, column] = denominators
    return RatioOfSums(values, weight, sums[0].compute)
