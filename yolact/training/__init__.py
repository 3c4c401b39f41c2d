"""Training: recipes, matching, losses and the loop."""

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
