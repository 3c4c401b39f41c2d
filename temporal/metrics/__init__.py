"""Metrics of temporal stability: pure functions first, thin accumulators second, one contract for all.

Every metric is registered by its own module; `REGISTRY` knows them all.
"""

from yolact_temporal.temporal.metrics.contract import Figure, MetricSpec, Observation, mean_figure
from yolact_temporal.temporal.metrics.pairs import figures_without_box, pair_figures, track_accumulators
from yolact_temporal.temporal.metrics.registry import REGISTRY

__all__ = [
    "REGISTRY",
    "Figure",
    "MetricSpec",
    "Observation",
    "figures_without_box",
    "mean_figure",
    "pair_figures",
    "track_accumulators",
]
