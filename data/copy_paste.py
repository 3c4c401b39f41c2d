"""Pasting instances of other images into a training image (Ghiasi et al. 2021)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from yolact_temporal.data.augment import mask_box
from yolact_temporal.data.coco import CocoDataset, Sample


@dataclass(frozen=True)
class CopyPaste:
    """How instances are pasted.

    Attributes:
        probability: share of images that anything is pasted into.
        most: largest number of instances pasted into one image.
        extent: range of the log-uniform longer side of a pasted instance, as a share of the image's side.
        largest_zoom: a source is enlarged no more than this.
        smallest_source: instances of fewer pixels are never sources.
        class_weights: how much likelier an instance of a class is chosen; 1 where unnamed.
        hidden: an instance of which a larger share is covered becomes a region to ignore.
    """

    probability: float = 0.5
    most: int = 3
    extent: tuple[float, float] = (0.15, 0.6)
    largest_zoom: float = 1.5
    smallest_source: int = 900
    class_weights: Mapping[str, float] = field(default_factory=dict)
    hidden: float = 0.75


class InstanceBank:
    """The instances of a data set that may be pasted, and their weights.

    An instance that touches the border of its image is cut there, and looks so anywhere else; it is left out.
    """

    def __init__(self, dataset: CocoDataset, config: CopyPaste) -> None:
        self.dataset = dataset
        self.config = config
        entries: list[tuple[int, int]] = []
        weights: list[float] = []
        counts = np.zeros(len(dataset.class_names))
        for index, record in enumerate(dataset.records):
            height, width = record.size
            for instance, box in enumerate(record.boxes):
                inside = box[0] >= 1 and box[1] >= 1 and box[2] <= width - 1 and box[3] <= height - 1
                if record.crowd[instance] or not inside or record.areas[instance] < config.smallest_source:
                    continue
                entries.append((index, instance))
                counts[record.class_ids[instance]] += 1
        for index, instance in entries:
            class_id = dataset.records[index].class_ids[instance]
            weights.append(config.class_weights.get(dataset.class_names[class_id], 1.0) / counts[class_id])
        self.entries = entries
        self._cumulative = np.cumsum(weights) / (np.sum(weights) or 1.0)

    def __len__(self) -> int:
        return len(self.entries)

    def draw(self, rng: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.uint8], int]:
        """Return a random instance: its image patch (h, w, 3), its mask (h, w) as 0 or 255, and its class.

        Classes are drawn by their weights whatever the number of their instances.
        """
        position = min(int(np.searchsorted(self._cumulative, rng.uniform())), len(self.entries) - 1)
        index, instance = self.entries[position]
        record = self.dataset.records[index]
        mask = self.dataset.mask(index, instance)
        x, y, width, height = cv2.boundingRect(np.ascontiguousarray(mask))
        window = np.s_[max(y - 1, 0) : y + height + 1, max(x - 1, 0) : x + width + 1]
        patch = self.dataset.image(index)[window]
        return patch, mask[window] * np.uint8(255), int(record.class_ids[instance])


def paste_instances(sample: Sample, bank: InstanceBank, rng: np.random.Generator) -> Sample:
    """Paste up to `most` instances of the bank over a square sample.

    What they cover is taken out of the masks beneath, whose boxes shrink with them. Which classes are known in
    the image does not change: a pasted vehicle is an object even where vehicles were never annotated.
    """
    config = bank.config
    if len(bank) == 0 or rng.uniform() >= config.probability:
        return sample
    size = sample.image.shape[0]
    image = sample.image.copy()
    pasted = [_place(image, bank, rng) for _ in range(int(rng.integers(1, config.most + 1)))]
    layers = [(mask, class_id) for mask, class_id in pasted if mask is not None]
    if not layers:
        return sample
    count = len(sample.boxes)
    masks = np.concatenate((sample.masks, np.stack([mask for mask, _ in layers])))
    class_ids = np.concatenate((sample.class_ids, [class_id for _, class_id in layers])).astype(np.int64)
    boxes = np.concatenate((sample.boxes, np.zeros((len(layers), 4), np.float32)))
    crowd = np.concatenate((sample.crowd, np.zeros(len(layers), np.bool_)))
    keep = np.ones(len(masks), np.bool_)
    cover = np.zeros((size, size), np.uint8)
    for index in reversed(range(len(masks))):
        area = cv2.countNonZero(masks[index])
        seen = cv2.countNonZero(cv2.bitwise_and(masks[index], cover)) if cover.any() else 0
        if seen:
            masks[index][cover > 0] = 0
        if seen or index >= count:
            box = mask_box(masks[index])
            keep[index] = box is not None
            if box is not None:
                boxes[index] = box
            crowd[index] |= seen > config.hidden * area
        if index >= count:
            cover |= masks[index]
    return Sample(image, boxes[keep], class_ids[keep], masks[keep], crowd[keep], sample.known)


def _place(
    image: NDArray[np.uint8], bank: InstanceBank, rng: np.random.Generator
) -> tuple[NDArray[np.uint8] | None, int]:
    """Draw one instance over `image` in place; return its mask (S, S) and class, or None if nothing shows."""
    size, config = image.shape[0], bank.config
    patch, alpha, class_id = bank.draw(rng)
    low, high = np.log(config.extent)
    zoom = min(float(np.exp(rng.uniform(low, high))) * size / max(patch.shape[:2]), config.largest_zoom)
    width, height = max(4, round(patch.shape[1] * zoom)), max(4, round(patch.shape[0] * zoom))
    interpolation = cv2.INTER_AREA if zoom < 1 else cv2.INTER_LINEAR
    patch, alpha = (
        np.asarray(cv2.resize(layer, (width, height), interpolation=interpolation), np.uint8)
        for layer in (patch, alpha)
    )
    if rng.uniform() < 0.5:
        patch, alpha = patch[:, ::-1], alpha[:, ::-1]
    # Up to a quarter of the instance may lie outside.
    left = round(rng.uniform(-width / 4, size - width * 0.75))
    top = round(rng.uniform(-height / 4, size - height * 0.75))
    x1, y1, x2, y2 = max(left, 0), max(top, 0), min(left + width, size), min(top + height, size)
    mask = np.zeros((size, size), np.uint8)
    if x2 <= x1 or y2 <= y1:
        return None, class_id
    source = np.s_[y1 - top : y2 - top, x1 - left : x2 - left]
    target = image[y1:y2, x1:x2]
    alpha = np.ascontiguousarray(alpha[source])
    weight = cv2.merge((alpha, alpha, alpha))
    over = cv2.multiply(np.ascontiguousarray(patch[source]), weight, scale=1 / 255)
    under = cv2.multiply(np.ascontiguousarray(target), cv2.bitwise_not(weight), scale=1 / 255)
    target[:] = cv2.add(over, under)
    mask[y1:y2, x1:x2] = alpha >= 128
    return (mask if mask.any() else None), class_id
