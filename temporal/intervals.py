"""95% intervals of one model's own figures within one clip, from the very sums that the figures are made of."""

from __future__ import annotations

from collections.abc import Mapping

from yolact_temporal.temporal.comparison.statistics import Interval, Ratio, ratio_intervals
from yolact_temporal.temporal.metrics import REGISTRY
from yolact_temporal.temporal.pooling import PooledSums


def own_intervals(sums: Mapping[str, PooledSums]) -> dict[str, Interval]:
    """Return the intervals of a model's headline figures over a clip, by metric name; left out where there is none.

    Args:
        sums: of the clip's figures, by metric name (`ClipStability.sums`).
    """
    return pooled_intervals({name: sums[name] for name in REGISTRY.headlines() if name in sums})


def pooled_intervals(sums: Mapping[str, PooledSums]) -> dict[str, Interval]:
    """Return the interval of every figure that has one, by metric name.

    Args:
        sums: of the figures, over the frames of a clip.
    """
    found = ratio_intervals([Ratio(own.values, own.weight, own.compute) for own in sums.values()])
    return {name: interval for name, interval in zip(sums, found, strict=True) if interval is not None}
