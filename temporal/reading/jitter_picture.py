"""The jitter itself as a picture: the outline that the motion carries here, against the outline that is there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from yolact_temporal.data.crops import MaskCrop
from yolact_temporal.data.track_colors import Color

Rgb = NDArray[np.uint8]

CARRIED: Color = (255, 255, 255)
"""Colour of the outline that the last frame's mask should have here."""


class OutlinePair(NamedTuple):
    """One object's mask carried to a frame, and the mask that a model saw there; None where there is none."""

    carried: MaskCrop | None
    there: MaskCrop | None
    color: Color


def draw_outlines(
    rgb: Rgb, pairs: Iterable[OutlinePair], visible: NDArray[np.bool_] | None = None, line: int | None = None
) -> Rgb:
    """Draw carried outlines in white and those that are there in their colours, on a darkened copy of a frame.

    Args:
        rgb: uint8 (H, W, 3).
        pairs: of masks of that size.
        visible: bool (H, W); pixels in only one mask of a pair are filled where it is set. None: nowhere.
        line: width of outlines in pixels; by default it grows with the frame.
    """
    canvas = (rgb.astype(np.uint16) * 5 // 8).astype(np.uint8)
    width = line or max(1, round(min(rgb.shape[:2]) / 480))
    for pair in pairs:
        if pair.carried is not None and pair.there is not None and visible is not None:
            apart = (pair.carried.bitmap() ^ pair.there.bitmap()) & visible
            canvas[apart] = (canvas[apart].astype(np.uint16) + np.array(pair.color, np.uint16)) // 2
        for mask, color in ((pair.carried, CARRIED), (pair.there, pair.color)):
            if mask is not None:
                draw_outline(canvas, mask, color, width)
    return canvas


def draw_outline(canvas: Rgb, mask: MaskCrop, color: Color, width: int) -> None:
    """Draw a mask's outlines, those of holes too, in place."""
    if mask.area:
        contours, _ = cv2.findContours(
            mask.pixels, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE, offset=(mask.x, mask.y)
        )
        cv2.drawContours(canvas, contours, -1, color, width, cv2.LINE_8)
