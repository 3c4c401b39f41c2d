"""Random changes of a training image and its masks.

Two pipelines: SSD's (Liu et al. 2016) as published YOLACT trains with it, and a cheap one that makes every
geometric change in a single resampling. Both are functions of a `numpy.random.Generator` and of nothing else, so
an image augmented with the same generator state is the same in any process.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from yolact_temporal.data.coco import Sample

#: ImageNet's mean colour, RGB: what a region outside of the image is filled with.
FILL = (124, 117, 104)


@dataclass(frozen=True)
class AffineJitter:
    """How the cheap pipeline changes an image.

    Attributes:
        scale: range of the log-uniform zoom; 1 fills the training square.
        aspect: range of the log-uniform stretch of width against height.
        mirror: probability of a left-right flip.
        brightness: largest shift, in grey levels.
        contrast: largest change of contrast, as a share.
        saturation: largest change of saturation, as a share.
        hue: largest rotation of hue, in degrees.
        visible: an instance of which less than this share stays in view becomes a region to ignore.
    """

    scale: tuple[float, float] = (0.6, 1.4)
    aspect: tuple[float, float] = (0.9, 1.1)
    mirror: float = 0.5
    brightness: float = 24.0
    contrast: float = 0.25
    saturation: float = 0.3
    hue: float = 6.0
    visible: float = 0.25


def resize_sample(sample: Sample, size: int) -> Sample:
    """Resize to a square of side `size`, aspect not kept, instances with it."""
    height, width = sample.image.shape[:2]
    matrix = np.array([[size / width, 0, 0], [0, size / height, 0]])
    return warp_sample(sample, matrix, size)


def jitter_affine(sample: Sample, size: int, jitter: AffineJitter, rng: np.random.Generator) -> Sample:
    """Resize to a square of side `size` with random zoom, stretch, position and mirror."""
    height, width = sample.image.shape[:2]
    zoom = _log_uniform(rng, jitter.scale)
    stretch = np.sqrt(_log_uniform(rng, jitter.aspect))
    scale_x, scale_y = size / width * zoom * stretch, size / height * zoom / stretch
    # A larger image is cropped, a smaller one placed; both uniformly.
    shift_x = rng.uniform() * (size - width * scale_x)
    shift_y = rng.uniform() * (size - height * scale_y)
    matrix = np.array([[scale_x, 0, shift_x], [0, scale_y, shift_y]])
    if rng.uniform() < jitter.mirror:
        matrix[0] = -matrix[0] + (0, 0, size)
    return warp_sample(sample, matrix, size, visible=jitter.visible)


def warp_sample(sample: Sample, matrix: NDArray[np.float64], size: int, *, visible: float = 0.0) -> Sample:
    """Apply an axis-aligned affine map (2, 3) from pixel edges to pixel edges, into a square of side `size`.

    An instance that leaves the square is dropped; one of which less than the share `visible` stays becomes a
    crowd, so that it counts neither as an object nor as background.
    """
    image, rest = sample.image, matrix
    # Bilinear sampling skips pixels when the image shrinks by more than half.
    if abs(matrix[0, 0]) < 0.5 and abs(matrix[1, 1]) < 0.5:
        image, rest = _shrunk(image, matrix)
    flat = _between_centers(rest)
    warped = cv2.warpAffine(image, flat, (size, size), flags=cv2.INTER_LINEAR, borderValue=FILL)
    image = np.asarray(warped, np.uint8)
    centers = _between_centers(matrix)

    count = len(sample.boxes)
    corners = sample.boxes.reshape(count, 2, 2) * matrix[[0, 1], [0, 1]] + matrix[:, 2]
    boxes = np.concatenate((corners.min(axis=1), corners.max(axis=1)), axis=1).astype(np.float32)
    clipped = boxes.clip(0, size)
    whole = (boxes == clipped).all(axis=1)
    zoom = abs(matrix[0, 0] * matrix[1, 1])
    masks = np.zeros((count, size, size), np.uint8)
    keep, crowd = np.zeros(count, np.bool_), sample.crowd.copy()
    for index in range(count):
        if (clipped[index, 2:] - clipped[index, :2] < 1).any():
            continue
        mask = np.ascontiguousarray(sample.masks[index])
        cv2.warpAffine(mask, centers, (size, size), dst=masks[index], flags=cv2.INTER_NEAREST)
        if whole[index]:
            keep[index] = True
            continue
        tight = mask_box(masks[index])
        if tight is None:
            continue
        keep[index] = True
        clipped[index] = tight
        area = float(cv2.countNonZero(mask)) * zoom
        crowd[index] |= cv2.countNonZero(masks[index]) < visible * area
    return Sample(image, clipped[keep], sample.class_ids[keep], masks[keep], crowd[keep], sample.known)


def jitter_colors(
    image: NDArray[np.uint8], jitter: AffineJitter, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Change brightness, contrast, saturation and hue by one linear map of the colours, uint8 (H, W, 3) RGB."""
    luma = np.array([0.299, 0.587, 0.114])
    saturation = 1 + rng.uniform(-jitter.saturation, jitter.saturation)
    angle = np.deg2rad(rng.uniform(-jitter.hue, jitter.hue))
    contrast = 1 + rng.uniform(-jitter.contrast, jitter.contrast)
    brightness = rng.uniform(-jitter.brightness, jitter.brightness)
    # Hue and saturation turn and stretch the two colour axes of YIQ about the grey one.
    to_yiq = np.array([luma, [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])
    turn = np.eye(3)
    turn[1:, 1:] = saturation * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    color = contrast * (np.linalg.inv(to_yiq) @ turn @ to_yiq)
    shift = np.full((3, 1), brightness + 128 * (1 - contrast))
    return np.asarray(cv2.transform(image, np.hstack((color, shift))), np.uint8)


def mask_box(mask: NDArray[np.uint8]) -> NDArray[np.float32] | None:
    """Return the tight box of a mask, xyxy with exclusive far edges; None if it is empty."""
    x, y, width, height = cv2.boundingRect(mask)
    return np.array([x, y, x + width, y + height], np.float32) if width and height else None


def select(sample: Sample, keep: NDArray[np.bool_]) -> Sample:
    """Return the sample with only the instances where `keep` (N,) is true."""
    return replace(
        sample,
        boxes=sample.boxes[keep],
        class_ids=sample.class_ids[keep],
        masks=sample.masks[keep],
        crowd=sample.crowd[keep],
    )


def _shrunk(
    image: NDArray[np.uint8], matrix: NDArray[np.float64]
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Area-average the image to the map's scale; return it and the rest of the map."""
    height, width = image.shape[:2]
    new_width = max(1, round(width * abs(matrix[0, 0])))
    new_height = max(1, round(height * abs(matrix[1, 1])))
    rest = matrix.copy()
    rest[:, 0] *= width / new_width
    rest[:, 1] *= height / new_height
    smaller = cv2.resize(image, (new_width, new_height), interpolation=cv2.INTER_AREA)
    return np.asarray(smaller, np.uint8), rest


def _between_centers(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn a map between pixel edges into the same map between pixel centres, which OpenCV expects."""
    centers = matrix.copy()
    centers[:, 2] += matrix[:, :2].sum(axis=1) / 2 - 0.5
    return centers


def _log_uniform(rng: np.random.Generator, limits: tuple[float, float]) -> float:
    return float(np.exp(rng.uniform(np.log(limits[0]), np.log(limits[1]))))
