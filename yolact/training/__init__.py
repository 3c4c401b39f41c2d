"""Training YOLACT: recipes, matching, losses and the loop."""

from yolact_temporal.yolact.training.checkpoint import export_half, load_backbone, load_weights
from yolact_temporal.yolact.training.loop import train
from yolact_temporal.yolact.training.options import TrainingOptions, TrainingResult
from yolact_temporal.yolact.training.recipe import RECIPES, TrainingRecipe, recipe_for

__all__ = [
    "RECIPES",
    "TrainingOptions",
    "TrainingRecipe",
    "TrainingResult",
    "export_half",
    "load_backbone",
    "load_weights",
    "recipe_for",
    "train",
]
