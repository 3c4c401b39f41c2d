"""What is left of the regions of Mask R-CNN once overlapping ones are suppressed: within a class, or across all."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torchvision.ops import clip_boxes_to_image, nms, remove_small_boxes

from yolact_temporal.yolact.families.mask_rcnn.network import Size
from yolact_temporal.yolact.families.options import Suppression

#: A region of a smaller side, in pixels of the input, is none; torchvision's own bound.
_LEAST_SIDE = 1e-2


class KeptRegions(NamedTuple):
    """Regions of each image, best first: boxes (N, 4) in pixels of the input, scores (N,), labels (N,) from 1."""

    boxes: list[Tensor]
    scores: list[Tensor]
    labels: list[Tensor]


def kept_regions(
    heads: Any,
    logits: Tensor,
    regression: Tensor,
    proposals: list[Tensor],
    sizes: list[Size],
    suppression: Suppression,
) -> KeptRegions:
    """Return the regions of each image that are not suppressed.

    Args:
        heads: torchvision's `RoIHeads`.
        logits: (R, C + 1), of all proposals, one image after the other.
        regression: (R, 4 * (C + 1)).
        proposals: of each image.
        sizes: each image's (height, width) in the input.
        suppression: "standard", within a class, as torchvision does it; or "cross-class", where the better-scored of
            two regions suppresses the other whatever they are taken for.
    """
    if suppression == "standard":
        return KeptRegions(*heads.postprocess_detections(logits, regression, proposals, sizes))
    counts = [len(own) for own in proposals]
    boxes = torch.split(heads.box_coder.decode(regression, proposals), counts)
    scores = torch.split(logits.softmax(dim=-1), counts)
    found = [_across(heads, *own) for own in zip(boxes, scores, sizes, strict=True)]
    return KeptRegions(*(list(parts) for parts in zip(*found, strict=True)))


def _across(heads: Any, boxes: Tensor, scores: Tensor, size: Size) -> tuple[Tensor, Tensor, Tensor]:
    """Suppress the regions of one image, boxes (R, C + 1, 4) and scores (R, C + 1), across classes."""
    classes = scores.shape[1] - 1
    box = clip_boxes_to_image(boxes[:, 1:], size).reshape(-1, 4)
    score = scores[:, 1:].reshape(-1)
    label = torch.arange(1, classes + 1, device=score.device).repeat(len(scores))
    above = torch.nonzero(score > heads.score_thresh)[:, 0]
    there = above[remove_small_boxes(box[above], _LEAST_SIDE)]
    kept = there[nms(box[there], score[there], heads.nms_thresh)[: heads.detections_per_img]]
    return box[kept], score[kept], label[kept]
