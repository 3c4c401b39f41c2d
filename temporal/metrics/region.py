"""J and F: how much a mask overlaps the true one, and how well its outline follows it (DAVIS 2016 and 2017).

Perazzi et al., "A Benchmark Dataset and Evaluation Methodology for Video Object Segmentation", CVPR 2016; Pont-Tuset
et al., arXiv 1704.00675. Two empty masks agree: J and F are then 1, as that evaluation defines them; one empty mask
gives 0.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from yolact_temporal.data.crops import MaskCrop, mask_iou, union_region
from yolact_temporal.temporal.metrics.contract import Compared, MetricSpec
from yolact_temporal.temporal.metrics.registry import REGISTRY

TOLERANCE = 0.008
"""How far boundaries may lie apart, as a share of the frame's diagonal."""
RECALL_ABOVE = 0.5
"""A frame whose value is above this counts for recall."""
DECAY_BINS = 4
"""Decay compares the first and the last of so many parts of a sequence."""

_SOURCE = "DAVIS 2016 and 2017: Perazzi et al., CVPR 2016; Pont-Tuset et al., arXiv 1704.00675"
_STATISTICS = (
    ("mean", (0.0, 1.0), "up", "Mean over frames of"),
    ("recall", (0.0, 1.0), "up", f"Share of frames above {RECALL_ABOVE:g} of"),
    ("decay", (-1.0, 1.0), "down", "Mean over the first quarter of the frames, less that over the last, of"),
)
_VALUES = (
    ("region_iou", "D1 J", "J, the IoU of the mask and the true one"),
    ("boundary_f", "D1 F", f"F, the F-measure of the masks' boundaries within {TOLERANCE:g} of the diagonal"),
)

SPECS = tuple(
    MetricSpec(
        name=f"{name}_{statistic}",
        symbol=symbol,
        meaning=f"{words} {what}; the first and the last frame are left out.",
        inputs="the mask and the true one in every frame, empty where the object is absent, void left out",
        unit="1",
        range=bounds,
        direction="up" if better == "up" else "down",
        undefined="the sequence has fewer than three frames (two empty masks give 1, one empty mask 0)",
        source=_SOURCE,
        scope="truth",
        label=f"{symbol[-1]} {statistic}",
        group="The same as DAVIS has it: absent is empty, the first and the last frame left out",
        matched=True,
    )
    for name, symbol, what in _VALUES
    for statistic, bounds, better, words in _STATISTICS
)

APPEARANCE_SPECS = tuple(
    MetricSpec(
        name=name,
        symbol=symbol,
        meaning=f"{what}, mean over all frames of all objects in which they exist; 0 where one has no mask.",
        inputs="the mask and the true one in every frame in which the object exists, void left out",
        unit="1",
        range=(0.0, 1.0),
        direction="up",
        undefined="there is no true object",
        source=_SOURCE,
        scope="truth",
        label=label,
        group="How much they overlap, where the object is there",
        matched=True,
        compared=Compared(name, told, "universe", symbol[-1], headline=True, needs_truth=True, order=order),
        aliases=(column,),
    )
    for (_, symbol, what), (name, label, told, column, order) in zip(
        _VALUES,
        (
            ("truth_j", "J, region", "region IoU with the truth", "truth_iou", 11),
            ("truth_f", "F, boundary", "boundary F with the truth", "truth_boundary_f", 12),
        ),
        strict=True,
    )
)
"""J and F over what exists, beside the sequences of `SPECS`, in which absence that is agreed on counts too."""

MEAN_SPEC = MetricSpec(
    name="truth_jf",
    symbol="D1",
    meaning="J&F, the mean of J and F over the frames in which the object exists; 0 where it has no mask.",
    inputs="the mask and the true one in every frame in which the object exists, void left out",
    unit="1",
    range=(0.0, 1.0),
    direction="up",
    undefined="there is no true object",
    source=_SOURCE,
    scope="comparison",
    label="J&F, region and boundary",
    compared=Compared(
        "truth_jf", "mean of J and F with the truth", "universe", "J&F", needs_truth=True, order=13
    ),
)

REGISTRY.register(MEAN_SPEC, order=505)
REGISTRY.register(*APPEARANCE_SPECS, order=500)
REGISTRY.register(*SPECS, order=510)


class SequenceStatistics(NamedTuple):
    """Mean, recall and decay of one value over a sequence of n frames; all None where none has a value."""

    mean: float | None
    recall: float | None
    decay: float | None
    n: int
    n_undefined: int


def sequence_statistics(
    values: Sequence[float | None] | NDArray[np.float64], leave_out_ends: bool = True
) -> SequenceStatistics:
    """Summarise J or F over a sequence as davis2017-evaluation does.

    Args:
        values: one a frame, None or NaN where there is none.
        leave_out_ends: without the first and the last frame, as DAVIS evaluates.

    Returns:
        Recall is the share of values above `RECALL_ABOVE`. For decay the n frames are cut at the places k (n - 1) / 4,
        k = 0..4, rounded half up; a part holds both frames it is cut at, so that neighbours share one. (The original
        keeps those places in 8 bits, which goes wrong beyond 256 frames; that is not repeated here.) Frames without a
        value are left out and counted; a decay of which a part has no value is None.

    Example:
        >>> found = sequence_statistics([1.0, 0.9, 0.9, 0.7, 0.4, 1.0])
        >>> round(found.mean, 4), found.recall, found.n  # the first and the last frame left out
        (0.725, 0.75, 4)
    """
    whole = np.array(values, np.float64)  # None becomes NaN
    series = whole[1:-1] if leave_out_ends else whole
    defined = series[np.isfinite(series)]
    left_out = len(series) - len(defined)
    if len(defined) == 0:
        return SequenceStatistics(None, None, None, 0, left_out)
    cuts = np.floor(np.arange(DECAY_BINS + 1) * (len(series) - 1) / DECAY_BINS + 0.5).astype(np.int64)
    ends = [series[cuts[0] : cuts[1] + 1], series[cuts[-2] : cuts[-1] + 1]]
    parts = [part[np.isfinite(part)] for part in ends]
    decay = float(parts[0].mean() - parts[1].mean()) if all(len(part) for part in parts) else None
    recall = float((defined > RECALL_ABOVE).mean())
    return SequenceStatistics(float(defined.mean()), recall, decay, len(defined), left_out)


def region_iou(mask: MaskCrop, truth: MaskCrop) -> float:
    """Return J, intersection over union, 0..1; of two empty masks it is 1, of one 0.

    Raises:
        ValueError: if the masks are of frames of different sizes.

    Example:
        >>> mask, truth = (MaskCrop.from_bitmap(np.ones((2, 2), np.bool_), (4, 8), x, 1) for x in (1, 2))
        >>> round(region_iou(mask, truth), 4)  # 2 pixels of 6
        0.3333
    """
    _require_one_size(mask, truth)
    return 1.0 if mask.area == truth.area == 0 else mask_iou(mask, truth)


def boundary_f(mask: MaskCrop, truth: MaskCrop, tolerance: float = TOLERANCE) -> float:
    """Return F, the harmonic mean of the precision and recall of the mask's boundary, 0..1.

    Of two empty masks it is 1, of one 0.

    A boundary pixel is found where the other boundary has one within `tolerance` times the diagonal, rounded up to
    whole pixels. Boundaries lie between pixels, at the upper left of those whose right, lower or lower right
    neighbour is different.

    Raises:
        ValueError: if the masks are of frames of different sizes.

    Example:
        >>> truth, near, far = (
        ...     MaskCrop.from_bitmap(np.ones((8, 8), np.bool_), (64, 96), x, 20) for x in (20, 21, 60)
        ... )
        >>> boundary_f(near, truth), boundary_f(far, truth)  # the tolerance is 1 px here
        (1.0, 0.0)
    """
    _require_one_size(mask, truth)
    radius = math.ceil(tolerance * math.hypot(*mask.size))
    # The boundary reaches one pixel beyond the mask, the tolerance that much farther.
    region = union_region([mask.region, truth.region]).grown(radius + 1, mask.size)
    found, true = (_boundary(part.within(region)) for part in (mask, truth))
    count, true_count = cv2.countNonZero(found), cv2.countNonZero(true)
    if not count or not true_count:
        return 1.0 if count == true_count else 0.0
    precision = _count_near(found, true, radius) / count
    recall = _count_near(true, found, radius) / true_count
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _boundary(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Mark pixels that differ from their right, lower or lower right neighbour, where there is one.

    A rectangle that ends before the frame does ends in empty pixels, so that what lies beyond it need not be asked.
    """
    edge = np.zeros_like(mask)
    if mask.size == 0:
        return edge
    here = mask[:-1, :-1]
    edge[:-1, :-1] = (here ^ mask[:-1, 1:]) | (here ^ mask[1:, :-1]) | (here ^ mask[1:, 1:])
    edge[-1, :-1] = mask[-1, :-1] ^ mask[-1, 1:]
    edge[:-1, -1] = mask[:-1, -1] ^ mask[1:, -1]
    return edge


def _count_near(edge: NDArray[np.uint8], other: NDArray[np.uint8], radius: int) -> int:
    """Count the pixels of a boundary that have one of the other within a disc round them.

    Most are settled by two squares, the one inside the disc and the one round it, whose sums cost four look-ups in an
    integral image; only what lies between the two is asked of the disc, row by row.
    """
    width = edge.shape[1]
    bordered = cv2.copyMakeBorder(other, radius, radius, radius, radius, cv2.BORDER_CONSTANT, value=0)
    sums = cv2.integral(bordered).astype(np.int32, copy=False)
    line = sums.shape[1]
    where = np.flatnonzero(edge.view(np.bool_))
    # Of each pixel, its own place in the integral image.
    centre = where + where // width * (line - width) + radius * (line + 1)
    inner = math.isqrt(radius * radius // 2)
    near = _box_sums(sums, centre, inner, inner) > 0
    unsettled = centre[~near]
    unsettled = unsettled[_box_sums(sums, unsettled, radius, radius) > 0]
    rows = np.arange(-radius, radius + 1)
    widths = np.array([math.isqrt(radius * radius - dy * dy) for dy in rows.tolist()])
    in_rows = _box_sums(sums, unsettled[:, None] + rows * line, widths, 0) > 0
    return int(np.count_nonzero(near)) + int(np.count_nonzero(in_rows.any(axis=1)))


def _box_sums(
    sums: NDArray[np.int32], centre: NDArray[np.int64], half_width: int | NDArray[np.int64], half_height: int
) -> NDArray[np.int32]:
    """Sum a picture, given by its integral image, over the rectangles round pixels, given by their places in it."""
    line = sums.shape[1]
    top, bottom = -half_height * line, (half_height + 1) * line
    left, right = -half_width, half_width + 1
    flat = sums.ravel()
    counts: NDArray[np.int32] = (
        flat[centre + (bottom + right)]
        - flat[centre + (top + right)]
        - flat[centre + (bottom + left)]
        + flat[centre + (top + left)]
    )
    return counts


def _require_one_size(mask: MaskCrop, truth: MaskCrop) -> None:
    if mask.size != truth.size:
        raise ValueError(f"expected masks of one frame size, got {mask.size} and {truth.size}")
