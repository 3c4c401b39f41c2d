"""The figures of one pair (t-1, t) of a track, and their means over the track."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from weakref import WeakKeyDictionary

import numpy as np

from yolact_temporal.data.crops import MaskCrop, union_region
from yolact_temporal.temporal.metrics.contract import (
    NO_VALUE,
    Accumulator,
    Figure,
    FrameSums,
    MaskPair,
    Observation,
    Term,
)
from yolact_temporal.temporal.metrics.registry import REGISTRY
from yolact_temporal.temporal.motion import Motion, carry_back, warp_mask


def pair_figures(
    carried: MaskCrop,
    current: MaskCrop,
    motion: Motion,
    previous_box: Sequence[float] | None = None,
    box: Sequence[float] | None = None,
    previous: MaskCrop | None = None,
    cell: tuple[float, float] | None = None,
) -> dict[str, float | None]:
    """Measure one pair by everything that is registered for pairs.

    All mask work is done on the rectangle that holds both masks and one pixel around them.

    Args:
        carried: the mask of t-1 carried to t, as `warp_mask` gives it.
        current: the mask of t.
        motion: from t-1 to t; its visible pixels are those that count.
        previous_box, box: the predicted boxes (x1, y1, x2, y2) at t-1 and t. Without them the figures near and off the
            box are undefined.
        previous: the mask of t-1, where it was. Without it the figures of its round trip are undefined.
        cell: width and height in pixels of a cell of the grid on which the boxes cut masks; None where not known.

    Returns:
        A value or None by name: every metric of a pair, and the log area ratio. With an empty mask all are None.

    Example:
        >>> masks = (MaskCrop.from_bitmap(np.ones((8, 8), np.bool_), (32, 48), x, 8) for x in (8, 10))
        >>> figures = pair_figures(*masks, Motion.still((32, 48)))
        >>> round(figures["motion_compensated_jitter"], 4)  # 48 of 80 pixels are common
        0.4
        >>> figures["boundary_near_box_px_mean"] is None  # no boxes were given
        True
    """
    region = union_region([carried.region, current.region]).grown(1, current.size)
    pair = MaskPair(
        carried.within(region),
        current.within(region),
        motion.visible[region.slices].view(np.uint8),
        current.area,
        (region.x1, region.y1),
        [plane[region.slices] for plane in motion.sources],
        None if previous_box is None or box is None else (previous_box, box),
        None if previous is None else carry_back(previous, carried, motion),
        cell,
    )
    figures: dict[str, float | None] = {}
    for measure in REGISTRY.pair_measures():
        figures |= measure(pair)
    if previous is not None:
        motion.memory.figures.setdefault(current, WeakKeyDictionary())[previous] = figures
    return figures


def figures_without_box(previous: MaskCrop, current: MaskCrop, motion: Motion) -> Mapping[str, float | None]:
    """Measure one pair for figures that need no box, or return what was measured of it before.

    Args:
        previous, current: the masks of t-1 and t.
        motion: from t-1 to t.

    Returns:
        As `pair_figures`; figures near and off the box stand in it where whoever asked first knew the boxes.
    """
    known = motion.memory.figures.get(current)
    if known is not None and previous in known:
        return known[previous]
    return pair_figures(warp_mask(previous, motion), current, motion, previous=previous)


class PairMeans:
    """Averages the pairs' figures over one track."""

    def __init__(self) -> None:
        self._sums = {name: FrameSums() for name in REGISTRY.pairs()}

    def add(self, observation: Observation) -> None:
        """Take the next frame."""
        if observation.pair is None:
            return
        for name, sums in self._sums.items():
            value = observation.pair[name]
            sums.add(observation.frame, NO_VALUE if value is None else Term(value))

    def figures(self) -> dict[str, Figure]:
        """Return the means by metric name."""
        return {name: sums.figure() for name, sums in self._sums.items()}

    def sums(self) -> dict[str, FrameSums]:
        """Return what the means are made of, by metric name."""
        return self._sums


def track_accumulators() -> list[Accumulator]:
    """Return what one track is measured by; together they give every metric of a model's own tracks.

    Example:
        >>> measured = {name for accumulator in track_accumulators() for name in accumulator.figures()}
        >>> measured == set(REGISTRY.own())
        True
    """
    return [PairMeans(), *REGISTRY.accumulators()]
