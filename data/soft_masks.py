"""`SoftMask`: how sure a model is of each cell of a mask, before the mask is brought to the frame and thresholded."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from yolact_temporal.data.crops import Region

Edges = tuple[float, float, float, float]
"""x1, y1, x2, y2 in pixels of the frame."""


@dataclass(frozen=True, eq=False)
class SoftMask:
    """One instance's probabilities in eight bits, on the cells of the model's own grid.

    Between cells they are interpolated bilinearly. Outside the cells they are 0, but at a frame's border, beyond which
    there is no cell, they go on as at the last one.

    Attributes:
        values: uint8 (h, w), 255 times the probability in each cell.
        box: the rectangle that the cells are stretched over; it may reach beyond the frame.
        size: the frame's (height, width).
        clip: outside this rectangle all is 0, edges in fractions of a pixel; None where nothing is clipped.

    Raises:
        ValueError: if the values are no uint8 map, or a rectangle has no extent or ends nowhere.

    Example:
        >>> soft = SoftMask(np.array([[0, 255]], np.uint8), (2.0, 0.0, 10.0, 4.0), (4, 12))
        >>> soft.within(Region(4, 1, 10, 2)).round(3).tolist()
        [[0.125, 0.375, 0.625, 0.875, 0.875, 0.625]]
    """

    values: NDArray[np.uint8]
    box: Edges
    size: tuple[int, int]
    clip: Edges | None = None

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or not self.values.size or self.values.dtype != np.uint8:
            raise ValueError(f"expected a uint8 map of cells, got {self.values.dtype} {self.values.shape}")
        for edges in (self.box, *([] if self.clip is None else [self.clip])):
            x1, y1, x2, y2 = edges
            if not all(map(math.isfinite, edges)) or x2 < x1 or y2 < y1:
                raise ValueError(f"expected edges x1 <= x2 and y1 <= y2, got {edges}")
        if self.box[2] <= self.box[0] or self.box[3] <= self.box[1]:
            raise ValueError(f"expected cells of some extent, got {self.box}")

    @property
    def cell_px(self) -> tuple[float, float]:
        """Width and height of a cell, in pixels of the frame."""
        x1, y1, x2, y2 = self.box
        return (x2 - x1) / self.values.shape[1], (y2 - y1) / self.values.shape[0]

    @property
    def region(self) -> Region:
        """The pixels that may be above 0."""
        across, down = (side / 2 for side in self.cell_px)
        x1, y1, x2, y2 = self.box
        reach = (x1 - across, y1 - down, x2 + across, y2 + down)
        if self.clip is not None:
            left, top, right, bottom = self.clip
            reach = (max(reach[0], left), max(reach[1], top), min(reach[2], right), min(reach[3], bottom))
        height, width = self.size
        return Region(
            min(max(math.floor(reach[0]), 0), width),
            min(max(math.floor(reach[1]), 0), height),
            min(max(math.ceil(reach[2]), 0), width),
            min(max(math.ceil(reach[3]), 0), height),
        )

    @cached_property
    def pixels(self) -> NDArray[np.float32]:
        """The probabilities of the pixels of `region`, float32 (h, w)."""
        return self._interpolated(self.region)

    def within(self, region: Region) -> NDArray[np.float32]:
        """Return the probabilities in a rectangle of the frame, fresh float32 (h, w)."""
        out = np.zeros((max(region.y2 - region.y1, 0), max(region.x2 - region.x1, 0)), np.float32)
        own = self.region
        if own.empty or not own.meets(region):
            return out
        x1, y1 = max(own.x1, region.x1), max(own.y1, region.y1)
        x2, y2 = min(own.x2, region.x2), min(own.y2, region.y2)
        out[y1 - region.y1 : y2 - region.y1, x1 - region.x1 : x2 - region.x1] = self.pixels[
            y1 - own.y1 : y2 - own.y1, x1 - own.x1 : x2 - own.x1
        ]
        return out

    def _interpolated(self, region: Region) -> NDArray[np.float32]:
        x1, y1, x2, y2 = self.box
        rows = _weights(region.y1, region.y2, y1, y2, self.values.shape[0], self.size[0])
        columns = _weights(region.x1, region.x2, x1, x2, self.values.shape[1], self.size[1])
        soft = rows @ (self.values.astype(np.float32) / np.float32(255)) @ columns.T
        if self.clip is not None:
            left, top, right, bottom = self.clip
            soft *= _covered(region.y1, region.y2, top, bottom)[:, None]
            soft *= _covered(region.x1, region.x2, left, right)
        return np.asarray(soft, np.float32)


def _weights(start: int, end: int, low: float, high: float, cells: int, length: int) -> NDArray[np.float32]:
    """Return what each cell of a line weighs in each of the pixels from `start` to `end`: float32 (n, cells).

    Args:
        start, end: pixels of the frame.
        low, high: the ends of the line of cells, in pixels.
        cells: how many there are.
        length: of the frame's line.
    """
    at = (np.arange(start, end) + 0.5 - low) / ((high - low) / cells) - 0.5
    if low <= 0:
        at = np.maximum(at, 0)
    if high >= length:
        at = np.minimum(at, cells - 1)
    weights = np.clip(1 - np.abs(at[:, None] - np.arange(cells)), 0, None)
    return np.asarray(weights, np.float32)


def _covered(start: int, end: int, low: float, high: float) -> NDArray[np.float32]:
    """Return the share of each of the pixels from `start` to `end` that lies between two ends."""
    pixels = np.arange(start, end)
    shares = np.minimum(pixels + 1, high) - np.maximum(pixels, low)
    return np.asarray(np.clip(shares, 0, 1), np.float32)


def quantized(probabilities: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Return probabilities in eight bits.

    Example:
        >>> quantized(np.array([[0.0, 0.5, 1.0]])).tolist()
        [[0, 128, 255]]
    """
    return np.floor(np.asarray(probabilities) * 255 + 0.5).astype(np.uint8)
