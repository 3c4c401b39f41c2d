"""Metrics of temporal stability: pure functions first, thin accumulators second, one contract for all.

`METRICS` lists every figure by name, in the order of the tables' columns.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from yolact_temporal.temporal.metrics import boundary, flicker, jitter, spectrum
from yolact_temporal.temporal.metrics.contract import (
    Accumulator,
    Figure,
    MetricSpec,
    Observation,
    mean_figure,
)
from yolact_temporal.temporal.metrics.pairs import PAIR_SPECS, PairMeans, flow_floor, pair_figures

METRICS: Mapping[str, MetricSpec] = MappingProxyType(
    {spec.name: spec for spec in (*boundary.SPECS, *jitter.SPECS, *spectrum.SPECS, *flicker.SPECS)}
)

ACCUMULATORS: tuple[Callable[[], Accumulator], ...] = (
    PairMeans,
    jitter.SecondDifferences,
    jitter.ScoreJitter,
    spectrum.HighFrequencyShares,
    flicker.Presence,
    flicker.ClassFlips,
    flicker.AreaBlinks,
)
"""What each track is measured by; together they give every metric of `METRICS`."""

__all__ = [
    "ACCUMULATORS",
    "METRICS",
    "PAIR_SPECS",
    "Accumulator",
    "Figure",
    "MetricSpec",
    "Observation",
    "flow_floor",
    "mean_figure",
    "pair_figures",
]
