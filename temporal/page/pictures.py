"""Pictures that a run holds, made small enough for a page."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np

from yolact_temporal.data.files import open_regular
from yolact_temporal.data.runs import layout
from yolact_temporal.temporal.documents import Picture
from yolact_temporal.temporal.reading.moment_pictures import encode_picture

CAPTIONS = {
    layout.COMPARISON_PICTURE: "The models against each other.",
    layout.TIMELINE_PLOT: "Jitter and flicker over the clip; shaded: each model's floor, what the motion "
    "estimate alone may make.",
    layout.DISPLACEMENT_PLOT: "How far outlines move beyond the motion, over all pairs; shaded: each model's floor.",
    layout.TRACKS_PLOT: "The longest-lived tracks of each model.",
    layout.CAMERA_MOVES_PLOT: "Jitter by camera move, by the camera's own motion and by estimated motion.",
}
"""What each plot shows, by file name."""

_WIDEST = 1600
_QUALITY = 82
_AT_A_TIME = 2


def plot_pictures(folder: Path, files: Iterable[Path]) -> list[Picture]:
    """Return those plots of a run that are there, as WebP, captioned.

    Args:
        folder: that the page lies in.
        files: plots in it, named as in the layout.
    """
    there = [path for path in files if path.is_file()]
    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        images = list(pool.map(_small, there))
    return [
        Picture(CAPTIONS[path.name], path.relative_to(folder).as_posix(), image)
        for path, image in zip(there, images, strict=True)
        if image
    ]


def _small(path: Path) -> bytes:
    """Return a plot as a WebP of at most so many pixels a side; empty bytes where it is no picture."""
    with open_regular(path) as file:
        bgr = cv2.imdecode(np.frombuffer(file.read(), np.uint8), cv2.IMREAD_COLOR)
    if bgr is None:
        return b""
    factor = _WIDEST / max(bgr.shape[:2])
    if factor < 1:
        size = (round(bgr.shape[1] * factor), round(bgr.shape[0] * factor))
        bgr = cv2.resize(bgr, size, interpolation=cv2.INTER_AREA)
    return encode_picture(np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8), _QUALITY)
