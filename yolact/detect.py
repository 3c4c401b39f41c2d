"""From the network's output to detections: decode, suppress, assemble masks, rescore. All on the output's device."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from yolact_temporal.yolact.boxes import decode_boxes
from yolact_temporal.yolact.cropping import PADDING_CELLS, PUBLISHED, Cropping, coverage
from yolact_temporal.yolact.families.options import Suppression
from yolact_temporal.yolact.layers import MaskIouNet
from yolact_temporal.yolact.model import YolactOutput
from yolact_temporal.yolact.nms import CONFIDENCE, NMS, emptied

#: Masks brought to the frame's size at once.
_UPSAMPLED_AT_ONCE = 25


class Detections(NamedTuple):
    """Detections of one image, best first; slots in which there is nothing have the score `EMPTY` and come last.

    Attributes:
        boxes: (N, 4) xyxy relative to the image, clipped to 0..1.
        class_ids: int64 (N,), background excluded.
        box_scores: (N,), the class score.
        scores: (N,), with mask rescoring the class score times the predicted mask IoU, else `box_scores`.
        masks: (N, h, w) at prototype resolution, in 0..1, cropped by the box; whole where they are cropped finely.
        anchors: int64 (N,), which anchor each one began as.
        crops: (N, 4) xyxy relative to the image, not clipped: the boxes that masks are cropped by.
    """

    boxes: Tensor
    class_ids: Tensor
    box_scores: Tensor
    scores: Tensor
    masks: Tensor
    anchors: Tensor
    crops: Tensor


def detect(
    output: YolactOutput,
    nms: Suppression = "fast",
    score_threshold: float = 0.0,
    mask_iou_net: MaskIouNet | None = None,
    fixed_slots: bool = False,
    cropping: Cropping = PUBLISHED,
) -> list[Detections]:
    """Turn the network's output for a batch into detections.

    Args:
        output: of B images.
        nms: "fast", "cross-class" or "standard".
        score_threshold: detections whose score is not above it are dropped; 0 keeps all.
        mask_iou_net: YOLACT++'s rescoring network.
        fixed_slots: keep the slots in which there is nothing, so that every size is known beforehand and the host
            never waits for the device; for Fast NMS only. Otherwise they are dropped before work is put into them.
        cropping: how boxes crop masks.

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
            fixed_slots,
            cropping,
        )
        for index in range(len(output.class_scores))
    ]


def _detect_image(
    regression: Tensor,
    class_scores: Tensor,
    coefficients: Tensor,
    prototypes: Tensor,
    anchors: Tensor,
    nms: Suppression,
    score_threshold: float,
    mask_iou_net: MaskIouNet | None,
    fixed_slots: bool,
    cropping: Cropping,
) -> Detections:
    scores = class_scores[:, 1:]
    # Fast NMS lets a suppressed box suppress others, so the candidates must not depend on the score threshold.
    confident = scores.amax(dim=1) > CONFIDENCE
    if fixed_slots:
        scores = emptied(scores, confident[:, None])
    else:
        candidates = torch.nonzero(confident)[:, 0]
        regression, anchors, scores, coefficients = (
            part[candidates] for part in (regression, anchors, scores, coefficients)
        )
    boxes = decode_boxes(regression, anchors)
    kept = NMS[nms](boxes, scores.T).above(score_threshold)
    if not fixed_slots:
        kept = kept.filled()
    boxes = boxes[kept.anchor]
    crops = cropping.widened(boxes)
    whole = combine_masks(prototypes, coefficients[kept.anchor])
    masks = whole if cropping.fine else cropped_by_cells(whole, crops)
    won = kept.anchor if fixed_slots else candidates[kept.anchor]
    found = Detections(boxes.clamp(0, 1), kept.class_id, kept.score, kept.score, masks, won, crops)
    if mask_iou_net is None:
        return found
    if len(boxes):
        # However masks are cropped in the end, the network that rates them is shown them as it was trained.
        predicted_iou = mask_iou_net(cropped_by_cells(whole, boxes)[:, None]).gather(
            1, kept.class_id[:, None]
        )[:, 0]
        found = found._replace(scores=_rescored(kept.score, predicted_iou, score_threshold))
    order = found.scores.sort(descending=True, stable=True).indices
    if not fixed_slots:
        order = order[found.scores[order] >= 0]
    return Detections(*(part[order] for part in found))


def _rescored(score: Tensor, predicted_iou: Tensor, threshold: float) -> Tensor:
    """Return class score times mask IoU, `EMPTY` where there is nothing or it is not above a threshold over 0."""
    product = score * predicted_iou.clamp(max=1)
    return emptied(product, (score >= 0) & (product > threshold if threshold > 0 else product >= 0))


def combine_masks(prototypes: Tensor, coefficients: Tensor) -> Tensor:
    """Combine prototypes (h, w, k) linearly by coefficients (N, k): sigmoid(P C^T), (N, h, w) in 0..1, not cropped.

    Source: arXiv 1904.02689, equation 1.
    """
    height, width, count = prototypes.shape
    linear = coefficients @ prototypes.reshape(-1, count).T
    return torch.sigmoid(linear).view(-1, height, width)


def cropped_by_cells(masks: Tensor, boxes: Tensor) -> Tensor:
    """Return masks (N, h, w), zero in the cells outside each relative xyxy box, widened by one cell a side."""
    height, width = masks.shape[1:]
    return masks * box_region(boxes, height, width, padding=PADDING_CELLS)


def box_region(boxes: Tensor, height: int, width: int, padding: float = 0) -> Tensor:
    """Return bool (N, height, width): the cells inside each relative xyxy box, widened by `padding` cells."""
    x, y = boxes[:, 0::2] * width, boxes[:, 1::2] * height
    columns = torch.arange(width, device=boxes.device, dtype=boxes.dtype)
    rows = torch.arange(height, device=boxes.device, dtype=boxes.dtype)
    inside_x, inside_y = _between(x, columns, width, padding), _between(y, rows, height, padding)
    return inside_y[:, :, None] & inside_x[:, None, :]


def _between(ends: Tensor, cells: Tensor, count: int, padding: float) -> Tensor:
    """Return bool (N, count): the cells between two ends (N, 2) in any order, widened by `padding`."""
    low = (ends.amin(dim=1, keepdim=True) - padding).clamp(min=0)
    high = (ends.amax(dim=1, keepdim=True) + padding).clamp(max=count)
    return (cells >= low) & (cells < high)


def frame_masks(masks: Tensor, height: int, width: int, crops: Tensor | None = None) -> Tensor:
    """Upsample masks (N, h, w) bilinearly to the frame and threshold at one half: bool (N, height, width).

    Args:
        masks: in 0..1.
        height, width: the frame's.
        crops: (N, 4) xyxy relative to the image: boxes that crop at the frame's size, edges in fractions of a pixel;
            None where the masks are cropped.
    """
    if len(masks) == 0:
        return masks.new_zeros((0, height, width), dtype=torch.bool)
    # On a GPU in parts, since a mask takes four bytes a pixel before it is thresholded.
    parts = torch.split(masks, _UPSAMPLED_AT_ONCE) if masks.is_cuda else (masks,)
    size, cells = (height, width), (masks.shape[1], masks.shape[2])
    upsampled = []
    for number, part in enumerate(parts):
        soft = F.interpolate(part[None], size=size, mode="bilinear", align_corners=False)[0]
        if crops is not None:
            first = number * _UPSAMPLED_AT_ONCE
            rows, columns = coverage(crops[first : first + len(part)], cells, size)
            soft = soft * rows[:, :, None] * columns[:, None, :]
        upsampled.append(soft > 0.5)
    return upsampled[0] if len(upsampled) == 1 else torch.cat(upsampled)
