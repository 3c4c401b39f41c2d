"""COCO run-length encodings of masks, by pycocotools."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask


class Rle(TypedDict):
    """A compressed COCO run-length encoding: `size` is [height, width], `counts` the compressed runs."""

    size: list[int]
    counts: bytes


def encode_masks(bitmaps: NDArray[np.bool_]) -> list[Rle]:
    """Encode bool or uint8 bitmaps (N, H, W) as N encodings; an empty array gives an empty list.

    Raises:
        ValueError: if the array has not three dimensions.

    Example:
        >>> bitmaps = np.zeros((1, 4, 6), np.bool_)
        >>> bitmaps[0, 1:3, 2:5] = True
        >>> masks = encode_masks(bitmaps)
        >>> masks[0]["size"], np.array_equal(decode_masks(masks, (4, 6)), bitmaps)
        ([4, 6], True)
    """
    if bitmaps.ndim != 3:
        raise ValueError(f"expected bitmaps of shape (N, H, W), got {bitmaps.shape}")
    if len(bitmaps) == 0:
        return []
    # The encoder walks columns: (N, W, H) in C order is (H, W, N) in Fortran order without a second copy.
    columns = np.ascontiguousarray(bitmaps.transpose(0, 2, 1)).view(np.uint8)
    encoded: list[Rle] = coco_mask.encode(columns.transpose(2, 1, 0))
    return encoded


def decode_masks(masks: Sequence[Rle], size: tuple[int, int]) -> NDArray[np.bool_]:
    """Decode N encodings to bool (N, H, W); `size` gives (H, W) where N is 0.

    Example:
        >>> decode_masks(encode_masks(np.ones((2, 4, 6), np.bool_)), (4, 6)).shape
        (2, 4, 6)
        >>> decode_masks([], (4, 6)).shape
        (0, 4, 6)
    """
    if len(masks) == 0:
        return np.zeros((0, *size), np.bool_)
    bitmaps: NDArray[np.bool_] = coco_mask.decode(list(masks)).astype(np.bool_, copy=False).transpose(2, 0, 1)
    return bitmaps


def decode_part(mask: Rle, x1: int, y1: int, x2: int, y2: int) -> NDArray[np.uint8]:
    """Decode the part of one mask in x1 <= x < x2 and y1 <= y < y2, at the cost of its columns, not of the frame's.

    Returns:
        uint8 (y2 - y1, x2 - x1) of 0 and 1, C-contiguous.

    Raises:
        ValueError: if the part is not of the frame.

    Example:
        >>> bitmaps = np.zeros((1, 4, 6), np.bool_)
        >>> bitmaps[0, 1:3, 2:5] = True
        >>> decode_part(encode_masks(bitmaps)[0], 1, 0, 4, 3).tolist()
        [[0, 0, 0], [0, 1, 1], [0, 1, 1]]
    """
    height, width = mask["size"]
    if not (0 <= x1 <= x2 <= width and 0 <= y1 <= y2 <= height):
        raise ValueError(f"expected a part of a frame of {width}x{height}, got {x1}, {y1} to {x2}, {y2}")
    ends = np.cumsum(_uncompressed(mask["counts"]))
    # Runs go down the columns, off and on by turns.
    first, last = np.searchsorted(ends, (x1 * height, x2 * height), side="right")
    ends = np.minimum(ends[first : last + 1], x2 * height)
    values = np.arange(first, first + len(ends), dtype=np.int64) % 2
    columns = np.repeat(values.astype(np.uint8), np.diff(ends, prepend=x1 * height))
    return np.ascontiguousarray(columns.reshape(x2 - x1, height)[:, y1:y2].T)


def encode_part(pixels: NDArray[np.uint8], x: int, y: int, size: tuple[int, int]) -> Rle:
    """Encode a mask given as a part of its frame, at the cost of the part's columns; the inverse of `decode_part`.

    Args:
        pixels: uint8 (h, w) of 0 and 1; of no pixels for an empty mask.
        x, y: the frame's column and row of the part's first pixel.
        size: the frame's (height, width).

    Returns:
        The very encoding that `encode_masks` gives of the whole frame.

    Raises:
        ValueError: if the part is not of the frame.

    Example:
        >>> bitmaps = np.zeros((1, 4, 6), np.bool_)
        >>> bitmaps[0, 1:3, 2:5] = True
        >>> encode_part(np.ones((2, 3), np.uint8), 2, 1, (4, 6)) == encode_masks(bitmaps)[0]
        True
    """
    height, width = size
    rows, columns = pixels.shape
    if not (0 <= x <= x + columns <= width and 0 <= y <= y + rows <= height):
        raise ValueError(
            f"expected a part of a frame of {width}x{height}, got {columns}x{rows} pixels at {x}, {y}"
        )
    strip = np.zeros((columns, height), np.int8)
    strip[:, y : y + rows] = pixels.T
    # A pixel of 0 before and after the strip, so that a run that touches its ends begins and ends there.
    edges = np.flatnonzero(np.diff(strip.ravel(), prepend=np.int8(0), append=np.int8(0))) + x * height
    runs = np.diff(edges, prepend=0, append=height * width)
    if runs[-1] == 0 and len(runs) > 1:
        runs = runs[:-1]
    encoded: Rle = coco_mask.frPyObjects({"size": [height, width], "counts": runs.tolist()}, height, width)
    return encoded


def mask_areas(masks: Sequence[Rle]) -> NDArray[np.int64]:
    """Return the area of each mask in pixels, int64 (N,)."""
    # pycocotools' `area` fails on more than 255 masks at a time under NumPy 2.
    parts = [coco_mask.area(list(masks[start : start + 255])) for start in range(0, len(masks), 255)]
    return np.concatenate([np.zeros(0, np.int64), *parts]).astype(np.int64)


def mask_boxes(masks: Sequence[Rle]) -> NDArray[np.float32]:
    """Return the tight box of each mask, float32 (N, 4) xyxy in pixels; an empty mask gives zeros."""
    boxes = np.asarray(coco_mask.toBbox(list(masks)), np.float32).reshape(len(masks), 4)
    boxes[:, 2:] += boxes[:, :2]
    return boxes


MAX_PIXELS = 1 << 27
"""Pixels of the largest frame that masks are read for: 16384 x 8192."""

_GROUP_BITS = 5
_MAX_GROUPS = 7
_FIRST_CHARACTER = 48


def checked_rle(size: tuple[int, int], counts: object) -> Rle:
    """Return an encoding that somebody else wrote, once it is sure that it can be decoded.

    pycocotools trusts what it is given: runs that are too long for the frame, or no runs at all, would be decoded to
    whatever comes.

    Args:
        size: the frame's (height, width) in pixels.
        counts: compressed runs (bytes or ASCII text), or the runs themselves as a list of whole numbers.

    Returns:
        The encoding, compressed, no run but the first of length 0.

    Raises:
        ValueError: if the frame is empty or larger than `MAX_PIXELS`, the text is no compressed run-length encoding,
            a run is negative, or the runs do not make up the frame.
    """
    height, width = size
    if height < 1 or width < 1 or height * width > MAX_PIXELS:
        raise ValueError(f"a frame of {width}x{height} pixels, outside 1 to {MAX_PIXELS}")
    if isinstance(counts, str):
        if not counts.isascii():
            raise ValueError("run-length text that is not ASCII")
        counts = counts.encode("ascii")
    compressed = isinstance(counts, bytes)
    runs = _uncompressed(counts) if isinstance(counts, bytes) else _as_runs(counts)
    if len(runs) == 0 or (runs < 0).any() or (runs > height * width).any() or runs.sum() != height * width:
        raise ValueError(f"runs that do not make up a frame of {width}x{height}")
    if compressed and (len(runs) == 1 or runs[1:].all()):
        return Rle(size=[height, width], counts=counts)  # type: ignore[typeddict-item]
    encoded: Rle = coco_mask.frPyObjects({"size": [height, width], "counts": _merged(runs)}, height, width)
    return encoded


def _as_runs(counts: object) -> NDArray[np.int64]:
    if not isinstance(counts, list) or not all(type(run) is int and abs(run) <= MAX_PIXELS for run in counts):
        raise ValueError("no run-length encoding")
    return np.array(counts, np.int64)


def _uncompressed(counts: bytes) -> NDArray[np.int64]:
    """Return the runs of compressed text.

    A run is groups of 5 bits, least first, of which a sixth says that more follow; from the fourth run on it is the
    difference to the last but one.
    """
    groups = np.frombuffer(counts, np.uint8).astype(np.int64) - _FIRST_CHARACTER
    if len(groups) == 0:
        return groups
    if (groups < 0).any() or (groups > 63).any() or groups[-1] & 32:
        raise ValueError("run-length text with a character that it cannot have, or cut short")
    ends = np.flatnonzero((groups & 32) == 0)
    starts = np.concatenate([[0], ends[:-1] + 1])
    lengths = ends - starts + 1
    if lengths.max() > _MAX_GROUPS:
        raise ValueError("run-length text with a run that is too long")
    place = np.arange(len(groups)) - np.repeat(starts, lengths)
    values = np.add.reduceat((groups & 31) << (_GROUP_BITS * place), starts)
    values -= np.where(groups[ends] & 16, np.int64(1) << (_GROUP_BITS * lengths), 0)
    values[1::2] = np.cumsum(values[1::2])
    values[2::2] = np.cumsum(values[2::2])
    return values


def _merged(runs: NDArray[np.int64]) -> list[int]:
    """Join the neighbours of runs of length 0, but for a first one, which says that the frame begins with the mask."""
    merged: list[int] = []
    last_value = -1
    for index, run in enumerate(runs.tolist()):
        value = index % 2
        if run == 0:
            continue
        if not merged and value == 1:
            merged.append(0)
        if value == last_value:
            merged[-1] += run
        else:
            merged.append(run)
        last_value = value
    return merged


def polygons_rle(size: tuple[int, int], polygons: object) -> Rle:
    """Return the union of polygons that somebody else wrote, once it is sure that they can be drawn.

    Args:
        size: the frame's (height, width) in pixels.
        polygons: a list of lists of x1, y1, x2, y2 and so on, at least three points each; an empty list is an empty
            mask. Points may lie outside the frame by as much as its longer side.

    Raises:
        ValueError: if it is something else, or the frame is empty or larger than `MAX_PIXELS`.
    """
    height, width = size
    if height < 1 or width < 1 or height * width > MAX_PIXELS:
        raise ValueError(f"a frame of {width}x{height} pixels, outside 1 to {MAX_PIXELS}")
    if not isinstance(polygons, list):
        raise ValueError("neither")
    reach = max(size)
    for polygon in polygons:
        if not isinstance(polygon, list) or len(polygon) < 6 or len(polygon) % 2:
            raise ValueError("a polygon that is no list of three points or more, x and y each")
        if not all(type(value) in (int, float) and -reach <= value <= 2 * reach for value in polygon):
            raise ValueError(f"a polygon with a point that is not within {-reach} to {2 * reach}")
    if not polygons:
        return encode_masks(np.zeros((1, height, width), np.bool_))[0]
    drawn = coco_mask.merge(coco_mask.frPyObjects(polygons, height, width))
    return checked_rle(size, drawn["counts"])


def overlap(masks: Sequence[Rle]) -> int:
    """Return how many more pixels masks of one frame have together than the area that they cover; 0 if none meet."""
    if len(masks) < 2:
        return 0
    covered = coco_mask.merge(list(masks), intersect=False)
    return int(mask_areas(masks).sum() - mask_areas([covered])[0])
