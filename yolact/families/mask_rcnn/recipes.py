"""How Mask R-CNN's models are trained."""

from __future__ import annotations

from dataclasses import replace

from yolact_temporal.yolact.families.mask_rcnn.config import KEY_PREFIX
from yolact_temporal.yolact.families.yolact.recipes import COMPACT
from yolact_temporal.yolact.training.recipe import Optimization, Schedule, TrainingRecipe

PUBLISHED = TrainingRecipe(
    batch_size=16,
    iterations=90_000,
    augmentation="affine",
    schedule=Schedule(steps=(60_000, 80_000), warmup_rate=2e-5),
    optimization=Optimization(learning_rate=0.02, weight_decay=1e-4),
    freeze_norms="backbone",
    frozen_stages=1,
)
"""Torchvision's."""

SCORING_COMPACT = replace(
    COMPACT,
    iterations=600,
    sizes=(),
    schedule=replace(COMPACT.schedule, warmup=50),
    optimization=replace(COMPACT.optimization, learning_rate=1e-3),
    trained_prefix=KEY_PREFIX,
)
"""Only the MaskIoU head, on top of a trained Mask R-CNN."""
