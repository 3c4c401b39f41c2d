"""Metrics of temporal stability: pure functions first, thin accumulators second, one contract for all.

Every metric is registered by its own module; `REGISTRY` knows them all.
"""

from yolact_temporal.temporal.metrics.contract import Figure, MetricSpec, Observation, mean_figure
from yolact_temporal.temporal.metrics.pairs import pair_figures, track_accumulators
from yolact_temporal.temporal.metrics.registry import REGISTRY

__all__ = [
    "REGISTRY",
    "Figure",
    "MetricSpec",
    "Observation",
    "mean_figure",
    "pair_figures",
    "track_accumulators",
]
