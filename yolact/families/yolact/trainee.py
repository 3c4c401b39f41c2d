"""YOLACT in training."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from yolact_temporal.yolact.backbones import stages_of
from yolact_temporal.yolact.config import YolactConfig
from yolact_temporal.yolact.model import Yolact, build_yolact
from yolact_temporal.yolact.training.batches import Batch, TargetSizes
from yolact_temporal.yolact.training.losses import yolact_losses
from yolact_temporal.yolact.training.recipe import TrainingRecipe


class YolactTrainee:
    """YOLACT and YOLACT++ in training; see `Trainee`."""

    backbone_prefix = "backbone."

    def __init__(self, config: YolactConfig, size: int | None) -> None:
        self.config = config
        self.size = size or config.input_size

    def build(self) -> Yolact:
        """Build the network; anchors are as large relative to the input as at the model's own size."""
        return build_yolact(at_input_size(self.config, self.size))

    def resize(self, model: nn.Module, size: int) -> None:
        """Nothing to do: anchors are relative to the image, and placed by the feature maps' sizes."""

    @torch.no_grad()
    def target_sizes(self, model: Any, size: int) -> TargetSizes:
        """Find the sizes of prototypes and semantic maps by trying it."""
        parameter = next(model.parameters())
        # One step of a batch of one: batch normalisation in training mode would otherwise learn from zeros.
        probe = copy.deepcopy(model).train()
        for module in probe.modules():
            if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
                module.eval()
        raw = probe.predict(torch.zeros(1, 3, size, size, device=parameter.device))
        assert raw.semantic_logits is not None
        height, width = raw.prototypes.shape[1:3]
        rows, columns = raw.semantic_logits.shape[2:]
        return TargetSizes(size, (height, width), (rows, columns))

    def losses(self, model: Any, batch: Batch, recipe: TrainingRecipe, seed: int) -> dict[str, Tensor]:
        """See `yolact_losses`."""
        images = model.config.normalization.apply(batch.images.permute(0, 3, 1, 2).float())
        raw = model.predict(images)
        generator = torch.Generator().manual_seed(seed)
        net = model.maskiou_net if model.config.mask_iou else None
        with torch.autocast(images.device.type, enabled=False):
            return yolact_losses(raw, batch, recipe.matching, recipe.loss, generator, net)

    def backbone(self, model: Any) -> nn.Module:
        """Return the feature extractor."""
        backbone: nn.Module = model.backbone
        return backbone

    def stages(self, model: Any) -> list[list[nn.Module]]:
        """Return the backbone's blocks by stage."""
        return stages_of(model.backbone)


def at_input_size(config: YolactConfig, size: int) -> YolactConfig:
    """Return the configuration at another input size, its anchors as large relative to the image as before."""
    factor = size / config.input_size
    scales = tuple(tuple(side * factor for side in level) for level in config.anchors.scales)
    return replace(config, input_size=size, anchors=replace(config.anchors, scales=scales))
