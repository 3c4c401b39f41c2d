"""YOLACT's losses (Bolya et al., arXiv 1904.02689 and 1912.06218), as pure functions of tensors.

All sums are over a batch; `yolact_losses` divides and weighs them as the original implementation does. Inputs are
float32 whatever the network ran in.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from yolact_temporal.yolact.boxes import box_areas, decode_boxes, encode_boxes
from yolact_temporal.yolact.detect import box_region
from yolact_temporal.yolact.model import RawPredictions
from yolact_temporal.yolact.training.batches import Batch, Objects
from yolact_temporal.yolact.training.matching import Matches, match_anchors
from yolact_temporal.yolact.training.recipe import LossConfig, Matching


def yolact_losses(
    raw: RawPredictions,
    batch: Batch,
    matching: Matching,
    config: LossConfig,
    generator: torch.Generator | None = None,
    mask_iou_net: nn.Module | None = None,
) -> dict[str, Tensor]:
    """Return the weighted loss parts of a batch; their sum is what training minimises.

    Box, class, mask and mask-IoU parts are per positive anchor of the batch, the semantic part per image.

    Args:
        raw: the network's predictions, B images.
        batch: their ground truth, on the same device.
        matching: how anchors are matched.
        config: parts and weights.
        generator: draws which positives train masks where an image has too many; on the CPU.
        mask_iou_net: YOLACT++'s rescoring network, if the model has one.

    Returns:
        Scalars named class, box, mask, and where present giou, semantic, mask_iou.
    """
    anchors = raw.anchors.float()
    objects = batch.per_image()
    matches = [match_anchors(anchors, o.boxes, o.class_ids, o.crowd_boxes, matching) for o in objects]
    labels = torch.stack([match.labels for match in matches])
    positives = (labels > 0).sum().clamp(min=1)
    known = batch.known
    logits = raw.class_logits.float()
    if config.class_loss == "ohem":
        class_sum = ohem_loss(logits, labels, known, config.negatives_per_positive)
    else:
        class_sum = focal_loss(logits, labels, known, config.focal_gamma, config.focal_alpha)
    losses = {"class": config.class_weight * class_sum}
    losses |= _box_losses(raw, anchors, objects, matches, config)
    losses |= _mask_losses(raw, objects, matches, config, generator, mask_iou_net)
    losses = {name: value / positives for name, value in losses.items()}
    if raw.semantic_logits is not None:
        semantic = semantic_loss(raw.semantic_logits.float(), batch.semantic, known)
        losses["semantic"] = config.semantic_weight * semantic / len(objects)
    return losses


def allowed_log_probability(logits: Tensor, labels: Tensor, known: Tensor) -> Tensor:
    """Return, for each anchor, the log of the probability it gives to what it may truly be.

    An object is its class. Background is background or any class that is unknown in the image: where vehicles
    were not annotated, "vehicle" is no mistake.

    Args:
        logits: (B, P, C + 1), background first.
        labels: int64 (B, P), class + 1, 0 for background; what is below counts as background here.
        known: bool (B, C).

    Returns:
        (B, P), not positive.
    """
    labels = labels.clamp(min=0)
    log_probability = F.log_softmax(logits, dim=-1)
    chosen = log_probability.gather(-1, labels[..., None])[..., 0]
    if bool(known.all()):
        return chosen
    allowed = torch.cat((torch.ones_like(known[:, :1]), ~known), dim=1)[:, None, :]
    background = log_probability.masked_fill(~allowed, -torch.inf).logsumexp(dim=-1)
    return torch.where(labels > 0, chosen, background)


def ohem_loss(logits: Tensor, labels: Tensor, known: Tensor, negatives_per_positive: float) -> Tensor:
    """Sum the cross-entropy of the positives and of each image's hardest negatives (Shrivastava et al. 2016).

    Arguments as for `allowed_log_probability`; labels of -1 are left out. An image without positives has no
    negatives either.
    """
    loss = -allowed_log_probability(logits, labels, known)
    positive = labels > 0
    hardness = loss.detach().masked_fill(labels != 0, -1)
    order = hardness.argsort(dim=1, descending=True)
    rank = torch.empty_like(order).scatter_(
        1, order, torch.arange(order.shape[1], device=order.device).expand_as(order)
    )
    wanted = (positive.sum(dim=1, keepdim=True) * negatives_per_positive).clamp(max=labels.shape[1] - 1)
    negative = (rank < wanted) & (labels == 0)
    return loss[positive | negative].sum()


def focal_loss(logits: Tensor, labels: Tensor, known: Tensor, gamma: float, alpha: float) -> Tensor:
    """Sum the softmax focal loss (Lin et al. 2017) of all anchors but those labelled -1."""
    log_probability = allowed_log_probability(logits, labels, known)
    weight = torch.where(labels > 0, alpha, 1 - alpha) * (labels >= 0)
    return -(weight * (1 - log_probability.exp()).clamp(min=0) ** gamma * log_probability).sum()


def giou_loss(predicted: Tensor, target: Tensor) -> Tensor:
    """Sum 1 - generalised IoU (Rezatofighi et al. 2019) of paired xyxy boxes (N, 4); each in 0..2."""
    low = torch.maximum(predicted[:, :2], target[:, :2])
    high = torch.minimum(predicted[:, 2:], target[:, 2:])
    sides = (high - low).clamp(min=0)
    intersection = sides[:, 0] * sides[:, 1]
    union = box_areas(predicted) + box_areas(target) - intersection
    hull_sides = torch.maximum(predicted[:, 2:], target[:, 2:]) - torch.minimum(
        predicted[:, :2], target[:, :2]
    )
    hull = hull_sides[:, 0] * hull_sides[:, 1]
    giou = intersection / union.clamp(min=1e-9) - (hull - union) / hull.clamp(min=1e-9)
    return (1 - giou).sum()


def mask_loss(linear: Tensor, target: Tensor, boxes: Tensor) -> Tensor:
    """Sum over masks the binary cross-entropy inside the ground-truth box, divided by that box's area.

    Args:
        linear: (N, h, w), prototypes times coefficients, before the sigmoid.
        target: (N, h, w), 0 or 1.
        boxes: (N, 4) ground-truth boxes, xyxy, relative; each is widened by one cell a side.
    """
    height, width = linear.shape[1:]
    region = box_region(boxes, height, width, padding=1)
    loss = F.binary_cross_entropy_with_logits(linear, target.float(), reduction="none")
    # A box narrower than a thousandth of the image would otherwise weigh without bound.
    area = box_areas(boxes).clamp(min=1e-6) * height * width
    return ((loss * region).sum(dim=(1, 2)) / area).sum()


def mask_overlap(first: Tensor, second: Tensor) -> Tensor:
    """Return the IoU of paired masks, bool (N, h, w); two empty masks give 0."""
    intersection = (first & second).sum(dim=(1, 2))
    union = (first | second).sum(dim=(1, 2))
    return intersection / union.clamp(min=1)


def semantic_loss(logits: Tensor, target: Tensor, known: Tensor) -> Tensor:
    """Sum over images the sigmoid cross-entropy of each class's map, per cell.

    Args:
        logits: (B, C, h, w).
        target: (B, C, h, w), 0 or 1.
        known: bool (B, C); of an unknown class only the cells where it was annotated count.
    """
    loss = F.binary_cross_entropy_with_logits(logits, target.float(), reduction="none")
    counts = known[:, :, None, None] | (target > 0)
    return (loss * counts).sum() / (logits.shape[2] * logits.shape[3])


def _box_losses(
    raw: RawPredictions, anchors: Tensor, objects: list[Objects], matches: list[Matches], config: LossConfig
) -> dict[str, Tensor]:
    predicted, target, at = [], [], []
    for regression, image, match in zip(raw.box_regression.float(), objects, matches, strict=True):
        positive = match.labels > 0
        predicted.append(regression[positive])
        target.append(
            image.boxes[match.objects[positive]] if len(image.boxes) else regression.new_zeros((0, 4))
        )
        at.append(anchors[positive])
    regression, boxes, used = torch.cat(predicted), torch.cat(target), torch.cat(at)
    losses = {}
    if config.box_loss != "giou":
        wanted = encode_boxes(boxes, used)
        losses["box"] = config.box_weight * F.smooth_l1_loss(regression, wanted, reduction="sum")
    if config.box_loss != "smooth_l1":
        # An early regression may ask for a size whose exponential overflows.
        decoded = decode_boxes(torch.cat((regression[:, :2], regression[:, 2:].clamp(-20, 20)), 1), used)
        losses["giou"] = config.giou_weight * giou_loss(decoded, boxes)
    return losses


def _mask_losses(
    raw: RawPredictions,
    objects: list[Objects],
    matches: list[Matches],
    config: LossConfig,
    generator: torch.Generator | None,
    mask_iou_net: nn.Module | None,
) -> dict[str, Tensor]:
    total = raw.prototypes.new_zeros((), dtype=torch.float32)
    rescored: list[tuple[Tensor, Tensor, Tensor]] = []
    for index, (image, match) in enumerate(zip(objects, matches, strict=True)):
        positive = (match.labels > 0).nonzero()[:, 0]
        found = len(positive)
        if found == 0:
            continue
        if found > config.masks_per_image:
            chosen = torch.randperm(found, generator=generator)[: config.masks_per_image]
            positive = positive[chosen.to(positive.device)]
        prototypes = raw.prototypes[index].float()
        height, width, count = prototypes.shape
        linear = raw.coefficients[index, positive].float() @ prototypes.reshape(-1, count).T
        linear = linear.view(-1, height, width)
        which = match.objects[positive]
        target, boxes = image.masks[which], image.boxes[which]
        part = mask_loss(linear, target, boxes)
        total = total + part * (found / len(positive))
        if mask_iou_net is not None:
            large = target.sum(dim=(1, 2)) > config.smallest_rescored
            soft = torch.sigmoid(linear) * box_region(boxes, height, width, padding=1)
            rescored.append((soft[large], target[large] > 0, match.labels[positive][large] - 1))
    losses = {"mask": config.mask_weight * total}
    if mask_iou_net is not None:
        losses["mask_iou"] = config.mask_iou_weight * mask_iou_loss(mask_iou_net, rescored)
    return losses


def mask_iou_loss(net: nn.Module, rescored: list[tuple[Tensor, Tensor, Tensor]]) -> Tensor:
    """Sum the smooth L1 between the IoU that the rescoring network expects and the IoU there is.

    Args:
        net: maps masks (N, 1, h, w) to (N, C).
        rescored: for each image, soft masks (N, h, w), true masks bool (N, h, w), class ids (N,).
    """
    parts = [part for part in rescored if len(part[0])]
    if not parts:
        return next(net.parameters()).new_zeros(())
    soft, target, class_ids = (torch.cat(column) for column in zip(*parts, strict=True))
    expected = net(soft[:, None]).float().gather(1, class_ids[:, None])[:, 0]
    return F.smooth_l1_loss(expected, mask_overlap(soft > 0.5, target), reduction="sum")
