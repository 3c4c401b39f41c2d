"""MOTS as a folder of 16-bit PNG images, as its ground truth comes: a pixel's value is class * 1000 + instance.

Voigtlaender et al., arXiv 1902.03604: 0 is no object, 10000 a region to ignore, our void. An object's identity is its
value. Images are numbered from 0 (KITTI) or 1 (the MOTS challenge); they are written from 0.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from yolact_temporal.data.formats.contract import MaskFrame, MaskSequence, ReadOptions, class_table
from yolact_temporal.data.formats.mots_ids import (
    IGNORED,
    IGNORED_CLASS,
    PER_CLASS,
    class_id_of,
    mots_ids,
)
from yolact_temporal.data.formats.png_folder import (
    folder_of_images,
    frame_of_labels,
    labels_of_frame,
    list_images,
    read_png,
)
from yolact_temporal.data.formats.tracks import require_tracks, tracks_of
from yolact_temporal.errors import InputError

NAME = "mots-png"
HIGHEST = 2**16 - 1
"""The largest id that a pixel can hold."""

MODES = ("I;16", "I;16B", "I")
_EXPECTED = "a 16-bit grey PNG"
_ADVICE = "save class * 1000 + instance in 16 bits"
_VOIDS = range(IGNORED, IGNORED + PER_CLASS)


def read_mots_png(path: Path, options: ReadOptions) -> MaskSequence:
    """Read a folder of 16-bit PNG images as masks of one clip; it is read once to know its classes.

    An image that is not there is a frame of which nothing is known.

    Raises:
        InputError: if the folder holds no such images, or they do not fit what is known of the clip.
    """
    images = list_images(path, options, MODES, _EXPECTED, _ADVICE)
    highest = -1
    for image in images.paths.values():
        values = np.unique(_labels(image))
        for value in values[(values > 0) & (values // PER_CLASS != IGNORED_CLASS)].tolist():
            if value < PER_CLASS:
                raise InputError(
                    f"expected values of class * 1000 + instance in {image}, got {value}: {_ADVICE}"
                )
            highest = max(highest, class_id_of(value // PER_CLASS))
    classes = class_table({}, highest, options, path)

    def frame_of(index: int, image: Path) -> MaskFrame:
        """Read one image."""
        return frame_of_labels(
            index, _labels(image), _VOIDS, lambda identity: class_id_of(identity // PER_CLASS)
        )

    return images.sequence(path, NAME, classes, frame_of)


def _labels(path: Path) -> NDArray[np.uint16]:
    values = np.asarray(read_png(path, MODES, _EXPECTED, _ADVICE))
    if values.size and (values.min() < 0 or values.max() > HIGHEST):
        raise InputError(f"expected values of at most {HIGHEST} in {path}, got {values.max()}: {_ADVICE}")
    return values.astype(np.uint16)


def write_mots_png(sequence: MaskSequence, path: Path) -> None:
    """Write a clip's masks as a folder of 16-bit PNG images, named by frame index, whole or not at all.

    An identity that is no MOTS id of its class gets one; scores and boxes are left out.

    Raises:
        InputError: if the masks have no identity or overlap, a class has more than 1000 objects, or an id is above
            65535.
        UsageError: if the folder is there already.
    """
    require_tracks(sequence, NAME)
    ids = mots_ids(sequence, tracks_of(sequence), HIGHEST)
    with folder_of_images(path) as folder:
        for frame in sequence:
            image = Image.fromarray(labels_of_frame(frame, ids, IGNORED))
            image.save(folder / f"{frame.index:06d}.png")
