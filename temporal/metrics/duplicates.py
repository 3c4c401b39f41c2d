"""Duplicates (METRICS C5): one object, reported more than once in one frame."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from yolact_temporal.data.crops import MaskCrop, mask_iou, may_overlap
from yolact_temporal.temporal.metrics.contract import MetricSpec, Observation, RatioOverFrames, Term
from yolact_temporal.temporal.metrics.registry import REGISTRY

DUPLICATE_IOU = 0.7
"""An instance whose mask overlaps that of a better one of the same frame by more repeats it."""

SPEC = MetricSpec(
    name="duplicate_rate",
    symbol="C5",
    meaning="Counted instances whose mask lies on that of a better-scored one of the same frame (IoU over "
    f"{DUPLICATE_IOU:g}, whatever the classes), over all counted instances. Of equal scores the larger mask is the "
    "better one. Duplicates start no track and take none over, so that they change no other figure.",
    inputs="masks and scores of the frame's instances; a duplicate counts for the track of what it repeats",
    unit="1",
    range=(0.0, 1.0),
    direction="down",
    undefined="no instance has a track",
    source="mask overlap within a frame, as of non-maximum suppression",
    label="duplicates per instance",
    headline=13,
)


def best_first(masks: Sequence[MaskCrop], scores: ArrayLike | None = None) -> list[int]:
    """Return the places of masks from the best to the worst: by score, then by area, then as they come.

    Args:
        masks: N masks of one frame.
        scores: (N,); without them the larger is the better.

    Example:
        >>> masks = [MaskCrop.from_bitmap(np.ones((1, side), np.bool_)) for side in (3, 5, 4)]
        >>> best_first(masks), best_first(masks, [0.9, 0.5, 0.5])
        ([1, 2, 0], [0, 1, 2])
    """
    values = np.zeros(len(masks)) if scores is None else np.asarray(scores, np.float64)
    return sorted(range(len(masks)), key=lambda place: (-values[place], -masks[place].area, place))


def repeated(masks: Sequence[MaskCrop], scores: ArrayLike | None = None) -> NDArray[np.int64]:
    """Return which mask each one repeats, int64 (N,), -1 for none: the best of those that it lies on.

    What that one repeats itself is followed, so that every duplicate names a mask that is none.

    Args:
        masks: N masks of one frame; empty ones repeat nothing.
        scores: (N,); without them the larger is the better.

    Example:
        >>> masks = [MaskCrop.from_bitmap(np.ones((4, 9), np.bool_), (16, 32), x, 4) for x in (4, 5, 20)]
        >>> repeated(masks, [0.6, 0.9, 0.8]).tolist()
        [1, -1, -1]
    """
    found = np.full(len(masks), -1, np.int64)
    order = best_first(masks, scores)
    ordered = [masks[place] for place in order]
    # By the worse of the two, and then by the better: the first that is found is the best.
    for rank, better in np.argwhere(np.tril(may_overlap(ordered, ordered, DUPLICATE_IOU), -1)).tolist():
        place, best = order[rank], order[better]
        if found[place] < 0 and mask_iou(ordered[rank], ordered[better]) > DUPLICATE_IOU:
            found[place] = best if found[best] < 0 else found[best]
    return found


def duplicate_share(_: Observation | None, current: Observation) -> Term | None:
    """Return what a frame adds to a track's duplicate rate: its duplicates, over its instances."""
    return Term(float(current.duplicates), float(current.instances)) if current.present else None


REGISTRY.register(SPEC, order=430, accumulator=lambda: RatioOverFrames(SPEC, duplicate_share))
