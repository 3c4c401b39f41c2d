"""Training: recipes, matching, losses and the loop."""

from typing import TYPE_CHECKING

from yolact_temporal.yolact.lazy import lazy_names

if TYPE_CHECKING:
    from yolact_temporal.yolact.training.checkpoint import export_half, load_backbone, start_from_weights
    from yolact_temporal.yolact.training.loop import train
    from yolact_temporal.yolact.training.options import TrainingOptions, TrainingResult
    from yolact_temporal.yolact.training.recipe import TrainingRecipe

__all__ = [
    "TrainingOptions",
    "TrainingRecipe",
    "TrainingResult",
    "export_half",
    "load_backbone",
    "start_from_weights",
    "train",
]

__getattr__ = lazy_names(
    __name__,
    {
        "TrainingOptions": "options",
        "TrainingRecipe": "recipe",
        "TrainingResult": "options",
        "export_half": "checkpoint",
        "load_backbone": "checkpoint",
        "start_from_weights": "checkpoint",
        "train": "loop",
    },
)
