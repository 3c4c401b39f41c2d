"""FCIS in training."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models.detection.image_list import ImageList

from yolact_temporal.yolact.backbones import stages_of
from yolact_temporal.yolact.families.fcis.config import FcisConfig
from yolact_temporal.yolact.families.fcis.losses import fcis_losses
from yolact_temporal.yolact.families.fcis.network import CellAnchors, build_fcis
from yolact_temporal.yolact.training.batches import Batch, TargetSizes
from yolact_temporal.yolact.training.recipe import TrainingRecipe

#: Side of the square that a network of any input size is trained on.
_SQUARE = 600


class FcisTrainee:
    """FCIS in training, on square input; see `Trainee`."""

    backbone_prefix = "backbone."

    def __init__(self, config: FcisConfig, size: int | None) -> None:
        self.config = config
        self.size = size or config.input_size or _SQUARE

    def build(self) -> nn.Module:
        """Build the network."""
        return build_fcis(self.config, self.size)

    def resize(self, model: Any, size: int) -> None:
        """Scale the anchors of a compact network; those of the published one are of one size in pixels."""
        device = model.deviations.device
        model.rpn.anchor_generator = CellAnchors(self.config.anchors(size)).to(device)

    def target_sizes(self, model: nn.Module, size: int) -> TargetSizes:
        """Masks are compared at the input's own size, region by region; there is no semantic map to speak of."""
        return TargetSizes(size, (size, size), (1, 1))

    def losses(self, model: Any, batch: Batch, recipe: TrainingRecipe, seed: int) -> dict[str, Tensor]:
        """See `fcis_losses`."""
        images = batch.images.permute(0, 3, 1, 2)
        height, width = images.shape[2:]
        normalized = self.config.normalization.apply(images.float())
        with torch.random.fork_rng(devices=[images.device] if images.device.type == "cuda" else []):
            torch.manual_seed(seed)
            return fcis_losses(model, ImageList(normalized, [(height, width)] * len(images)), batch)

    def backbone(self, model: Any) -> nn.Module:
        """Return the feature extractor."""
        backbone: nn.Module = model.backbone
        return backbone

    def stages(self, model: Any) -> list[list[nn.Module]]:
        """Return the backbone's blocks by stage."""
        return stages_of(model.backbone)
