"""Text on pictures: set once a wording, placed where it covers no other."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from yolact_temporal.data.track_colors import Color

if TYPE_CHECKING:
    from PIL import ImageFont

DARK: Color = (18, 18, 20)
LIGHT: Color = (255, 255, 255)


def place_label(
    canvas: NDArray[np.uint8],
    patch: NDArray[np.uint8],
    box: Sequence[float],
    taken: list[tuple[int, int, int, int]],
) -> None:
    """Put a label above its box, or where there is room: inside the frame, and off the labels before it.

    Args:
        canvas: uint8 (H, W, 3), drawn on in place.
        patch: uint8 (h, w, 3), the label.
        box: x1, y1, x2, y2 of what it names, in pixels.
        taken: where labels stand already, as boxes; this one's place is added.
    """
    height, width = patch.shape[:2]
    rows, columns = canvas.shape[:2]
    x = min(max(round(float(box[0])), 0), max(columns - width, 0))
    top, bottom = round(float(box[1])), round(float(box[3]))
    lowest = max(rows - height, 0)
    wanted = [top - height, top, bottom - height, bottom, *(top + step * height for step in range(1, 6))]
    inside = [y for y in wanted if 0 <= y <= lowest] or [min(max(top, 0), lowest)]
    free = (y for y in inside if not any(_meet((x, y, x + width, y + height), other) for other in taken))
    y = next(free, inside[0])
    area = canvas[y : y + height, x : x + width]
    area[:] = patch[: area.shape[0], : area.shape[1]]
    taken.append((x, y, x + width, y + height))


def _meet(first: tuple[int, int, int, int], second: tuple[int, int, int, int]) -> bool:
    return first[0] < second[2] and second[0] < first[2] and first[1] < second[3] and second[1] < first[3]


def readable_on(color: Color) -> Color:
    """Return black or white, whichever stands out more on a colour."""
    red, green, blue = color
    return DARK if 0.299 * red + 0.587 * green + 0.114 * blue > 120 else LIGHT


@lru_cache(maxsize=512)
def label_patch(text: str, size: int, background: Color, foreground: Color) -> NDArray[np.uint8]:
    """Return a line of text on a patch of colour, uint8 (h, w, 3); `size` is of the font, in pixels."""
    alpha = text_alpha(text, size)
    pad = max(2, round(size * 0.25))
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
