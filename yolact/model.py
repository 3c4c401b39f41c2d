"""The YOLACT network: a forward pass that reads as the paper's figure 2."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from yolact_temporal.errors import UsageError
from yolact_temporal.yolact.anchors import pyramid_anchors
from yolact_temporal.yolact.backbones import build_backbone
from yolact_temporal.yolact.config import PRESETS, YolactConfig
from yolact_temporal.yolact.layers import FeaturePyramid, MaskIouNet, PredictionHead, protonet


class YolactOutput(NamedTuple):
    """What the network says of a batch, before non-maximum suppression.

    Attributes:
        box_regression: (B, P, 4), to be decoded against the anchors.
        class_scores: (B, P, C + 1), softmax, background first.
        coefficients: (B, P, k), in -1..1.
        prototypes: (B, h, w, k), not negative.
        anchors: (P, 4) as (cx, cy, w, h), relative to the image.

    Example:
        >>> with torch.inference_mode():
        ...     said = build_yolact("yolact_compact")(torch.zeros(1, 3, 384, 384))
        >>> said.class_scores.shape[1] == said.coefficients.shape[1] == len(said.anchors)
        True
        >>> said.prototypes.shape[-1] == said.coefficients.shape[-1]
        True
    """

    box_regression: Tensor
    class_scores: Tensor
    coefficients: Tensor
    prototypes: Tensor
    anchors: Tensor


class RawPredictions(NamedTuple):
    """What training needs: logits instead of scores, and the auxiliary semantic segmentation.

    Attributes:
        box_regression: (B, P, 4).
        class_logits: (B, P, C + 1), background first.
        coefficients: (B, P, k).
        prototypes: (B, h, w, k).
        anchors: (P, 4).
        semantic_logits: (B, C, h / 2, w / 2); None outside training mode.
    """

    box_regression: Tensor
    class_logits: Tensor
    coefficients: Tensor
    prototypes: Tensor
    anchors: Tensor
    semantic_logits: Tensor | None


class Yolact(nn.Module):
    """YOLACT and YOLACT++ (Bolya et al., arXiv 1904.02689, 1912.06218).

    The state-dict keys are those of the original implementation, so that its checkpoints load strictly.

    Example:
        >>> network = build_yolact("yolact_compact")
        >>> network.config is PRESETS["yolact_compact"], network.training
        (True, False)
    """

    def __init__(self, config: YolactConfig) -> None:
        super().__init__()
        self.config = config
        classes = len(config.class_names)
        self.backbone = build_backbone(config.backbone)
        stage_channels = [self.backbone.channels[index] for index in config.backbone.selected]
        self.proto_net = protonet(config.head.pyramid_channels, config.head)
        self.fpn = FeaturePyramid(stage_channels, config.head.pyramid_channels, config.head.normalized)
        head = PredictionHead(classes + 1, config.anchors.per_location, config.head)
        self.prediction_layers = nn.ModuleList([head])
        self.semantic_seg_conv = nn.Conv2d(config.head.pyramid_channels, classes, kernel_size=1)
        if config.mask_iou:
            self.maskiou_net = MaskIouNet(classes)
        self._anchor_cache: dict[tuple[object, ...], Tensor] = {}

    def predict(self, images: Tensor) -> RawPredictions:
        """Run the network on normalised images, float (B, 3, S, S)."""
        stages = self.backbone(images)
        levels = self.fpn([stages[index] for index in self.config.backbone.selected])
        prototypes = F.relu(self.proto_net(levels[0])).permute(0, 2, 3, 1)
        head = self.prediction_layers[0]
        boxes, logits, coefficients = (
            torch.cat(parts, dim=1) for parts in zip(*(head(level) for level in levels), strict=True)
        )
        semantic = self.semantic_seg_conv(levels[0]) if self.training else None
        anchors = self._anchors([(level.shape[2], level.shape[3]) for level in levels], images.device)
        return RawPredictions(boxes, logits, coefficients, prototypes, anchors, semantic)

    def forward(self, images: Tensor) -> YolactOutput:
        """Run the network on normalised images, float (B, 3, S, S), and turn logits into scores."""
        raw = self.predict(images)
        scores = torch.softmax(raw.class_logits.float(), dim=-1)
        return YolactOutput(raw.box_regression, scores, raw.coefficients, raw.prototypes, raw.anchors)

    def _anchors(self, level_sizes: list[tuple[int, int]], device: torch.device) -> Tensor:
        """Anchors depend on the feature maps' sizes alone: compute them once a size and device."""
        key = (tuple(level_sizes), device)
        if key not in self._anchor_cache:
            anchors = pyramid_anchors(level_sizes, self.config.anchors, self.config.input_size)
            self._anchor_cache[key] = anchors.to(device)
        return self._anchor_cache[key]


def preset(name: str) -> YolactConfig:
    """Return a preset by name.

    Raises:
        UsageError: if there is no such preset.
    """
    if name not in PRESETS:
        known = ", ".join(PRESETS)
        raise UsageError(f"expected a model out of {known}, got {name!r}: pass one of these to --model")
    return PRESETS[name]


def build_yolact(name: str | YolactConfig) -> Yolact:
    """Build a network with random weights, in eval mode.

    Args:
        name: a preset's name, or a configuration of one's own.

    Raises:
        UsageError: if there is no such preset.

    Example:
        >>> build_yolact("yolact_compact").config.class_names
        ('person', 'vehicle', 'animal')
    """
    config = preset(name) if isinstance(name, str) else name
    model = Yolact(config)
    for module in (model.fpn, model.proto_net, model.prediction_layers, model.semantic_seg_conv):
        _initialize(module)
    return model.eval()


def _initialize(module: nn.Module) -> None:
    """Xavier weights and zero biases in every convolution, as the original starts all but the backbone."""
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.xavier_uniform_(part.weight)
            if part.bias is not None:
                nn.init.zeros_(part.bias)
