"""Mask R-CNN on the backbone, pyramid and anchors of YOLACT compact, so that only the mask head differs."""

from __future__ import annotations

from collections import OrderedDict
from functools import partial

from torch import Tensor, nn
from torchvision.models.detection import MaskRCNN
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.mask_rcnn import MaskRCNNHeads, MaskRCNNPredictor
from torchvision.models.detection.rpn import RPNHead

from yolact_temporal.yolact.backbones import build_backbone
from yolact_temporal.yolact.config import PRESETS, YolactConfig
from yolact_temporal.yolact.families.mask_rcnn.region_pool import RegionPool
from yolact_temporal.yolact.layers import FeaturePyramid

#: Width of the fully connected layers, a quarter of Mask R-CNN's: three classes, and both heads must ship.
HIDDEN = 256
#: Pyramid levels that regions are pooled from: those that come of backbone stages.
_POOLED, _STRIDES = ("0", "1", "2"), (8, 16, 32)
#: The side of the smallest region that is pooled from the second of the three levels, in pixels of the input: Mask
#: R-CNN's 224 scaled to the smaller input.
_CANONICAL_SIDE = 112
#: Regions an image that the heads are trained on; Mask R-CNN's 512 scaled to the smaller input.
_SAMPLED_REGIONS = 128
#: Proposals that reach the heads, in training and testing.
_PROPOSALS = (300, 300)


class CompactBackbone(nn.Module):
    """YOLACT compact's MobileNetV2 (`body`) and pyramid P3-P7 (`fpn`), as torchvision wants a backbone."""

    def __init__(self, config: YolactConfig) -> None:
        super().__init__()
        self.body = build_backbone(config.backbone)
        self.selected = config.backbone.selected
        self.out_channels = config.head.pyramid_channels
        channels = [self.body.channels[index] for index in self.selected]
        self.fpn = FeaturePyramid(channels, self.out_channels, config.head.normalized)

    def forward(self, images: Tensor) -> OrderedDict[str, Tensor]:
        """Map normalised images (B, 3, S, S) to P3-P7, named "0" to "4"."""
        stages = self.body(images)
        levels = self.fpn([stages[index] for index in self.selected])
        return OrderedDict((str(index), level) for index, level in enumerate(levels))


def compact_anchors(size: int) -> AnchorGenerator:
    """Return anchors for square input of side `size`, as large relative to it as YOLACT compact's."""
    config = PRESETS["yolact_compact"]
    factor = size / config.input_size
    return AnchorGenerator(
        sizes=tuple(tuple(side * factor for side in level) for level in config.anchors.scales),
        aspect_ratios=(config.anchors.aspect_ratios,) * len(config.anchors.scales),
    )


def build_compact(classes: int, size: int) -> MaskRCNN:
    """Build the network with random weights.

    Args:
        classes: background included.
        size: side of the square input; anchors are as large relative to it as YOLACT compact's.
    """
    config = PRESETS["yolact_compact"]
    channels = config.head.pyramid_channels
    anchors = compact_anchors(size)
    pool = partial(RegionPool, _POOLED, _STRIDES, canonical_side=_CANONICAL_SIDE)
    norm = config.normalization
    return MaskRCNN(
        CompactBackbone(config),
        min_size=size,
        max_size=size,
        fixed_size=(size, size),
        # The transform divides by 255 before it normalises.
        image_mean=[value / 255 for value in norm.mean],
        image_std=[value / 255 for value in norm.std],
        rpn_anchor_generator=anchors,
        rpn_head=RPNHead(channels, anchors.num_anchors_per_location()[0]),
        rpn_pre_nms_top_n_train=500,
        rpn_pre_nms_top_n_test=500,
        rpn_post_nms_top_n_train=_PROPOSALS[0],
        rpn_post_nms_top_n_test=_PROPOSALS[1],
        box_roi_pool=pool(output_size=7),
        box_head=TwoMLPHead(channels * 7**2, HIDDEN),
        box_predictor=FastRCNNPredictor(HIDDEN, classes),
        box_batch_size_per_image=_SAMPLED_REGIONS,
        mask_roi_pool=pool(output_size=14),
        mask_head=MaskRCNNHeads(channels, (channels,) * 4, 1, norm_layer=partial(nn.GroupNorm, 16)),
        mask_predictor=MaskRCNNPredictor(channels, channels, classes),
    )
