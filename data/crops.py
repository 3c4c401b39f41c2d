"""`MaskCrop`: a mask kept as its tight bitmap and where it stands, so that mask work costs what the mask covers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from yolact_temporal.data.rle import Rle, decode_part, encode_part, mask_boxes


class Region(NamedTuple):
    """A rectangle of whole pixels, x1 <= x < x2 and y1 <= y < y2.

    Example:
        >>> Region(2, 1, 5, 3).grown(1, (4, 6)), Region(3, 3, 3, 9).empty
        (Region(x1=1, y1=0, x2=6, y2=4), True)
    """

    x1: int
    y1: int
    x2: int
    y2: int

    @property
    def empty(self) -> bool:
        """Whether the rectangle holds no pixel."""
        return self.x2 <= self.x1 or self.y2 <= self.y1

    @property
    def slices(self) -> tuple[slice, slice]:
        """The (rows, columns) that cut this rectangle from an array (H, W, ...)."""
        return slice(self.y1, self.y2), slice(self.x1, self.x2)

    def grown(self, margin: int, size: tuple[int, int]) -> Region:
        """Return the rectangle with `margin` more pixels on every side, within a frame of (H, W)."""
        height, width = size
        return Region(
            max(self.x1 - margin, 0),
            max(self.y1 - margin, 0),
            min(self.x2 + margin, width),
            min(self.y2 + margin, height),
        )

    def meets(self, other: Region) -> bool:
        """Whether the two rectangles share a pixel."""
        return max(self.x1, other.x1) < min(self.x2, other.x2) and max(self.y1, other.y1) < min(
            self.y2, other.y2
        )


def union_region(regions: Iterable[Region]) -> Region:
    """Return the smallest rectangle that holds all given; empty ones do not count, and none gives an empty one.

    Example:
        >>> union_region([Region(2, 1, 5, 3), Region(0, 0, 0, 0), Region(4, 0, 6, 2)])
        Region(x1=2, y1=0, x2=6, y2=3)
    """
    whole = [region for region in regions if not region.empty]
    if not whole:
        return Region(0, 0, 0, 0)
    x1, y1, x2, y2 = zip(*whole, strict=True)
    return Region(min(x1), min(y1), max(x2), max(y2))


@dataclass(frozen=True, eq=False)
class MaskCrop:
    """One mask of a frame, cut to its tight rectangle.

    Attributes:
        pixels: uint8 (h, w) of 0 and 1, C-contiguous; (0, 0) for an empty mask.
        x, y: the frame's column and row of the bitmap's first pixel; 0, 0 for an empty mask.
        size: the frame's (height, width).
        area: how many pixels are set.

    Example:
        >>> mask = MaskCrop.from_bitmap(np.ones((2, 3), np.bool_), size=(10, 20), x=4, y=5)
        >>> mask.region, mask.area, mask.centroid()
        (Region(x1=4, y1=5, x2=7, y2=7), 6, (5.5, 6.0))
        >>> mask.bitmap().shape, same_mask(MaskCrop.from_rle(mask.rle(), (10, 20)), mask)
        ((10, 20), True)
    """

    pixels: NDArray[np.uint8]
    x: int
    y: int
    size: tuple[int, int]
    area: int

    @classmethod
    def from_bitmap(
        cls,
        bitmap: NDArray[np.bool_] | NDArray[np.uint8],
        size: tuple[int, int] | None = None,
        x: int = 0,
        y: int = 0,
    ) -> MaskCrop:
        """Cut a bitmap (h, w) of bool or 0/1 to its tight rectangle.

        Args:
            bitmap: the mask, of the whole frame or of a part of it.
            size: the frame's (height, width); the bitmap's own shape when None.
            x, y: the frame's column and row of the bitmap's first pixel.
        """
        if bitmap.ndim != 2:
            raise ValueError(f"expected a bitmap of shape (H, W), got {bitmap.shape}")
        size = (int(bitmap.shape[0]), int(bitmap.shape[1])) if size is None else size
        bits = np.ascontiguousarray(bitmap).astype(np.uint8, copy=False)
        # OpenCV finds the rectangle ten times as fast as NumPy finds the first and last row and column that are set.
        left, top, width, height = cv2.boundingRect(bits) if bits.size else (0, 0, 0, 0)
        if width == 0:
            return cls(np.zeros((0, 0), np.uint8), 0, 0, size, 0)
        pixels = bits[top : top + height, left : left + width].copy()
        return cls(pixels, x + left, y + top, size, cv2.countNonZero(pixels))

    @classmethod
    def from_rle(cls, mask: Rle, size: tuple[int, int]) -> MaskCrop:
        """Decode one encoding of a frame of (height, width)."""
        x1, y1, x2, y2 = (int(edge) for edge in mask_boxes([mask])[0])
        if x2 <= x1 or y2 <= y1:
            return cls(np.zeros((0, 0), np.uint8), 0, 0, size, 0)
        return cls.from_bitmap(decode_part(mask, x1, y1, x2, y2), size, x1, y1)

    @cached_property
    def region(self) -> Region:
        """The tight rectangle in the frame; empty for an empty mask."""
        height, width = self.pixels.shape
        return Region(self.x, self.y, self.x + width, self.y + height)

    def rle(self) -> Rle:
        """Return the run-length encoding of the mask in its frame."""
        return encode_part(self.pixels, self.x, self.y, self.size)

    def centroid(self) -> tuple[float, float] | None:
        """Return the mean (x, y) of the mask's pixels, a pixel's centre at its index + 0.5; None if empty."""
        if self.area == 0:
            return None
        columns = self.pixels.sum(axis=0, dtype=np.int64)
        rows = self.pixels.sum(axis=1, dtype=np.int64)
        x = float(columns @ np.arange(len(columns))) / self.area + self.x + 0.5
        y = float(rows @ np.arange(len(rows))) / self.area + self.y + 0.5
        return x, y

    def within(self, region: Region) -> NDArray[np.uint8]:
        """Return a fresh bitmap (h, w) of the given rectangle of the frame; what lies outside it is cut off."""
        out = np.zeros((region.y2 - region.y1, region.x2 - region.x1), np.uint8)
        x1, y1 = max(self.x, region.x1), max(self.y, region.y1)
        own = self.region
        x2, y2 = min(own.x2, region.x2), min(own.y2, region.y2)
        if x1 < x2 and y1 < y2:
            out[y1 - region.y1 : y2 - region.y1, x1 - region.x1 : x2 - region.x1] = self.pixels[
                y1 - self.y : y2 - self.y, x1 - self.x : x2 - self.x
            ]
        return out

    def bitmap(self) -> NDArray[np.bool_]:
        """Return the mask as bool (H, W) of the frame."""
        return self.within(Region(0, 0, self.size[1], self.size[0])).astype(np.bool_)


def same_mask(first: MaskCrop, second: MaskCrop) -> bool:
    """Tell whether two masks of a frame are the same to the pixel; two empty ones are.

    Example:
        >>> mask = MaskCrop.from_bitmap(np.eye(4, dtype=np.bool_))
        >>> same_mask(mask, MaskCrop.from_rle(mask.rle(), (4, 4)))
        True
    """
    return first.region == second.region and np.array_equal(first.pixels, second.pixels)


def mask_iou(first: MaskCrop, second: MaskCrop) -> float:
    """Return intersection over union in 0..1; 0 where both masks are empty, which have nothing in common.

    Example:
        >>> left, right = (MaskCrop.from_bitmap(np.ones((2, 2), np.bool_), (4, 8), x, 1) for x in (1, 2))
        >>> round(mask_iou(left, right), 4)  # 2 pixels of 6
        0.3333
    """
    intersection = _shared_area(first, second)
    return intersection / (first.area + second.area - intersection) if intersection else 0.0


def covered_share(mask: MaskCrop, other: MaskCrop) -> float:
    """Return the share of a mask's pixels that another mask of the frame covers, 0..1; 0 where the mask is empty.

    Example:
        >>> small, large = (MaskCrop.from_bitmap(np.ones((2, n), np.bool_), (4, 8), 1, 1) for n in (2, 4))
        >>> covered_share(small, large), covered_share(large, small)
        (1.0, 0.5)
    """
    return _shared_area(mask, other) / mask.area if mask.area else 0.0


def _shared_area(first: MaskCrop, second: MaskCrop) -> int:
    """Return how many pixels two masks of a frame share."""
    a, b = first.region, second.region
    if not a.meets(b):
        return 0
    common = Region(max(a.x1, b.x1), max(a.y1, b.y1), min(a.x2, b.x2), min(a.y2, b.y2))
    first_part = first.pixels[common.y1 - a.y1 : common.y2 - a.y1, common.x1 - a.x1 : common.x2 - a.x1]
    second_part = second.pixels[common.y1 - b.y1 : common.y2 - b.y1, common.x1 - b.x1 : common.x2 - b.x1]
    return cv2.countNonZero(first_part & second_part)


def union_mask(masks: Iterable[MaskCrop], size: tuple[int, int]) -> MaskCrop:
    """Return the mask of all pixels of masks of a frame; of one that has any, itself.

    Args:
        masks: any number; none gives an empty mask.
        size: (height, width) of the frame.

    Example:
        >>> left, right = (MaskCrop.from_bitmap(np.ones((1, 2), np.bool_), (1, 8), x, 0) for x in (1, 4))
        >>> union_mask([left, right], (1, 8)).bitmap().astype(int).tolist()
        [[0, 1, 1, 0, 1, 1, 0, 0]]
        >>> union_mask([left], (1, 8)) is left, union_mask([], (1, 8)).area
        (True, 0)
    """
    seen = [mask for mask in masks if mask.area]
    if len(seen) == 1:
        return seen[0]
    region = union_region([mask.region for mask in seen]) if seen else Region(0, 0, 0, 0)
    pixels = np.zeros((region.y2 - region.y1, region.x2 - region.x1), np.uint8)
    for mask in seen:
        pixels |= mask.within(region)
    return MaskCrop.from_bitmap(pixels, size, region.x1, region.y1)


def overlaps(first: Sequence[MaskCrop], second: Sequence[MaskCrop], least: float) -> NDArray[np.float64]:
    """Return the IoU of every two masks, float64 (N, M), 0 where it is below `least`; of no masks (0, M) or (N, 0).

    Only what the masks' rectangles and areas do not rule out is computed.

    Args:
        first, second: N and M masks of one frame.
        least: above 0, at most 1.

    Example:
        >>> masks = [MaskCrop.from_bitmap(np.ones((4, 4), np.bool_), (16, 32), x, 4) for x in (4, 5, 20)]
        >>> overlaps(masks[:1], masks, least=0.5).tolist()
        [[1.0, 0.6, 0.0]]
    """
    found = np.zeros((len(first), len(second)))
    for row, column in np.argwhere(may_overlap(first, second, least)).tolist():
        iou = mask_iou(first[row], second[column])
        if iou >= least:
            found[row, column] = iou
    return found


def may_overlap(first: Sequence[MaskCrop], second: Sequence[MaskCrop], least: float) -> NDArray[np.bool_]:
    """Return which masks may have an IoU of at least `least` by their rectangles and areas alone, bool (N, M).

    Args:
        first, second: N and M masks of one frame.
        least: above 0, at most 1.

    Example:
        >>> masks = [MaskCrop.from_bitmap(np.ones((4, 4), np.bool_), (16, 32), x, 4) for x in (4, 5, 20)]
        >>> may_overlap(masks[:1], masks, least=0.5).tolist()
        [[True, True, False]]
    """
    if not (len(first) and len(second)):
        return np.zeros((len(first), len(second)), np.bool_)
    areas, other_areas = (np.array([mask.area for mask in masks], np.float64) for masks in (first, second))
    sides = _shared_sides(*([mask.region for mask in masks] for masks in (first, second)))
    shared = np.minimum(np.minimum(areas[:, None], other_areas[None]), sides.prod(axis=2))
    # The most that two masks of these areas, in these rectangles, can overlap.
    possible: NDArray[np.bool_] = shared > 0
    possible &= shared >= least * (areas[:, None] + other_areas[None] - shared) * (1 - 1e-9)
    return possible


def meeting(first: Sequence[Region], second: Sequence[Region]) -> NDArray[np.bool_]:
    """Return which rectangles share a pixel, bool (N, M): `Region.meets` of every two, for where they are many.

    Example:
        >>> meeting([Region(0, 0, 4, 4)], [Region(3, 3, 9, 9), Region(4, 0, 8, 4)]).tolist()
        [[True, False]]
    """
    if not (len(first) and len(second)):
        return np.zeros((len(first), len(second)), np.bool_)
    return np.asarray(_shared_sides(first, second).all(axis=2), np.bool_)


def _shared_sides(first: Sequence[Region], second: Sequence[Region]) -> NDArray[np.int64]:
    """Return width and height of what every two rectangles share, (N, M, 2), 0 where they do not meet."""
    ours, theirs = (np.array(regions, np.int64) for regions in (first, second))
    starts = np.maximum(ours[:, None, :2], theirs[None, :, :2])
    return (np.minimum(ours[:, None, 2:], theirs[None, :, 2:]) - starts).clip(min=0)
