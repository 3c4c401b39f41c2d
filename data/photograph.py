"""Photographs to be filmed: the demo's own, and a user's."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from yolact_temporal.data.sources.image_folder import UNDECODABLE, image_paths, read_rgb
from yolact_temporal.errors import InputError

_LEAST_SIDE = 64


@dataclass(frozen=True)
class View:
    """What the camera frames: centre as fractions of the photograph, width as a fraction of the widest view."""

    center_x: float
    center_y: float
    width: float


@dataclass(frozen=True)
class Photograph:
    """A photograph and the three views its four camera moves go through.

    The camera holds still at `start`, pans to `panned`, zooms to `zoomed`, and shakes there. A view that would
    reach beyond the photograph is shifted inside.

    Attributes:
        name: of it; one that ships with the package has no other.
        start, panned, zoomed: the views.
        path: its file; None for one that ships with the package.
    """

    name: str
    start: View
    panned: View
    zoomed: View
    path: Path | None = None

    def read(self) -> NDArray[np.uint8]:
        """Return the photograph as uint8 (H, W, 3) RGB.

        Raises:
            InputError: if its file is no picture, or one of less than 64 pixels a side.
        """
        return self._bundled() if self.path is None else _own_pixels(self.path)

    def _bundled(self) -> NDArray[np.uint8]:
        encoded = (
            resources.files("yolact_temporal.data.photographs").joinpath(f"{self.name}.jpg").read_bytes()
        )
        bgr = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR)
        if bgr is None:
            raise RuntimeError(
                f"expected the bundled photograph {self.name}.jpg to be a JPEG, got {len(encoded)} bytes"
            )
        return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)


PHOTOGRAPHS = (
    Photograph("grace_hopper", View(0.47, 0.36, 0.94), View(0.53, 0.50, 0.94), View(0.50, 0.44, 0.84)),
    Photograph("astronaut", View(0.47, 0.33, 0.94), View(0.53, 0.42, 0.94), View(0.46, 0.35, 0.84)),
    Photograph("chelsea", View(0.46, 0.47, 0.92), View(0.54, 0.53, 0.92), View(0.51, 0.50, 0.85)),
)
"""The demo's."""


def own_photograph(path: Path) -> Photograph:
    """Return a user's photograph, with views about its middle; it is not read yet."""
    return Photograph(
        path.stem, View(0.47, 0.47, 0.94), View(0.53, 0.53, 0.94), View(0.50, 0.50, 0.85), path.absolute()
    )


def photographs_in(folder: Path) -> list[Photograph]:
    """Return the photographs of a folder, in the order of their names.

    Raises:
        InputError: if it cannot be read, or holds none, or two of one name.
    """
    return [own_photograph(path) for path in image_paths(folder)]


def _own_pixels(path: Path) -> NDArray[np.uint8]:
    try:
        pixels = read_rgb(path)
    except UNDECODABLE as error:
        raise InputError(
            f"expected a photograph in {path}, got a file that cannot be decoded ({error}): leave it out"
        ) from error
    if min(pixels.shape[:2]) < _LEAST_SIDE:
        raise InputError(
            f"expected a photograph of at least {_LEAST_SIDE} pixels a side, got {path} of "
            f"{pixels.shape[1]}x{pixels.shape[0]}: leave it out"
        )
    return pixels
