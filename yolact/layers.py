"""The parts between backbone and detections: pyramid, protonet, prediction head, mask-IoU network.

Submodules are ordered and named so that the state-dict keys are those of the original implementation.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from yolact_temporal.yolact.config import HeadConfig


class Upsample(nn.Module):
    """Bilinear upsampling by 2."""

    def forward(self, x: Tensor) -> Tensor:
        """Upsample x (B, C, H, W) to (B, C, 2H, 2W)."""
        return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


def _conv_norm(in_channels: int, out_channels: int, kernel_size: int, normalized: bool) -> nn.Module:
    """A same-size convolution, followed by batch normalisation where asked for."""
    conv = nn.Conv2d(in_channels, out_channels, kernel_size, padding=kernel_size // 2, bias=not normalized)
    return nn.Sequential(conv, nn.BatchNorm2d(out_channels)) if normalized else conv


class FeaturePyramid(nn.Module):
    """FPN (Lin et al. 2017) as YOLACT builds it: P3-P5 by bilinear top-down sums, P6 and P7 by strided convolution."""

    def __init__(self, in_channels: Sequence[int], channels: int, normalized: bool = False) -> None:
        super().__init__()
        # Both lists run from the coarsest level to the finest, as the original's keys do.
        self.lat_layers = nn.ModuleList(
            _conv_norm(count, channels, 1, normalized) for count in reversed(in_channels)
        )
        self.pred_layers = nn.ModuleList(_conv_norm(channels, channels, 3, normalized) for _ in in_channels)
        self.downsample_layers = nn.ModuleList(
            nn.Conv2d(channels, channels, 3, stride=2, padding=1) for _ in range(2)
        )

    def forward(self, stages: Sequence[Tensor]) -> list[Tensor]:
        """Map backbone stages, finest first, to as many levels and two coarser ones, finest first."""
        merged: Tensor | None = None
        levels: list[Tensor] = []
        for lateral, predict, stage in zip(self.lat_layers, self.pred_layers, reversed(stages), strict=True):
            x = lateral(stage)
            if merged is not None:
                x = x + F.interpolate(merged, size=stage.shape[-2:], mode="bilinear", align_corners=False)
            merged = x
            levels.insert(0, F.relu(predict(x)))
        for downsample in self.downsample_layers:
            levels.append(downsample(levels[-1]))
        return levels


def protonet(in_channels: int, config: HeadConfig) -> nn.Sequential:
    """Build the prototype branch: 3x3 convolutions, one upsampling by 2, then 1x1 to k channels; ReLU between.

    The closing ReLU is applied by the model. Keys count convolutions, ReLUs and the upsampling alike.
    """
    before, after = config.prototype_channels
    layers: list[nn.Module] = []
    channels = in_channels
    for count in before:
        layers += [_conv_norm(channels, count, 3, config.normalized), nn.ReLU(inplace=True)]
        channels = count
    layers += [Upsample(), nn.ReLU(inplace=True)]
    for count in after:
        layers += [_conv_norm(channels, count, 3, config.normalized), nn.ReLU(inplace=True)]
        channels = count
    layers.append(nn.Conv2d(channels, config.prototypes, kernel_size=1))
    return nn.Sequential(*layers)


def _tower(channels: int, depth: int, normalized: bool) -> nn.Sequential:
    """3x3 convolutions with ReLU; group normalisation where asked for, since one tower serves all levels."""
    layers: list[nn.Module] = []
    for _ in range(depth):
        layers.append(nn.Conv2d(channels, channels, 3, padding=1, bias=not normalized))
        if normalized:
            layers.append(nn.GroupNorm(16, channels))
        layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers)


class PredictionHead(nn.Module):
    """Boxes, class logits and mask coefficients of every anchor; the same weights serve every level."""

    def __init__(self, classes: int, anchors_per_location: int, config: HeadConfig) -> None:
        super().__init__()
        channels = config.pyramid_channels
        self.classes = classes
        self.prototypes = config.prototypes
        self.upfeature = _tower(channels, config.shared_convs, config.normalized)
        self.bbox_extra: nn.Module
        self.conf_extra: nn.Module
        if config.branch_convs:
            self.bbox_extra = _tower(channels, config.branch_convs, config.normalized)
            self.conf_extra = _tower(channels, config.branch_convs, config.normalized)
        else:
            self.bbox_extra, self.conf_extra = nn.Identity(), nn.Identity()
        self.bbox_layer = nn.Conv2d(channels, anchors_per_location * 4, 3, padding=1)
        self.conf_layer = nn.Conv2d(channels, anchors_per_location * classes, 3, padding=1)
        self.mask_layer = nn.Conv2d(channels, anchors_per_location * config.prototypes, 3, padding=1)

    def forward(self, level: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Map a level (B, C, h, w) to boxes (B, p, 4), logits (B, p, classes), coefficients (B, p, k)."""
        x = self.upfeature(level)
        boxes = _per_anchor(self.bbox_layer(self.bbox_extra(x)), 4)
        logits = _per_anchor(self.conf_layer(self.conf_extra(x)), self.classes)
        coefficients = torch.tanh(_per_anchor(self.mask_layer(x), self.prototypes))
        return boxes, logits, coefficients


def _per_anchor(x: Tensor, values: int) -> Tensor:
    """Reorder (B, A * values, h, w) to (B, h * w * A, values)."""
    return x.permute(0, 2, 3, 1).reshape(x.shape[0], -1, values)


class MaskIouNet(nn.Module):
    """YOLACT++'s fast mask rescoring: from a cropped mask to the IoU it is expected to have, a value a class."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 1
        for count in (8, 16, 32, 64, 128):
            layers += [nn.Conv2d(channels, count, 3, stride=2), nn.ReLU(inplace=True)]
            channels = count
        layers += [nn.Conv2d(channels, classes, 1), nn.ReLU(inplace=True)]
        self.maskiou_net = nn.Sequential(*layers)

    def forward(self, masks: Tensor) -> Tensor:
        """Map masks (N, 1, h, w) in 0..1 to IoU (N, classes), not negative."""
        maps: Tensor = self.maskiou_net(masks)
        return maps.amax(dim=(2, 3))
