"""Matching masks one to one by their overlap: pure functions of one frame."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from yolact_temporal.data.crops import MaskCrop, overlaps
from yolact_temporal.temporal.metrics.duplicates import best_first

SAME_OBJECT_IOU = 0.5
"""Two masks of one model that overlap by so much are of one thing: two things cannot cover the same pixels."""

FAINT_WEIGHT = 0.5
"""What the overlap of a faint mask counts beside that of one above the operating threshold, so that a faint one takes
an object from the other only where it overlaps more than twice as much: the other one is then of something else."""


def duplicates(masks: Sequence[MaskCrop], above: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Tell which faint masks of one model only repeat one that is above the operating threshold, bool (N,).

    Args:
        masks: N masks of one frame.
        above: bool (N,), whether each is above the operating threshold.
    """
    repeats = np.zeros(len(masks), np.bool_)
    faint, strong = np.flatnonzero(~above).tolist(), np.flatnonzero(above).tolist()
    found = overlaps([masks[i] for i in faint], [masks[i] for i in strong], SAME_OBJECT_IOU)
    repeats[faint] = found.any(axis=1)
    return repeats


def assign(
    gain: NDArray[np.float64], above: NDArray[np.bool_], repeats: NDArray[np.bool_]
) -> list[tuple[int, int]]:
    """Assign one model's masks to objects one to one, with as much gain as can be had (Kuhn 1955, by scipy).

    A faint mask never takes an object from one above the operating threshold that overlaps it at least half as much,
    nor from one that it repeats: else a model would be charged with a miss of what it sees well.

    Args:
        gain: float64 (R, C), of each object and mask; 0 where the two cannot be one.
        above: bool (C,), whether each mask is above the operating threshold.
        repeats: bool (C,), as `duplicates` gives it; these get what the others leave.

    Returns:
        (row, column) pairs of positive gain.
    """
    weighted = np.where(above, gain, gain * FAINT_WEIGHT)
    pairs: list[tuple[int, int]] = []
    for turn in (~repeats, repeats):
        left = np.where(turn, weighted, 0.0)
        left[[row for row, _ in pairs]] = 0.0
        if left.any():
            rows, columns = linear_sum_assignment(left, maximize=True)
            pairs += [(int(r), int(c)) for r, c in zip(rows, columns, strict=True) if left[r, c] > 0]
    return pairs


def best_scored(
    pairs: Sequence[tuple[int, int]],
    objects: Sequence[MaskCrop],
    masks: Sequence[MaskCrop],
    scores: NDArray[np.float32],
    above: NDArray[np.bool_],
) -> list[tuple[int, int]]:
    """Give each matched object the best-scored counted mask that lies on it, in place of the one that fits it best.

    Of two reports of one object the better fit would be the steadier by choice, not by the model's merit. A mask that
    is of another object stays there.

    Args:
        pairs: (row, column) of what `assign` gave to each other.
        objects: where each pair's object is.
        masks: the model's, of which the columns are.
        scores, above: (C,), their scores, and whether they are above the operating threshold. Of equal scores the
            larger mask is the better.

    Returns:
        As many pairs, of the same rows.

    Example:
        >>> masks = [MaskCrop.from_bitmap(np.ones((4, 8), np.bool_), (16, 32), x, 4) for x in (4, 5, 20)]
        >>> scores = np.array([0.6, 0.9, 0.8], np.float32)
        >>> best_scored([(7, 0)], masks[:1], masks, scores, scores > 0.5)
        [(7, 1)]
    """
    lies_on = overlaps(objects, masks, SAME_OBJECT_IOU) > 0
    order = best_first(masks, scores)
    taken = {column for _, column in pairs}
    chosen = []
    for place, (row, column) in enumerate(pairs):
        fit = (c for c in order if above[c] and lies_on[place, c] and (c == column or c not in taken))
        best = next(fit, column)
        taken = (taken - {column}) | {best}
        chosen.append((row, best))
    return chosen
