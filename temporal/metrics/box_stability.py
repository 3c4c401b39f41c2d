"""Stability of a track's box against the true one: fragment, centre, scale and ratio error (Zhang and Wang 2016)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from yolact_temporal.temporal.crops import MaskCrop
from yolact_temporal.temporal.metrics.contract import Figure, MetricSpec, mean_figure

Box = tuple[float, float, float, float]
"""x1, y1, x2, y2 in pixels."""

MATCH_IOU = 0.5
"""A box is matched with the true one where they overlap by at least this IoU."""
MIN_MATCHED = 8
"""Fewest matched frames of which a standard deviation says something."""

_SOURCE = "Zhang and Wang, On The Stability of Video Detection and Tracking, arXiv 1611.06467"


class BoxErrors(NamedTuple):
    """One object's errors, None where undefined.

    Attributes:
        fragment: E_F, 0..1.
        centre: E_C.
        scale_ratio: E_R.
        frames: in which the object exists.
        matched: in which its box is matched.
    """

    fragment: float | None
    centre: float | None
    scale_ratio: float | None
    frames: int
    matched: int


def worst_errors(match_iou: float = MATCH_IOU) -> tuple[float, float, float]:
    """Return what an object that is never detected is given: the bounds that E_F, E_C and E_R cannot exceed.

    Boxes that overlap by an IoU of t have centres at most (1 / t - 1) / 2 widths apart, areas within t..1 / t, and
    ratios of sides within t..1 / t of each other; a standard deviation is at most half of its range.
    """
    t = match_iou
    return 1.0, 1 / t - 1, (1 / t - t) / 2 + (1 / math.sqrt(t) - math.sqrt(t)) / 2


_WORST = worst_errors()

SPECS = (
    MetricSpec(
        name="box_fragment_error",
        symbol="D4 E_F",
        meaning="Changes between matched and unmatched over the object's life, over its frames less one.",
        inputs="tight boxes of the mask and of the true one in every frame",
        unit="1",
        range=(0.0, _WORST[0]),
        direction="down",
        undefined="the object exists in one frame only; an object that is never matched is given 1",
        source=_SOURCE,
        level="track",
    ),
    MetricSpec(
        name="box_centre_error",
        symbol="D4 E_C",
        meaning="Standard deviation over matched frames of the centre's offset in true widths, plus that in heights.",
        inputs="tight boxes of the mask and of the true one in every frame",
        unit="1",
        range=(0.0, _WORST[1]),
        direction="down",
        undefined=f"fewer than {MIN_MATCHED} frames are matched; an object that is never matched is given "
        f"{_WORST[1]:g}",
        source=_SOURCE,
        level="track",
    ),
    MetricSpec(
        name="box_scale_ratio_error",
        symbol="D4 E_R",
        meaning="Standard deviation over matched frames of the ratio of sides over the true one, plus the scale's.",
        inputs="tight boxes of the mask and of the true one in every frame",
        unit="1",
        range=(0.0, _WORST[2]),
        direction="down",
        undefined=f"fewer than {MIN_MATCHED} frames are matched; an object that is never matched is given "
        f"{_WORST[2]:.4g}",
        source=_SOURCE,
        level="track",
    ),
)


def mask_box(mask: MaskCrop) -> Box | None:
    """Return a mask's tight box; None for an empty mask."""
    if mask.area == 0:
        return None
    x1, y1, x2, y2 = (float(edge) for edge in mask.region)
    return x1, y1, x2, y2


def box_iou(first: Box, second: Box) -> float:
    """Return the IoU of two boxes, 0..1.

    Raises:
        ValueError: if either has no area.
    """
    for x1, y1, x2, y2 in (first, second):
        if not (x2 > x1 and y2 > y1):
            raise ValueError(f"expected a box with x1 < x2 and y1 < y2, got {(x1, y1, x2, y2)}")
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    common = max(width, 0.0) * max(height, 0.0)
    areas = ((x2 - x1) * (y2 - y1) for x1, y1, x2, y2 in (first, second))
    return common / (sum(areas) - common)


def box_errors(
    boxes: Sequence[Box | None], truth: Sequence[Box | None], match_iou: float = MATCH_IOU
) -> BoxErrors:
    """Return E_F, E_C and E_R of one object.

    Args:
        boxes: of the track that is the object's, one a frame; None where it is not seen.
        truth: the true ones; frames in which the object does not exist (None) are no part of its life.
        match_iou: least IoU at which a box is matched.

    Returns:
        Population standard deviations over the matched frames. An object that is never matched has the worst values
        (`worst_errors`); one that never exists none.

    Raises:
        ValueError: if there are not as many boxes as true ones, or one has no area.
    """
    if len(boxes) != len(truth):
        raise ValueError(f"expected one box a frame for each of {len(truth)} true ones, got {len(boxes)}")
    life = [(box, true) for box, true in zip(boxes, truth, strict=True) if true is not None]
    matched = [box is not None and box_iou(box, true) >= match_iou for box, true in life]
    frames, count = len(life), sum(matched)
    if frames == 0:
        return BoxErrors(None, None, None, 0, 0)
    if count == 0:
        return BoxErrors(*worst_errors(match_iou), frames, 0)
    changes = sum(now != before for before, now in pairwise(matched))
    fragment = changes / (frames - 1) if frames > 1 else None
    if count < MIN_MATCHED:
        return BoxErrors(fragment, None, None, frames, count)
    pairs = [pair for pair, is_matched in zip(life, matched, strict=True) if is_matched]
    own, true = (np.array(side, np.float64).T for side in zip(*pairs, strict=True))
    width, height = own[2] - own[0], own[3] - own[1]
    true_width, true_height = true[2] - true[0], true[3] - true[1]
    x_offset = (own[0] + own[2] - true[0] - true[2]) / 2 / true_width
    y_offset = (own[1] + own[3] - true[1] - true[3]) / 2 / true_height
    ratio = (width / height) / (true_width / true_height)
    scale = np.sqrt(width * height / (true_width * true_height))
    centre, scale_ratio = (float(a.std() + b.std()) for a, b in ((x_offset, y_offset), (ratio, scale)))
    return BoxErrors(fragment, centre, scale_ratio, frames, count)


def mean_box_errors(objects: Iterable[BoxErrors]) -> dict[str, Figure]:
    """Average over objects, by metric name; objects without a value are left out and counted."""
    rows = list(objects)
    values = ([row.fragment for row in rows], [row.centre for row in rows], [row.scale_ratio for row in rows])
    return {spec.name: mean_figure(column) for spec, column in zip(SPECS, values, strict=True)}
