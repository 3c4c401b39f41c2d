"""What a training recipe says, as frozen configuration; each model family holds its own models' recipes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from yolact_temporal.data.augment import AffineJitter
from yolact_temporal.data.copy_paste import CopyPaste


@dataclass(frozen=True)
class Matching:
    """Which anchors are to find which objects.

    Attributes:
        positive_iou: an anchor at least this near its best object is positive for it.
        negative_iou: an anchor nearer than this, and not positive, is ignored; any other is background.
        crowd_overlap: background anchors of which a larger share lies in a crowd region are ignored.
        best_k: each object also takes its nearest `best_k` anchors; 1 is SSD's rule, without conditions.
        best_k_iou: for `best_k` over 1, the least overlap of all but the very nearest.
        center_inside: for `best_k` over 1, whether their centres must lie in the object's box.
    """

    positive_iou: float = 0.5
    negative_iou: float = 0.4
    crowd_overlap: float = 0.7
    best_k: int = 1
    best_k_iou: float = 0.2
    center_inside: bool = True


@dataclass(frozen=True)
class LossConfig:
    """Loss parts and their weights.

    Attributes:
        class_loss: "ohem", softmax cross-entropy on the positives and the hardest negatives; or "focal", softmax
            focal loss on all anchors.
        negatives_per_positive: how many negatives "ohem" keeps.
        focal_gamma, focal_alpha: of "focal"; alpha weighs positives, 1 - alpha negatives.
        box_loss: "smooth_l1" on encoded boxes, or "giou" on decoded ones, or "both", weighed as below.
        masks_per_image: at most so many positives of an image, drawn at random, train masks.
        smallest_rescored: mask rescoring learns from masks of more than so many prototype pixels.
    """

    class_loss: Literal["ohem", "focal"] = "ohem"
    class_weight: float = 1.0
    negatives_per_positive: float = 3.0
    focal_gamma: float = 2.0
    focal_alpha: float = 0.25
    box_loss: Literal["smooth_l1", "giou", "both"] = "smooth_l1"
    box_weight: float = 1.5
    giou_weight: float = 2.0
    mask_weight: float = 6.125
    masks_per_image: int = 100
    semantic_weight: float = 1.0
    mask_iou_weight: float = 25.0
    smallest_rescored: int = 25


@dataclass(frozen=True)
class Schedule:
    """The learning rate over iterations, as a share of the base rate.

    Attributes:
        kind: "step" multiplies by `gamma` at each of `steps`; "cosine" falls to `final` of the base rate.
        steps: iterations at the recipe's reference batch size.
        warmup: iterations of linear rise to the base rate.
        warmup_rate: the learning rate it rises from, whatever the batch size.
    """

    kind: Literal["step", "cosine"] = "step"
    steps: tuple[int, ...] = ()
    gamma: float = 0.1
    warmup: int = 500
    warmup_rate: float = 1e-4
    final: float = 0.02


@dataclass(frozen=True)
class Optimization:
    """Optimiser, its rates and what is averaged.

    Attributes:
        learning_rate: at the recipe's reference batch size.
        backbone_rate: share of the learning rate that the backbone gets.
        decay_norms: whether weight decay reaches biases and normalisation, as the original's does.
        clip: largest gradient norm; None for no clipping.
        ema: decay of the moving average of the weights; 0 for none.
    """

    kind: Literal["sgd", "adamw"] = "sgd"
    learning_rate: float = 1e-3
    momentum: float = 0.9
    weight_decay: float = 5e-4
    backbone_rate: float = 1.0
    decay_norms: bool = True
    clip: float | None = None
    ema: float = 0.0


@dataclass(frozen=True)
class Sampling:
    """How often images are shown, and what is not to be believed of them.

    Attributes:
        class_repeats: an image with an object of the class is shown so many times an epoch.
        source_repeats: further factor for images of a source; below 1, it is shown in so many of the epochs.
        weak_negatives: classes that are taken as unknown, not absent, away from the annotated objects in images
            of a source.
    """

    class_repeats: Mapping[str, float] = field(default_factory=dict)
    source_repeats: Mapping[str, float] = field(default_factory=dict)
    weak_negatives: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class TrainingRecipe:
    """Everything that determines a training run beside the model and the data.

    Attributes:
        iterations: at `batch_size`; another batch size changes them, and the schedule, in inverse proportion, and
            the learning rate in proportion.
        sizes: the side of the training square over the run: (share of the iterations from which on, side), the first
            from 0 on. The last is the model's own size, at which it is evaluated. Empty to train at that throughout.
        matching, loss: of YOLACT; the region-based baselines keep to Mask R-CNN's.
        augmentation: "ssd", as published; "affine", which takes `jitter` and `copy_paste`; or "none".
        freeze_norms: which batch normalisation keeps its statistics and weights. The original freezes all
            wherever a device holds fewer than 6 images.
        frozen_stages: how many of the backbone's stages are not trained.
        trained_prefix: what the keys of the only weights that are trained begin with; empty to train all. Weights to
            start from may then lack these.
    """

    batch_size: int = 8
    iterations: int = 800_000
    sizes: tuple[tuple[float, int], ...] = ()
    augmentation: Literal["ssd", "affine", "none"] = "ssd"
    jitter: AffineJitter = field(default_factory=AffineJitter)
    copy_paste: CopyPaste | None = None
    matching: Matching = field(default_factory=Matching)
    loss: LossConfig = field(default_factory=LossConfig)
    schedule: Schedule = field(default_factory=lambda: Schedule(steps=(280_000, 600_000, 700_000, 750_000)))
    optimization: Optimization = field(default_factory=Optimization)
    sampling: Sampling = field(default_factory=Sampling)
    freeze_norms: Literal["none", "backbone", "all"] = "none"
    frozen_stages: int = 0
    trained_prefix: str = ""

    def __post_init__(self) -> None:
        shares = [share for share, _ in self.sizes]
        if shares and (shares[0] != 0 or shares != sorted(set(shares)) or shares[-1] >= 1):
            raise ValueError(f"expected sizes from shares that rise from 0 to below 1, got {self.sizes}")

    def for_batch(self, batch_size: int) -> TrainingRecipe:
        """Return the recipe for another batch size, rates and iterations scaled linearly (Goyal et al. 2017)."""
        factor = batch_size / self.batch_size
        schedule = replace(self.schedule, steps=tuple(int(step / factor) for step in self.schedule.steps))
        rate = self.optimization.learning_rate * factor
        return replace(
            self,
            batch_size=batch_size,
            iterations=int(self.iterations / factor),
            schedule=schedule,
            optimization=replace(self.optimization, learning_rate=rate),
        )
