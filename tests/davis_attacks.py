"""Masks made from DAVIS truth to be honest, or to look steady without being so: what verdicts must tell apart.

Each maker takes a clip's true masks, bool (T, H, W), and gives every frame's instances as (bitmap, score) pairs.
"""

import os
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pytest
from PIL import Image

from yolact_temporal.data.crops import MaskCrop
from yolact_temporal.temporal.flow import FlowEstimator
from yolact_temporal.temporal.motion import warp_mask

FRAMES = 20
CLIPS = {
    "blackswan": 0,
    "camel": 10,
    "car-roundabout": 5,
    "car-shadow": 0,
    "dance-twirl": 20,
    "dog": 0,
    "drift-straight": 10,
}
"""Sequences and the frame that each clip begins with."""

HALF = 2
"""Clips are reduced by this: distances in pixels of the full frame are divided by it."""


class DavisClip(NamedTuple):
    """One clip: the path of every picture written anew, and true masks, bool (T, H, W)."""

    name: str
    pictures: np.ndarray
    truth: np.ndarray


@lru_cache(maxsize=8)
def davis_clip(name, frames=FRAMES):
    """Cut a clip of a sequence, at half its size; skips, saying so, where there is no data folder."""
    root = os.environ.get("YOLACT_TEMPORAL_TEST_DATA")
    if not root:
        pytest.skip("YOLACT_TEMPORAL_TEST_DATA does not name the data folder")
    folder = Path(root).absolute() / "datasets" / "davis"
    pictures, masks = [], []
    for index in range(CLIPS[name], CLIPS[name] + frames):
        picture = np.array(
            Image.open(folder / "JPEGImages" / "480p" / name / f"{index:05d}.jpg").convert("RGB")
        )
        mask = np.array(Image.open(folder / "Annotations" / "480p" / name / f"{index:05d}.png")) > 0
        size = (picture.shape[1] // HALF, picture.shape[0] // HALF)
        pictures.append(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))
        masks.append(cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.5)
    return DavisClip(name, np.stack(pictures), np.stack(masks))


def depth(mask):
    """Return the signed distance of every pixel from the mask's edge, positive inside."""
    if not mask.any():
        return np.full(mask.shape, -1e3, np.float32)
    inside, outside = (
        cv2.distanceTransform(part.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        for part in (mask, ~mask)
    )
    return np.where(mask, inside - 0.5, 0.5 - outside)


def noise_field(shape, rng, smooth=4.0):
    """Return smooth noise of standard deviation 1."""
    field = cv2.GaussianBlur(rng.standard_normal(shape).astype(np.float32), (0, 0), smooth)
    return field / max(float(field.std()), 1e-9)


def noisy(truth, pixels, seed):
    """The truth with an outline that is displaced by so many pixels, anew in every frame."""
    rng = np.random.default_rng(seed)
    return [[(depth(mask) > pixels * noise_field(mask.shape, rng), 0.9)] for mask in truth]


def true_masks(truth):
    return [[(mask, 0.9)] for mask in truth]


def propagated(clip, seed):
    """The first noisy mask, moved along by the very flow that measures."""
    estimator = FlowEstimator()
    found = [noisy(clip.truth[:1], 1.0, seed)[0]]
    estimator.update(clip.pictures[0])
    mask = MaskCrop.from_bitmap(found[0][0][0])
    for picture in clip.pictures[1:]:
        mask = warp_mask(mask, estimator.update(picture))
        found.append([(mask.bitmap(), 0.9)])
    return found


def of_area(mask, share, smooth=0.0):
    """The innermost part of a mask that has a share of its area."""
    if not mask.any():
        return mask
    inside = depth(mask)
    if smooth:
        inside = cv2.GaussianBlur(inside.astype(np.float32), (0, 0), smooth)
    return mask & (inside > np.quantile(inside[mask], 1 - share))


def lazy_core(truth):
    return [[(of_area(mask, 0.62, 6.0), 0.9)] for mask in truth]


def shrunk(truth, share):
    return [[(of_area(mask, share), 0.9)] for mask in truth]


def dilated(truth, pixels):
    return [[(depth(mask) > -pixels, 0.9)] for mask in truth]


def frozen(truth):
    return [[(truth[0], 0.9)]] * len(truth)


def lagging(truth, frames):
    return [[(truth[max(index - frames, 0)], 0.9)] for index in range(len(truth))]


def varying(truth, seed):
    """Noise that is worse in some frames than in others: masks and how bad each is."""
    rng = np.random.default_rng(seed)
    doses = rng.uniform(0.0, 2.0, len(truth))
    masks = [
        depth(mask) > dose * noise_field(mask.shape, rng) for mask, dose in zip(truth, doses, strict=True)
    ]
    return masks, doses


def dropping_worst(truth, seed, share=0.3):
    """Of varying noise, the worst frames left out."""
    masks, doses = varying(truth, seed)
    bound = np.quantile(doses, 1 - share)
    return [[(mask, 0.9)] if dose <= bound else [] for mask, dose in zip(masks, doses, strict=True)]


def score_gated(truth, seed):
    """Of varying noise, the worst frames under the operating threshold."""
    masks, doses = varying(truth, seed)
    bound = np.quantile(doses, 0.7)
    return [[(mask, 0.9 if dose <= bound else 0.2)] for mask, dose in zip(masks, doses, strict=True)]


def duplicated(truth, times, seed):
    """Every object reported so many times, each with noise of its own."""
    rng = np.random.default_rng(seed)
    copies = [noisy(truth, 1.0, seed + 1 + copy) for copy in range(times)]
    return [
        [(copy[index][0][0], float(rng.uniform(0.6, 0.9))) for copy in copies] for index in range(len(truth))
    ]


def halved(truth):
    """Every object as a left and a right half, a little of the one more than half so that it is taken for it."""
    found = []
    for mask in truth:
        columns = np.cumsum(mask.sum(axis=0))
        cut = int(np.searchsorted(columns, 0.55 * columns[-1])) if columns[-1] else 0
        left, right = mask.copy(), mask.copy()
        left[:, cut:], right[:, :cut] = False, False
        found.append([(left, 0.9), (right, 0.8)])
    return found


def specks(truth, count, seed):
    """The truth, and specks that stay where they are, of no object."""
    rng = np.random.default_rng(seed)
    places = rng.integers(4, np.array(truth.shape[1:]) - 4, (count, 2))
    still = []
    for row, column in places:
        speck = np.zeros(truth.shape[1:], bool)
        speck[row - 2 : row + 2, column - 2 : column + 2] = True
        still.append((speck, 0.8))
    return [[(mask, 0.9), *still] for mask in truth]
