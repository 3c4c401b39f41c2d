"""STQ and VPQ: segmentation and tracking of a whole clip, every pixel at once.

STQ: Weber et al., "STEP: Segmenting and Tracking Every Pixel", NeurIPS Datasets 2021. VPQ: Kim et al., "Video Panoptic
Segmentation", CVPR 2020. Both take one class and one track for every pixel; `paint` makes that of masks that overlap.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict, deque
from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from yolact_temporal.data.crops import MaskCrop
from yolact_temporal.temporal.metrics.contract import Figure, MetricSpec, mean_figure
from yolact_temporal.temporal.metrics.registry import REGISTRY
from yolact_temporal.temporal.metrics.truth_contract import TruthFigure, TruthFrame, TruthSetting

WINDOWS = (1, 2, 3, 4)
"""Lengths in frames of VPQ's windows, as evaluated on KITTI-STEP."""
BACKGROUND, VOID = -1, -2
"""Classes of pixels that no segment covers, and of those of which nothing is known."""

Label = tuple[int, int]
"""A segment's class and track."""
Shared = Counter[tuple[Label, Label]]
"""Pixels of one frame, by the true and the predicted segment that hold them."""

_INPUTS = "one class and one track a pixel, predicted and true, of every frame; where the truth is void nothing counts"
_STQ_SOURCE = "Weber et al., STEP: Segmenting and Tracking Every Pixel, NeurIPS Datasets 2021"
_VPQ_SOURCE = "Kim et al., Video Panoptic Segmentation, CVPR 2020"


def _spec(name: str, symbol: str, meaning: str, undefined: str, source: str, part_of: str = "") -> MetricSpec:
    short = symbol.removeprefix("D7 ")
    return MetricSpec(
        name=name,
        symbol=symbol,
        meaning=meaning,
        inputs=_INPUTS,
        unit="1",
        range=(0.0, 1.0),
        direction="up",
        undefined=undefined,
        source=source,
        scope="truth",
        label=f"{short}: {part_of}" if part_of else short,
        group="Every pixel of the clip, for a small number of objects",
    )


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
        "its part that is tracks",
    ),
    _spec(
        "segmentation_quality",
        "D7 SQ",
        "Mean IoU of the classes, over all frames, of those that are true or predicted anywhere.",
        "no pixel has a class",
        _STQ_SOURCE,
        "its part that is classes",
    ),
)

VPQ_SPECS = (
    _spec(
        "video_panoptic_quality",
        "D7 VPQ",
        f"Mean of VPQ over windows of {', '.join(map(str, WINDOWS[:-1]))} and {WINDOWS[-1]} frames.",
        "one of them is undefined",
        _VPQ_SOURCE,
    ),
    *(
        _spec(
            f"video_panoptic_quality_{window}",
            f"D7 VPQ_{window}",
            f"Panoptic quality of tubes over windows of {window} frame{'s' if window > 1 else ''}, mean over classes.",
            f"there are fewer than {window} frames, or no segment",
            _VPQ_SOURCE,
        )
        for window in WINDOWS
    ),
)


class PanopticFrame(NamedTuple):
    """One frame's segments.

    Attributes:
        segments: uint16 or wider (H, W), each pixel's place in `labels`.
        labels: each segment's class, from 0, and track, above 0 for a thing; track 0 for stuff, for background, and, in
            the truth, for a crowd of things. Classes are `BACKGROUND` and `VOID` of pixels without one; where the truth
            is void nothing counts.

    Example:
        >>> frame = PanopticFrame.from_planes(np.array([[0, 0, 1]]), np.array([[7, 7, 0]]))
        >>> frame.labels, frame.segments.tolist(), frame.tracks.tolist()
        (((0, 7), (1, 0)), [[0, 0, 1]], [[7, 7, 0]])
    """

    segments: NDArray[np.unsignedinteger]
    labels: tuple[Label, ...]

    @classmethod
    def from_planes(cls, classes: NDArray[np.integer], tracks: NDArray[np.integer]) -> PanopticFrame:
        """Make a frame of one class and one track a pixel, whole numbers (H, W) each."""
        pairs, place = np.unique(
            np.stack([classes.ravel(), tracks.ravel()]).astype(np.int64), axis=1, return_inverse=True
        )
        return cls(place.reshape(classes.shape).astype(np.uint32), tuple(map(tuple, pairs.T.tolist())))

    @property
    def classes(self) -> NDArray[np.int64]:
        """Each pixel's class, int64 (H, W)."""
        classes: NDArray[np.int64] = np.array([label[0] for label in self.labels], np.int64)[self.segments]
        return classes

    @property
    def tracks(self) -> NDArray[np.int64]:
        """Each pixel's track, int64 (H, W)."""
        tracks: NDArray[np.int64] = np.array([label[1] for label in self.labels], np.int64)[self.segments]
        return tracks


class TrackingQuality(NamedTuple):
    """STQ, AQ and SQ, 0..1, None where undefined."""

    stq: float | None
    association: float | None
    segmentation: float | None


def paint(
    size: tuple[int, int],
    masks: Sequence[MaskCrop],
    classes: Sequence[int],
    tracks: Sequence[int],
    void: MaskCrop | None = None,
) -> PanopticFrame:
    """Paint masks into one frame's labels; where masks overlap the earlier one (of the better score) has the pixel.

    Args:
        size: the frame's (height, width).
        masks, classes, tracks: one each.
        void: pixels of which nothing is known, whatever mask holds them.

    Raises:
        ValueError: if lengths or sizes disagree.

    Example:
        >>> left, right = (MaskCrop.from_bitmap(np.ones((1, 2), np.bool_), (1, 4), x, 0) for x in (0, 1))
        >>> paint((1, 4), [left, right], classes=[0, 2], tracks=[7, 8]).tracks.tolist()
        [[7, 7, 8, 0]]
    """
    if not len(masks) == len(classes) == len(tracks):
        raise ValueError(
            f"expected a class and a track for each of {len(masks)} masks, got {len(classes)} and {len(tracks)}"
        )
    labels = [(BACKGROUND, 0), *zip(classes, tracks, strict=True)]
    segments = np.zeros(size, np.uint16)
    layers = list(enumerate(masks, start=1))[::-1]
    if void is not None:
        layers.append((len(labels), void))
        labels.append((VOID, 0))
    for place, mask in layers:
        if mask.size != size:
            raise ValueError(f"expected masks of size {size}, got {mask.size}")
        segments[mask.region.slices][mask.pixels.view(np.bool_)] = place
    return PanopticFrame(segments, tuple(labels))


def shared_pixels(own: PanopticFrame, true: PanopticFrame) -> Shared:
    """Return how many pixels of a frame each true and each predicted segment share; all that follows needs no more.

    Raises:
        ValueError: if the frames' shapes differ.

    Example:
        >>> left, right = (MaskCrop.from_bitmap(np.ones((1, 2), np.bool_), (1, 4), x, 0) for x in (0, 1))
        >>> own, true = paint((1, 4), [right], [0], [5]), paint((1, 4), [left], [0], [1])
        >>> shared_pixels(own, true)[(0, 1), (0, 5)]
        1
    """
    if own.segments.shape != true.segments.shape or own.segments.ndim != 2:
        shapes = sorted({own.segments.shape, true.segments.shape})
        raise ValueError(f"expected labels of one shape (H, W), got {shapes}")
    code = true.segments.astype(np.int64) * len(own.labels) + own.segments
    counts = np.bincount(code.ravel(), minlength=len(own.labels) * len(true.labels))
    shared: Shared = Counter()
    for place in np.flatnonzero(counts).tolist():
        row, column = divmod(place, len(own.labels))
        shared[true.labels[row], own.labels[column]] += int(counts[place])
    return shared


class TrackingQualityMeter:
    """Accumulates STQ over a clip; memory grows with the tracks that there are, not with the frames.

    Args:
        things: the classes that have tracks. Pixels of a true crowd (a thing's class, track 0) do not count for
            association, nor does a track whose class changes count as one: each class is a track of its own.

    Example:
        >>> mask = MaskCrop.from_bitmap(np.ones((2, 2), np.bool_), (4, 8), 1, 1)
        >>> meter = TrackingQualityMeter(things=[0])
        >>> for track in (5, 6):  # right masks, and a new track in the second frame
        ...     meter.add(shared_pixels(paint((4, 8), [mask], [0], [track]), paint((4, 8), [mask], [0], [1])))
        >>> quality = meter.quality()
        >>> round(quality.stq, 4), quality.association, quality.segmentation
        (0.7071, 0.5, 1.0)
    """

    def __init__(self, things: Collection[int]) -> None:
        self._things = frozenset(things)
        self._classes: Counter[tuple[int, int]] = Counter()
        self._own: Counter[Label] = Counter()
        self._true: Counter[Label] = Counter()
        self._shared: Shared = Counter()

    def add(self, shared: Shared) -> None:
        """Take the next frame, as `shared_pixels` gives it."""
        for (true, own), pixels in shared.items():
            if true[0] == VOID:
                continue
            self._classes[true[0], own[0]] += pixels
            of_own = own[0] in self._things
            if true[0] in self._things:
                if true[1] == 0:
                    continue
                self._true[true] += pixels
                if of_own:
                    self._shared[true, own] += pixels
            if of_own:
                self._own[own] += pixels

    def quality(self) -> TrackingQuality:
        """Return STQ, AQ and SQ of the frames so far."""
        association = self._association()
        segmentation = _mean_class_iou(self._classes)
        if association is None or segmentation is None:
            return TrackingQuality(None, association, segmentation)
        return TrackingQuality(math.sqrt(association * segmentation), association, segmentation)

    def tracks(self) -> int:
        """Return how many true tracks there were."""
        return len(self._true)

    def _association(self) -> float | None:
        if not self._true:
            return None
        sums = dict.fromkeys(self._true, 0.0)
        for (true, own), common in self._shared.items():
            sums[true] += common * common / (self._own[own] + self._true[true] - common)
        return math.fsum(total / self._true[key] for key, total in sums.items()) / len(self._true)


class PanopticQualityMeter:
    """Accumulates VPQ over windows of `window` frames, each one frame on from the last; it keeps as many counts.

    A tube is a segment of one class and track over a window. It is found where a tube of its class overlaps it by an
    IoU above 0.5, void pixels not counted. A class has the sum of those IoUs over the tubes found plus half of those
    that are not, over all windows. A predicted tube that is void for more than half is no error.

    Raises:
        ValueError: if the window is below 1.

    Example:
        >>> mask = MaskCrop.from_bitmap(np.ones((2, 2), np.bool_), (4, 8), 1, 1)
        >>> for window in (1, 2):
        ...     meter = PanopticQualityMeter(window)
        ...     for track in (5, 6):  # right masks, and a new track in the second frame
        ...         meter.add(shared_pixels(paint((4, 8), [mask], [0], [track]), paint((4, 8), [mask], [0], [1])))
        ...     print(meter.figure())
        Figure(value=1.0, n=1, n_undefined=0)
        Figure(value=0.0, n=1, n_undefined=0)
    """

    def __init__(self, window: int) -> None:
        if window < 1:
            raise ValueError(f"expected a window of at least 1 frame, got {window}")
        self._last: deque[Shared] = deque(maxlen=window)
        self._window = window
        self._overlap: defaultdict[int, float] = defaultdict(float)
        self._tubes: Counter[int] = Counter()

    def restart(self) -> None:
        """Let no window hold both a frame so far and one to come, as where frames are missing in between."""
        self._last.clear()

    def add(self, shared: Shared) -> None:
        """Take the next frame, as `shared_pixels` gives it."""
        self._last.append(shared)
        if len(self._last) == self._window:
            whole: Shared = Counter()
            for frame in self._last:
                whole.update(frame)
            self._match(whole)

    def _match(self, shared: Shared) -> None:
        """Add one window: IoUs of the tubes that are found, and all tubes that count, true and predicted, by class."""
        own, true, void = Counter[Label](), Counter[Label](), Counter[Label]()
        for (one, other), pixels in shared.items():
            if one[0] >= 0:
                true[one] += pixels
            if other[0] >= 0:
                own[other] += pixels
                if one[0] == VOID:
                    void[other] += pixels
        found = set()
        for (one, other), common in shared.items():
            if one[0] < 0 or one[0] != other[0]:
                continue
            iou = common / (own[other] + true[one] - common - void[other])
            # Above a half there is at most one true tube for each predicted one, and the other way round.
            if iou > 0.5:
                found.add(other)
                self._overlap[one[0]] += iou
        self._tubes.update(label[0] for label in true)
        self._tubes.update(
            label[0] for label, size in own.items() if label in found or void[label] <= size / 2
        )

    def figure(self) -> Figure:
        """Return the mean over the n classes that have a tube so far."""
        # A tube that is found stands for two, itself and the true one: the sum is over half of all.
        return mean_figure(self._overlap[key] / (self._tubes[key] / 2) for key in sorted(self._tubes))


def _mean_class_iou(confusion: Counter[tuple[int, int]]) -> float | None:
    true, own, common = Counter[int](), Counter[int](), Counter[int]()
    for (true_class, own_class), pixels in confusion.items():
        true[true_class] += pixels
        own[own_class] += pixels
        common[true_class] += pixels * (true_class == own_class)
    classes = {key for key in (*true, *own) if key >= 0}
    if not classes:
        return None
    return math.fsum(common[key] / (true[key] + own[key] - common[key]) for key in classes) / len(classes)


class ClipPixels:
    """Accumulates STQ and VPQ of one model's masks against all true objects.

    Classes are those of both sides by their names. Where the two have no name in common, as where the truth has no
    classes at all, every object is of one class, and `note` says so.

    Args:
        setting: the classes of both sides.
    """

    def __init__(self, setting: TruthSetting) -> None:
        own_names, true_names = setting.class_names, setting.true_names
        shared = set(own_names) & set(true_names)
        union = list(dict.fromkeys([*true_names, *own_names]))
        self._own = [union.index(name) if shared else 0 for name in own_names]
        self._true = [union.index(name) if shared else 0 for name in true_names]
        self.note = None
        if not shared:
            self.note = (
                f"STQ and VPQ take all objects for one class, since masks ({_listed(own_names)}) and ground truth "
                f"({_listed(true_names)}) have no class in common."
            )
        self._unnamed = len(union)
        self._tracking = TrackingQualityMeter(range(len(union) + 1))
        self._panoptic = {window: PanopticQualityMeter(window) for window in WINDOWS}

    def _own_class(self, class_id: int) -> int:
        """Return the class of an id of the model; one without a name is a class of its own."""
        return self._own[class_id] if 0 <= class_id < len(self._own) else self._unnamed

    def observe(self, frame: TruthFrame) -> None:
        """Take the next frame."""
        true, own = frame.true, sorted(frame.own, key=lambda one: -one.score)
        classes = [self._own_class(one.class_id) for one in own]
        predicted = paint(true.size, [one.mask for one in own], classes, [one.track for one in own])
        true_classes = [self._true[true.classes[key]] for key in true.masks]
        painted = paint(true.size, list(true.masks.values()), true_classes, list(true.masks), true.void)
        shared = shared_pixels(predicted, painted)
        self._tracking.add(shared)
        for meter in self._panoptic.values():
            if true.begins_anew:
                meter.restart()
            meter.add(shared)

    def figures(self) -> dict[str, TruthFigure]:
        """Return STQ and VPQ of the frames so far, by metric name."""
        quality = self._tracking.quality()
        found = {spec.name: TruthFigure(value) for spec, value in zip(STQ_SPECS, quality, strict=True)}
        windows = [meter.figure() for meter in self._panoptic.values()]
        values = [figure.value for figure in windows if figure.value is not None]
        whole = math.fsum(values) / len(values) if len(values) == len(windows) else None
        mean, *specs = VPQ_SPECS
        found[mean.name] = TruthFigure(whole)
        for spec, figure in zip(specs, windows, strict=True):
            found[spec.name] = TruthFigure(figure.value, figure.n, figure.n_undefined)
        return found


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "") or "none"


REGISTRY.register(*STQ_SPECS, *VPQ_SPECS, order=570, clip=ClipPixels)
