"""What a mask is assembled from, carried to the next frame by the motion between (METRICS H2)."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from yolact_temporal.data.crops import MaskCrop
from yolact_temporal.data.mask_parts import PartMap
from yolact_temporal.temporal.motion import Motion

MIN_PIXELS = 16
"""Fewest visible pixels of a carried mask that its movement is fitted to."""

FITTED_PIXELS = 128
"""Most pixels that a movement is fitted to: every two of them give a slope."""

_GOLDEN = (np.sqrt(5.0) - 1) / 2


class Movement(NamedTuple):
    """How an object moved from t-1 to t: x is now at scale * x + shift, in each axis by itself, pixels of the frame.

    A pixel's centre is at its index + 0.5.

    Attributes:
        scale: float64 (2,), of x and y.
        shift: float64 (2,), of x and y.
    """

    scale: NDArray[np.float64]
    shift: NDArray[np.float64]

    def boxes(self, boxes: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return boxes (..., 4), xyxy in pixels of t-1, moved and scaled."""
        return np.asarray(boxes, np.float64) * np.tile(self.scale, 2) + np.tile(self.shift, 2)

    def points(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return points (..., 2), x and y in pixels of t-1, moved."""
        return np.asarray(points, np.float64) * self.scale + self.shift


def fitted_movement(carried: MaskCrop, motion: Motion) -> Movement | None:
    """Fit translation and scale to the flow over the visible pixels of a carried mask (Theil 1950, Sen 1968).

    The median of the slopes of every two pixels is the scale, the median of what is then left the translation: up to
    29% of the pixels may be wrong.

    Args:
        carried: the mask of t-1 carried to t.
        motion: from t-1 to t.

    Returns:
        None where fewer than `MIN_PIXELS` of the mask's pixels are visible.

    Example:
        >>> motion = Motion.from_flow(np.full((32, 48, 2), (-3.0, 1.0)))
        >>> mask = MaskCrop.from_bitmap(np.ones((8, 8), np.bool_), (32, 48), x=12, y=9)
        >>> fitted_movement(mask, motion).boxes(np.array([8.0, 10.0, 18.0, 20.0])).tolist()
        [11.0, 9.0, 21.0, 19.0]
    """
    slices = carried.region.slices
    rows, columns = np.nonzero(carried.pixels & motion.visible[slices])
    if len(rows) < MIN_PIXELS:
        return None
    if len(rows) > FITTED_PIXELS:
        # Multiples of the golden section are spread evenly, in step with no row or column.
        spread = (np.arange(FITTED_PIXELS) * _GOLDEN % 1 * len(rows)).astype(np.int64)
        rows, columns = rows[spread], columns[spread]
    now = np.stack((columns + carried.x, rows + carried.y), axis=1).astype(np.float64) + 0.5
    before = np.stack([plane[slices][rows, columns] for plane in motion.sources], axis=1) + 0.5
    return _theil_sen(before.astype(np.float64), now)


def _theil_sen(before: NDArray[np.float64], now: NDArray[np.float64]) -> Movement:
    first, second = np.triu_indices(len(now), k=1)
    scale, shift = np.ones(2), np.zeros(2)
    for axis in range(2):
        # Pixels are a whole number apart in t, so that the slope from t back to t-1 is always defined.
        apart = now[second, axis] - now[first, axis]
        moved = before[second, axis] - before[first, axis]
        told = apart != 0
        if told.any():
            slope = float(np.median(moved[told] / apart[told]))
            scale[axis] = 1 / slope if slope > 0 else 1.0
        shift[axis] = float(np.median(now[:, axis] - scale[axis] * before[:, axis]))
    return Movement(scale, shift)


def carried_map(previous: PartMap, motion: Motion) -> PartMap:
    """Carry a map of t-1 to t: each cell takes the value of where it was, by the backward flow reduced to the grid.

    The flow of a cell is the mean over it; values are interpolated bilinearly between cells, and those of the rim
    go on beyond it.

    Example:
        >>> ramp = PartMap(np.arange(6, dtype=np.float32).reshape(1, 6, 1).repeat(4, axis=0), (8.0, 8.0))
        >>> motion = Motion.from_flow(np.full((32, 48, 2), (-4.0, 0.0)))  # half a cell to the right
        >>> carried_map(ramp, motion).values[2, :, 0].tolist()
        [0.0, 0.5, 1.5, 2.5, 3.5, 4.5]
    """
    height, width, _ = previous.values.shape
    flow = _reduced_flow(motion, (height, width), previous.cell_px)
    x = np.clip(np.arange(width) + flow[..., 0] / previous.cell_px[0], 0, width - 1)
    y = np.clip(np.arange(height)[:, None] + flow[..., 1] / previous.cell_px[1], 0, height - 1)
    return PartMap(_sampled(previous.values, x, y), previous.cell_px)


def _reduced_flow(motion: Motion, grid: tuple[int, int], cell_px: tuple[float, float]) -> NDArray[np.float32]:
    """Return the backward flow (h, w, 2) in pixels of the frame, the mean over each cell of a grid.

    It is taken from the grid that it was estimated on, where that is known, which costs less than from the frame's.
    """
    flow = motion.backward if motion.both is None else motion.both.backward
    height, width = flow.shape[:2]
    high = round(grid[0] * cell_px[1] * height / motion.size[0])
    wide = round(grid[1] * cell_px[0] * width / motion.size[1])
    if (high, wide) != (height, width):  # a grid that goes on beyond the frame, or ends before it
        flow = flow[: max(min(high, height), 1), : max(min(wide, width), 1)]
        beyond = max(high - height, 0), max(wide - width, 0)
        flow = np.asarray(cv2.copyMakeBorder(flow, 0, beyond[0], 0, beyond[1], cv2.BORDER_REPLICATE))
    return np.asarray(cv2.resize(flow, (grid[1], grid[0]), interpolation=cv2.INTER_AREA), np.float32)


def _sampled(
    values: NDArray[np.float32], x: NDArray[np.float64], y: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Interpolate values (h, w, c) bilinearly at columns x and rows y, (h, w) each, within the grid.

    OpenCV's own sampling rounds places to 1/32 of a cell, which is a fifth of a pixel here.
    """
    height, width, channels = values.shape
    left, top = np.minimum(x.astype(np.int64), width - 1), np.minimum(y.astype(np.int64), height - 1)
    right, bottom = np.minimum(left + 1, width - 1), np.minimum(top + 1, height - 1)
    across, down = x - left, y - top
    corners = (
        (top, left, (1 - down) * (1 - across)),
        (top, right, (1 - down) * across),
        (bottom, left, down * (1 - across)),
        (bottom, right, down * across),
    )
    cells = np.stack([(row * width + column).ravel() for row, column, _ in corners], axis=1)
    weights = np.stack([share.ravel() for *_, share in corners], axis=1).astype(np.float32)
    starts = np.arange(0, cells.size + 1, 4)
    mixing = sparse.csr_array(
        (weights.ravel(), cells.ravel(), starts), shape=(height * width, height * width)
    )
    mixed = mixing @ values.reshape(-1, channels)
    return np.ascontiguousarray(mixed.reshape(values.shape), dtype=np.float32)
