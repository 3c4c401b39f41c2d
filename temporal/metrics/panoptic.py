"""STQ and VPQ: segmentation and tracking of a whole clip, every pixel at once.

STQ: Weber et al., "STEP: Segmenting and Tracking Every Pixel", NeurIPS Datasets 2021. VPQ: Kim et al., "Video Panoptic
Segmentation", CVPR 2020. Both take one class and one track for every pixel; `paint` makes that of masks that overlap.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict, deque
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from yolact_temporal.temporal.crops import MaskCrop
from yolact_temporal.temporal.metrics.contract import Figure, MetricSpec, mean_figure

WINDOWS = (1, 2, 3, 4)
"""Lengths in frames of VPQ's windows, as evaluated on KITTI-STEP."""
BACKGROUND, VOID = -1, -2
"""Classes of pixels that no segment covers, and of those of which nothing is known."""

_Pixels = Counter[tuple[int, ...]]

_INPUTS = "one class and one track a pixel, predicted and true, of every frame"
_STQ_SOURCE = "Weber et al., STEP: Segmenting and Tracking Every Pixel, NeurIPS Datasets 2021"


def _spec(name: str, symbol: str, meaning: str, undefined: str, source: str) -> MetricSpec:
    return MetricSpec(name, symbol, meaning, _INPUTS, "1", (0.0, 1.0), "up", undefined, source, "clip")


STQ_SPECS = (
    _spec(
        "segmentation_tracking_quality",
        "D7 STQ",
        "Geometric mean of association quality and segmentation quality.",
        "either of the two is undefined",
        _STQ_SOURCE,
    ),
    _spec(
        "association_quality",
        "D7 AQ",
        "Mean over true tracks of the IoU with each predicted track, weighted by the pixels that they share.",
        "there is no true track",
        _STQ_SOURCE,
    ),
    _spec(
        "segmentation_quality",
        "D7 SQ",
        "Mean IoU of the classes, over all frames, of those that are true or predicted anywhere.",
        "no pixel has a class",
        _STQ_SOURCE,
    ),
)

VPQ_SPECS = tuple(
    _spec(
        f"video_panoptic_quality_{window}",
        f"D7 VPQ_{window}",
        f"Panoptic quality of tubes over windows of {window} frame{'s' if window > 1 else ''}, mean over classes.",
        f"there are fewer than {window} frames, or no segment",
        "Kim et al., Video Panoptic Segmentation, CVPR 2020",
    )
    for window in WINDOWS
)

SPECS = (*STQ_SPECS, *VPQ_SPECS)


class PanopticFrame(NamedTuple):
    """One frame's labels, int64 (H, W) each.

    Attributes:
        classes: from 0; `BACKGROUND` and `VOID` for pixels without one. Where the truth is void nothing counts.
        tracks: above 0 for a thing; 0 for stuff, for background, and, in the truth, for a crowd of things.
    """

    classes: NDArray[np.int64]
    tracks: NDArray[np.int64]


class _Counts(NamedTuple):
    """Pixels, by (class, track): shared by a true and an own segment, own, true, and own where the truth is void."""

    shared: _Pixels
    own: _Pixels
    true: _Pixels
    void: _Pixels


class TrackingQuality(NamedTuple):
    """STQ, AQ and SQ, 0..1, None where undefined."""

    stq: float | None
    association: float | None
    segmentation: float | None


def paint(
    size: tuple[int, int], masks: Sequence[MaskCrop], classes: Sequence[int], tracks: Sequence[int]
) -> PanopticFrame:
    """Paint masks into one frame's labels; where masks overlap the earlier one (of the better score) has the pixel.

    Raises:
        ValueError: if lengths or sizes disagree.
    """
    if not len(masks) == len(classes) == len(tracks):
        raise ValueError(
            f"expected a class and a track for each of {len(masks)} masks, got {len(classes)} and {len(tracks)}"
        )
    painted = PanopticFrame(np.full(size, BACKGROUND, np.int64), np.zeros(size, np.int64))
    for mask, class_id, track in zip(reversed(masks), reversed(classes), reversed(tracks), strict=True):
        if mask.size != size:
            raise ValueError(f"expected masks of size {size}, got {mask.size}")
        here = mask.pixels.astype(np.bool_)
        for plane, value in zip(painted, (class_id, track), strict=True):
            plane[mask.region.slices][here] = value
    return painted


def segmentation_tracking_quality(
    predicted: Iterable[PanopticFrame], truth: Iterable[PanopticFrame], things: Collection[int]
) -> TrackingQuality:
    """Return STQ over a clip; frames are read one at a time.

    Args:
        predicted, truth: one a frame each.
        things: the classes that have tracks. Pixels of a true crowd (a thing's class, track 0) do not count for
            association, nor does a track whose class changes count as one: each class is a track of its own.

    Raises:
        ValueError: if one sequence is longer, or shapes differ.
    """
    confusion: _Pixels = Counter()
    own_size: _Pixels = Counter()
    true_size: _Pixels = Counter()
    shared: _Pixels = Counter()
    thing_ids = np.array(sorted(things), np.int64)
    for own, true in zip(predicted, truth, strict=True):
        _require_one_shape(own, true)
        known = true.classes != VOID
        _count(confusion, true.classes[known], own.classes[known])
        true_thing = np.isin(true.classes, thing_ids)
        crowd = true_thing & (true.tracks == 0)
        of_true = true_thing & ~crowd
        of_own = np.isin(own.classes, thing_ids) & known & ~crowd
        _count(true_size, true.classes[of_true], true.tracks[of_true])
        _count(own_size, own.classes[of_own], own.tracks[of_own])
        both = of_true & of_own
        _count(shared, true.classes[both], true.tracks[both], own.classes[both], own.tracks[both])
    association = _association(shared, own_size, true_size)
    segmentation = _mean_class_iou(confusion)
    if association is None or segmentation is None:
        return TrackingQuality(None, association, segmentation)
    return TrackingQuality(math.sqrt(association * segmentation), association, segmentation)


def video_panoptic_quality(
    predicted: Iterable[PanopticFrame], truth: Iterable[PanopticFrame], window: int
) -> Figure:
    """Return VPQ of windows of `window` frames, each one frame on from the last; as many frames are kept.

    A tube is a segment of one class and track over a window. It is found where a tube of its class overlaps it by an
    IoU above 0.5, void pixels not counted. A class has the sum of those IoUs over the tubes found plus half of those
    that are not, over all windows. A predicted tube that is void for more than half is no error.

    Returns:
        The mean over the n classes that have a tube.

    Raises:
        ValueError: if one sequence is longer, shapes differ, or the window is below 1.
    """
    if window < 1:
        raise ValueError(f"expected a window of at least 1 frame, got {window}")
    overlap: defaultdict[int, float] = defaultdict(float)
    tubes: Counter[int] = Counter()
    last: deque[_Counts] = deque(maxlen=window)
    for own, true in zip(predicted, truth, strict=True):
        _require_one_shape(own, true)
        last.append(_frame_counts(own, true))
        if len(last) == window:
            _match_tubes(
                _Counts(*(sum(parts, Counter()) for parts in zip(*last, strict=True))), overlap, tubes
            )
    # A tube that is found stands for two, itself and the true one: the sum is over half of all.
    values = [overlap[key] / (tubes[key] / 2) for key in sorted(tubes)]
    return mean_figure(values)


def _frame_counts(own: PanopticFrame, true: PanopticFrame) -> _Counts:
    counts = _Counts(Counter(), Counter(), Counter(), Counter())
    own_here, true_here, void = own.classes >= 0, true.classes >= 0, true.classes == VOID
    both, own_void = own_here & true_here, own_here & void
    _count(counts.shared, *(plane[both] for plane in (*true, *own)))
    _count(counts.own, *(plane[own_here] for plane in own))
    _count(counts.true, *(plane[true_here] for plane in true))
    _count(counts.void, *(plane[own_void] for plane in own))
    return counts


def _match_tubes(counts: _Counts, overlap: defaultdict[int, float], tubes: Counter[int]) -> None:
    """Add one window: IoUs of the tubes that are found, and all tubes that count, true and predicted, by class."""
    found = set()
    for (true_class, true_track, own_class, own_track), common in counts.shared.items():
        if true_class != own_class:
            continue
        own, true = (own_class, own_track), (true_class, true_track)
        iou = common / (counts.own[own] + counts.true[true] - common - counts.void[own])
        # Above a half there is at most one true tube for each predicted one, and the other way round.
        if iou > 0.5:
            found.add(own)
            overlap[true_class] += iou
    for class_id, _ in counts.true:
        tubes[class_id] += 1
    for key, size in counts.own.items():
        if key in found or counts.void[key] <= size / 2:
            tubes[key[0]] += 1


def _association(shared: _Pixels, own_size: _Pixels, true_size: _Pixels) -> float | None:
    if not true_size:
        return None
    sums = dict.fromkeys(true_size, 0.0)
    for (true_class, true_track, own_class, own_track), common in shared.items():
        key = (true_class, true_track)
        sums[key] += common * common / (own_size[own_class, own_track] + true_size[key] - common)
    return math.fsum(total / true_size[key] for key, total in sums.items()) / len(true_size)


def _mean_class_iou(confusion: _Pixels) -> float | None:
    true, own, common = Counter[int](), Counter[int](), Counter[int]()
    for (true_class, own_class), pixels in confusion.items():
        true[true_class] += pixels
        own[own_class] += pixels
        common[true_class] += pixels * (true_class == own_class)
    classes = {key for key in (*true, *own) if key >= 0}
    if not classes:
        return None
    return math.fsum(common[key] / (true[key] + own[key] - common[key]) for key in classes) / len(classes)


def _count(counter: _Pixels, *planes: NDArray[np.int64]) -> None:
    """Add how many pixels have each combination of values, planes of (n,)."""
    if len(planes[0]) == 0:
        return
    code = np.zeros(len(planes[0]), np.int64)
    for plane in planes:
        values, place = np.unique(plane, return_inverse=True)
        code = code * len(values) + place
    _, first, counts = np.unique(code, return_index=True, return_counts=True)
    rows = zip(*(plane[first].tolist() for plane in planes), strict=True)
    for row, count in zip(rows, counts.tolist(), strict=True):
        counter[row] += count


def _require_one_shape(own: PanopticFrame, true: PanopticFrame) -> None:
    shapes = {plane.shape for plane in (*own, *true)}
    if len(shapes) > 1 or len(true.classes.shape) != 2:
        raise ValueError(f"expected labels of one shape (H, W), got {sorted(shapes)}")
