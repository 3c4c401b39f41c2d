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
    """Encode bool or uint8 bitmaps (N, H, W) as N encodings; an empty array gives an empty list."""
    if bitmaps.ndim != 3:
        raise ValueError(f"expected bitmaps of shape (N, H, W), got {bitmaps.shape}")
    if len(bitmaps) == 0:
        return []
    # The encoder walks columns: (N, W, H) in C order is (H, W, N) in Fortran order without a second copy.
    columns = np.ascontiguousarray(bitmaps.transpose(0, 2, 1)).view(np.uint8)
    return coco_mask.encode(columns.transpose(2, 1, 0))


def decode_masks(masks: Sequence[Rle], size: tuple[int, int]) -> NDArray[np.bool_]:
    """Decode N encodings to bool (N, H, W); `size` gives (H, W) where N is 0."""
    if len(masks) == 0:
        return np.zeros((0, *size), np.bool_)
    return coco_mask.decode(list(masks)).astype(np.bool_, copy=False).transpose(2, 0, 1)


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
