"""What guards look at, clip by clip: figures that tell steadiness from the look of it (METRICS J4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from yolact_temporal.temporal.comparison.figures import ClipObjects, seen_by
from yolact_temporal.temporal.comparison.support_meter import Outside

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_LEAST_AGE_S = 0.5
"""An object must be seen for so long for a trend in its age to be more than chance."""
_LEAST_SAMPLE = 2
"""Pairs measured by the second motion estimate that a clip must have to be of its mean."""


class ClipGuards(NamedTuple):
    """What guards look at on one clip; NaN where it is not known. First and second model, (2,), where not said.

    Attributes:
        common_boundary_px, round_trip_px: B1 on the common support, and of the same masks carried there and back.
        boundary_px, second_boundary_px: B1 by the first and by the second motion estimate, on the sampled pairs.
        true_boundary_px, true_second_boundary_px: the same of the true masks, numbers.
        overlap: mean IoU of the two models' masks on the common support, a number.
        log_area: mean log of the first's area over the second's there, a number.
        overlap_slope: change of that IoU a second as an object ages, a number.
        duplicates, unshared: shares of the counted instances.
    """

    common_boundary_px: Floats
    round_trip_px: Floats
    boundary_px: Floats
    second_boundary_px: Floats
    true_boundary_px: float
    true_second_boundary_px: float
    overlap: float
    log_area: float
    overlap_slope: float
    duplicates: Floats
    unshared: Floats


def guard_figures(
    objects: ClipObjects,
    models: Sequence[str],
    thresholds: Sequence[float],
    truth_iou: float | None = None,
    timed: bool = True,
    outside: Mapping[str, Outside] | None = None,
) -> ClipGuards:
    """Measure what guards look at on one clip; the first five arguments as of `compare_clip`.

    Args:
        objects: the clip's table.
        models: two names.
        thresholds: the score above which each one's masks are taken for seen.
        truth_iou: a mask is taken for seen only where it overlaps the true one by so much.
        timed: whether the clip has a time.
        outside: of the models' instances; None where they were not counted.
    """
    columns = objects.columns(*models)
    seen, before = seen_by(objects, models, thresholds, truth_iou)
    common = objects.pair & (seen & before).all(axis=1)
    boundary = objects.boundary_px[:, columns]
    second, trip = objects.second_boundary_px[:, columns], objects.round_trip_px[:, columns]
    tripped = common & np.isfinite(boundary).all(axis=1) & np.isfinite(trip).all(axis=1)
    sampled = common & np.isfinite(second).all(axis=1) & np.isfinite(boundary).all(axis=1)
    true = np.stack([objects.true_boundary_px, objects.true_second_boundary_px], axis=1)
    truly = sampled & np.isfinite(true).all(axis=1)
    on_truth = int(truly.sum()) >= _LEAST_SAMPLE
    sampled = truly if on_truth else sampled
    enough = int(sampled.sum()) >= _LEAST_SAMPLE
    area = np.log(np.maximum(objects.area_px[:, columns], 1.0))
    overlap = objects.iou_between[:, columns[0], columns[1]]
    return ClipGuards(
        common_boundary_px=_means(boundary, tripped),
        round_trip_px=_means(trip, tripped),
        boundary_px=_means(boundary, sampled & enough),
        second_boundary_px=_means(second, sampled & enough),
        true_boundary_px=float(_means(true, truly & on_truth)[0]),
        true_second_boundary_px=float(_means(true, truly & on_truth)[1]),
        overlap=float(_means(overlap[:, None], common)[0]),
        log_area=float(_means((area[:, 0] - area[:, 1])[:, None], common)[0]),
        overlap_slope=_slope(objects, overlap, common) if timed else float("nan"),
        duplicates=_shares(models, outside, "duplicates"),
        unshared=_shares(models, outside, "unshared"),
    )


def over_clips(values: Iterable[Floats | float]) -> Floats:
    """Return the mean over the clips where a figure is known, column by column; NaN where it is known of none.

    Example:
        >>> over_clips([1.0, float("nan"), 3.0]).tolist()
        [2.0]
    """
    rows = np.array([np.atleast_1d(value) for value in values], np.float64)
    return _means(rows, np.ones(len(rows), bool))


def _means(values: Floats, where: Bools) -> Floats:
    """Return the mean of each column over the chosen rows in which all are known, (C,); NaN without any."""
    chosen = values[where & np.isfinite(values).any(axis=1)]
    known = np.isfinite(chosen)
    counts = known.sum(axis=0)
    sums = np.where(known, chosen, 0.0).sum(axis=0)
    found: Floats = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    return found


def _slope(objects: ClipObjects, overlap: Floats, where: Bools) -> float:
    """Return the slope of the overlap against the object's age, within objects; NaN where none lives long enough."""
    across = over = 0.0
    for key in np.unique(objects.object_id[where]):
        own = where & (objects.object_id == key) & np.isfinite(overlap)
        age, value = objects.time_s[own], overlap[own]
        if len(age) < 3 or np.ptp(age) < _LEAST_AGE_S:
            continue
        centred = age - age.mean()
        across += float(centred @ centred)
        over += float(centred @ (value - value.mean()))
    return over / across if across else float("nan")


def _shares(models: Sequence[str], outside: Mapping[str, Outside] | None, name: str) -> Floats:
    if outside is None:
        return np.full(2, np.nan)
    own = [outside[model] for model in models]
    return np.array([getattr(one, name) / one.of if one.of else 0.0 for one in own])
