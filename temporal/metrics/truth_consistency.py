"""dtSSD and VC_n: does a mask change when, and only when, the true one does."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from yolact_temporal.temporal.crops import MaskCrop, union_region
from yolact_temporal.temporal.metrics.contract import Figure, MetricSpec, mean_figure

WINDOWS = (8, 16)
"""Lengths in frames of the windows of video consistency."""

DTSSD_SPEC = MetricSpec(
    name="dtssd",
    symbol="D3",
    meaning="Root mean square, over all pixels of the frame, of what the mask changes by more or less than the true "
    "one, times 100; mean over pairs.",
    inputs="the mask and the true one in two consecutive frames",
    unit="1",
    range=(0.0, 200.0),
    direction="down",
    undefined="there is only one frame",
    source="dtSSD of Erofeev et al., BMVC 2015, as RobustVideoMatting evaluates it (Lin et al., WACV 2022)",
    level="pair",
)

VIDEO_CONSISTENCY_SPECS = tuple(
    MetricSpec(
        name=f"video_consistency_{length}",
        symbol="D6",
        meaning=f"Share of the pixels whose true label stays the same over {length} frames on which the prediction "
        "does too; mean over windows.",
        inputs="label maps, or masks, predicted and true, of every frame",
        unit="1",
        range=(0.0, 1.0),
        direction="up",
        undefined=f"there are fewer than {length} frames, or no pixel keeps its true label in any window",
        source="VC of VSPW: Miao et al., CVPR 2021",
        level="clip",
    )
    for length in WINDOWS
)

SPECS = (DTSSD_SPEC, *VIDEO_CONSISTENCY_SPECS)

_Pair = tuple[MaskCrop, MaskCrop]


def dtssd(previous: MaskCrop, current: MaskCrop, previous_truth: MaskCrop, truth: MaskCrop) -> float:
    """Return dtSSD of a pair of frames: sqrt(mean(((M - M') - (G - G'))^2)) * 100 over the frame's pixels, 0..200.

    Args:
        previous, current: the mask in frames t-1 and t; empty where absent.
        previous_truth, truth: the true mask in both.

    Raises:
        ValueError: if the masks are of frames of different sizes.
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


def sequence_dtssd(frames: Iterable[_Pair]) -> Figure:
    """Return the mean dtSSD over pairs of consecutive frames.

    Args:
        frames: (mask, true mask) of one object, one a frame; only one frame is kept at a time.

    Raises:
        ValueError: if the masks are of frames of different sizes.
    """
    values: list[float] = []
    last: _Pair | None = None
    for mask, truth in frames:
        if last is not None:
            values.append(dtssd(last[0], mask, last[1], truth))
        last = (mask, truth)
    return mean_figure(values)


class VideoConsistency:
    """Accumulates VC_n over windows of n consecutive frames, each one frame on from the last.

    Keeps, for every pixel, since how many frames the label is what it is: memory does not grow with n or the clip.

    Args:
        window: n, at least 2.

    Raises:
        ValueError: for a window below 2.
    """

    def __init__(self, window: int) -> None:
        if window < 2:
            raise ValueError(f"expected a window of at least 2 frames, got {window}")
        self._window = window
        self._frames = 0
        self._last: tuple[NDArray[np.integer], NDArray[np.integer]] | None = None
        self._constant: tuple[NDArray[np.int32], NDArray[np.int32]] | None = None
        self._sum = 0.0
        self._defined = self._undefined = 0

    def add(self, predicted: NDArray[np.generic], truth: NDArray[np.generic]) -> None:
        """Take the next frame: labels (H, W), bool or whole numbers; what a label means does not matter, only change.

        Raises:
            ValueError: if the shapes differ, from each other or from the last frame's.
        """
        own, true = (_labels(labels) for labels in (predicted, truth))
        expected = own.shape if self._last is None else self._last[0].shape
        if own.ndim != 2 or own.shape != expected or true.shape != expected:
            raise ValueError(
                f"expected labels of one shape (H, W), got {own.shape}, {true.shape} and {expected}"
            )
        if self._last is None or self._constant is None:
            self._constant = (np.ones(expected, np.int32), np.ones(expected, np.int32))
        else:
            for now, before, since in zip((own, true), self._last, self._constant, strict=True):
                since *= now == before
                since += 1
        self._last = (own.copy(), true.copy())
        self._frames += 1
        if self._frames >= self._window:
            self._close_window(*self._constant)

    def _close_window(self, own: NDArray[np.int32], true: NDArray[np.int32]) -> None:
        still = true >= self._window
        count = int(np.count_nonzero(still))
        if count == 0:
            self._undefined += 1
            return
        self._sum += int(np.count_nonzero(still & (own >= self._window))) / count
        self._defined += 1

    def figure(self) -> Figure:
        """Return the mean over the windows so far; windows in which no pixel keeps its true label have no value."""
        return Figure(self._sum / self._defined if self._defined else None, self._defined, self._undefined)


def video_consistency(
    predicted: Iterable[NDArray[np.generic]], truth: Iterable[NDArray[np.generic]], window: int
) -> Figure:
    """Return VC_n of label maps (H, W), one a frame each: the mean over windows of `window` frames.

    Raises:
        ValueError: if one sequence is longer, shapes differ, or the window is below 2.
    """
    accumulator = VideoConsistency(window)
    for own, true in zip(predicted, truth, strict=True):
        accumulator.add(own, true)
    return accumulator.figure()


def _labels(labels: NDArray[np.generic]) -> NDArray[np.integer]:
    array = np.asarray(labels)
    if array.dtype == np.bool_:
        return array.view(np.uint8)
    if not np.issubdtype(array.dtype, np.integer):
        raise ValueError(f"expected labels of bool or whole numbers, got {array.dtype}")
    return array
