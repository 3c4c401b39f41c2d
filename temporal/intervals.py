"""95% intervals of one model's own figures within one clip, from the very sums that the figures are made of."""

from __future__ import annotations

from collections.abc import Mapping

from yolact_temporal.temporal.comparison.statistics import Interval, ratio_interval
from yolact_temporal.temporal.metrics import REGISTRY
from yolact_temporal.temporal.pooling import PooledSums


def own_intervals(sums: Mapping[str, PooledSums]) -> dict[str, Interval]:
    """Return the intervals of a model's headline figures over a clip, by metric name; left out where there is none.

    Args:
        sums: of the clip's figures, by metric name (`ClipStability.sums`).
    """
    found = {}
    for name in REGISTRY.headlines():
        own = sums.get(name)
        interval = None if own is None else ratio_interval(own.values, own.weight, own.compute)
        if interval is not None:
            found[name] = interval
    return found
