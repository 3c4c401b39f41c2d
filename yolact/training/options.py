"""What a training run is told, and how it ends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from yolact_temporal.data.coco import Cache
from yolact_temporal.yolact.families import ModelConfig, recipe_for
from yolact_temporal.yolact.training.recipe import TrainingRecipe


@dataclass(frozen=True)
class TrainingOptions:
    """What to train, on what, and how a run is kept.

    Attributes:
        model: a preset's name, or a configuration.
        annotations, images: COCO instance annotations, and the folder their file names are relative to.
        output: folder for `last.pt`, `best.safetensors`, `final.safetensors`, `metrics.csv`, `evaluations.jsonl`,
            `curve.png`.
        recipe: the preset's own if None.
        iterations, batch_size, learning_rate: in place of the recipe's. Another batch size scales rate and
            iterations unless they are given; other iterations stretch the schedule.
        input_size: side of the training square all along, and of that of evaluations on the way; if None, the recipe's
            `sizes` to train at, and the model's own to evaluate at.
        val_annotations, val_images: what the best weights are chosen on; none is chosen without.
        best_metric: kind and figure of the evaluation that the best weights are best in.
        evaluate_every, checkpoint_every, log_every: in iterations.
        workers: processes that load and augment; 0 does both in the training process.
        cache: what of the images is kept in memory; see `CocoDataset`.
        precision: of the forward pass, by autocast; weights and losses stay float32.
        init_backbone, init_weights: files to start the backbone or the whole model from.
        max_minutes: stop after so long, with a checkpoint to resume from.
        progress: show a progress bar on standard error, if that is a terminal.
    """

    model: str | ModelConfig
    annotations: Path
    images: Path
    output: Path
    recipe: TrainingRecipe | None = None
    iterations: int | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    input_size: int | None = None
    val_annotations: Path | None = None
    val_images: Path | None = None
    best_metric: tuple[str, str] = ("segm", "AP50")
    evaluate_every: int = 1000
    checkpoint_every: int = 500
    log_every: int = 20
    workers: int = 2
    cache: Cache = "none"
    device: str = "auto"
    precision: str = "float32"
    seed: int = 0
    resume: bool = False
    init_backbone: Path | None = None
    init_weights: Path | None = None
    max_minutes: float | None = None
    progress: bool = True


@dataclass(frozen=True)
class TrainingResult:
    """How a run ended.

    Attributes:
        iteration: how many iterations are done, of all sessions of the run.
        finished: whether that is all of them.
        interrupted: whether a signal ended it; it resumes from its checkpoint.
        best: the best evaluation's figure; None if there was none.
    """

    iteration: int
    finished: bool
    interrupted: bool
    best: float | None


def resolve_recipe(options: TrainingOptions) -> TrainingRecipe:
    """Return the recipe with the options' batch size, iterations, size and learning rate in it."""
    name = options.model if isinstance(options.model, str) else options.model.name
    recipe = options.recipe or recipe_for(name)
    if options.batch_size is not None:
        recipe = recipe.for_batch(options.batch_size)
    if options.iterations is not None:
        stretch = options.iterations / recipe.iterations
        steps = tuple(round(step * stretch) for step in recipe.schedule.steps)
        recipe = replace(
            recipe, iterations=options.iterations, schedule=replace(recipe.schedule, steps=steps)
        )
    if options.input_size is not None:
        recipe = replace(recipe, sizes=())
    if options.learning_rate is not None:
        rate = options.learning_rate
        recipe = replace(recipe, optimization=replace(recipe.optimization, learning_rate=rate))
    return recipe


def first_difference(saved: str, given: str) -> str:
    """Name the first setting in which two JSON texts of settings differ, and both values."""

    def flat(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
        """Yield every number of nested dictionaries by its full name."""
        if isinstance(value, dict):
            for key, part in value.items():
                yield from flat(part, f"{name}.{key}" if name else key)
        else:
            yield name, value

    old, new = dict(flat(json.loads(saved))), dict(flat(json.loads(given)))
    name = next(key for key in sorted(old.keys() | new.keys()) if old.get(key) != new.get(key))
    return f"{name}: {old.get(name)} there, {new.get(name)} here"
