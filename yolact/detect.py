"""From the network's output to detections: decode, suppress, assemble masks, rescore. All on the output's device."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from yolact_temporal.yolact.boxes import decode_boxes
from yolact_temporal.yolact.layers import MaskIouNet
from yolact_temporal.yolact.model import YolactOutput
from yolact_temporal.yolact.nms import CONFIDENCE, NMS


class Detections(NamedTuple):
    """Detections of one image, best first.

    Attributes:
        boxes: (N, 4) xyxy relative to the image, clipped to 0..1.
        class_ids: int64 (N,), background excluded.
        box_scores: (N,), the class score.
        scores: (N,), with mask rescoring the class score times the predicted mask IoU, else `box_scores`.
        masks: (N, h, w) at prototype resolution, in 0..1, cropped by the box.
        anchors: int64 (N,), which anchor each one began as.
    """

    boxes: Tensor
    class_ids: Tensor
    box_scores: Tensor
    scores: Tensor
    masks: Tensor
    anchors: Tensor


def detect(
    output: YolactOutput,
    nms: str = "fast",
    score_threshold: float = 0.0,
    mask_iou_net: MaskIouNet | None = None,
) -> list[Detections]:
    """Turn the network's output for a batch into detections.

    Args:
        output: of B images.
        nms: "fast", "cross-class" or "standard".
        score_threshold: detections whose score is not above it are dropped; 0 keeps all.
        mask_iou_net: YOLACT++'s rescoring network.

    Returns:
        B detections; an image in which nothing is found gives empty ones.
    """
    return [
        _detect_image(
            output.box_regression[index].float(),
            output.class_scores[index],
            output.coefficients[index].float(),
            output.prototypes[index].float(),
            output.anchors,
            nms,
            score_threshold,
            mask_iou_net,
        )
        for index in range(len(output.class_scores))
    ]


def _detect_image(
    regression: Tensor,
    class_scores: Tensor,
    coefficients: Tensor,
    prototypes: Tensor,
    anchors: Tensor,
    nms: str,
    score_threshold: float,
    mask_iou_net: MaskIouNet | None,
) -> Detections:
    foreground = class_scores[:, 1:]
    # Fast NMS lets a suppressed box suppress others, so the candidates must not depend on the score threshold.
    confident = torch.nonzero(foreground.amax(dim=1) > CONFIDENCE)[:, 0]
    boxes = decode_boxes(regression[confident], anchors[confident])
    kept = NMS[nms](boxes, foreground[confident].T)
    if score_threshold > 0:
        above = kept.score > score_threshold
        kept = type(kept)(kept.anchor[above], kept.class_id[above], kept.score[above])
    boxes, won = boxes[kept.anchor], confident[kept.anchor]
    masks = assemble_masks(prototypes, coefficients[won], boxes)
    scores = kept.score
    if mask_iou_net is not None and len(boxes):
        predicted_iou = mask_iou_net(masks[:, None]).gather(1, kept.class_id[:, None])[:, 0]
        scores = kept.score * predicted_iou.clamp(max=1)
    found = Detections(boxes.clamp(0, 1), kept.class_id, kept.score, scores, masks, won)
    if mask_iou_net is None:
        return found
    order = scores.sort(descending=True, stable=True).indices
    if score_threshold > 0:
        order = order[scores[order] > score_threshold]
    return Detections(*(part[order] for part in found))


def assemble_masks(prototypes: Tensor, coefficients: Tensor, boxes: Tensor) -> Tensor:
    """Combine prototypes linearly and crop: sigmoid(P C^T) inside each box.

    Args:
        prototypes: (h, w, k).
        coefficients: (N, k).
        boxes: (N, 4) xyxy relative to the image.

    Returns:
        (N, h, w) in 0..1, zero outside the box (which is widened by one cell a side).

    Source: arXiv 1904.02689, equation 1.
    """
    height, width, count = prototypes.shape
    linear = coefficients @ prototypes.reshape(-1, count).T
    masks = torch.sigmoid(linear).view(-1, height, width)
    return masks * box_region(boxes, height, width, padding=1)


def box_region(boxes: Tensor, height: int, width: int, padding: float = 0) -> Tensor:
    """Return bool (N, height, width): the cells inside each relative xyxy box, widened by `padding` cells."""
    scale = boxes.new_tensor([width, height, width, height])
    scaled = boxes * scale
    low = (torch.minimum(scaled[:, :2], scaled[:, 2:]) - padding).clamp(min=0)
    high = torch.minimum(torch.maximum(scaled[:, :2], scaled[:, 2:]) + padding, scale[:2])
    columns = torch.arange(width, device=boxes.device, dtype=boxes.dtype)
    rows = torch.arange(height, device=boxes.device, dtype=boxes.dtype)
    inside_x = (columns >= low[:, :1]) & (columns < high[:, :1])
    inside_y = (rows >= low[:, 1:]) & (rows < high[:, 1:])
    return inside_y[:, :, None] & inside_x[:, None, :]


def frame_masks(masks: Tensor, height: int, width: int) -> Tensor:
    """Upsample masks (N, h, w) bilinearly to the frame and threshold at one half: bool (N, height, width)."""
    if len(masks) == 0:
        return masks.new_zeros((0, height, width), dtype=torch.bool)
    size = (height, width)
    return F.interpolate(masks[None], size=size, mode="bilinear", align_corners=False)[0] > 0.5
