"""Feature extractors: ResNet (with optional DCNv2), DarkNet-53 and MobileNetV2."""

from __future__ import annotations

from typing import TypeAlias

from torch import nn

from yolact_temporal.yolact.backbones.darknet import DarkNet
from yolact_temporal.yolact.backbones.mobilenet import MobileNetV2
from yolact_temporal.yolact.backbones.resnet import ResNet
from yolact_temporal.yolact.config import BackboneConfig

__all__ = ["Backbone", "DarkNet", "MobileNetV2", "ResNet", "build_backbone", "stages_of"]


Backbone: TypeAlias = ResNet | DarkNet | MobileNetV2


def build_backbone(config: BackboneConfig) -> Backbone:
    """Build a backbone with random weights.

    Every backbone maps images (B, 3, S, S) to a tuple of feature maps, one a stage, and lists their channels in
    `channels`.

    Raises:
        ValueError: if `config.kind` names no backbone.
    """
    if config.kind == "resnet":
        return ResNet(config.blocks, config.deformable, config.deformable_interval)
    if config.kind == "darknet":
        return DarkNet(config.blocks)
    if config.kind == "mobilenet_v2":
        return MobileNetV2()
    raise ValueError(f"expected a backbone of kind resnet, darknet or mobilenet_v2, got {config.kind!r}")


def stages_of(backbone: Backbone) -> list[list[nn.Module]]:
    """Return a backbone's blocks by stage, what comes before the first stage counted to it."""
    if isinstance(backbone, MobileNetV2):
        return backbone.stages()
    stages: list[list[nn.Module]] = [[stage] for stage in backbone.layers]
    stem = [module for name, module in backbone.named_children() if name != "layers"]
    return [stem + stages[0], *stages[1:]]
