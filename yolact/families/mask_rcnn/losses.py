"""Mask R-CNN's losses (He et al. 2017) and Mask Scoring R-CNN's (Huang et al. 2019), on torchvision's parts.

What an image does not annotate is unknown there, not background: the class loss allows a region without an object to
be of any unknown class, as YOLACT's does; the proposal network, which knows no classes, learns background only from
images in which every class is annotated.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.models.detection import MaskRCNN
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.roi_heads import project_masks_on_boxes
from torchvision.ops import roi_align

from yolact_temporal.yolact.boxes import box_areas, pairwise_intersection
from yolact_temporal.yolact.families.mask_rcnn.network import (
    Proposals,
    RegionMasks,
    classify,
    of_class,
    predicted_mask_iou,
    propose,
    pyramid,
    region_masks,
)
from yolact_temporal.yolact.training.batches import Batch
from yolact_temporal.yolact.training.losses import allowed_log_probability, mask_overlap

#: Background regions of which a larger share lies in a crowd region are ignored.
_CROWD_OVERLAP = 0.7
_BACKGROUND, _IGNORED = 0, -1
#: Of the MaskIoU target's denominator: how finely a true mask is sampled over the whole image.
_ROI_SIDE = 28


class Truth(NamedTuple):
    """The ground truth of one image for a region-based network.

    Attributes:
        boxes: (N, 4), xyxy in pixels of the input.
        labels: int64 (N,), 1-based.
        masks: (N, S, S), 0 or 1.
        crowd_boxes: (M, 4), xyxy in pixels of the input.
        known: bool (C,), the classes annotated in the image.
    """

    boxes: Tensor
    labels: Tensor
    masks: Tensor
    crowd_boxes: Tensor
    known: Tensor


class Regions(NamedTuple):
    """Sampled regions of one image and what they should become.

    Attributes:
        boxes: (R, 4), xyxy in pixels of the input.
        labels: int64 (R,), 0 for background.
        objects: int64 (R,), index of each region's object; of no meaning for background.
    """

    boxes: Tensor
    labels: Tensor
    objects: Tensor


def mask_rcnn_losses(network: MaskRCNN, images: ImageList, batch: Batch) -> dict[str, Tensor]:
    """Return the loss parts of a batch; their sum is what training minimises.

    Regions are drawn with PyTorch's global random state.

    Args:
        network: in training mode.
        images: normalised, all of the batch's size.
        batch: their ground truth, masks as large as the images.

    Returns:
        Scalars named objectness, proposal_box, class, box, mask and, with a MaskIoU head, mask_iou; those that no
        trained weight takes part in are left out.
    """
    truth = truth_of(batch, images.image_sizes[0])
    features = pyramid(network, images)
    proposals = propose(network, images, features)
    losses = proposal_losses(network, proposals, truth)
    regions = sample_regions(network, [boxes.detach() for boxes in proposals.boxes], truth)
    boxes = [region.boxes for region in regions]
    logits, regression = classify(network, features, boxes, images.image_sizes)
    losses |= region_losses(network, logits, regression, regions, truth)
    objects = [_foreground(region) for region in regions]
    masks = region_masks(network, features, [region.boxes for region in objects], images.image_sizes)
    targets = mask_targets(objects, truth, masks.logits.shape[-1])
    labels = torch.cat([region.labels for region in objects])
    losses["mask"] = _mask_loss(masks.logits, labels, targets)
    if head := getattr(network.roi_heads, "maskiou", None):
        losses["mask_iou"] = mask_iou_l2(head, masks, labels, targets, _seen_share(objects, truth))
    return {name: value for name, value in losses.items() if value.requires_grad}


def truth_of(batch: Batch, size: tuple[int, int]) -> list[Truth]:
    """Cut a batch's ground truth into images, boxes in pixels of an input of (height, width)."""
    height, width = size
    scale = batch.boxes.new_tensor([width, height, width, height])
    return [
        Truth(part.boxes * scale, part.class_ids + 1, part.masks, part.crowd_boxes * scale, known)
        for part, known in zip(batch.per_image(), batch.known, strict=True)
    ]


def proposal_losses(network: MaskRCNN, proposals: Proposals, truth: list[Truth]) -> dict[str, Tensor]:
    """Return the losses of the proposal network, `objectness` and `proposal_box`, on sampled anchors."""
    rpn = network.rpn
    targets = [{"boxes": image.boxes} for image in truth]
    labels, matched = rpn.assign_targets_to_anchors(proposals.anchors, targets)
    for image, anchors, label in zip(truth, proposals.anchors, labels, strict=True):
        background = label == _BACKGROUND
        if not bool(image.known.all()):
            label[background] = _IGNORED
        else:
            label[background & in_crowd(anchors, image.crowd_boxes)] = _IGNORED
    wanted = rpn.box_coder.encode(matched, proposals.anchors)
    objectness, box = rpn.compute_loss(proposals.objectness, proposals.regression, labels, wanted)
    return {"objectness": objectness, "proposal_box": box}


def sample_regions(network: MaskRCNN, proposals: list[Tensor], truth: list[Truth]) -> list[Regions]:
    """Draw the regions that the heads are trained on, a quarter of them objects where there are as many."""
    heads = network.roi_heads
    boxes = heads.add_gt_proposals(proposals, [image.boxes for image in truth])
    matched, labels = heads.assign_targets_to_proposals(
        boxes, [image.boxes for image in truth], [image.labels for image in truth]
    )
    for image, candidates, label in zip(truth, boxes, labels, strict=True):
        label[(label == _BACKGROUND) & in_crowd(candidates, image.crowd_boxes)] = _IGNORED
    drawn = heads.subsample(labels)
    return [Regions(b[i], la[i], m[i]) for b, la, m, i in zip(boxes, labels, matched, drawn, strict=True)]


def region_losses(
    network: MaskRCNN, logits: Tensor, regression: Tensor, regions: list[Regions], truth: list[Truth]
) -> dict[str, Tensor]:
    """Return the losses of the box head, `class` and `box`, a mean over all sampled regions."""
    labels = torch.cat([region.labels for region in regions])
    known = torch.cat(
        [image.known.expand(len(part.labels), -1) for image, part in zip(truth, regions, strict=True)]
    )
    classes = -allowed_log_probability(logits[:, None], labels[:, None], known).mean()
    wanted = []
    for region, image in zip(regions, truth, strict=True):
        objects = image.boxes if len(image.boxes) else image.boxes.new_zeros((1, 4))
        wanted.append(objects[region.objects])
    offsets = torch.cat(network.roi_heads.box_coder.encode(wanted, [region.boxes for region in regions]))
    positive = labels > 0
    own = of_class(regression.view(len(labels), -1, 4)[positive], labels[positive])
    box = F.smooth_l1_loss(own, offsets[positive], beta=1 / 9, reduction="sum") / max(len(labels), 1)
    return {"class": classes, "box": box}


def mask_iou_l2(
    head: torch.nn.Module, masks: RegionMasks, labels: Tensor, targets: Tensor, seen: Tensor
) -> Tensor:
    """Mean squared error of the expected mask IoU of each region's true class.

    Args:
        head: a `MaskIouHead`.
        masks: of N regions with an object.
        labels: int64 (N,), 1-based.
        targets: (N, m, m), the object's mask inside the region, in 0..1.
        seen: (N,), the share of the object's area that lies inside its region: the rest is missed by any mask.
    """
    if not len(labels):
        return masks.logits.sum() * 0
    detached = RegionMasks(masks.features.detach(), masks.logits.detach())
    expected, probabilities = predicted_mask_iou(head, detached, labels)
    return F.mse_loss(expected, mask_iou_target(probabilities > 0.5, targets > 0.5, seen))


def mask_iou_target(predicted: Tensor, target: Tensor, seen: Tensor) -> Tensor:
    """Return the IoU of masks inside a region with whole objects, of which only a share lies in the region.

    Args:
        predicted, target: bool (N, m, m).
        seen: (N,), above 0, at most 1.
    """
    inside = target.sum(dim=(1, 2)).float()
    outside = inside / seen.clamp(min=1e-6) - inside
    union = (predicted | target).sum(dim=(1, 2))
    return mask_overlap(predicted, target) * union / (union + outside).clamp(min=1)


def _mask_loss(logits: Tensor, labels: Tensor, targets: Tensor) -> Tensor:
    if not len(labels):
        return logits.sum() * 0
    return F.binary_cross_entropy_with_logits(of_class(logits, labels), targets)


def mask_targets(objects: list[Regions], truth: list[Truth], side: int) -> Tensor:
    """Return the true mask inside each region, (N, side, side) in 0..1."""
    return torch.cat(
        [
            project_masks_on_boxes(image.masks, region.boxes, region.objects, side)
            if len(region.boxes)
            else region.boxes.new_zeros((0, side, side))
            for region, image in zip(objects, truth, strict=True)
        ]
    )


def _seen_share(objects: list[Regions], truth: list[Truth]) -> Tensor:
    """Return what share of its object's area lies inside each region, (N,)."""
    shares = []
    for region, image in zip(objects, truth, strict=True):
        if not len(region.boxes):
            continue
        whole = image.masks.sum(dim=(1, 2)).float()[region.objects]
        # The mean over a region of a mask, times the region's area, is the mask's area inside it.
        rois = torch.cat((region.objects[:, None].to(region.boxes), region.boxes), dim=1)
        inside = roi_align(image.masks[:, None].to(rois), rois, (_ROI_SIDE, _ROI_SIDE)).mean(dim=(1, 2, 3))
        shares.append((inside * box_areas(region.boxes) / whole.clamp(min=1)).clamp(0, 1))
    return torch.cat(shares) if shares else truth[0].boxes.new_zeros(0)


def _foreground(region: Regions) -> Regions:
    positive = region.labels > 0
    return Regions(*(part[positive] for part in region))


def in_crowd(boxes: Tensor, crowds: Tensor) -> Tensor:
    """Tell which boxes lie mostly in a crowd region."""
    if not len(crowds):
        return torch.zeros(len(boxes), dtype=torch.bool, device=boxes.device)
    inside = pairwise_intersection(crowds, boxes) / box_areas(boxes).clamp(min=1e-6)
    return inside.amax(dim=0) > _CROWD_OVERLAP
