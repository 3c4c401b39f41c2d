"""What the training loop asks of a model: how it is built, what its losses are, which parts it has."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor, nn

from yolact_temporal.yolact.families.config import ModelConfig
from yolact_temporal.yolact.training.batches import Batch, TargetSizes
from yolact_temporal.yolact.training.recipe import TrainingRecipe


class Trainee(Protocol):
    """A model in training.

    Attributes:
        config: the model's configuration.
        size: side of the square input it is built for and ends its training on.
        backbone_prefix: what the keys of the backbone's weights begin with.
    """

    size: int
    backbone_prefix: str

    @property
    def config(self) -> ModelConfig: ...  # noqa: D102

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
