"""A scene's frames and masks as arrays in memory, and `measure` called on them."""

import numpy as np
from scored_masks import FPS, FRAMES, SCENE, SIZE

import yolact_temporal as yt

FRAMES_RGB = np.stack([each.rgb for each in SCENE])
KEYS = sorted({key for each in SCENE for key in each.masks})
#: Masks (T, N, H, W), of each object at its own place; without a pixel where it is not in sight.
MASKS = np.stack([[each.masks.get(key, np.zeros(SIZE, bool)) for key in KEYS] for each in SCENE])
SCORES = np.linspace(0.5, 0.95, FRAMES)[:, None] + np.array([0, 0.04])
CLASSES = np.array(KEYS) % 3
TABLES = ("frames.csv", "instances.csv", "tracks.csv")

#: The masks, every second frame moved by two pixels.
SHAKEN = [np.roll(own, index % 2 * 2, axis=2) for index, own in enumerate(MASKS)]


def tables_of(folder, model):
    return {name: (folder / model / name).read_bytes() for name in TABLES}


def measured(masks=MASKS, frames=FRAMES_RGB, **options):
    return yt.measure(frames, masks, fps=FPS, **options)
