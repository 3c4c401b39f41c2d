"""One picture of a moment: what a model saw, or how its outlines moved, as a page shows it and as a JPEG."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from yolact_temporal.dashboards.drawing import (
    blank_frame,
    crop_around,
    draw_jitter,
    draw_note,
    draw_sighting,
    encode_jpeg,
    shrunk,
)
from yolact_temporal.dashboards.loader import Run
from yolact_temporal.dashboards.moments import clip_frame, frame_before, motion_to, sighting
from yolact_temporal.errors import InputError
from yolact_temporal.temporal.motion import Motion

MOST_PIXELS = 1 << 25
"""Of a frame that is drawn: as many as 8K video has. A picture takes some twenty bytes for each while it is made."""

NO_PAIR_HERE = "no pair with the frame before"
"""Written on a picture of jitter where there is none to be shown."""


@dataclass(frozen=True)
class View:
    """How a moment is drawn.

    Attributes:
        jitter: the outline carried from the frame before against the one here, in place of the masks.
        boxes, labels: whether they are drawn too.
    """

    jitter: bool = False
    boxes: bool = True
    labels: bool = True


def clip_fault(run: Run, frame: int) -> str:
    """Return why a frame of the clip cannot be shown, in words for a reader; "" where it can."""
    try:
        return "" if clip_frame(run, frame) is not None else "this frame cannot be decoded"
    except InputError as error:
        return str(error)


def original_picture(run: Run, frame: int) -> NDArray[np.uint8]:
    """Return a frame of the clip, uint8 (H, W, 3), grey where it cannot be had."""
    return _canvas(run, frame)


def model_picture(run: Run, model: str, frame: int, view: View) -> NDArray[np.uint8]:
    """Return what a model saw in a frame, drawn on it, uint8 (H, W, 3), on grey where the frame cannot be had.

    Raises:
        InputError: if the record or a table cannot be read.
    """
    canvas = _canvas(run, frame)
    seen = sighting(run, model, frame)
    if not view.jitter:
        return draw_sighting(canvas, seen, boxes=view.boxes, labels=view.labels)
    before, motion = frame_before(run, frame), _motion(run, frame)
    if before is None or motion is None:
        picture = draw_sighting(canvas, seen, boxes=False, labels=False)
        draw_note(picture, NO_PAIR_HERE)
        return picture
    last = sighting(run, model, before)
    return draw_jitter(canvas, last, seen, motion, boxes=view.boxes, labels=view.labels)


def crop_picture(run: Run, model: str, frame: int, track_id: int) -> NDArray[np.uint8]:
    """Return the surroundings of a track's box in a frame, with the masks, uint8 (128, 128, 3).

    Raises:
        InputError: if the track is not seen there, or the record or a table cannot be read.
    """
    table = run.table(model, "instances")
    own = table[(table["frame"] == frame) & (table["track_id"] == track_id)]
    if own.empty:
        raise InputError(f"expected a track that is seen in frame {frame}, got {track_id}: choose one listed")
    x1, y1, x2, y2 = (float(own[f"box_{edge}_px"].iloc[0]) for edge in ("x1", "y1", "x2", "y2"))
    canvas = _canvas(run, frame)
    drawn = draw_sighting(canvas, sighting(run, model, frame), boxes=False, labels=False)
    factor = drawn.shape[0] / canvas.shape[0]
    return crop_around(drawn, (x1 * factor, y1 * factor, x2 * factor, y2 * factor))


def jpeg(picture: NDArray[np.uint8]) -> bytes:
    """Return a picture as a JPEG, made smaller where no column of a page could show it whole."""
    return encode_jpeg(shrunk(picture))


def _canvas(run: Run, frame: int) -> NDArray[np.uint8]:
    clip = run.manifest.clip
    if clip.width * clip.height > MOST_PIXELS:
        raise InputError(
            f"expected frames of at most {MOST_PIXELS} pixels to be shown, got {clip.width}x{clip.height}: look at the "
            f"overlay video by another program"
        )
    try:
        rgb = clip_frame(run, frame)
    except InputError:
        rgb = None
    return blank_frame((clip.height, clip.width)) if rgb is None else rgb


def _motion(run: Run, frame: int) -> Motion | None:
    try:
        return motion_to(run, frame)
    except InputError:
        return None
