"""Pictures of one moment: the frame with what a model saw, and the jitter itself as two outlines."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from yolact_temporal.dashboards.moments import Sighting
from yolact_temporal.data.crops import Region
from yolact_temporal.data.labels import label_patch
from yolact_temporal.data.overlay import OverlayStyle, called, draw_label, draw_overlay, label_wordings
from yolact_temporal.data.track_colors import track_color
from yolact_temporal.temporal.motion import Motion, warp_mask
from yolact_temporal.temporal.reading.jitter_picture import OutlinePair, draw_outlines

Rgb = NDArray[np.uint8]

_QUALITY = 85
_SHORT_SIDE = 480
_LONG_SIDE = 1280


def blank_frame(size: tuple[int, int]) -> Rgb:
    """Return a grey frame of (height, width) to draw on where the clip's own cannot be had."""
    return np.full((*size, 3), 96, np.uint8)


def draw_sighting(rgb: Rgb, seen: Sighting, *, boxes: bool = True, labels: bool = True) -> Rgb:
    """Draw what a model saw, coloured by object, labelled with its own track ids.

    Args:
        rgb: uint8 (H, W, 3).
        seen: of a frame of that size.
        boxes, labels: whether they are drawn.

    Returns:
        uint8, a new picture, enlarged by a whole number where the frame is small, so that labels hide little.
    """
    style = OverlayStyle(boxes=boxes, labels=False)
    canvas = enlarged(draw_overlay(rgb, seen.instances, seen.color_keys, seen.labels, style=style))
    if labels:
        _label(canvas, seen, canvas.shape[0] / rgb.shape[0], scores=True)
    return canvas


def draw_jitter(
    rgb: Rgb,
    before: Sighting,
    now: Sighting,
    motion: Motion,
    *,
    boxes: bool = False,
    labels: bool = False,
) -> Rgb:
    """Draw, for each track seen in both frames, its outline carried here by the motion against its outline here.

    Where the two part, the mask has moved and the object has not: that is the boundary displacement. The picture is
    darkened, the carried outline white, the new one in the track's colour; pixels in only one of the two masks are
    filled.

    Args:
        rgb: uint8 (H, W, 3), the frame t.
        before, now: what a model saw at t-1 and at t.
        motion: from t-1 to t.
        boxes, labels: whether the predicted boxes at t, and the track ids, are drawn too.

    Returns:
        uint8, a new picture, enlarged as by `enlarged`.
    """
    carried_of = dict(zip(before.track_ids, before.instances.crops, strict=True))
    crops = now.instances.crops
    both = [at for at, key in enumerate(now.track_ids) if key > 0 and key in carried_of]
    colors = {at: track_color(now.color_keys[at]) for at in both}
    carried = {at: warp_mask(carried_of[now.track_ids[at]], motion) for at in both}
    canvas = draw_outlines(
        rgb, [OutlinePair(carried[at], crops[at], colors[at]) for at in both], motion.visible
    )
    for at in both if boxes else ():
        x1, y1, x2, y2 = (round(float(edge)) for edge in now.instances.boxes[at])
        cv2.rectangle(canvas, (x1, y1), (x2 - 1, y2 - 1), colors[at], 1)
    canvas = enlarged(canvas)
    if labels:
        _label(canvas, now, canvas.shape[0] / rgb.shape[0], scores=False)
    return canvas


def enlarged(rgb: Rgb) -> Rgb:
    """Return a picture enlarged by a whole number, at most 4, so that its shorter side comes near 480 pixels."""
    factor = min(4, max(1, round(_SHORT_SIDE / max(1, min(rgb.shape[:2])))))
    if factor == 1:
        return rgb
    return np.ascontiguousarray(rgb.repeat(factor, axis=0).repeat(factor, axis=1))


def shrunk(rgb: Rgb) -> Rgb:
    """Return a picture made smaller where its longer side is over 1280 pixels, more than a column of a page has."""
    factor = _LONG_SIDE / max(rgb.shape[:2])
    if factor >= 1:
        return rgb
    size = (max(1, round(rgb.shape[1] * factor)), max(1, round(rgb.shape[0] * factor)))
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)


def draw_note(rgb: Rgb, text: str) -> None:
    """Write a line of text into the upper left corner of a picture."""
    size = max(10, round(16 * min(rgb.shape[:2]) / 480))
    patch = label_patch(text, size, (40, 40, 40), (255, 255, 255))[: rgb.shape[0], : rgb.shape[1]]
    rgb[: patch.shape[0], : patch.shape[1]] = patch


def crop_around(rgb: Rgb, box: tuple[float, float, float, float], side: int = 128) -> Rgb:
    """Cut a square around a box out of a picture, with a margin, scaled to `side` pixels; black beyond the frame."""
    x1, y1, x2, y2 = box
    half = max(x2 - x1, y2 - y1, 8.0) * 0.6
    left, top = math.floor((x1 + x2) / 2 - half), math.floor((y1 + y2) / 2 - half)
    extent = max(1, math.ceil(2 * half))
    out = np.zeros((extent, extent, 3), np.uint8)
    rows = slice(max(top, 0), min(top + extent, rgb.shape[0]))
    columns = slice(max(left, 0), min(left + extent, rgb.shape[1]))
    part = rgb[rows, columns]
    out[rows.start - top : rows.start - top + part.shape[0], columns.start - left :][:, : part.shape[1]] = (
        part
    )
    shrink = extent > side
    return np.asarray(
        cv2.resize(out, (side, side), interpolation=cv2.INTER_AREA if shrink else cv2.INTER_LINEAR), np.uint8
    )


def encode_jpeg(rgb: Rgb) -> bytes:
    """Return a picture, uint8 (H, W, 3), as a JPEG."""
    done, data = cv2.imencode(
        ".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
    )
    if not done:
        raise ValueError(f"expected a picture that can be encoded, got {rgb.shape}")
    return data.tobytes()


def _label(canvas: Rgb, seen: Sighting, factor: float, *, scores: bool) -> None:
    """Write class, track id and what the tables note at every instance; `factor` is how far `canvas` is enlarged."""
    size = max(10, round(16 * min(canvas.shape[:2]) / 480))
    taken: list[Region] = []
    crops = seen.instances.crops
    for at, name in enumerate(seen.labels):
        wordings = label_wordings(
            name, float(seen.instances.scores[at]), called(*seen.named(at)), seen.events[at]
        )
        color, box = track_color(seen.color_keys[at]), (seen.instances.boxes[at] * factor).tolist()
        draw_label(canvas, wordings if scores else wordings[1:], color, box, size, taken, crops, factor)
