"""Text on pictures: set once a wording, placed where it covers no other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from yolact_temporal.data.crops import MaskCrop, Region
from yolact_temporal.data.track_colors import Color

if TYPE_CHECKING:
    from PIL import ImageFont

DARK: Color = (18, 18, 20)
LIGHT: Color = (255, 255, 255)


SMALL_MASK = 4
"""A label covers no mask of less than so many times its own area."""


def place_label(
    canvas: NDArray[np.uint8],
    patch: NDArray[np.uint8],
    box: Sequence[float],
    taken: list[Region],
    masks: Sequence[MaskCrop] = (),
    scale: float = 1.0,
) -> bool:
    """Put a label above its box, or where there is room: inside the frame, off the labels before it and small masks.

    Args:
        canvas: uint8 (H, W, 3), drawn on in place.
        patch: uint8 (h, w, 3), the label.
        box: x1, y1, x2, y2 of what it names, in pixels.
        taken: where labels stand already; this one's place is added.
        masks: of the frame; those of less than `SMALL_MASK` times the label's area are not covered.
        scale: pixels of the canvas per pixel of the frame that the masks are of.

    Returns:
        Whether there was room; without it nothing is drawn.
    """
    height, width = patch.shape[:2]
    rows, columns = canvas.shape[:2]
    if height > rows or width > columns:
        return False
    small = [mask for mask in masks if 0 < mask.area * scale**2 < SMALL_MASK * height * width]
    x = min(max(round(float(box[0])), 0), columns - width)
    top, bottom = round(float(box[1])), round(float(box[3]))
    # The last ones are further down inside the box, for boxes that lie on each other: a label stays at its object.
    steps = range(top + height, bottom - height, height)
    wanted = [top - height, top, bottom - height, bottom, *steps]
    for y in wanted:
        place = Region(x, y, x + width, y + height)
        if not 0 <= y <= rows - height or any(place.meets(other) for other in taken):
            continue
        if not any(_covers(place, mask, scale) for mask in small):
            canvas[place.slices] = patch
            taken.append(place)
            return True
    return False


def _covers(place: Region, mask: MaskCrop, scale: float) -> bool:
    """Whether any pixel of a mask lies in a place on a canvas of so many pixels per pixel of the mask."""
    left, top = max(int(place.x1 / scale) - mask.x, 0), max(int(place.y1 / scale) - mask.y, 0)
    right, bottom = (
        max(math.ceil(place.x2 / scale) - mask.x, 0),
        max(math.ceil(place.y2 / scale) - mask.y, 0),
    )
    return bool(mask.pixels[top:bottom, left:right].any())


def readable_on(color: Color) -> Color:
    """Return black or white, whichever stands out more on a colour."""
    red, green, blue = color
    return DARK if 0.299 * red + 0.587 * green + 0.114 * blue > 120 else LIGHT


@lru_cache(maxsize=512)
def label_patch(text: str, size: int, background: Color, foreground: Color) -> NDArray[np.uint8]:
    """Return a line of text on a patch of colour, uint8 (h, w, 3); `size` is of the font, in pixels."""
    alpha = text_alpha(text, size)
    pad = max(1, size // 4)
    cover = np.pad(alpha, ((pad, pad), (pad + 1, pad + 1))).astype(np.float32)[..., None] / 255
    patch = np.array(background) * (1 - cover) + np.array(foreground) * cover
    return np.rint(patch).astype(np.uint8)


@lru_cache(maxsize=512)
def text_alpha(text: str, size: int) -> NDArray[np.uint8]:
    """Return a line of text as coverage, uint8 (h, w); all texts of a size are of one height."""
    font = _font(size)
    ascent, descent = font.getmetrics()
    mask, (left, top) = font.getmask2(text, mode="L")
    width, height = mask.size
    line = np.zeros((ascent + descent, max(left, 0) + width), np.uint8)
    glyphs = np.array(mask, np.uint8).reshape(height, width)
    rows = min(height, line.shape[0] - top)
    line[top : top + rows, max(left, 0) :] = glyphs[:rows]
    return line[round(ascent * 0.16) :]


@lru_cache(maxsize=16)
def _font(size: int) -> ImageFont.FreeTypeFont:
    """Return DejaVu Sans, which matplotlib ships, of a size in pixels."""
    # Imported here to keep start-up instant.
    import matplotlib
    from PIL import ImageFont

    path = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    return ImageFont.truetype(str(path), size)
