"""Stability of a track's box against the true one: fragment, centre, scale and ratio error (Zhang and Wang 2016)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from yolact_temporal.data.crops import MaskCrop
from yolact_temporal.temporal.metrics.contract import Figure, MetricSpec, mean_figure
from yolact_temporal.temporal.metrics.registry import REGISTRY
from yolact_temporal.temporal.metrics.truth_contract import TruthFigure, TruthFrame

Box = tuple[float, float, float, float]
"""x1, y1, x2, y2 in pixels."""

MATCH_IOU = 0.5
"""A box is matched with the true one where they overlap by at least this IoU."""
MIN_MATCHED = 8
"""Fewest matched frames of which a standard deviation says something."""

_SOURCE = "Zhang and Wang, On The Stability of Video Detection and Tracking, arXiv 1611.06467"
_GROUP = "How steady their boxes are (Zhang and Wang)"


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

    @property
    def total(self) -> float | None:
        """E_F + E_C + E_R; None where one of them is undefined."""
        if self.fragment is None or self.centre is None or self.scale_ratio is None:
            return None
        return self.fragment + self.centre + self.scale_ratio


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
        inputs="tight boxes of the mask and of the true one in every frame in which the object exists, void left out",
        unit="1",
        range=(0.0, _WORST[0]),
        direction="down",
        undefined="the object exists in one frame only; an object that is never matched is given 1",
        source=_SOURCE,
        scope="truth",
        label="E_F: matched or not",
        group=_GROUP,
    ),
    MetricSpec(
        name="box_centre_error",
        symbol="D4 E_C",
        meaning="Standard deviation over matched frames of the centre's offset in true widths, plus that in heights.",
        inputs="tight boxes of the mask and of the true one in every frame in which the object exists, void left out",
        unit="1",
        range=(0.0, _WORST[1]),
        direction="down",
        undefined=f"fewer than {MIN_MATCHED} frames are matched; an object that is never matched is given "
        f"{_WORST[1]:g}",
        source=_SOURCE,
        scope="truth",
        label="E_C: centre",
        group=_GROUP,
    ),
    MetricSpec(
        name="box_scale_ratio_error",
        symbol="D4 E_R",
        meaning="Standard deviation over matched frames of the ratio of sides over the true one, plus the scale's.",
        inputs="tight boxes of the mask and of the true one in every frame in which the object exists, void left out",
        unit="1",
        range=(0.0, _WORST[2]),
        direction="down",
        undefined=f"fewer than {MIN_MATCHED} frames are matched; an object that is never matched is given "
        f"{_WORST[2]:.4g}",
        source=_SOURCE,
        scope="truth",
        label="E_R: scale and ratio",
        group=_GROUP,
    ),
    MetricSpec(
        name="box_error_sum",
        symbol="D4",
        meaning="E_F + E_C + E_R of an object, mean over objects: the stability error of Zhang and Wang.",
        inputs="tight boxes of the mask and of the true one in every frame in which the object exists, void left out",
        unit="1",
        range=(0.0, sum(_WORST)),
        direction="down",
        undefined="one of the three is undefined",
        source=_SOURCE,
        scope="truth",
        label="E_F + E_C + E_R",
        group=_GROUP,
    ),
)


def mask_box(mask: MaskCrop) -> Box | None:
    """Return a mask's tight box; None for an empty mask.

    Example:
        >>> mask_box(MaskCrop.from_bitmap(np.ones((4, 6), np.bool_), size=(32, 48), x=10, y=8))
        (10.0, 8.0, 16.0, 12.0)
    """
    if mask.area == 0:
        return None
    x1, y1, x2, y2 = (float(edge) for edge in mask.region)
    return x1, y1, x2, y2


def box_iou(first: Box, second: Box) -> float:
    """Return the IoU of two boxes, 0..1.

    Raises:
        ValueError: if either has no area.

    Example:
        >>> round(box_iou((0, 0, 2, 2), (1, 0, 3, 2)), 4)
        0.3333
    """
    for x1, y1, x2, y2 in (first, second):
        if not (x2 > x1 and y2 > y1):
            raise ValueError(f"expected a box with x1 < x2 and y1 < y2, got {(x1, y1, x2, y2)}")
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    common = max(width, 0.0) * max(height, 0.0)
    areas = ((x2 - x1) * (y2 - y1) for x1, y1, x2, y2 in (first, second))
    return common / (sum(areas) - common)


class BoxStability:
    """Accumulates E_F, E_C and E_R of one object; memory does not grow with its life.

    Args:
        match_iou: least IoU at which a box is matched.

    Example:
        >>> errors = BoxStability()
        >>> for index in range(10):  # the box is to and fro by 1 px of 10
        ...     errors.add((0.0 + index % 2, 0.0, 10.0 + index % 2, 10.0), (0.0, 0.0, 10.0, 10.0))
        >>> found = errors.errors()
        >>> found.fragment, round(found.centre, 4), found.scale_ratio
        (0.0, 0.05, 0.0)
    """

    def __init__(self, match_iou: float = MATCH_IOU) -> None:
        self._match_iou = match_iou
        self._frames = self._matched = self._changes = 0
        self._was_matched = False
        # Running mean and sum of squared deviations (Welford 1962) of x offset, y offset, ratio and scale.
        self._mean, self._deviations = np.zeros(4), np.zeros(4)

    def add(self, box: Box | None, truth: Box | None) -> None:
        """Take the next frame: the object's box, None where it is not seen, and the true one, None where it is not.

        Raises:
            ValueError: if a box has no area.
        """
        if truth is None:
            return
        matched = box is not None and box_iou(box, truth) >= self._match_iou
        if self._frames:
            self._changes += matched != self._was_matched
        self._frames += 1
        self._was_matched = matched
        if box is None or not matched:
            return
        self._matched += 1
        values = _offsets_and_ratios(box, truth)
        step = values - self._mean
        self._mean += step / self._matched
        self._deviations += step * (values - self._mean)

    def errors(self) -> BoxErrors:
        """Return the errors so far: population standard deviations over the matched frames.

        An object that is never matched has the worst values (`worst_errors`), one that never exists none.
        """
        frames, count = self._frames, self._matched
        if frames == 0:
            return BoxErrors(None, None, None, 0, 0)
        if count == 0:
            return BoxErrors(*worst_errors(self._match_iou), frames, 0)
        fragment = self._changes / (frames - 1) if frames > 1 else None
        if count < MIN_MATCHED:
            return BoxErrors(fragment, None, None, frames, count)
        x, y, ratio, scale = np.sqrt(self._deviations / count).tolist()
        return BoxErrors(fragment, x + y, ratio + scale, frames, count)


def _offsets_and_ratios(box: Box, truth: Box) -> NDArray[np.float64]:
    """Return the centre's offsets in true widths and heights, and the ratios of sides and of scale, float64 (4,)."""
    width, height = box[2] - box[0], box[3] - box[1]
    true_width, true_height = truth[2] - truth[0], truth[3] - truth[1]
    return np.array(
        [
            (box[0] + box[2] - truth[0] - truth[2]) / 2 / true_width,
            (box[1] + box[3] - truth[1] - truth[3]) / 2 / true_height,
            (width / height) / (true_width / true_height),
            math.sqrt(width * height / (true_width * true_height)),
        ]
    )


def match_boxes(
    boxes: Sequence[Box | None], truth: Sequence[Box | None], match_iou: float = MATCH_IOU
) -> dict[int, int]:
    """Match the boxes of one frame with the true ones, one to one, with as much IoU as can be had (Kuhn 1955).

    Args:
        boxes: of masks, None for an empty one.
        truth: likewise.
        match_iou: least IoU at which two may be matched.

    Returns:
        By index of the true box, that of the box matched with it; empty where nothing matches.

    Raises:
        ValueError: if a box has no area.

    Example:
        >>> match_boxes([(0, 0, 2, 2), (10, 0, 12, 2)], [(10, 0, 12, 2), (20, 0, 22, 2)])
        {0: 1}
    """
    gain = np.zeros((len(truth), len(boxes)))
    for row, true in enumerate(truth):
        for column, box in enumerate(boxes):
            if box is not None and true is not None:
                iou = box_iou(box, true)
                gain[row, column] = iou if iou >= match_iou else 0.0
    rows, columns = linear_sum_assignment(gain, maximize=True)
    return {int(r): int(c) for r, c in zip(rows, columns, strict=True) if gain[r, c] > 0}


def mean_box_errors(objects: Iterable[BoxErrors]) -> dict[str, Figure]:
    """Average over objects, by metric name; objects without a value are left out and counted."""
    rows = list(objects)
    columns = zip(*((row.fragment, row.centre, row.scale_ratio, row.total) for row in rows), strict=True)
    values: Iterable[Sequence[float | None]] = columns if rows else [()] * len(SPECS)
    return {spec.name: mean_figure(column) for spec, column in zip(SPECS, values, strict=True)}


class ClipBoxErrors:
    """Accumulates the errors of every true object of a clip, its boxes matched by themselves in each frame."""

    note = None

    def __init__(self) -> None:
        self._objects: dict[int, BoxStability] = {}

    def observe(self, frame: TruthFrame) -> None:
        """Take the next frame."""
        boxes = [mask_box(own.mask) for own in frame.own]
        true_boxes = [mask_box(mask) for mask in frame.true.masks.values()]
        matched = match_boxes(boxes, true_boxes)
        for row, (key, box) in enumerate(zip(frame.true.masks, true_boxes, strict=True)):
            own = boxes[matched[row]] if row in matched else None
            self._objects.setdefault(key, BoxStability()).add(own, box)

    def figures(self) -> dict[str, TruthFigure]:
        """Return the figures of the frames so far, by metric name; n counts the frames in which objects exist."""
        errors = [each.errors() for each in self._objects.values()]
        frames = sum(one.frames for one in errors)
        return {
            name: TruthFigure(figure.value, frames, None, figure.n, figure.n_undefined)
            for name, figure in mean_box_errors(errors).items()
        }


REGISTRY.register(*SPECS, order=550, clip=lambda setting: ClipBoxErrors())
