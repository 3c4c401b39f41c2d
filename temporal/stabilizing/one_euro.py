"""One-Euro filter of the box (METRICS I4; Casiez, Roussel and Vogel, CHI 2012), the mask scaled accordingly."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from yolact_temporal.data.crops import MaskCrop, Region
from yolact_temporal.temporal.stabilizing.contract import Box, CausalMethod, TrackedFrame, TrackedMask

SPEED_CUTOFF_HZ = 1.0
"""Cutoff of the low-pass filter of the speed, as published."""

ASSUMED_SECONDS = 1 / 30
"""Between two frames of a clip without time."""

Floats = NDArray[np.float64]


class OneEuro:
    """The filter itself, of several values at once: slow values are smoothed much, fast ones hardly.

    Args:
        min_cutoff: the cutoff at rest, in Hz; lower is smoother.
        beta: by how many Hz it grows for each unit a second of speed; higher lags less.

    Example:
        >>> smooth = OneEuro(min_cutoff=1.0, beta=0.0)
        >>> [round(float(smooth.update(np.array([value]), 1 / 30)[0]), 3) for value in (0.0, 1.0, 1.0)]
        [0.0, 0.173, 0.316]
    """

    def __init__(self, min_cutoff: float, beta: float) -> None:
        self._min_cutoff, self._beta = min_cutoff, beta
        self._last: Floats | None = None
        self._speed: Floats | None = None

    def update(self, values: Floats, seconds: float) -> Floats:
        """Take values, float64 (n,), so many seconds after the last, and return the filtered ones."""
        if self._last is None or self._speed is None:
            self._last, self._speed = values, np.zeros_like(values)
            return values
        speed = (values - self._last) / seconds
        self._speed = self._speed + _weight(SPEED_CUTOFF_HZ, seconds) * (speed - self._speed)
        cutoff = self._min_cutoff + self._beta * np.abs(self._speed)
        self._last = self._last + _weight(cutoff, seconds) * (values - self._last)
        return self._last


def _weight(cutoff: float | Floats, seconds: float) -> float | Floats:
    turn = 2 * math.pi * cutoff * seconds
    return turn / (turn + 1)


class OneEuroBox(CausalMethod):
    """The box filtered by centre and size; the mask goes with it, and is cut and scaled by it.

    Args:
        min_cutoff: as of `OneEuro`, of the box in pixels.
        beta: the same.
    """

    def __init__(self, min_cutoff: float, beta: float) -> None:
        self._min_cutoff, self._beta = min_cutoff, beta
        self._filters: dict[int, OneEuro] = {}

    def show(self, frame: TrackedFrame) -> Sequence[TrackedMask]:
        """Return what counts, its box filtered; a track that was absent begins anew."""
        before = {} if frame.step.cut else self._filters
        self._filters = {
            key: before.get(key) or OneEuro(self._min_cutoff, self._beta)
            for key, own in frame.counted.items()
            if own.box[2] > own.box[0] and own.box[3] > own.box[1]
        }
        seconds = frame.seconds if frame.seconds else ASSUMED_SECONDS
        return [
            own if key not in self._filters else self._filtered(own, self._filters[key], seconds)
            for key, own in frame.counted.items()
        ]

    @staticmethod
    def _filtered(own: TrackedMask, smooth: OneEuro, seconds: float) -> TrackedMask:
        x1, y1, x2, y2 = own.box
        given = np.array([(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1])
        x, y, width, height = (float(value) for value in smooth.update(given, seconds))
        box = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
        return replace(own, box=box, mask=into_box(own.mask, own.box, box))


def into_box(mask: MaskCrop, box: Box, target: Box) -> MaskCrop:
    """Return a mask moved and scaled as its box is, nearest sampling.

    Args:
        mask: of the frame.
        box: its box (x1, y1, x2, y2) in pixels, of some width and height.
        target: where the box goes.

    Example:
        >>> mask = MaskCrop.from_bitmap(np.ones((4, 4), np.bool_), (16, 32), 4, 4)
        >>> into_box(mask, (4, 4, 8, 8), (10, 4, 18, 8)).region
        Region(x1=10, y1=4, x2=18, y2=8)
    """
    if not mask.area or box == target:
        return mask
    scale = [(target[axis + 2] - target[axis]) / (box[axis + 2] - box[axis]) for axis in (0, 1)]
    if min(scale) <= 0:
        return mask
    own = mask.region
    reach = [
        target[axis] + (edge - box[axis]) * scale[axis]
        for axis, edge in ((0, own.x1), (1, own.y1), (0, own.x2), (1, own.y2))
    ]
    x1, y1 = (math.floor(edge) for edge in reach[:2])
    x2, y2 = (math.ceil(edge) for edge in reach[2:])
    region = Region(x1, y1, x2, y2).grown(0, mask.size)
    if region.empty:
        return MaskCrop.from_bitmap(np.zeros((0, 0), np.uint8), mask.size)
    columns = (np.arange(region.x1, region.x2) + 0.5 - target[0]) / scale[0] + box[0] - own.x1 - 0.5
    rows = (np.arange(region.y1, region.y2) + 0.5 - target[1]) / scale[1] + box[1] - own.y1 - 0.5
    grid = np.meshgrid(columns.astype(np.float32), rows.astype(np.float32))
    pixels = cv2.remap(mask.pixels, *grid, cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
    return MaskCrop.from_bitmap(np.asarray(pixels, np.uint8), mask.size, region.x1, region.y1)
