"""What a model is trained on: which images in which order, and the targets of a batch."""

import json

import numpy as np
import pytest
import torch
from shapes import write_shapes
from training_runs import compact

from yolact_temporal.data.coco import CocoDataset
from yolact_temporal.yolact.training.batches import (
    PositionSampler,
    TargetSizes,
    image_repeats,
    training_loader,
)
from yolact_temporal.yolact.training.recipe import Sampling


def test_sampling_repeats_images_by_class_and_source(tmp_path):
    path = write_shapes(tmp_path, 4, count=1)
    content = json.loads(path.read_text())
    for index, (category, source) in enumerate([(1, "a"), (2, "a"), (2, "b"), (1, "b")]):
        content["annotations"][index]["category_id"] = category
        content["images"][index]["source"] = source
    content["annotations"][3]["iscrowd"] = 1
    path.write_text(json.dumps(content))
    repeats = image_repeats(CocoDataset(path, tmp_path), Sampling({"vehicle": 3.0}, {"b": 0.5}))
    assert repeats.tolist() == [1.0, 3.0, 1.5, 0.0]


def test_the_sampler_goes_on_from_any_position_as_if_never_stopped():
    repeats = np.array([1.0, 2.5, 0.5, 0.0])

    def take(count, start=0):
        iterator = iter(PositionSampler(repeats, 5, start))
        return [next(iterator) for _ in range(count)]

    run = take(400)
    assert [position for position, _ in run] == list(range(400))
    for start in (1, 4, 17, 123):
        assert take(50, start) == run[start : start + 50]
    counts = np.bincount([index for _, index in run], minlength=4) / 400
    assert counts == pytest.approx([0.25, 0.625, 0.125, 0], abs=0.03)


@pytest.mark.slow
def test_batches_do_not_depend_on_the_number_of_workers(tmp_path):
    dataset = CocoDataset(write_shapes(tmp_path, 5), tmp_path, cache="encoded")
    sizes = [(0, TargetSizes(64, (16, 16), (8, 8))), (2, TargetSizes(96, (24, 24), (12, 12)))]
    recipe = compact(batch_size=3)

    def batches(workers, start=0):
        loader = iter(training_loader(dataset, recipe, sizes, seed=1, start=start, workers=workers))
        return [next(loader) for _ in range(3)]

    assert [batch.images.shape[1] for batch in batches(0)] == [64, 64, 96]
    for first, second in zip(batches(0), batches(2), strict=True):
        assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    later = batches(0, start=6)[0]
    assert all(torch.equal(a, b) for a, b in zip(batches(0)[2], later, strict=True))


@pytest.mark.parametrize("augmentation", ["ssd", "affine", "none"])
def test_a_batch_holds_targets_at_prototype_and_semantic_resolution(tmp_path, augmentation):
    dataset = CocoDataset(write_shapes(tmp_path, 3), tmp_path)
    recipe = compact(batch_size=3, augmentation=augmentation)
    sizes = [(0, TargetSizes(64, (16, 16), (8, 8)))]
    batch = next(iter(training_loader(dataset, recipe, sizes, seed=0, start=0, workers=0)))
    assert batch.images.shape == (3, 64, 64, 3)
    assert batch.images.dtype == torch.uint8
    assert batch.masks.shape == (len(batch.boxes), 16, 16)
    assert batch.semantic.shape == (3, 3, 8, 8)
    assert batch.boxes.min() >= 0
    assert batch.boxes.max() <= 1
    assert len(batch.boxes) == batch.counts.sum()
    for index, image in enumerate(batch.per_image()):
        for mask, class_id in zip(image.masks, image.class_ids, strict=True):
            # A semantic cell is two by two prototype cells, so a larger mask cannot vanish.
            assert batch.semantic[index, class_id].any() or mask.sum() < 12
