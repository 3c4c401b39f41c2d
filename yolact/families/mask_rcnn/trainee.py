"""Mask R-CNN in training."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models.detection.image_list import ImageList

from yolact_temporal.yolact.families.mask_rcnn.compact import compact_anchors
from yolact_temporal.yolact.families.mask_rcnn.config import MaskRcnnConfig
from yolact_temporal.yolact.families.mask_rcnn.losses import mask_rcnn_losses
from yolact_temporal.yolact.families.mask_rcnn.network import build_mask_rcnn, normalize
from yolact_temporal.yolact.training.batches import Batch, TargetSizes
from yolact_temporal.yolact.training.recipe import TrainingRecipe

#: Side of the square that a network of any input size is trained on.
_SQUARE = 800


class MaskRcnnTrainee:
    """Mask R-CNN and Mask Scoring R-CNN in training, on square input; see `Trainee`."""

    backbone_prefix = "backbone.body."

    def __init__(self, config: MaskRcnnConfig, size: int | None) -> None:
        self.config = config
        self.size = size or config.input_size or _SQUARE

    def build(self) -> nn.Module:
        """Build the network."""
        network: nn.Module = build_mask_rcnn(self.config, self.size)
        return network

    def resize(self, model: Any, size: int) -> None:
        """Scale the anchors of a compact network; those of the others are of one size in pixels."""
        if self.config.architecture == "compact":
            model.rpn.anchor_generator = compact_anchors(size)

    def target_sizes(self, model: nn.Module, size: int) -> TargetSizes:
        """Masks are compared at the input's own size, region by region; there is no semantic map to speak of."""
        return TargetSizes(size, (size, size), (1, 1))

    def losses(self, model: Any, batch: Batch, recipe: TrainingRecipe, seed: int) -> dict[str, Tensor]:
        """See `mask_rcnn_losses`."""
        images = batch.images.permute(0, 3, 1, 2)
        height, width = images.shape[2:]
        sizes = [(height, width)] * len(images)
        with torch.random.fork_rng(devices=[images.device] if images.device.type == "cuda" else []):
            torch.manual_seed(seed)
            return mask_rcnn_losses(model, ImageList(normalize(model, images), sizes), batch)

    def backbone(self, model: Any) -> nn.Module:
        """Return the feature extractor, without the pyramid."""
        body: nn.Module = model.backbone.body
        return body

    def stages(self, model: Any) -> list[list[nn.Module]]:
        """Return the backbone's blocks by stage."""
        body = model.backbone.body
        if self.config.architecture == "compact":
            stages: list[list[nn.Module]] = body.stages()
            return stages
        return [[body.conv1, body.bn1, body.layer1], [body.layer2], [body.layer3], [body.layer4]]
