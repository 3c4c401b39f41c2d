"""What the training loop asks of a model family: how it is built, what its losses are, which parts it has."""

from __future__ import annotations

import copy
from dataclasses import replace
from itertools import pairwise
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torchvision.models.detection.image_list import ImageList

from yolact_temporal.yolact.baselines import MaskRcnnConfig, build_mask_rcnn
from yolact_temporal.yolact.baselines.compact import compact_anchors
from yolact_temporal.yolact.baselines.network import normalize
from yolact_temporal.yolact.config import YolactConfig
from yolact_temporal.yolact.families import model_config
from yolact_temporal.yolact.model import Yolact, build_yolact
from yolact_temporal.yolact.training.batches import Batch, TargetSizes
from yolact_temporal.yolact.training.losses import yolact_losses
from yolact_temporal.yolact.training.mask_rcnn_losses import mask_rcnn_losses
from yolact_temporal.yolact.training.recipe import TrainingRecipe

#: Blocks of MobileNetV2's `features` by stage, what comes before the first stage counted to it.
_MOBILENET_STAGES = (0, 4, 7, 14, 18)
#: Side of the square that a region-based network of any input size is trained on.
_SQUARE = 800


class Trainee(Protocol):
    """A model family in training.

    Attributes:
        config: the model's configuration, a dataclass with `name` and `class_names`.
        size: side of the square input it is built for and ends its training on.
        backbone_prefix: what the keys of the backbone's weights begin with.
    """

    config: Any
    size: int
    backbone_prefix: str

    def build(self) -> nn.Module:
        """Build the network with random weights, for input of `size`."""
        ...

    def resize(self, model: nn.Module, size: int) -> None:
        """Ready the network, in place, for square input of another side."""
        ...

    def target_sizes(self, model: nn.Module, size: int) -> TargetSizes:
        """Return the sizes of what the losses compare with, for square input of side `size`."""
        ...

    def losses(self, model: nn.Module, batch: Batch, recipe: TrainingRecipe, seed: int) -> dict[str, Tensor]:
        """Return the loss parts of a batch; random choices depend on `seed` alone."""
        ...

    def backbone(self, model: nn.Module) -> nn.Module:
        """Return the feature extractor."""
        ...

    def stages(self, model: nn.Module) -> list[list[nn.Module]]:
        """Return the backbone's blocks by stage, what comes before the first stage counted to it."""
        ...


def trainee_for(model: str | YolactConfig | MaskRcnnConfig, size: int | None = None) -> Trainee:
    """Return the family of a model, given by name or configuration.

    Raises:
        UsageError: there is no such model.
    """
    config = model_config(model) if isinstance(model, str) else model
    if isinstance(config, MaskRcnnConfig):
        return MaskRcnnTrainee(config, size)
    return YolactTrainee(config, size)


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
        return model.backbone

    def stages(self, model: Any) -> list[list[nn.Module]]:
        """Return the backbone's blocks by stage."""
        if self.config.backbone.kind == "mobilenet_v2":
            return _mobilenet_stages(model.backbone)
        stages: list[list[nn.Module]] = [[stage] for stage in model.backbone.layers]
        stem = [module for name, module in model.backbone.named_children() if name != "layers"]
        return [stem + stages[0], *stages[1:]]


class MaskRcnnTrainee:
    """Mask R-CNN and Mask Scoring R-CNN in training, on square input; see `Trainee`."""

    backbone_prefix = "backbone.body."

    def __init__(self, config: MaskRcnnConfig, size: int | None) -> None:
        self.config = config
        self.size = size or config.input_size or _SQUARE

    def build(self) -> nn.Module:
        """Build the network."""
        return build_mask_rcnn(self.config, self.size)

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
        return model.backbone.body

    def stages(self, model: Any) -> list[list[nn.Module]]:
        """Return the backbone's blocks by stage."""
        body = model.backbone.body
        if self.config.architecture == "compact":
            return _mobilenet_stages(body)
        return [[body.conv1, body.bn1, body.layer1], [body.layer2], [body.layer3], [body.layer4]]


def at_input_size(config: YolactConfig, size: int) -> YolactConfig:
    """Return the configuration at another input size, its anchors as large relative to the image as before."""
    factor = size / config.input_size
    scales = tuple(tuple(side * factor for side in level) for level in config.anchors.scales)
    return replace(config, input_size=size, anchors=replace(config.anchors, scales=scales))


def _mobilenet_stages(backbone: Any) -> list[list[nn.Module]]:
    return [list(backbone.features[start:end]) for start, end in pairwise(_MOBILENET_STAGES)]
