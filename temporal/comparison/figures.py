"""One clip's figures of two models on the same objects: what is compared, before any statistics.

All pure functions of the table of objects (`ObjectRow`).
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from yolact_temporal.temporal.comparison.rows import ObjectRow
from yolact_temporal.temporal.metrics.causes import BOX_CAUSES
from yolact_temporal.temporal.metrics.losses import loss_terms

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_PAIRS = ("counted", "without_motion")
"""Statuses of what is a pair of the universe; a repeated frame or one across a loss is not."""


@dataclass(frozen=True, eq=False)
class ClipObjects:
    """The table of objects of one clip as columns: P appearances (an object in a frame), M models.

    Attributes:
        models: names, in the order of the columns.
        frame, object_id: int64 (P,), in order of frames.
        time_s: float (P,).
        pair: bool (P,), whether the object's pair with the last frame is of the universe.
        motion_known: bool (P,), whether the motion from the last frame to this one is known.
        last: int64 (P,), index of the object's last appearance, -1 before its first one.
        score, area_px, boundary_px, boundary_share, jitter, truth_iou, truth_boundary_f, round_trip_px,
            round_trip_jitter, second_boundary_px, box_cause_px, box_cause_jitter: float (P, M), as of `ObjectRow`; NaN
            where there is none.
        true_boundary_px, true_jitter, true_second_boundary_px: float (P,), of the true masks; NaN where there is none.
        iou_between: float (P, M, M), IoU of two models' masks of the object; NaN where one has none.
        left_out: how many pairs of an object are not of the universe, by status.
    """

    models: tuple[str, ...]
    frame: NDArray[np.int64]
    object_id: NDArray[np.int64]
    time_s: Floats
    pair: Bools
    motion_known: Bools
    last: NDArray[np.int64]
    score: Floats
    area_px: Floats
    boundary_px: Floats
    boundary_share: Floats
    jitter: Floats
    truth_iou: Floats
    truth_boundary_f: Floats
    round_trip_px: Floats
    round_trip_jitter: Floats
    second_boundary_px: Floats
    box_cause_px: Floats
    box_cause_jitter: Floats
    true_boundary_px: Floats
    true_jitter: Floats
    true_second_boundary_px: Floats
    iou_between: Floats
    left_out: dict[str, int]

    @classmethod
    def from_rows(cls, rows: Iterable[ObjectRow]) -> ClipObjects:
        """Gather rows, which come frame by frame, every appearance with one row a model in the same order.

        Raises:
            ValueError: if an appearance lacks a model.
        """
        ordered = list(rows)
        models = tuple(dict.fromkeys(row.model for row in ordered))
        count = max(len(models), 1)
        heads = ordered[::count]
        if len(ordered) % count or any(row.model != models[i % count] for i, row in enumerate(ordered)):
            raise ValueError(
                f"expected one row for each of {', '.join(models)} in every appearance, got others"
            )

        def column(name: str) -> Floats:
            values = [getattr(row, name) for row in ordered]
            numbers = [np.nan if value is None else value for value in values]
            return np.array(numbers, np.float64).reshape(len(heads), count)

        object_id = np.array([row.object_id for row in heads], np.int64)
        last = np.full(len(heads), -1, np.int64)
        latest: dict[int, int] = {}
        for index, key in enumerate(object_id.tolist()):
            last[index] = latest.get(key, -1)
            latest[key] = index
        statuses = [row.pair_status for row in heads]
        return cls(
            models=models,
            frame=np.array([row.frame for row in heads], np.int64),
            object_id=object_id,
            time_s=np.array([row.time_s for row in heads], np.float64),
            pair=np.array([status in _PAIRS for status in statuses], bool),
            motion_known=np.array([status != "without_motion" for status in statuses], bool),
            last=last,
            score=column("score"),
            area_px=column("area_px"),
            boundary_px=column("boundary_px"),
            boundary_share=column("boundary_share"),
            jitter=column("jitter"),
            truth_iou=column("truth_iou"),
            truth_boundary_f=column("truth_boundary_f"),
            round_trip_px=column("round_trip_px"),
            round_trip_jitter=column("round_trip_jitter"),
            second_boundary_px=column("second_boundary_px"),
            box_cause_px=column("box_cause_px"),
            box_cause_jitter=column("box_cause_jitter"),
            true_boundary_px=column("true_boundary_px")[:, 0],
            true_jitter=column("true_jitter")[:, 0],
            true_second_boundary_px=column("true_second_boundary_px")[:, 0],
            iou_between=_between(ordered, count),
            left_out={name: statuses.count(name) for name in ("repeated", "after_lost_frames")},
        )

    @property
    def has_truth(self) -> bool:
        """Whether the objects are those of a ground truth that a model's masks were compared with."""
        return bool(np.isfinite(self.truth_iou).any())

    def columns(self, first: str, second: str) -> list[int]:
        """Return the columns of two models."""
        return [self.models.index(first), self.models.index(second)]


class Series(NamedTuple):
    """A figure of two models as sums over the clip's frames, T of them.

    A model's value is the ratio of the sums, so that an object weighs by the pairs it has. Keeping the frames apart
    lets a bootstrap draw them anew.

    Attributes:
        first, second: float (T,), the two models' numerators.
        weight: float (T,), the denominators, the same for both.
        n: of how many pairs the figure is.
        n_undefined: pairs left out because a model has no value there.
        of_objects: both models' means over objects, each weighing the same; None where nothing is defined.

    Example:
        >>> first, second = np.array([0.2, 0.4]), np.array([0.1, 0.1])
        >>> Series(first, second, np.ones(2), 2, 0).values()
        (0.30000000000000004, 0.1)
    """

    first: Floats
    second: Floats
    weight: Floats
    n: int
    n_undefined: int
    of_objects: tuple[float | None, float | None] = (None, None)

    def values(self) -> tuple[float | None, float | None]:
        """Return both models' values, None where nothing is defined."""
        weight = float(self.weight.sum())
        if not weight > 0:
            return None, None
        return float(self.first.sum()) / weight, float(self.second.sum()) / weight

    def by_object(self) -> tuple[float | None, float | None]:
        """Return both models' means over objects, which weigh the same however few pairs they have.

        A check on `values`: where the two tell different things, a few short-lived objects make the difference.
        """
        return self.of_objects

    def difference(self) -> float | None:
        """Return first minus second, None where nothing is defined."""
        first, second = self.values()
        return None if first is None or second is None else first - second


@dataclass(frozen=True)
class PairFigures:
    """What two models made of one clip's universe.

    Attributes:
        pairs: |U|, pairs of the universe.
        common: |C|, pairs at which both models have a mask in both frames.
        objects: objects of the universe that have a pair.
        coverage: each model's share of the pairs of U at which it has a mask in both frames; None with U empty.
        thresholds: the score above which a mask is taken for seen, a model each.
        series: figures by name in `comparison.csv`; `REGISTRY.compared()` says what they are.
    """

    pairs: int
    common: int
    objects: int
    coverage: tuple[float | None, float | None]
    thresholds: tuple[float, float]
    series: dict[str, Series]

    @property
    def common_share(self) -> float | None:
        """|C| / |U|, None with U empty."""
        return self.common / self.pairs if self.pairs else None


def compare_clip(
    objects: ClipObjects,
    models: Sequence[str],
    thresholds: Sequence[float],
    truth_iou: float | None = None,
    timed: bool = True,
    figures: Container[str] | None = None,
) -> PairFigures:
    """Measure two models on one clip.

    Args:
        objects: the clip's table.
        models: two names.
        thresholds: the score above which each one's masks are taken for seen.
        truth_iou: a mask is taken for seen only where it overlaps the true one by so much; None for any.
        timed: whether the clip has a time; without one, flips per second are undefined.
        figures: names of those that are wanted; None for all.
    """
    sight = seen_by(objects, models, thresholds, truth_iou)
    both = sight.now & sight.before
    pair = objects.pair
    # With a ground truth every appearance can be judged, also where no mask fits any; without one none can.
    judged = truth_iou is not None or objects.has_truth
    makers = _makers(objects, objects.columns(*models), sight, judged, timed)
    count = int(pair.sum())
    covered = [float(both[pair, column].mean()) if count else None for column in (0, 1)]
    return PairFigures(
        pairs=count,
        common=int((pair & both.all(axis=1)).sum()),
        objects=len(set(objects.object_id[pair].tolist())),
        coverage=(covered[0], covered[1]),
        thresholds=(float(thresholds[0]), float(thresholds[1])),
        series={name: make() for name, make in makers.items() if figures is None or name in figures},
    )


class Seen(NamedTuple):
    """Whether each of two models sees the object in this frame and in the last, bool (P, 2)."""

    now: Bools
    before: Bools


def seen_by(
    objects: ClipObjects, models: Sequence[str], thresholds: Sequence[float], truth_iou: float | None = None
) -> Seen:
    """Return which appearances two models see; arguments as of `compare_clip`."""
    columns = objects.columns(*models)
    now = objects.score[:, columns] > np.asarray(thresholds)
    if truth_iou is not None:
        now &= np.nan_to_num(objects.truth_iou[:, columns], nan=0.0) >= truth_iou
    return Seen(now, now[objects.last] & (objects.last >= 0)[:, None])


def threshold_at_recall(scores: Floats, recall: float) -> float | None:
    """Return the score threshold at which a model covers a share of the universe's pairs, as nearly as it can.

    Args:
        scores: of each pair of the universe, as `pair_scores` gives them; of several clips, one after the other.
        recall: the share to cover, 0..1.

    Returns:
        Just below the score of the last pair that is needed; None where the model does not cover as much at all.

    Example:
        >>> scores = np.array([0.9, 0.6, 0.4, 0.0])
        >>> round(threshold_at_recall(scores, 0.5), 4), threshold_at_recall(scores, 1.0)
        (0.6, None)
    """
    wanted = int(np.ceil(recall * len(scores) - 1e-9))
    ordered = np.sort(scores)[::-1]
    if wanted < 1 or not ordered[wanted - 1] > 0:
        return None
    return float(np.nextafter(ordered[wanted - 1], 0.0))


def pair_scores(objects: ClipObjects, model: str) -> Floats:
    """Return the lower of the two scores of each pair of the universe, 0 where the model lacks a mask."""
    score = np.nan_to_num(objects.score[:, objects.models.index(model)], nan=0.0)
    before = np.where(objects.last >= 0, score[objects.last], 0.0)
    return np.minimum(score, before)[objects.pair]


def _between(rows: Sequence[ObjectRow], models: int) -> Floats:
    """Return the IoUs of every two models' masks, float (P, M, M); all NaN of tables that do not hold them."""
    unknown = (None,) * models
    ious = [[np.nan if iou is None else iou for iou in (row.iou_between or unknown)] for row in rows]
    return np.array(ious, np.float64).reshape(-1, models, models)


def _makers(
    objects: ClipObjects, columns: list[int], sight: Seen, judged: bool, timed: bool
) -> dict[str, Callable[[], Series]]:
    """Return what makes each figure of two models, by its name in `comparison.csv`."""
    seen, before = sight
    pair, both, one = objects.pair, seen & before, seen ^ before
    common = pair & both.all(axis=1)
    sums = _Sums(objects)

    def where_both(values: Floats) -> Callable[[], Series]:
        return lambda: sums.mean(values, common)

    def sampled(values: Floats, sample: Floats) -> Callable[[], Series]:
        # These are of a sample of pairs: the others lack nothing.
        return lambda: sums.mean(values, common & np.isfinite(sample).any(axis=1))

    boundary, jitter = objects.boundary_px[:, columns], objects.jitter[:, columns]
    second, true_second = objects.second_boundary_px[:, columns], _for_both(objects.true_second_boundary_px)
    causes = [values[:, columns] for values in (objects.box_cause_jitter, objects.box_cause_px)]
    losses = loss_terms(before, seen, jitter, objects.motion_known)
    known = np.full(len(objects.frame), judged)
    region, outline = (
        _or_zero(values[:, columns], seen) for values in (objects.truth_iou, objects.truth_boundary_f)
    )
    return {
        "boundary_px": where_both(boundary),
        "boundary_share": where_both(objects.boundary_share[:, columns]),
        "motion_compensated_jitter": where_both(jitter),
        "round_trip_px": where_both(objects.round_trip_px[:, columns]),
        "round_trip_jitter": where_both(objects.round_trip_jitter[:, columns]),
        "true_boundary_px": where_both(_for_both(objects.true_boundary_px)),
        "true_jitter": where_both(_for_both(objects.true_jitter)),
        "second_boundary_px": sampled(second, second),
        "sample_boundary_px": sampled(boundary, second),
        "true_second_boundary_px": sampled(true_second, true_second),
        **{name: sampled(values, values) for name, values in zip(BOX_CAUSES, causes, strict=True)},
        "presence_flips_per_s": lambda: sums.rate(one, pair, _seconds(objects) * timed),
        "coverage": lambda: sums.share(both, pair),
        "misses_one_sided": lambda: sums.share(one, pair),
        **{
            name: partial(sums.share, values, pair, losses.undefined)
            for name, values in losses.by_name.items()
        },
        "truth_j": lambda: sums.mean(region, known),
        "truth_f": lambda: sums.mean(outline, known),
        "truth_jf": lambda: sums.mean((region + outline) / 2, known),
    }


class _Sums:
    """Sums values of appearances over frames, and over objects."""

    def __init__(self, objects: ClipObjects) -> None:
        self._frames = np.unique(objects.frame, return_inverse=True)[1]
        self._objects = np.unique(objects.object_id, return_inverse=True)[1]

    def mean(self, values: Floats, where: Bools) -> Series:
        """Mean over appearances at which both models have a value."""
        return self._series(values, where & np.isfinite(values).all(axis=1), None, where)

    def rate(self, events: Bools, where: Bools, seconds: Floats) -> Series:
        """Events a second of the objects' lives."""
        return self._series(events.astype(float), where & (seconds > 0), seconds, where)

    def share(self, values: Floats | Bools, where: Bools, undefined: Bools | None = None) -> Series:
        """Mean over all appearances but those that are undefined."""
        return self._series(
            values.astype(float), where if undefined is None else where & ~undefined, None, where
        )

    def _series(self, values: Floats, counted: Bools, weight: Floats | None, where: Bools) -> Series:
        weights = counted * (1.0 if weight is None else weight)
        parts = [np.where(counted, values[:, 0], 0.0), np.where(counted, values[:, 1], 0.0), weights]
        first, second, weight_of = (np.bincount(self._frames, part).astype(float) for part in parts)
        n = int(counted.sum())
        by_object = _mean_ratios(*(np.bincount(self._objects, part).astype(float) for part in parts))
        return Series(first, second, weight_of, n, int(where.sum()) - n, by_object)


def _mean_ratios(first: Floats, second: Floats, weight: Floats) -> tuple[float | None, float | None]:
    """Return the means of two ratios over objects, (O,) each, without those that have no weight."""
    counted = weight > 0
    if not counted.any():
        return None, None
    means = [float((part[counted] / weight[counted]).mean()) for part in (first, second)]
    return means[0], means[1]


def _seconds(objects: ClipObjects) -> Floats:
    """Return the time since each object's last appearance, 0 at its first."""
    before = np.where(objects.last >= 0, objects.time_s[objects.last], objects.time_s)
    return objects.time_s - before


def _for_both(values: Floats) -> Floats:
    """Return a figure of the objects themselves as that of either model, float (P, 2)."""
    return np.repeat(values[:, None], 2, axis=1)


def _or_zero(values: Floats, seen: Bools) -> Floats:
    """An object that is not seen is segmented as badly as can be."""
    return np.where(seen, np.nan_to_num(values, nan=0.0), 0.0)
