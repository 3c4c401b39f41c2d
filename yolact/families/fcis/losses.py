"""FCIS's losses (Li et al. 2017): those of the proposal network, and class, box and mask of the hardest regions.

What an image does not annotate is unknown there, not background, as with Mask R-CNN.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.models.detection.image_list import ImageList

from yolact_temporal.yolact.boxes import pairwise_iou
from yolact_temporal.yolact.families.fcis.config import BINS
from yolact_temporal.yolact.families.fcis.network import (
    Fcis,
    box_offsets,
    class_logits,
    mask_logits,
    wanted_offsets,
)
from yolact_temporal.yolact.families.fcis.pooling import PositionMaps
from yolact_temporal.yolact.families.fcis.voting import CUT
from yolact_temporal.yolact.families.mask_rcnn import losses as mask_rcnn
from yolact_temporal.yolact.families.mask_rcnn.losses import Truth
from yolact_temporal.yolact.families.mask_rcnn.network import propose
from yolact_temporal.yolact.training.batches import Batch
from yolact_temporal.yolact.training.losses import allowed_log_probability

#: From this overlap on a region is of its object; below, it is background.
_OBJECT = 0.5
#: Weight of the mask loss beside those of class and box, as published.
_MASK_WEIGHT = 10.0
#: The hardest regions of an image, which alone are learnt from (Shrivastava et al. 2016): published, and of the compact
#: network, whose objects have fewer regions.
_HARDEST = {"resnet101": 128, "compact": 64}
_BACKGROUND, _IGNORED = 0, -1


class Targets(NamedTuple):
    """Regions of one image and what they should become.

    Attributes:
        boxes: (R, 4), xyxy in pixels of the input.
        labels: int64 (R,), 0 for background, -1 for what is ignored.
        offsets: (R, 4), onto their objects; of no meaning for background.
        masks: float (R, BINS * BINS), 0 or 1, their objects' inside; of no meaning for background.
        known: bool (C,), the classes annotated in the image.
    """

    boxes: Tensor
    labels: Tensor
    offsets: Tensor
    masks: Tensor
    known: Tensor

    def select(self, index: Tensor) -> Targets:
        """Return the regions at the given indices."""
        boxes, labels, offsets, masks = (part[index] for part in self[:-1])
        return Targets(boxes, labels, offsets, masks, self.known)


class RegionLosses(NamedTuple):
    """Losses (R,) of each region, of class, box and mask; of background only that of the class is above 0."""

    classes: Tensor
    boxes: Tensor
    masks: Tensor

    def weighed(self) -> Tensor:
        """Return what a region costs, (R,)."""
        return self.classes + self.boxes + _MASK_WEIGHT * self.masks


def fcis_losses(network: Fcis, images: ImageList, batch: Batch) -> dict[str, Tensor]:
    """Return the loss parts of a batch; their sum is what training minimises.

    Anchors are drawn with PyTorch's global random state.

    Args:
        network: in training mode.
        images: normalised, all of the batch's size.
        batch: their ground truth, masks as large as the images.

    Returns:
        Scalars named objectness, proposal_box, class, box and mask; those of regions are means over all regions that
        are learnt from.
    """
    truth = mask_rcnn.truth_of(batch, images.image_sizes[0])
    features, maps = network(images.tensors)
    proposals = propose(network, images, features)
    losses = mask_rcnn.proposal_losses(network, proposals, truth)
    pooled_from = PositionMaps(maps)
    targets = [
        targets_of(network, boxes.detach(), image)
        for boxes, image in zip(proposals.boxes, truth, strict=True)
    ]
    with torch.no_grad():
        costs = region_losses(pooled_from, targets).weighed()
        counts = [len(own.boxes) for own in targets]
        most = _HARDEST[network.config.architecture]
        hardest = [
            hardest_regions(cost, own, most)
            for cost, own in zip(torch.split(costs, counts), targets, strict=True)
        ]
    own = region_losses(pooled_from, hardest)
    count = max(sum(len(each.boxes) for each in hardest), 1)
    return losses | {
        "class": own.classes.sum() / count,
        "box": own.boxes.sum() / count,
        "mask": _MASK_WEIGHT * own.masks.sum() / count,
    }


def targets_of(network: Fcis, proposals: Tensor, image: Truth) -> Targets:
    """Return what the proposals (P, 4) of an image should become, its objects' own boxes among them."""
    boxes = torch.cat((proposals, image.boxes))
    count = len(boxes)
    if not len(image.boxes):
        labels = torch.zeros(count, dtype=torch.int64, device=boxes.device)
        nothing = boxes.new_zeros((count, BINS**2))
        return Targets(
            boxes, _without_crowds(boxes, labels, image), torch.zeros_like(boxes), nothing, image.known
        )
    overlap, objects = pairwise_iou(boxes, image.boxes).max(dim=1)
    labels = torch.where(overlap >= _OBJECT, image.labels[objects], _BACKGROUND)
    offsets = wanted_offsets(boxes, image.boxes[objects], network.deviations)
    regions = mask_rcnn.Regions(boxes, labels, objects)
    masks = (mask_rcnn.mask_targets([regions], [image], BINS) >= CUT).to(boxes.dtype).flatten(1)
    return Targets(boxes, _without_crowds(boxes, labels, image), offsets, masks, image.known)


def _without_crowds(boxes: Tensor, labels: Tensor, image: Truth) -> Tensor:
    """Ignore background that lies in a crowd."""
    crowded = mask_rcnn.in_crowd(boxes, image.crowd_boxes) & (labels == _BACKGROUND)
    return torch.where(crowded, _IGNORED, labels)


def hardest_regions(costs: Tensor, targets: Targets, most: int) -> Targets:
    """Return at most so many of the regions that cost most; those that are ignored are none of them.

    Args:
        costs: (R,), not negative.
        targets: of the regions.
        most: how many.
    """
    ranked = costs.masked_fill(targets.labels == _IGNORED, -1.0)
    chosen = ranked.topk(min(most, len(ranked))).indices
    return targets.select(chosen[targets.labels[chosen] != _IGNORED])


def region_losses(maps: PositionMaps, targets: list[Targets]) -> RegionLosses:
    """Return the losses of the regions of each image, one image after the other."""
    pooled = maps.pool([own.boxes for own in targets])
    labels = torch.cat([own.labels for own in targets]).clamp(min=_BACKGROUND)
    known = torch.cat([own.known.expand(len(own.labels), -1) for own in targets])
    classes = -allowed_log_probability(class_logits(pooled)[:, None], labels[:, None], known)[:, 0]
    there = (labels > _BACKGROUND).to(pooled.dtype)
    offsets, masks = (
        torch.cat(parts) for parts in zip(*((own.offsets, own.masks) for own in targets), strict=True)
    )
    boxes = F.smooth_l1_loss(box_offsets(pooled), offsets, reduction="none").sum(dim=1)
    logits = mask_logits(pooled, labels)
    cells = F.binary_cross_entropy_with_logits(logits, masks, reduction="none").mean(dim=1)
    return RegionLosses(classes, boxes * there, cells * there)
