"""What guards look at, clip by clip: figures that tell steadiness from the look of it (METRICS J4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from yolact_temporal.temporal.comparison.clip_objects import (
    Bools,
    ClipObjects,
    Floats,
    Objects,
    rows_by_object,
)
from yolact_temporal.temporal.comparison.figures import Seen, seen_by
from yolact_temporal.temporal.comparison.support_meter import Outside

_LEAST_AGE_S = 0.5
"""An object must be seen for so long for a trend in its age to be more than chance."""
_LEAST_SAMPLE = 2
"""Pairs measured by the second motion estimate that a clip must have to be of its mean."""


class ClipGuards(NamedTuple):
    """What guards look at on one clip; NaN where it is not known. First and second model, (2,), where not said.

    Attributes:
        common_boundary_px, round_trip_px: B1 on the common support, and of the same masks carried there and back.
        below_trip: share of these pairs in which B1 is less than the round trip.
        boundary_px, second_boundary_px: B1 by the first and by the second motion estimate, on the sampled pairs.
        true_boundary_px, true_second_boundary_px: the same of the true masks, numbers.
        overlap: mean IoU of the two models' masks on the common support, a number.
        log_area: mean log of the first's area over the second's there, a number.
        overlap_slope: change of that IoU a second as an object ages, a number.
        duplicates, unshared: shares of the counted instances.
    """

    common_boundary_px: Floats
    round_trip_px: Floats
    below_trip: Floats
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
    objects: Objects,
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
    found = _Found()
    for part in objects.parts():
        found.add(part, part.columns(*models), seen_by(part, models, thresholds, truth_iou))
    on_truth = found.truly.rows >= _LEAST_SAMPLE
    sample = found.truly if on_truth else found.sampled
    enough = sample.rows >= _LEAST_SAMPLE
    first, second = _halves(sample.means()) if enough else (np.full(2, np.nan), np.full(2, np.nan))
    true = found.true.means() if on_truth else np.full(2, np.nan)
    common, trip = _halves(found.tripped.means())
    return ClipGuards(
        common_boundary_px=common,
        round_trip_px=trip,
        below_trip=found.below.means(),
        boundary_px=first,
        second_boundary_px=second,
        true_boundary_px=float(true[0]),
        true_second_boundary_px=float(true[1]),
        overlap=float(found.overlap.means()[0]),
        log_area=float(found.log_area.means()[0]),
        overlap_slope=found.slopes.value() if timed else float("nan"),
        duplicates=_shares(models, outside, "duplicates"),
        unshared=_shares(models, outside, "unshared"),
    )


def _halves(values: Floats) -> tuple[Floats, Floats]:
    return values[:2], values[2:]


class _Means:
    """Means of columns, each over the chosen rows in which it is known; rows come part by part.

    Attributes:
        rows: that were chosen.
    """

    def __init__(self, columns: int) -> None:
        self.rows = 0
        self._counts, self._sums = np.zeros(columns, np.int64), np.zeros(columns)

    def add(self, values: Floats, where: Bools) -> None:
        """Take the chosen rows of a part, (P, C)."""
        self.rows += int(where.sum())
        chosen = values[where & np.isfinite(values).any(axis=1)]
        known = np.isfinite(chosen)
        self._counts += known.sum(axis=0)
        self._sums += np.where(known, chosen, 0.0).sum(axis=0)

    def means(self) -> Floats:
        """Return the means, (C,); NaN of a column that is never known."""
        found: Floats = np.where(self._counts > 0, self._sums / np.maximum(self._counts, 1), np.nan)
        return found


class _Found:
    """What guards look at, gathered over the parts of a clip.

    Attributes:
        tripped: B1 of both models, and of the same masks carried there and back.
        below: of both models 1 in a pair whose B1 is less than its round trip, else 0.
        sampled, truly: B1 of both by the first and by the second estimate, on the sample, and where both are known of
            the true masks too.
        true: B1 of the true masks by both estimates there.
        overlap, log_area: of both models' masks on the common support.
        slopes: of the overlap over the objects' ages.
    """

    def __init__(self) -> None:
        self.tripped, self.sampled, self.truly = _Means(4), _Means(4), _Means(4)
        self.below, self.true, self.overlap, self.log_area = _Means(2), _Means(2), _Means(1), _Means(1)
        self.slopes = _Slopes()

    def add(self, objects: ClipObjects, columns: list[int], sight: Seen) -> None:
        """Take the next part, the columns of the two models in it, and what they see."""
        common = objects.pair & (sight.now & sight.before).all(axis=1)
        boundary = objects.boundary_px[:, columns]
        second, trip = objects.second_boundary_px[:, columns], objects.round_trip_px[:, columns]
        outlined = common & np.isfinite(boundary).all(axis=1)
        sampled = outlined & np.isfinite(second).all(axis=1)
        true = np.stack([objects.true_boundary_px, objects.true_second_boundary_px], axis=1)
        truly = sampled & np.isfinite(true).all(axis=1)
        both = np.concatenate([boundary, second], axis=1)
        tripped = outlined & np.isfinite(trip).all(axis=1)
        self.tripped.add(np.concatenate([boundary, trip], axis=1), tripped)
        self.below.add((boundary < trip).astype(np.float64), tripped)
        self.sampled.add(both, sampled)
        self.truly.add(both, truly)
        self.true.add(true, truly)
        area = np.log(np.maximum(objects.area_px[:, columns], 1.0))
        overlap = objects.iou_between[:, columns[0], columns[1]]
        self.overlap.add(overlap[:, None], common)
        self.log_area.add((area[:, 0] - area[:, 1])[:, None], common)
        self.slopes.add(objects, overlap, common & np.isfinite(overlap))


def over_clips(values: Iterable[Floats | float]) -> Floats:
    """Return the mean over the clips where a figure is known, column by column; NaN where it is known of none.

    Example:
        >>> over_clips([1.0, float("nan"), 3.0]).tolist()
        [2.0]
    """
    rows = np.array([np.atleast_1d(value) for value in values], np.float64)
    means = _Means(rows.shape[1])
    means.add(rows, np.ones(len(rows), bool))
    return means.means()


class _Line(NamedTuple):
    """Ages and overlaps of one object: their number, means, sums about these, and the least and greatest age."""

    n: int
    age: float
    overlap: float
    across: float
    over: float
    least: float
    most: float


class _Slopes:
    """The slope of the overlap against the object's age, within objects that live long enough; part by part."""

    def __init__(self) -> None:
        self._lines: dict[int, _Line] = {}

    def add(self, objects: ClipObjects, overlap: Floats, where: Bools) -> None:
        """Take the chosen appearances of the next part."""
        for key, own in rows_by_object(objects.object_id, where):
            line = _line(objects.time_s[own], overlap[own])
            before = self._lines.get(key)
            self._lines[key] = line if before is None else _joined(before, line)

    def value(self) -> float:
        """Return the slope; NaN where no object lives long enough."""
        across = over = 0.0
        for _, own in sorted(self._lines.items()):
            if own.n >= 3 and own.most - own.least >= _LEAST_AGE_S:
                across += own.across
                over += own.over
        return over / across if across else float("nan")


def _line(age: Floats, overlap: Floats) -> _Line:
    centred = age - age.mean()
    return _Line(
        len(age),
        float(age.mean()),
        float(overlap.mean()),
        float(centred @ centred),
        float(centred @ (overlap - overlap.mean())),
        float(age.min()),
        float(age.max()),
    )


def _joined(first: _Line, second: _Line) -> _Line:
    """Return two stretches of an object as one (Chan, Golub and LeVeque 1983)."""
    n = first.n + second.n
    share = second.n / n
    later, higher = second.age - first.age, second.overlap - first.overlap
    return _Line(
        n,
        first.age + later * share,
        first.overlap + higher * share,
        first.across + second.across + later * later * first.n * share,
        first.over + second.over + later * higher * first.n * share,
        min(first.least, second.least),
        max(first.most, second.most),
    )


def _shares(models: Sequence[str], outside: Mapping[str, Outside] | None, name: str) -> Floats:
    if outside is None:
        return np.full(2, np.nan)
    own = [outside[model] for model in models]
    return np.array([getattr(one, name) / one.of if one.of else 0.0 for one in own])
