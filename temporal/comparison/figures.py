"""One clip's figures of two models on the same objects: what is compared, before any statistics.

All pure functions of the table of objects (`Objects`), which is taken part by part: memory does not grow with the clip.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from yolact_temporal.temporal.comparison.clip_objects import Bools, ClipObjects, Floats, Objects
from yolact_temporal.temporal.metrics.causes import BOX_CAUSES
from yolact_temporal.temporal.metrics.losses import LOSS_TERMS, loss_terms, seen_pairs
from yolact_temporal.temporal.pooling import frames_a_block


class Series(NamedTuple):
    """A figure of two models as sums over the clip's frames, T of them; of long clips over blocks of neighbours.

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
    objects: Objects,
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
    # With a ground truth every appearance can be judged, also where no mask fits any; without one none can.
    judged = truth_iou is not None or objects.has_truth
    setting = _Setting(tuple(models), tuple(thresholds), truth_iou, judged, timed)
    asked = figures is None or any(name in figures for name in LOSS_TERMS)
    only_misses = asked and _has_only_misses(objects, setting)
    sums: dict[str, _Sums] = {}
    count = common = frames = 0
    covered = np.zeros(2, np.int64)
    paired: set[int] = set()
    for part in objects.parts():
        sight = seen_by(part, models, thresholds, truth_iou)
        both, pair = sight.now & sight.before, part.pair
        count += int(pair.sum())
        common += int((pair & both.all(axis=1)).sum())
        covered += both[pair].sum(axis=0)
        paired.update(part.object_id[pair].tolist())
        places = _Places.of(part, objects, frames)
        for name, make in _makers(part, part.columns(*models), sight, setting, only_misses).items():
            if figures is None or name in figures:
                sums.setdefault(name, _Sums(objects)).add(make(), places)
        frames += part.frames
    coverage = [int(own) / count if count else None for own in covered]
    return PairFigures(
        pairs=count,
        common=common,
        objects=len(paired),
        coverage=(coverage[0], coverage[1]),
        thresholds=(float(thresholds[0]), float(thresholds[1])),
        series={name: own.series() for name, own in sums.items()},
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

    def seen(scores: Floats, ious: Floats) -> Bools:
        found: Bools = scores[:, columns] > np.asarray(thresholds)
        return found if truth_iou is None else found & (np.nan_to_num(ious[:, columns], nan=0.0) >= truth_iou)

    return Seen(seen(objects.score, objects.truth_iou), seen(objects.last_score, objects.last_truth_iou))


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


def pair_scores(objects: Objects, model: str) -> Floats:
    """Return the lower of the two scores of each pair of the universe, 0 where the model lacks a mask."""
    column = objects.models.index(model)
    found = [
        np.minimum(np.nan_to_num(part.score[:, column]), np.nan_to_num(part.last_score[:, column]))[part.pair]
        for part in objects.parts()
    ]
    return np.concatenate(found)


class _Setting(NamedTuple):
    """How two models are measured on a clip; as of `compare_clip`, and whether masks can be judged by a truth."""

    models: tuple[str, ...]
    thresholds: tuple[float, ...]
    truth_iou: float | None
    judged: bool
    timed: bool


def _has_only_misses(objects: Objects, setting: _Setting) -> bool:
    """Say whether a model's B2 is known of none of the pairs that it sees: only misses would be left of its losses."""
    hidden, known = np.zeros((2, 2), np.bool_)
    for part in objects.parts():
        sight = seen_by(part, setting.models, setting.thresholds, setting.truth_iou)
        own = seen_pairs(sight.before, sight.now, part.jitter[:, part.columns(*setting.models)])
        hidden, known = hidden | own.hidden, known | own.known
    return bool((hidden & ~known).any())


class _Values(NamedTuple):
    """What a part adds to a figure.

    Attributes:
        values: float (P, 2), of both models.
        counted: bool (P,), the appearances that have a value.
        weight: float (P,), their weights; None for 1.
        where: bool (P,), the appearances that are asked.
    """

    values: Floats
    counted: Bools
    weight: Floats | None
    where: Bools


def _mean(values: Floats, where: Bools) -> _Values:
    """Mean over appearances at which both models have a value."""
    return _Values(values, where & np.isfinite(values).all(axis=1), None, where)


def _rate(events: Bools, where: Bools, seconds: Floats) -> _Values:
    """Events a second of the objects' lives."""
    return _Values(events.astype(float), where & (seconds > 0), seconds, where)


def _share(values: Floats | Bools, where: Bools, undefined: Bools | None = None) -> _Values:
    """Mean over all appearances but those that are undefined."""
    return _Values(values.astype(float), where if undefined is None else where & ~undefined, None, where)


def _makers(
    objects: ClipObjects, columns: list[int], sight: Seen, setting: _Setting, only_misses: bool
) -> dict[str, Callable[[], _Values]]:
    """Return what makes each figure of two models of a part, by its name in `comparison.csv`."""
    seen, before = sight
    pair, both, one = objects.pair, seen & before, seen ^ before
    common = pair & both.all(axis=1)

    def where_both(values: Floats) -> Callable[[], _Values]:
        return lambda: _mean(values, common)

    def sampled(values: Floats, sample: Floats) -> Callable[[], _Values]:
        # These are of a sample of pairs: the others lack nothing.
        return lambda: _mean(values, common & np.isfinite(sample).any(axis=1))

    boundary, jitter = objects.boundary_px[:, columns], objects.jitter[:, columns]
    second, true_second = objects.second_boundary_px[:, columns], _for_both(objects.true_second_boundary_px)
    causes = [values[:, columns] for values in (objects.box_cause_jitter, objects.box_cause_px)]
    losses = loss_terms(before, seen, jitter, objects.motion_known, only_misses)
    known = np.full(len(objects.frame), setting.judged)
    region, outline = (
        _or_zero(values[:, columns], seen) for values in (objects.truth_iou, objects.truth_boundary_f)
    )
    seconds = (objects.time_s - objects.last_time_s) * setting.timed
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
        "presence_flips_per_s": lambda: _rate(one, pair, seconds),
        "coverage": lambda: _share(both, pair),
        "misses_one_sided": lambda: _share(one, pair),
        **{name: partial(_share, values, pair, losses.undefined) for name, values in losses.by_name.items()},
        "truth_j": lambda: _mean(region, known),
        "truth_f": lambda: _mean(outline, known),
        "truth_jf": lambda: _mean((region + outline) / 2, known),
    }


class _Places(NamedTuple):
    """Where the appearances of a part belong: int64 (P,) each.

    Attributes:
        blocks: in the clip's blocks of frames.
        objects: among the clip's objects.
    """

    blocks: NDArray[np.int64]
    objects: NDArray[np.int64]

    @classmethod
    def of(cls, part: ClipObjects, whole: Objects, frames: int) -> _Places:
        """Return those of a part, before which objects are in so many frames."""
        within = np.unique(part.frame, return_inverse=True)[1]
        blocks = (frames + within) // frames_a_block(whole.frames)
        return cls(blocks, np.searchsorted(whole.object_ids, part.object_id))


class _Sums:
    """Sums values of appearances over the clip's blocks of frames, and over its objects, part by part."""

    def __init__(self, objects: Objects) -> None:
        self._blocks = np.zeros((3, -(-objects.frames // frames_a_block(objects.frames))))
        self._objects = np.zeros((3, len(objects.object_ids)))
        self._n = self._asked = 0

    def add(self, own: _Values, places: _Places) -> None:
        """Add what a part has."""
        weights = own.counted * (1.0 if own.weight is None else own.weight)
        parts = [np.where(own.counted, values, 0.0) for values in (own.values[:, 0], own.values[:, 1])]
        for blocks, objects, part in zip(self._blocks, self._objects, (*parts, weights), strict=True):
            # One after the other, so that a clip in parts has the sums that it has as a whole.
            np.add.at(blocks, places.blocks, part)
            np.add.at(objects, places.objects, part)
        self._n += int(own.counted.sum())
        self._asked += int(own.where.sum())

    def series(self) -> Series:
        """Return what was added."""
        first, second, weight = self._blocks
        by_object = _mean_ratios(*self._objects)
        return Series(first, second, weight, self._n, self._asked - self._n, by_object)


def _mean_ratios(first: Floats, second: Floats, weight: Floats) -> tuple[float | None, float | None]:
    """Return the means of two ratios over objects, (O,) each, without those that have no weight."""
    counted = weight > 0
    if not counted.any():
        return None, None
    means = [float((part[counted] / weight[counted]).mean()) for part in (first, second)]
    return means[0], means[1]


def _for_both(values: Floats) -> Floats:
    """Return a figure of the objects themselves as that of either model, float (P, 2)."""
    return np.repeat(values[:, None], 2, axis=1)


def _or_zero(values: Floats, seen: Bools) -> Floats:
    """An object that is not seen is segmented as badly as can be."""
    return np.where(seen, np.nan_to_num(values, nan=0.0), 0.0)
