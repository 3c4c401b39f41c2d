"""How FCIS's models are trained."""

from __future__ import annotations

from yolact_temporal.yolact.training.recipe import Optimization, Schedule, TrainingRecipe

PUBLISHED = TrainingRecipe(
    batch_size=8,
    iterations=240_000,
    augmentation="affine",
    schedule=Schedule(steps=(160_000,), warmup=250, warmup_rate=5e-5),
    # Published is 5e-4 an image on eight devices, whose gradients are added up; here they are averaged.
    optimization=Optimization(learning_rate=4e-3, weight_decay=5e-4),
    freeze_norms="backbone",
    frozen_stages=1,
)
"""The paper's for COCO."""
