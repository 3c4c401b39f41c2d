"""Box arithmetic on tensors: conversions, overlap, and the SSD encoding of boxes against anchors."""

from __future__ import annotations

import torch
from torch import Tensor

#: Scales of the centre and size regressions (SSD, Liu et al. 2016), as published YOLACT uses them.
VARIANCES = (0.1, 0.2)


def centers_to_corners(boxes: Tensor) -> Tensor:
    """Convert (..., 4) boxes from (cx, cy, w, h) to (x1, y1, x2, y2)."""
    half = boxes[..., 2:] / 2
    return torch.cat((boxes[..., :2] - half, boxes[..., :2] + half), dim=-1)


def corners_to_centers(boxes: Tensor) -> Tensor:
    """Convert (..., 4) boxes from (x1, y1, x2, y2) to (cx, cy, w, h)."""
    return torch.cat(((boxes[..., :2] + boxes[..., 2:]) / 2, boxes[..., 2:] - boxes[..., :2]), dim=-1)


def decode_boxes(regression: Tensor, anchors: Tensor) -> Tensor:
    """Apply box regressions to anchors.

    Args:
        regression: (..., P, 4), centre offsets in anchor sizes over 0.1, log size ratios over 0.2.
        anchors: (P, 4) as (cx, cy, w, h), relative to the image.

    Returns:
        (..., P, 4) xyxy, relative to the image, not clipped.
    """
    centers = anchors[..., :2] + regression[..., :2] * VARIANCES[0] * anchors[..., 2:]
    sizes = anchors[..., 2:] * torch.exp(regression[..., 2:] * VARIANCES[1])
    return torch.cat((centers - sizes / 2, centers + sizes / 2), dim=-1)


def encode_boxes(boxes: Tensor, anchors: Tensor) -> Tensor:
    """Return the regression (..., 4) that turns each anchor (cx, cy, w, h) into its box (xyxy)."""
    target = corners_to_centers(boxes)
    centers = (target[..., :2] - anchors[..., :2]) / (VARIANCES[0] * anchors[..., 2:])
    sizes = torch.log((target[..., 2:] / anchors[..., 2:]).clamp(min=1e-6)) / VARIANCES[1]
    return torch.cat((centers, sizes), dim=-1)


def box_areas(boxes: Tensor) -> Tensor:
    """Return the areas (...) of xyxy boxes (..., 4); an inverted box has area 0."""
    sides = (boxes[..., 2:] - boxes[..., :2]).clamp(min=0)
    return sides[..., 0] * sides[..., 1]


def pairwise_intersection(first: Tensor, second: Tensor) -> Tensor:
    """Return the intersection areas (..., N, M) of xyxy boxes (..., N, 4) and (..., M, 4)."""
    top_left = torch.maximum(first[..., :, None, :2], second[..., None, :, :2])
    bottom_right = torch.minimum(first[..., :, None, 2:], second[..., None, :, 2:])
    sides = (bottom_right - top_left).clamp(min=0)
    return sides[..., 0] * sides[..., 1]


def pairwise_iou(first: Tensor, second: Tensor) -> Tensor:
    """Return intersection over union (..., N, M), in 0..1; two empty boxes give 0."""
    intersection = pairwise_intersection(first, second)
    union = box_areas(first)[..., :, None] + box_areas(second)[..., None, :] - intersection
    return intersection / union.clamp(min=1e-12)
