"""Mask R-CNN and Mask Scoring R-CNN: torchvision's parts, put together so that each step can be seen.

Inference and training both drive these steps; torchvision's own `forward` would hide the region features that mask
scoring needs, and run in autocast precision what must stay in float32.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torchvision.models.detection import MaskRCNN, maskrcnn_resnet50_fpn_v2
from torchvision.models.detection.backbone_utils import resnet_fpn_backbone
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.rpn import concat_box_prediction_layers
from torchvision.ops import FrozenBatchNorm2d

from yolact_temporal.yolact.families.mask_rcnn.compact import HIDDEN, build_compact
from yolact_temporal.yolact.families.mask_rcnn.config import MaskRcnnConfig, baseline
from yolact_temporal.yolact.families.mask_rcnn.mask_iou_head import MaskIouHead

Size = tuple[int, int]

#: Means of the BGR input, 0..255, of the authors' backbones (from Caffe).
_CAFFE_MEAN = (102.9801, 115.9465, 122.7717)


class Proposals(NamedTuple):
    """What the region proposal network says of a batch.

    Attributes:
        boxes: for each image (R, 4), xyxy in pixels of the input.
        objectness: (B * P, 1), logits of all anchors.
        regression: (B * P, 4), of all anchors.
        anchors: for each image (P, 4), xyxy in pixels of the input.
    """

    boxes: list[Tensor]
    objectness: Tensor
    regression: Tensor
    anchors: list[Tensor]


def build_mask_rcnn(name: str | MaskRcnnConfig, input_size: int | None = None) -> MaskRCNN:
    """Build a network with random weights, in eval mode; `network.config` is its configuration.

    Args:
        name: a baseline's name, or a configuration.
        input_size: side of a compact model's square input in place of its own, for training.

    Raises:
        UsageError: if there is no such baseline.
    """
    config = baseline(name) if isinstance(name, str) else name
    classes = len(config.class_names) + 1
    if config.architecture == "compact":
        assert config.input_size is not None, "compact models have a square input"
        network = build_compact(classes, input_size or config.input_size)
    elif config.architecture == "torchvision_v2":
        network = maskrcnn_resnet50_fpn_v2(weights=None, weights_backbone=None, num_classes=classes)
    else:
        network = _build_resnet(config, classes)
    if config.mask_scoring:
        compact = config.architecture == "compact"
        channels = network.backbone.out_channels
        network.roi_heads.maskiou = MaskIouHead(classes, channels, hidden=HIDDEN if compact else 1024)
    network.config = config
    return network.eval()


def _build_resnet(config: MaskRcnnConfig, classes: int) -> MaskRCNN:
    backbone = resnet_fpn_backbone(
        backbone_name=f"resnet{config.depth}", weights=None, norm_layer=FrozenBatchNorm2d, trainable_layers=5
    )
    for module in backbone.modules():
        if isinstance(module, FrozenBatchNorm2d):
            module.eps = 0.0  # as both the published weights were trained
    if config.architecture == "torchvision":
        return MaskRCNN(backbone, classes)
    for stage in (backbone.body.layer2, backbone.body.layer3, backbone.body.layer4):
        stage[0].conv1.stride, stage[0].conv2.stride = (2, 2), (1, 1)
    # The input is BGR in 0..1.
    return MaskRCNN(
        backbone, classes, image_mean=[value / 255 for value in _CAFFE_MEAN], image_std=[1 / 255] * 3
    )


def prepare(network: MaskRCNN, frames: Tensor) -> ImageList:
    """Resize and normalise frames, uint8 RGB (B, 3, H, W), as the network was trained."""
    images, _ = network.transform(list(_channels_as_trained(network, frames)))
    return images


def normalize(network: MaskRCNN, frames: Tensor) -> Tensor:
    """Normalise frames, uint8 RGB (B, 3, H, W), that have the input's size already."""
    normalized: Tensor = network.transform.normalize(_channels_as_trained(network, frames))
    return normalized


def _channels_as_trained(network: MaskRCNN, frames: Tensor) -> Tensor:
    """Bring uint8 RGB to 0..1, in the order of channels that the weights expect."""
    return (frames.flip(1) if network.config.architecture == "authors" else frames).float() / 255


def pyramid(network: MaskRCNN, images: ImageList) -> OrderedDict[str, Tensor]:
    """Return the feature pyramid, float32 whatever the precision: anchors and pooling take their dtype from it."""
    features = network.backbone(images.tensors)
    return OrderedDict((name, level.float()) for name, level in features.items())


def propose(network: MaskRCNN, images: ImageList, features: OrderedDict[str, Tensor]) -> Proposals:
    """Run the region proposal network (Ren et al. 2015)."""
    rpn, levels = network.rpn, list(features.values())
    objectness, regression = ([part.float() for part in parts] for parts in rpn.head(levels))
    anchors = rpn.anchor_generator(images, levels)
    per_level = [level[0].numel() for level in objectness]
    scores, deltas = concat_box_prediction_layers(objectness, regression)
    boxes = rpn.box_coder.decode(deltas.detach(), anchors).view(len(anchors), -1, 4)
    kept, _ = rpn.filter_proposals(boxes, scores, images.image_sizes, per_level)
    return Proposals(kept, scores, deltas, anchors)


def classify(
    network: MaskRCNN, features: OrderedDict[str, Tensor], boxes: list[Tensor], sizes: list[Size]
) -> tuple[Tensor, Tensor]:
    """Return class logits (N, C + 1) and box regression (N, 4 * (C + 1)) of regions, in float32."""
    heads = network.roi_heads
    pooled = heads.box_roi_pool(features, boxes, sizes)
    logits, regression = heads.box_predictor(heads.box_head(pooled))
    return logits.float(), regression.float()


class RegionMasks(NamedTuple):
    """Masks of N regions: `features` (N, c, 14, 14), `logits` (N, C + 1, 28, 28) in float32."""

    features: Tensor
    logits: Tensor


def region_masks(
    network: MaskRCNN, features: OrderedDict[str, Tensor], boxes: list[Tensor], sizes: list[Size]
) -> RegionMasks:
    """Run the mask head on regions."""
    heads = network.roi_heads
    pooled = heads.mask_roi_pool(features, boxes, sizes)
    return RegionMasks(pooled, heads.mask_predictor(heads.mask_head(pooled)).float())


def predicted_mask_iou(head: nn.Module, masks: RegionMasks, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Return the IoU that the MaskIoU head expects of each region's mask, (N,), and the mask's probabilities.

    Args:
        head: a `MaskIouHead`.
        masks: of N regions.
        labels: int64 (N,), each region's class, 1-based.

    Returns:
        IoU (N,), not bounded, and probabilities (N, 28, 28).
    """
    probabilities = of_class(masks.logits, labels).sigmoid()
    expected = head(masks.features, probabilities[:, None])
    return of_class(expected.float(), labels), probabilities


def of_class(values: Tensor, labels: Tensor) -> Tensor:
    """Choose each row's class: values (N, C + 1, ...), labels int64 (N,)."""
    return values[torch.arange(len(labels), device=labels.device), labels]
