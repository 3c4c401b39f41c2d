"""Which anchors are to find which objects."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from yolact_temporal.yolact.boxes import (
    box_areas,
    centers_to_corners,
    pairwise_intersection,
    pairwise_iou,
)
from yolact_temporal.yolact.training.recipe import Matching

#: Labels of anchors that are no object; an object's label is its class id plus 1.
BACKGROUND, IGNORED = 0, -1


class Matches(NamedTuple):
    """What the anchors of one image are to find.

    Attributes:
        labels: int64 (P,): the object's class id + 1, 0 for background, -1 for an anchor to ignore.
        objects: int64 (P,): index of each anchor's object; of no meaning where the label is not positive.
        overlaps: float (P,): IoU of anchor and object.
    """

    labels: Tensor
    objects: Tensor
    overlaps: Tensor


def match_anchors(
    anchors: Tensor, boxes: Tensor, class_ids: Tensor, crowd_boxes: Tensor, config: Matching
) -> Matches:
    """Match the anchors of one image to its objects (SSD's rule, Liu et al. 2016, widened by `best_k`).

    Args:
        anchors: (P, 4) as (cx, cy, w, h), relative to the image.
        boxes: (N, 4) xyxy, relative to the image.
        class_ids: (N,), 0-based.
        crowd_boxes: (M, 4) xyxy, relative; regions that are neither object nor background.
        config: thresholds and rule.

    Returns:
        With no object, every anchor is background or, in a crowd, ignored.
    """
    count = len(anchors)
    corners = centers_to_corners(anchors)
    if len(boxes):
        overlap = pairwise_iou(boxes, corners)
        if config.best_k == 1:
            overlaps, objects, positive = _match_single(overlap, config)
        else:
            overlaps, objects, positive = _match_best_k(overlap, boxes, anchors, config)
        labels = torch.where(positive, class_ids[objects] + 1, BACKGROUND)
        labels[~positive & (overlap.amax(dim=0) >= config.negative_iou)] = IGNORED
    else:
        overlaps = anchors.new_zeros(count)
        objects = torch.zeros(count, dtype=torch.int64, device=anchors.device)
        labels = torch.full_like(objects, BACKGROUND)
    if len(crowd_boxes):
        inside = pairwise_intersection(crowd_boxes, corners) / box_areas(corners).clamp(min=1e-12)
        labels[(labels <= 0) & (inside.amax(dim=0) > config.crowd_overlap)] = IGNORED
    return Matches(labels, objects, overlaps)


def _match_single(overlap: Tensor, config: Matching) -> tuple[Tensor, Tensor, Tensor]:
    """Each anchor takes its best object; each object then claims its best anchor, the nearest pair first."""
    overlaps, objects = overlap.max(dim=0)
    remaining = overlap.clone()
    claimed = torch.zeros_like(overlaps, dtype=torch.bool)
    for _ in range(min(overlap.shape)):
        flat = int(remaining.argmax())
        claimer, anchor = divmod(flat, overlap.shape[1])
        objects[anchor] = claimer
        overlaps[anchor] = overlap[claimer, anchor]
        claimed[anchor] = True
        remaining[claimer] = -1
        remaining[:, anchor] = -1
    return overlaps, objects, claimed | (overlaps >= config.positive_iou)


def _match_best_k(
    overlap: Tensor, boxes: Tensor, anchors: Tensor, config: Matching
) -> tuple[Tensor, Tensor, Tensor]:
    """Each object claims its `best_k` anchors too; an anchor claimed twice goes to the nearer object."""
    candidates = overlap
    if config.center_inside:
        x, y = anchors[None, :, 0], anchors[None, :, 1]
        inside = (x >= boxes[:, :1]) & (x <= boxes[:, 2:3]) & (y >= boxes[:, 1:2]) & (y <= boxes[:, 3:])
        candidates = torch.where(inside, overlap, 0)
    best, index = candidates.topk(min(config.best_k, overlap.shape[1]), dim=1)
    claims = torch.zeros_like(overlap, dtype=torch.bool).scatter_(1, index, best >= config.best_k_iou)
    claims |= overlap >= config.positive_iou
    weight = torch.where(claims, overlap, -1)
    # An object keeps its very nearest anchor against any rival, so that none goes without.
    nearest = overlap.argmax(dim=1, keepdim=True)
    best_overlap = overlap.gather(1, nearest)
    weight.scatter_(1, nearest, torch.where(best_overlap > 0, 1 + best_overlap, -1))
    score, objects = weight.max(dim=0)
    overlaps = overlap.gather(0, objects[None])[0]
    return overlaps, objects, score > 0
