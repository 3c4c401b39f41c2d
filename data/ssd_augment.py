"""SSD's augmentation (Liu et al. 2016), with the numbers that published YOLACT was trained with."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from yolact_temporal.data.augment import FILL, resize_sample, select
from yolact_temporal.data.coco import Sample

#: Instances narrower or lower than this, as a share of the image's side, are dropped after resizing.
SMALLEST_SIDE = 4 / 550


def augment_ssd(sample: Sample, size: int, rng: np.random.Generator) -> Sample:
    """Distort colours, expand, crop, mirror, and resize to a square of side `size`, aspect not kept."""
    sample = replace(sample, image=distort_colors(sample.image, rng))
    sample = mirror(crop(expand(sample, rng), rng), rng)
    sample = resize_sample(sample, size)
    sides = sample.boxes[:, 2:] - sample.boxes[:, :2]
    return select(sample, np.all(sides > SMALLEST_SIDE * size, axis=1))


def distort_colors(image: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Shift brightness by up to 32, scale contrast and saturation by 0.5..1.5, turn hue by up to 18 degrees.

    Each happens half of the time; contrast comes before or after the colours, at random.
    """
    pixels: NDArray[np.floating] = image.astype(np.float32)
    if rng.uniform() < 0.5:
        pixels += rng.uniform(-32, 32)
    contrast = float(rng.uniform(0.5, 1.5)) if rng.uniform() < 0.5 else 1.0
    early = rng.uniform() < 0.5
    if early:
        pixels *= contrast
    hsv = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2HSV), np.float32)
    if rng.uniform() < 0.5:
        hsv[..., 1] *= rng.uniform(0.5, 1.5)
    if rng.uniform() < 0.5:
        hsv[..., 0] = (hsv[..., 0] + rng.uniform(-18, 18)) % 360
    pixels = np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB), np.float32)
    if not early:
        pixels *= contrast
    return pixels.clip(0, 255).astype(np.uint8)


def expand(sample: Sample, rng: np.random.Generator) -> Sample:
    """Half of the time, place the image in a canvas of the mean colour that is 1 to 4 times as large."""
    if rng.uniform() < 0.5:
        return sample
    height, width = sample.image.shape[:2]
    ratio = rng.uniform(1, 4)
    left, top = int(rng.uniform(0, width * (ratio - 1))), int(rng.uniform(0, height * (ratio - 1)))
    size = (int(height * ratio), int(width * ratio))
    window = np.s_[top : top + height, left : left + width]
    image = np.empty((*size, 3), np.uint8)
    image[:] = FILL
    image[window] = sample.image
    masks = np.zeros((len(sample.masks), *size), np.uint8)
    masks[:, *window] = sample.masks
    shift = np.array([left, top, left, top], np.float32)
    return replace(sample, image=image, masks=masks, boxes=sample.boxes + shift)


def crop(sample: Sample, rng: np.random.Generator) -> Sample:
    """Crop a random window of 0.3 to 1 of each side, aspect within 0.5..2; one time in six, do nothing.

    Instances whose centre is inside stay, clipped; at least one that is no crowd must. SSD also names least
    overlaps for the window, but its published condition never rejects one, and so none is asked here.
    """
    height, width = sample.image.shape[:2]
    while len(sample.boxes) and rng.integers(6) != 0:
        for _ in range(50):
            w, h = rng.uniform(0.3 * width, width), rng.uniform(0.3 * height, height)
            if not 0.5 <= h / w <= 2:
                continue
            left, top = rng.uniform(0, width - w), rng.uniform(0, height - h)
            x1, y1, x2, y2 = int(left), int(top), int(left + w), int(top + h)
            centers = (sample.boxes[:, :2] + sample.boxes[:, 2:]) / 2
            keep = np.all((centers > (x1, y1)) & (centers < (x2, y2)), axis=1)
            if not (keep & ~sample.crowd).any():
                continue
            kept = select(sample, keep)
            corner = np.array([x1, y1, x1, y1], np.float32)
            limit = np.array([x2 - x1, y2 - y1] * 2, np.float32)
            return replace(
                kept,
                image=np.ascontiguousarray(sample.image[y1:y2, x1:x2]),
                masks=kept.masks[:, y1:y2, x1:x2],
                boxes=(kept.boxes - corner).clip(0, limit),
            )
    return sample


def mirror(sample: Sample, rng: np.random.Generator) -> Sample:
    """Half of the time, flip left and right."""
    if rng.uniform() < 0.5:
        return sample
    boxes = sample.boxes.copy()
    boxes[:, [0, 2]] = sample.image.shape[1] - sample.boxes[:, [2, 0]]
    return replace(
        sample,
        image=np.ascontiguousarray(sample.image[:, ::-1]),
        masks=sample.masks[:, :, ::-1],
        boxes=boxes,
    )
