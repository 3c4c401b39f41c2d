"""How YOLACT's models are trained."""

from __future__ import annotations

from dataclasses import replace

from yolact_temporal.data.augment import AffineJitter
from yolact_temporal.data.copy_paste import CopyPaste
from yolact_temporal.yolact.training.recipe import (
    LossConfig,
    Matching,
    Optimization,
    Sampling,
    Schedule,
    TrainingRecipe,
)

PUBLISHED = TrainingRecipe()
"""The paper's."""

PASCAL = replace(PUBLISHED, iterations=120_000, schedule=Schedule(steps=(60_000, 100_000)))
"""The paper's for Pascal VOC."""

# 81,600 image passes of some 3,900 images, the last third at the models' own size.
COMPACT = TrainingRecipe(
    batch_size=16,
    iterations=5_100,
    sizes=((0, 320), (2 / 3, 384)),
    augmentation="affine",
    jitter=AffineJitter(scale=(0.5, 1.6), brightness=32.0, contrast=0.35, saturation=0.4),
    copy_paste=CopyPaste(
        probability=0.6,
        most=4,
        extent=(0.1, 0.6),
        class_weights={"person": 1.0, "vehicle": 2.0, "animal": 1.0},
    ),
    matching=Matching(positive_iou=0.5, negative_iou=0.4, best_k=9, best_k_iou=0.2),
    loss=LossConfig(box_loss="both", box_weight=1.0, giou_weight=2.0, masks_per_image=48),
    schedule=Schedule(kind="cosine", warmup=500, final=0.01),
    optimization=Optimization(
        kind="adamw",
        learning_rate=1.5e-3,
        weight_decay=0.02,
        backbone_rate=0.3,
        decay_norms=False,
        clip=10.0,
        ema=0.999,
    ),
    sampling=Sampling(
        class_repeats={"vehicle": 1.5, "animal": 1.0},
        source_repeats={"coco": 5.0, "voc": 5.0, "adas": 1.0, "ccp": 0.5, "komaanimals": 0.6},
        weak_negatives={"ccp": ("person",)},
    ),
    freeze_norms="backbone",
    frozen_stages=1,
)
"""Of the small model; Mask R-CNN's small models train by it too."""
