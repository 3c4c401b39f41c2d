"""dtSSD and VC_n: does a mask change when, and only when, the true one does."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from yolact_temporal.data.crops import MaskCrop, Region, union_region
from yolact_temporal.temporal.metrics.contract import Figure, MetricSpec, TruthObservation
from yolact_temporal.temporal.metrics.registry import REGISTRY

WINDOWS = (8, 16)
"""Lengths in frames of the windows of video consistency."""

DTSSD_SPEC = MetricSpec(
    name="dtssd",
    symbol="D3",
    meaning="Root mean square, over all pixels of the frame, of what the mask changes by more or less than the true "
    "one, times 100; mean over pairs.",
    inputs="the mask and the true one in two consecutive frames, empty where the object is absent, void left out",
    unit="1",
    range=(0.0, 200.0),
    direction="down",
    undefined="there is only one frame",
    source="dtSSD of Erofeev et al., BMVC 2015, as RobustVideoMatting evaluates it (Lin et al., WACV 2022)",
    scope="truth",
    label="dtSSD",
    group="How they change from frame to frame",
    matched=True,
)

VIDEO_CONSISTENCY_SPECS = tuple(
    MetricSpec(
        name=f"video_consistency_{length}",
        symbol="D6",
        meaning=f"Share of the frame's pixels that stay in, or out of, the true mask over {length} frames, which do so "
        "in the mask too; mean over windows. Most of the frame is far from any object: compare models, not clips.",
        inputs="the mask and the true one in every frame, empty where the object is absent, void left out",
        unit="1",
        range=(0.0, 1.0),
        direction="up",
        undefined=f"there are fewer than {length} frames, or no pixel keeps its true side in any window",
        source="VC of VSPW: Miao et al., CVPR 2021",
        scope="truth",
        label=f"VC{length}",
        group="How they change from frame to frame",
        matched=True,
    )
    for length in WINDOWS
)

_Pair = tuple[MaskCrop, MaskCrop]


def dtssd(previous: MaskCrop, current: MaskCrop, previous_truth: MaskCrop, truth: MaskCrop) -> float:
    """Return dtSSD of a pair of frames: sqrt(mean(((M - M') - (G - G'))^2)) * 100 over the frame's pixels, 0..200.

    Args:
        previous, current: the mask in frames t-1 and t; empty where absent.
        previous_truth, truth: the true mask in both.

    Raises:
        ValueError: if the masks are of frames of different sizes.

    Example:
        >>> left, right = (MaskCrop.from_bitmap(np.ones((2, 2), np.bool_), (4, 8), x, 1) for x in (1, 5))
        >>> dtssd(left, right, left, right), dtssd(left, right, left, left)  # 8 pixels of 32 change wrongly
        (0.0, 50.0)
    """
    masks = (previous, current, previous_truth, truth)
    for mask in masks[1:]:
        if mask.size != previous.size:
            raise ValueError(f"expected masks of one frame size, got {previous.size} and {mask.size}")
    # Outside the rectangle that holds all four masks nothing changes.
    region = union_region([mask.region for mask in masks])
    before, now, true_before, true_now = (mask.within(region).view(np.int8) for mask in masks)
    change = (now - before) - (true_now - true_before)
    pixels = previous.size[0] * previous.size[1]
    return math.sqrt(float(np.square(change).sum(dtype=np.int64)) / pixels) * 100


class Dtssd:
    """Accumulates dtSSD over the pairs of consecutive frames of one object; one frame is kept.

    Example:
        >>> left, right = (MaskCrop.from_bitmap(np.ones((2, 2), np.bool_), (4, 8), x, 1) for x in (1, 5))
        >>> change = Dtssd()
        >>> for mask in (left, right, left):
        ...     change.add(mask, truth=left)
        >>> change.figures()["dtssd"]
        Figure(value=50.0, n=2, n_undefined=0)
    """

    def __init__(self) -> None:
        self._last: _Pair | None = None
        self._sum = 0.0
        self._pairs = 0

    def add(self, mask: MaskCrop, truth: MaskCrop, paired: bool = True) -> None:
        """Take the next frame, and whether its pair with the last one counts.

        Raises:
            ValueError: if the masks are of frames of different sizes.
        """
        if self._last is not None and paired:
            self._sum += dtssd(self._last[0], mask, self._last[1], truth)
            self._pairs += 1
        self._last = (mask, truth)

    def observe(self, observation: TruthObservation) -> None:
        """Take the next frame."""
        self.add(observation.mask, observation.truth, observation.paired)

    def figures(self) -> dict[str, Figure]:
        """Return the mean over the pairs so far by its name."""
        return {DTSSD_SPEC.name: Figure(self._sum / self._pairs if self._pairs else None, self._pairs, 0)}


class VideoConsistency:
    """Accumulates VC_n of one object over windows of n consecutive frames, each one frame on from the last.

    Keeps, for the pixels that a mask ever covered, in which frame they last changed: memory grows neither with n nor
    with the clip, and a frame costs what the masks cover.

    Args:
        windows: each n, at least 2.

    Raises:
        ValueError: for a window below 2.

    Example:
        >>> left, right = (MaskCrop.from_bitmap(np.ones((2, 2), np.bool_), (4, 8), x, 1) for x in (1, 5))
        >>> steady = VideoConsistency(windows=(2,))
        >>> for mask in (left, right, right):  # 8 of 32 pixels change in the first window, none in the second
        ...     steady.add(mask, truth=left)
        >>> steady.figure(2)
        Figure(value=0.875, n=2, n_undefined=0)
    """

    def __init__(self, windows: Sequence[int] = WINDOWS) -> None:
        if not windows or min(windows) < 2:
            raise ValueError(f"expected windows of at least 2 frames, got {list(windows)}")
        self._windows = tuple(windows)
        self._sums = dict.fromkeys(windows, 0.0)
        self._defined, self._undefined = dict.fromkeys(windows, 0), dict.fromkeys(windows, 0)
        self.restart()

    def restart(self) -> None:
        """Let no window hold both a frame so far and one to come, as where frames are missing in between."""
        self._frames = 0
        self._last: _Pair | None = None
        self._region = Region(0, 0, 0, 0)
        # By pixel, the frame of the last change: of the true mask, and of either mask.
        self._changed = np.zeros((2, 0, 0), np.int32)
        self._at: tuple[dict[int, int], dict[int, int]] = ({}, {})

    def add(self, mask: MaskCrop, truth: MaskCrop) -> None:
        """Take the next frame.

        Raises:
            ValueError: if the masks are of frames of different sizes.
        """
        size = truth.size if self._last is None else self._last[0].size
        if mask.size != size or truth.size != size:
            raise ValueError(f"expected masks of one frame size, got {mask.size}, {truth.size} and {size}")
        self._frames += 1
        if self._last is not None:
            self._note_changes(*self._last, mask, truth)
        self._last = (mask, truth)
        for at in self._at:
            at.pop(self._frames - max(self._windows), None)
        if not any(self._at):  # no window to come holds a change so far
            self._region, self._changed = Region(0, 0, 0, 0), np.zeros((2, 0, 0), np.int32)
        for window in self._windows:
            if self._frames >= window:
                self._close(window, size[0] * size[1])

    def _note_changes(
        self, mask_before: MaskCrop, true_before: MaskCrop, mask: MaskCrop, truth: MaskCrop
    ) -> None:
        region = union_region([each.region for each in (mask_before, true_before, mask, truth)])
        if region.empty:
            return
        self._cover(region)
        moved = true_before.within(region) ^ truth.within(region)
        either = moved | (mask_before.within(region) ^ mask.within(region))
        rows, columns = _place(region, self._region)
        for plane, at, changes in zip(self._changed, self._at, (moved, either), strict=True):
            here, part = changes.astype(np.bool_), plane[rows, columns]
            for frame, count in zip(*np.unique(part[here], return_counts=True), strict=True):
                if int(frame) in at:
                    at[int(frame)] -= int(count)
            part[here] = self._frames
            at[self._frames] = int(np.count_nonzero(here))

    def _cover(self, region: Region) -> None:
        whole = union_region([self._region, region])
        if whole == self._region:
            return
        changed = np.zeros((2, whole.y2 - whole.y1, whole.x2 - whole.x1), np.int32)
        if not self._region.empty:
            rows, columns = _place(self._region, whole)
            changed[:, rows, columns] = self._changed
        self._region, self._changed = whole, changed

    def _close(self, window: int, pixels: int) -> None:
        recent = range(self._frames - window + 2, self._frames + 1)
        true, both = (pixels - sum(at.get(frame, 0) for frame in recent) for at in self._at)
        if true == 0:
            self._undefined[window] += 1
            return
        self._sums[window] += both / true
        self._defined[window] += 1

    def observe(self, observation: TruthObservation) -> None:
        """Take the next frame; a repeated one says nothing new."""
        if observation.begins_anew:
            self.restart()
        if not observation.repeated:
            self.add(observation.mask, observation.truth)

    def figures(self) -> dict[str, Figure]:
        """Return the figures of all `WINDOWS` by metric name."""
        return {
            spec.name: self.figure(window)
            for spec, window in zip(VIDEO_CONSISTENCY_SPECS, WINDOWS, strict=True)
        }

    def figure(self, window: int) -> Figure:
        """Return the mean over windows so far; those in which no pixel keeps its true side have no value."""
        n = self._defined[window]
        return Figure(self._sums[window] / n if n else None, n, self._undefined[window])


def _place(part: Region, whole: Region) -> tuple[slice, slice]:
    """Return the (rows, columns) of a rectangle within another that holds it."""
    return (
        slice(part.y1 - whole.y1, part.y2 - whole.y1),
        slice(part.x1 - whole.x1, part.x2 - whole.x1),
    )


REGISTRY.register(DTSSD_SPEC, order=540, truth=Dtssd)
REGISTRY.register(*VIDEO_CONSISTENCY_SPECS, order=541, truth=VideoConsistency)
