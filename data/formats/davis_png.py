"""Masks as a folder of PNG images, one a frame, as the DAVIS data sets have them.

A pixel's value is its object (palette or grey, 8 bits; Pont-Tuset et al., arXiv 1704.00675): 0 is no object. 255 is
void, which is no object either, except in a folder that holds only 0 and 255: there 255 is the one object (Perazzi et
al., CVPR 2016). Overlaps, scores, boxes and classes have no place in it; 254 objects have.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from yolact_temporal.data.formats.contract import MaskFrame, MaskSequence, ReadOptions, class_table
from yolact_temporal.data.formats.png_folder import (
    folder_of_images,
    frame_of_labels,
    labels_of_frame,
    list_images,
    read_png,
)
from yolact_temporal.data.formats.tracks import require_tracks
from yolact_temporal.errors import InputError

NAME = "davis"
VOID = 255
_MODES = ("P", "L", "1")

_FEWEST_SLIVERS = 4
"""Values without an inside that make a folder one of soft masks, if most are so; small objects may have none either."""


def read_labels(path: Path) -> NDArray[np.uint8]:
    """Return an image's values, uint8 (H, W): of a palette image its indices, not its colours.

    Raises:
        InputError: if it cannot be decoded or has colours instead of values.
    """
    values = read_png(path, _MODES, "a palette or 8-bit grey PNG", "save object indices, not colours")
    return values.astype(np.uint8) * (VOID if values.dtype == np.bool_ else 1)


def read_davis(path: Path, options: ReadOptions) -> MaskSequence:
    """Read a folder of palette or grey PNG images as masks of one clip; an object's identity is its value.

    An image that is not there is a frame of which nothing is known.

    Raises:
        InputError: if the folder holds no such images, or they do not fit what is known of the clip.
    """
    images = list_images(
        path, options, _MODES, "a palette or 8-bit grey PNG", "save object indices, not colours"
    )
    values = _Values()
    for image in images.paths.values():
        values.see(read_labels(image))
    if values.soft:
        raise InputError(
            f"expected one value for each object in {path}, got {len(values.seen)} values, of which "
            f"{len(values.seen) - len(values.solid)} are thin seams, as in masks with soft edges: threshold the "
            f"masks, and save them as PNG again"
        )
    binary = values.seen <= {VOID}
    classes = class_table({0: "object"}, 0, options, path)

    def frame_of(index: int, image: Path) -> MaskFrame:
        """Read one image."""
        labels = read_labels(image)
        if binary:
            labels = (labels == VOID).astype(np.uint8)
        return frame_of_labels(index, labels, (VOID,), lambda _identity: 0)

    return images.sequence(path, NAME, classes, frame_of)


class _Values:
    """Gathers the values of a folder of masks, and tells objects from the grey slivers of soft edges.

    Attributes:
        seen: values other than 0.
        solid: those of them that fill three by three pixels anywhere, as the inside of an object does.
    """

    def __init__(self) -> None:
        self.seen: set[int] = set()
        self.solid: set[int] = set()

    def see(self, labels: NDArray[np.uint8]) -> None:
        """Take an image's values, uint8 (H, W)."""
        present = {int(value) for value in np.flatnonzero(np.bincount(labels.ravel())) if value}
        self.seen |= present
        if present <= self.solid:
            return
        square = np.ones((3, 3), np.uint8)
        inside = labels[cv2.erode(labels, square) == cv2.dilate(labels, square)]
        self.solid |= {int(value) for value in np.unique(inside) if value}

    @property
    def soft(self) -> bool:
        """Whether these are soft masks: an object, and several values, most of them nowhere solid."""
        slivers = len(self.seen - self.solid)
        return bool(self.solid) and slivers >= _FEWEST_SLIVERS and slivers * 2 > len(self.seen)


def write_davis(sequence: MaskSequence, path: Path) -> None:
    """Write a clip's masks as a folder of palette PNG images, named by frame index, whole or not at all.

    Raises:
        InputError: if the masks have no identity or overlap, an identity is above 254, or there is a void and no
            object, which would read as an object.
        UsageError: if the folder is there already.
    """
    require_tracks(sequence, NAME)
    highest, void = 0, False
    for frame in sequence:
        highest = max(highest, *(frame.identities or (0,)), 0)
        void = void or frame.void is not None
    if highest >= VOID:
        raise InputError(
            f"expected identities of at most {VOID - 1} for a palette PNG, got {highest}: write mots-png, or masks"
        )
    if void and not highest:
        raise InputError(
            "expected an object beside the void, got none in the whole clip, and such images would be read as one "
            "object: "
            "write another format"
        )
    with folder_of_images(path) as folder:
        for frame in sequence:
            labels = labels_of_frame(frame, {i: i for i in frame.identities or ()}, VOID).astype(np.uint8)
            image = Image.fromarray(labels)
            image.putpalette(_palette())
            image.save(folder / f"{frame.index:05d}.png")


@cache
def _palette() -> bytes:
    """Return the colours by which the values are told apart: the bits of a value spread over red, green and blue."""
    colors = np.zeros((256, 3), np.uint8)
    for bit in range(8):
        for channel in range(3):
            part = (np.arange(256) >> (3 * bit + channel)) & 1 if 3 * bit + channel < 8 else 0
            colors[:, channel] |= (np.asarray(part) << (7 - bit)).astype(np.uint8)
    return colors.tobytes()
