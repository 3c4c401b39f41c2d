"""A disk assembled from prototypes, coefficients and a box, as YOLACT's masks are; one of them is disturbed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from yolact_temporal.data.crops import MaskCrop
from yolact_temporal.data.instances import Instances
from yolact_temporal.data.mask_parts import MaskParts, PartMap

Part = Literal["prototypes", "coefficients", "box"]

SIZE = (96, 128)
_CELL_PX = 2.0
_GRID = (48, 64)
_RADIUS = 20.0
_TOO_SMALL = 4.0
"""The box is so many pixels smaller than the disk on every side, so that it cuts the mask wherever it lies."""
_COEFFICIENTS = (1.0, 0.5)
_PASSING = (1.5, 0.5)
"""How the whole picture moves, pixels a frame."""


class PartsFrame(NamedTuple):
    """What is seen in one frame, what it is made of, and the backward flow that leads to it, float32 (H, W, 2)."""

    instances: Instances
    parts: MaskParts
    backward: NDArray[np.float32]


@dataclass(frozen=True)
class PartDisk:
    """A disk in a picture that moves evenly; in every frame one part of its mask is disturbed anew.

    Attributes:
        part: which.
        dose: standard deviation of the disturbance: pixels of the frame of each edge of the box, or of the values.
        seed: of it.
        frames: how many.

    Example:
        >>> frame = next(iter(PartDisk("box", 1.0)))
        >>> frame.parts
        MaskParts(1 of 96x128, from prototypes, coefficients, box)
        >>> assemble_disk(frame.parts)[0].area == frame.instances.crops[0].area
        True
    """

    part: Part
    dose: float
    seed: int = 0
    frames: int = 12

    def __iter__(self) -> Iterator[PartsFrame]:
        """Yield the frames in order."""
        rng = np.random.default_rng((self.seed, 17))
        backward = np.broadcast_to(-np.array(_PASSING, np.float32), (*SIZE, 2))
        for index in range(self.frames):
            parts = self._disturbed(_whole(index), rng)
            found = Instances(parts.boxes, [0.9], [0], assemble_disk(parts), SIZE)
            yield PartsFrame(found, parts, backward)

    def _disturbed(self, parts: MaskParts, rng: np.random.Generator) -> MaskParts:
        values, boxes, coefficients = parts.maps[0].values, parts.boxes, parts.coefficients
        assert coefficients is not None, "a disk has coefficients"
        if self.part == "prototypes":
            values = values + self.dose * _smooth(rng, values.shape)
        elif self.part == "coefficients":
            coefficients = (coefficients + self.dose * rng.standard_normal(coefficients.shape)).astype(
                np.float32
            )
        else:
            boxes = boxes + self.dose * rng.standard_normal(boxes.shape)
        grid = PartMap(values, parts.maps[0].cell_px)
        return MaskParts(SIZE, "prototypes", (grid,), boxes, coefficients=coefficients)


def _smooth(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Return noise of deviation 1 that is smooth over some cells, as a network's maps are."""
    noise = rng.standard_normal(shape).astype(np.float32)
    smooth = np.asarray(cv2.GaussianBlur(noise, (0, 0), 3), np.float32)
    return smooth / np.float32(smooth.std())


def _whole(index: int) -> MaskParts:
    """Return the undisturbed parts: a prototype of the distance to the disk's rim, and one that slopes across it."""
    x, y = 44.0 + _PASSING[0] * index, 42.0 + _PASSING[1] * index
    rows, columns = (np.mgrid[: _GRID[0], : _GRID[1]] + 0.5) * _CELL_PX
    rim = _RADIUS - np.hypot(columns - x, rows - y)
    values = np.stack((rim, (columns - x) / 10), axis=-1).astype(np.float32)
    reach = _RADIUS - _TOO_SMALL
    return MaskParts(
        SIZE,
        "prototypes",
        (PartMap(values, (_CELL_PX, _CELL_PX)),),
        np.array([[x - reach, y - reach, x + reach, y + reach]]),
        coefficients=np.array([_COEFFICIENTS], np.float32),
    )


def assemble_disk(parts: MaskParts) -> list[MaskCrop]:
    """Combine prototypes by coefficients, crop in whole cells, upsample, threshold; see `Assemble`."""
    values, cell = parts.maps[0].values, parts.maps[0].cell_px
    assert parts.coefficients is not None, "a disk has coefficients"
    high, wide = values.shape[:2]
    columns, rows = np.arange(wide), np.arange(high)[:, None]
    masks = []
    for box, coefficients in zip(parts.boxes, parts.coefficients, strict=True):
        x1, y1, x2, y2 = box / [*cell, *cell]
        soft = 1 / (1 + np.exp(-np.clip(values @ coefficients, -30, 30)))
        soft = soft * ((columns >= x1) & (columns < x2) & (rows >= y1) & (rows < y2))
        whole = cv2.resize(soft.astype(np.float32), parts.size[::-1], interpolation=cv2.INTER_LINEAR)
        masks.append(MaskCrop.from_bitmap(np.asarray(whole) > 0.5, parts.size))
    return masks
