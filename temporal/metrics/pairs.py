"""The figures of one pair (t-1, t) of a track, and their means over the track."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from yolact_temporal.data.crops import MaskCrop, union_region
from yolact_temporal.temporal.metrics import boundary, flicker, jitter
from yolact_temporal.temporal.metrics.contract import Figure, Observation
from yolact_temporal.temporal.motion import Motion, warp_mask

PAIR_SPECS = (*boundary.SPECS, jitter.JITTER_SPEC)
"""The metrics that have a value for each pair."""

_NAMES = tuple(spec.name for spec in PAIR_SPECS)
_GROUPS = ("boundary_px", "boundary_share", "boundary_near_box_px", "boundary_off_box_px")


def pair_figures(
    carried: MaskCrop,
    current: MaskCrop,
    motion: Motion,
    previous_box: Sequence[float] | None = None,
    box: Sequence[float] | None = None,
) -> dict[str, float | None]:
    """Measure one pair: boundary displacement, motion-compensated jitter, and the log area ratio.

    All mask work is done on the rectangle that holds both masks and one pixel around them.

    Args:
        carried: the mask of t-1 carried to t, as `warp_mask` gives it.
        current: the mask of t.
        motion: from t-1 to t; its visible pixels are those that count.
        previous_box, box: the predicted boxes (x1, y1, x2, y2) at t-1 and t. Without them the figures near and off the
            box are undefined. A carried boundary pixel is near the box if it was so where it came from.

    Returns:
        A value or None by metric name, every name of `PAIR_SPECS` and `LOG_AREA_RATIO`.
    """
    region = union_region([carried.region, current.region]).grown(1, current.size)
    before, now = carried.within(region), current.within(region)
    visible = motion.visible[region.slices].view(np.uint8)
    figures: dict[str, float | None] = dict.fromkeys((*_NAMES, flicker.LOG_AREA_RATIO))
    figures[jitter.JITTER_SPEC.name] = jitter.motion_compensated_jitter(before, now, visible)
    figures[flicker.LOG_AREA_RATIO] = flicker.log_area_ratio(before, now, visible)
    found = boundary.boundary_distances(before, now, visible)
    if found is None:
        return figures
    there, back = found
    whole = boundary.displacement(there.distances, back.distances)
    side = math.sqrt(current.area)
    groups = {"boundary_px": whole, "boundary_share": [value and value / side for value in whole]}
    if previous_box is not None and box is not None:
        columns, rows = (plane[region.slices][there.rows, there.columns] for plane in motion.sources)
        near_there = boundary.near_box_edge(columns, rows, previous_box)
        near_back = boundary.near_box_edge(back.columns + region.x1, back.rows + region.y1, box)
        near = boundary.displacement(there.distances[near_there], back.distances[near_back])
        off = boundary.displacement(there.distances[~near_there], back.distances[~near_back])
        groups |= {"boundary_near_box_px": near, "boundary_off_box_px": off}
    for group, values in groups.items():
        for statistic, value in zip(boundary.Displacement._fields, values, strict=True):
            figures[f"{group}_{statistic}"] = value
    return figures


def flow_floor(previous: MaskCrop, estimated: Motion, exact: Motion) -> dict[str, float | None]:
    """Measure what the flow itself adds to a pair's figures (METRICS B6).

    A mask that follows the exact motion is perfectly steady; whatever the estimated motion says of it is the floor,
    below which a figure measured with that flow says nothing.

    Args:
        previous: a mask of t-1.
        estimated: the motion that measurements use.
        exact: the motion that is known to be true.

    Returns:
        As `pair_figures`, those near and off the box undefined.
    """
    return pair_figures(warp_mask(previous, estimated), warp_mask(previous, exact), estimated)


class PairMeans:
    """Averages the pairs' figures over one track."""

    def __init__(self) -> None:
        self._sums = dict.fromkeys(_NAMES, 0.0)
        self._counts = dict.fromkeys(_NAMES, 0)
        self._undefined = dict.fromkeys(_NAMES, 0)

    def add(self, observation: Observation) -> None:
        """Take the next frame."""
        if observation.pair is None:
            return
        for name in _NAMES:
            value = observation.pair[name]
            if value is None:
                self._undefined[name] += 1
            else:
                self._sums[name] += value
                self._counts[name] += 1

    def figures(self) -> dict[str, Figure]:
        """Return the means by metric name."""
        return {
            name: Figure(
                self._sums[name] / self._counts[name] if self._counts[name] else None,
                self._counts[name],
                self._undefined[name],
            )
            for name in _NAMES
        }
