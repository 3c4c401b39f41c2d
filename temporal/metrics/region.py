"""J and F: how much a mask overlaps the true one, and how well its outline follows it (DAVIS 2016 and 2017).

Perazzi et al., "A Benchmark Dataset and Evaluation Methodology for Video Object Segmentation", CVPR 2016; Pont-Tuset
et al., arXiv 1704.00675. Two empty masks agree: J and F are then 1, as that evaluation defines them; one empty mask
gives 0.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from yolact_temporal.temporal.crops import MaskCrop, mask_iou, union_region

TOLERANCE = 0.008
"""How far boundaries may lie apart, as a share of the frame's diagonal."""


def region_iou(mask: MaskCrop, truth: MaskCrop) -> float:
    """Return J, intersection over union, 0..1.

    Raises:
        ValueError: if the masks are of frames of different sizes.
    """
    _require_one_size(mask, truth)
    return 1.0 if mask.area == truth.area == 0 else mask_iou(mask, truth)


def boundary_f(mask: MaskCrop, truth: MaskCrop, tolerance: float = TOLERANCE) -> float:
    """Return F, the harmonic mean of the precision and recall of the mask's boundary, 0..1.

    A boundary pixel is found where the other boundary has one within `tolerance` times the diagonal, rounded up to
    whole pixels. Boundaries lie between pixels, at the upper left of those whose right, lower or lower right
    neighbour is different.

    Raises:
        ValueError: if the masks are of frames of different sizes.
    """
    _require_one_size(mask, truth)
    radius = math.ceil(tolerance * math.hypot(*mask.size))
    # The boundary reaches one pixel beyond the mask, the tolerance that much farther.
    region = union_region([mask.region, truth.region]).grown(radius + 1, mask.size)
    at_end = (region.y2 == mask.size[0], region.x2 == mask.size[1])
    found, true = (_boundary(part.within(region), *at_end) for part in (mask, truth))
    count, true_count = int(found.sum()), int(true.sum())
    if not count or not true_count:
        return 1.0 if count == true_count else 0.0
    disc = _disc(radius)
    precision = int((found & _dilated(true, disc)).sum()) / count
    recall = int((true & _dilated(found, disc)).sum()) / true_count
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _boundary(mask: NDArray[np.uint8], at_bottom: bool, at_right: bool) -> NDArray[np.uint8]:
    """Mark pixels that differ from their right, lower or lower right neighbour; the frame's edge repeats its pixels.

    Away from the frame's edge what lies beyond the rectangle is empty anyway, so that repeating is right there too.
    """
    padded = np.pad(mask, ((0, 1), (0, 1)), mode="edge")
    here, right, below, diagonal = mask, padded[:-1, 1:], padded[1:, :-1], padded[1:, 1:]
    edge = (here ^ right) | (here ^ below) | (here ^ diagonal)
    if at_bottom:
        edge[-1] = (here ^ right)[-1]
    if at_right:
        edge[:, -1] = (here ^ below)[:, -1]
    if at_bottom and at_right:
        edge[-1, -1] = 0
    return np.ascontiguousarray(edge)


def _dilated(boundary: NDArray[np.uint8], disc: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(cv2.dilate(boundary, disc), np.uint8)


def _disc(radius: int) -> NDArray[np.uint8]:
    rows, columns = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    return (rows**2 + columns**2 <= radius**2).astype(np.uint8)


def _require_one_size(mask: MaskCrop, truth: MaskCrop) -> None:
    if mask.size != truth.size:
        raise ValueError(f"expected masks of one frame size, got {mask.size} and {truth.size}")
