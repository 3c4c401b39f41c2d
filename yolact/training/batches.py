"""From a data set to batches of tensors, the same for any number of worker processes."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from yolact_temporal.data.augment import jitter_affine, jitter_colors, resize_sample
from yolact_temporal.data.coco import CocoDataset, Sample
from yolact_temporal.data.copy_paste import InstanceBank, paste_instances
from yolact_temporal.data.ssd_augment import augment_ssd
from yolact_temporal.yolact.training.recipe import Sampling, TrainingRecipe


class Objects(NamedTuple):
    """The ground truth of one image: boxes and crowd_boxes (N, 4) xyxy relative, class_ids (N,), masks (N, h, w)."""

    boxes: Tensor
    class_ids: Tensor
    masks: Tensor
    crowd_boxes: Tensor


class Batch(NamedTuple):
    """B images and their ground truth, instances one after the other.

    Attributes:
        images: uint8 (B, S, S, 3), RGB.
        boxes: float (N, 4), xyxy, relative to the image.
        class_ids: int64 (N,), 0-based.
        masks: uint8 (N, h, w), 0 or 1, at prototype resolution.
        counts: int64 (B,), how many of the N belong to each image.
        crowd_boxes: float (M, 4), regions to ignore.
        crowd_counts: int64 (B,).
        known: bool (B, C).
        semantic: uint8 (B, C, h', w'), 0 or 1.
    """

    images: Tensor
    boxes: Tensor
    class_ids: Tensor
    masks: Tensor
    counts: Tensor
    crowd_boxes: Tensor
    crowd_counts: Tensor
    known: Tensor
    semantic: Tensor

    def to(self, device: torch.device) -> Batch:
        """Move to a device; the counts stay on the host, where they cut the rest apart."""
        moved = (part.to(device, non_blocking=True) for part in self)
        return Batch(*moved)._replace(counts=self.counts, crowd_counts=self.crowd_counts)

    def per_image(self) -> list[Objects]:
        """Cut the instances apart."""
        counts, crowds = self.counts.tolist(), self.crowd_counts.tolist()
        parts = (
            torch.split(self.boxes, counts),
            torch.split(self.class_ids, counts),
            torch.split(self.masks, counts),
            torch.split(self.crowd_boxes, crowds),
        )
        return [Objects(*image) for image in zip(*parts, strict=True)]


@dataclass(frozen=True)
class TargetSizes:
    """Side of the square input, and (height, width) of prototypes and semantic maps, in pixels and cells."""

    image: int
    prototypes: tuple[int, int]
    semantic: tuple[int, int]


#: The sizes of a run: (iteration from which on, sizes), the first from 0 on.
SizePlan = Sequence[tuple[int, TargetSizes]]


class TrainingSet(Dataset[Batch]):
    """Augmented samples by (position in the run, image index): size and chance depend on seed and position alone."""

    def __init__(self, dataset: CocoDataset, recipe: TrainingRecipe, sizes: SizePlan, seed: int) -> None:
        self.dataset = dataset
        self.recipe = recipe
        self.sizes = sizes
        self.seed = seed
        self.bank = InstanceBank(dataset, recipe.copy_paste) if recipe.copy_paste else None

    def __getitem__(self, key: tuple[int, int]) -> Batch:
        position, index = key
        rng = np.random.default_rng((self.seed, position))
        sizes = self._sizes_at(position)
        return to_targets(self._augment(self.dataset.sample(index), sizes.image, rng), sizes)

    def _sizes_at(self, position: int) -> TargetSizes:
        iteration = position // self.recipe.batch_size
        return next(sizes for first, sizes in reversed(self.sizes) if iteration >= first)

    def _augment(self, sample: Sample, size: int, rng: np.random.Generator) -> Sample:
        if self.recipe.augmentation == "ssd":
            return augment_ssd(sample, size, rng)
        if self.recipe.augmentation == "none":
            return resize_sample(sample, size)
        sample = jitter_affine(sample, size, self.recipe.jitter, rng)
        if self.bank is not None:
            sample = paste_instances(sample, self.bank, rng)
        return replace(sample, image=jitter_colors(sample.image, self.recipe.jitter, rng))


class PositionSampler(Sampler[tuple[int, int]]):
    """(position, image index) pairs from any position of the run on, epoch after epoch, without end.

    An image that is to be shown 2.3 times an epoch is shown twice, and in three epochs of ten once more.
    """

    def __init__(self, repeats: NDArray[np.float64], seed: int, start: int = 0) -> None:
        self.repeats = repeats
        self.seed = seed
        self.start = start

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """Yield (position, image) for ever, from the position to start at."""
        position, epoch = 0, 0
        while True:
            rng = np.random.default_rng((self.seed, epoch, 0xE70C))
            times = np.floor(self.repeats + rng.uniform(size=len(self.repeats))).astype(np.int64)
            order = np.repeat(np.arange(len(times)), times)
            rng.shuffle(order)
            skipped = min(max(self.start - position, 0), len(order))
            position += skipped
            for index in order[skipped:]:
                yield position, int(index)
                position += 1
            epoch += 1


def image_repeats(dataset: CocoDataset, sampling: Sampling) -> NDArray[np.float64]:
    """Return how often an epoch shows each image, float (images,).

    Raises:
        ValueError: no image with an object would be shown.
    """
    repeats = np.zeros(len(dataset))
    for index, record in enumerate(dataset.records):
        names = {dataset.class_names[i] for i in record.class_ids[~record.crowd]}
        if names:
            factor = max(sampling.class_repeats.get(name, 1.0) for name in names)
            repeats[index] = factor * sampling.source_repeats.get(record.source, 1.0)
    if repeats.sum() < 1:
        raise ValueError("expected at least one image with an object to train on, got none")
    return repeats


def to_targets(sample: Sample, sizes: TargetSizes) -> Batch:
    """Turn one augmented square sample into a batch of one."""
    instance = ~sample.crowd
    side = sizes.image
    boxes = sample.boxes / side
    kept = np.flatnonzero(instance)
    masks = np.zeros((len(kept), *sizes.prototypes), np.uint8)
    semantic = np.zeros((len(sample.known), *sizes.semantic), np.uint8)
    for row, index in enumerate(kept):
        mask = sample.masks[index] * np.uint8(255)
        masks[row] = cv2.resize(mask, sizes.prototypes[::-1], interpolation=cv2.INTER_LINEAR) > 127
        class_map = semantic[sample.class_ids[index]]
        class_map |= cv2.resize(mask, sizes.semantic[::-1], interpolation=cv2.INTER_LINEAR) > 127
    return Batch(
        images=torch.from_numpy(np.ascontiguousarray(sample.image))[None],
        boxes=torch.from_numpy(boxes[instance].astype(np.float32)),
        class_ids=torch.from_numpy(sample.class_ids[instance]),
        masks=torch.from_numpy(masks),
        counts=torch.tensor([len(kept)]),
        crowd_boxes=torch.from_numpy(boxes[~instance].astype(np.float32)),
        crowd_counts=torch.tensor([len(boxes) - len(kept)]),
        known=torch.from_numpy(sample.known)[None],
        semantic=torch.from_numpy(semantic)[None],
    )


def collate(batches: list[Batch]) -> Batch:
    """Join batches."""
    return Batch(*(torch.cat(parts) for parts in zip(*batches, strict=True)))


def training_loader(
    dataset: CocoDataset, recipe: TrainingRecipe, sizes: SizePlan, *, seed: int, start: int, workers: int
) -> DataLoader[Batch]:
    """Return an endless loader of batches from position `start` of the run on, whatever the number of workers."""
    sampler = PositionSampler(image_repeats(dataset, recipe.sampling), seed, start)
    return DataLoader(
        TrainingSet(dataset, recipe, sizes, seed),
        batch_size=recipe.batch_size,
        sampler=sampler,
        num_workers=workers,
        collate_fn=collate,
        worker_init_fn=_start_worker,
        pin_memory=torch.cuda.is_available(),
        prefetch_factor=4 if workers else None,
    )


def _start_worker(_worker: int) -> None:
    """Keep a worker to one thread, and let the training process alone answer an interrupt."""
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
