"""Instances drawn on a frame: what was seen, coloured by track id, never by class.

A class that changes from frame to frame would change its colour: a flicker of the drawing that is no flicker of the
mask. A track keeps its colour for life; where models are compared it has that of its object in all of them, from the
frame on in which the object counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from yolact_temporal.data.crops import MaskCrop, Region
from yolact_temporal.data.instances import Instances
from yolact_temporal.data.labels import DARK, LIGHT, label_patch, place_label, readable_on, text_alpha
from yolact_temporal.data.track_colors import Color, track_color

Box = tuple[float, float, float, float]

_OUTLINE_TOLERANCE_PX = 0.8
_LEAST_TEXT_PX = 7
"""Smaller than this the letters run into each other."""

_WIDEST_LABEL = 0.2
"""Of the frame's width, for a label that is wider than its box."""

_WIDEST_BANNER = 0.6
"""Of the frame's width, for both texts of a banner together."""

HINT_SECONDS = 0.3
"""How long an event's hint stays at most."""

EVENT_HINTS: Mapping[str, str] = {
    "new": "new",
    "return": "back",
    "class_flip": "class flip",
    "area_blink": "blink",
    "duplicate": "duplicate",
}
"""What a label adds for an event of an instance; events without an entry are not shown."""


@dataclass(frozen=True)
class OverlayStyle:
    """How instances are drawn.

    Attributes:
        fill_opacity: of the mask's fill, 0..1.
        boxes: whether predicted boxes are drawn.
        labels: whether labels are drawn.
        line_scale: multiplies line widths and text, which already grow with the frame.
    """

    fill_opacity: float = 0.42
    boxes: bool = True
    labels: bool = True
    line_scale: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.fill_opacity <= 1:
            raise ValueError(f"expected fill_opacity in 0..1, got {self.fill_opacity}")
        if not self.line_scale > 0:
            raise ValueError(f"expected line_scale above 0, got {self.line_scale}")


@dataclass(frozen=True)
class _Metrics:
    contour: int
    box: int
    text: int

    @classmethod
    def of(cls, size: tuple[int, int], scale: float) -> _Metrics:
        """Return the sizes for frames of a size (height, width)."""
        unit = min(size) / 480 * scale
        return cls(max(1, round(2 * unit)), max(1, round(unit)), max(_LEAST_TEXT_PX, round(13.5 * unit)))


def draw_overlay(
    rgb: NDArray[np.uint8],
    instances: Instances,
    track_ids: ArrayLike,
    labels: Sequence[str] | None = None,
    *,
    numbers: Mapping[int, int] | None = None,
    events: Sequence[Iterable[str]] | None = None,
    lost: Mapping[int, Box] | None = None,
    style: OverlayStyle | None = None,
) -> NDArray[np.uint8]:
    """Draw a frame's instances on a copy of it, the best on top.

    Args:
        rgb: uint8 (H, W, 3).
        instances: what was seen in it, of size (H, W).
        track_ids: int (N,); below 1 for no track.
        numbers: by track id, the object by which it is coloured and named, the same for several models; a track that is
            of none is grey. None: the track ids themselves.
        labels: N class names for the labels; scores and ids alone without them.
        events: N groups of event names; those in `EVENT_HINTS` are told discreetly in the label.
        lost: boxes, by track id, of tracks just lost, drawn as dashed outlines.
        style: how to draw.

    Returns:
        uint8 (H, W, 3), a new array.

    Raises:
        ValueError: if the shapes or lengths disagree.
    """
    style = style or OverlayStyle()
    ids = np.asarray(track_ids, np.int64).reshape(-1)
    size = _checked_size(rgb, instances, ids, labels, events)
    widths = _Metrics.of(size, style.line_scale)
    canvas = np.array(rgb, np.uint8, order="C", copy=True)
    for index in reversed(range(len(instances))):
        color = track_color(_number(int(ids[index]), numbers))
        _draw_mask(canvas, instances.crops[index], color, style.fill_opacity, widths.contour)
        if style.boxes:
            _draw_box(canvas, instances.boxes[index], color, widths.box)
    taken: list[Region] = []
    crops = instances.crops
    for index in range(len(instances)) if style.labels else ():
        name = "" if labels is None else labels[index]
        shown = events[index] if events is not None else ()
        track = int(ids[index])
        wordings = label_wordings(name, float(instances.scores[index]), called(track, numbers), shown)
        color, box = track_color(_number(track, numbers)), instances.boxes[index].tolist()
        draw_label(canvas, wordings, color, box, widths.text, taken, crops)
    for track_id, box in (lost or {}).items():
        color = track_color(_number(track_id, numbers))
        _draw_lost(canvas, called(track_id, numbers), color, box, widths, style, taken, crops)
    return canvas


def called(track_id: int, numbers: Mapping[int, int] | None) -> str:
    """Return what a track is called: by its object, by itself where it is of none, "" for no track.

    Example:
        >>> called(3, None), called(3, {3: 1}), called(3, {}), called(0, None)
        ('#3', '#1', 'track 3', '')
    """
    if track_id < 1:
        return ""
    number = _number(track_id, numbers)
    return f"#{number}" if number >= 1 else f"track {track_id}"


def _number(track_id: int, numbers: Mapping[int, int] | None) -> int:
    return track_id if numbers is None else numbers.get(track_id, 0)


def label_wordings(name: str, score: float, own: str, events: Iterable[str]) -> list[str]:
    """Return what a label may say of an instance, the fullest first: a small frame has room for less.

    Example:
        >>> label_wordings("dog", 0.9, "#3", ["return", "box_cut"])
        ['dog 0.90 #3 · back', 'dog #3 · back', '#3 · back', '#3']
    """
    hints = "".join(f" · {EVENT_HINTS[event]}" for event in events if event in EVENT_HINTS)
    full = " ".join(part for part in (name, f"{score:.2f}", own) if part) + hints
    short = " ".join(part for part in (name, own) if part)
    return [text for text in dict.fromkeys((full, short + hints, own + hints if own else "", own)) if text]


def draw_label(
    canvas: NDArray[np.uint8],
    wordings: Sequence[str],
    color: Color,
    box: Sequence[float],
    size: int,
    taken: list[Region],
    masks: Sequence[MaskCrop] = (),
    scale: float = 1.0,
) -> bool:
    """Draw the first wording that has room, and say whether one had.

    Args:
        wordings: what the label may say, best first.
        color: of the track.
        size: of the font, in pixels.
        canvas, box, taken, masks, scale: as for `place_label`.
    """
    widest = max(_WIDEST_LABEL * canvas.shape[1], box[2] - box[0])
    for text in wordings:
        patch = label_patch(text, size, color, readable_on(color))
        if patch.shape[1] <= widest and place_label(canvas, patch, box, taken, masks, scale):
            return True
    return False


def draw_banner(
    rgb: NDArray[np.uint8], text: str, right_text: str = "", *, line_scale: float = 1.0
) -> NDArray[np.uint8]:
    """Write a line of text in the lower left corner of a frame, and another in the lower right, in place.

    Labels stand mostly above their boxes, so the lower corners are the free ones. Where both would
    fill most of the lower edge, as in a small frame, the right one stands alone.

    Returns:
        `rgb` itself.
    """
    size = _Metrics.of((rgb.shape[0], rgb.shape[1]), line_scale).text
    pad = max(1, size // 3)
    parts = [
        (text_alpha(words, size), right) for words, right in ((text, False), (right_text, True)) if words
    ]
    if sum(alpha.shape[1] + 2 * pad for alpha, _ in parts) > _WIDEST_BANNER * rgb.shape[1]:
        parts = parts[-1:]
    for alpha, at_right in parts:
        height, width = (extent + 2 * pad for extent in alpha.shape)
        height, width = min(height, rgb.shape[0]), min(width, rgb.shape[1])
        columns = slice(rgb.shape[1] - width, None) if at_right else slice(0, width)
        area = rgb[rgb.shape[0] - height :, columns]
        area[:] = cv2.LUT(np.ascontiguousarray(area), _blend_table(DARK, 0.62))
        inner = area[pad : pad + alpha.shape[0], pad : pad + alpha.shape[1]]
        cover = alpha[: inner.shape[0], : inner.shape[1], None].astype(np.uint16)
        inner[:] = (inner * (255 - cover) + 255 * cover) // 255
    return rgb


class OverlayPainter:
    """Draws the overlays of a clip, frame by frame, and keeps events in sight long enough to be seen.

    An event of one frame would pass unseen: its hint stays for up to `HINT_SECONDS`, a frame at least, and a track that
    is lost leaves the outline of its last box for as long.

    Args:
        frame_rate: at which the overlay is played, in frames a second.
        style: how to draw.
    """

    def __init__(self, frame_rate: float, style: OverlayStyle | None = None) -> None:
        if not frame_rate > 0:
            raise ValueError(f"expected a frame_rate above 0, got {frame_rate}")
        self._style = style or OverlayStyle()
        # A rate of 30000/1001 is meant for 30, and 9 of its frames for 0.3 s.
        self._hint_frames = max(1, int(HINT_SECONDS * frame_rate + 0.01))
        self._hints: dict[int, dict[str, int]] = {}
        self._boxes: dict[int, Box] = {}
        self._numbers: dict[int, int] = {}
        self._lost: dict[int, tuple[Box, int]] = {}

    def forget(self) -> None:
        """Drop all hints and outlines, as at a cut to another scene."""
        self._hints, self._boxes, self._lost = {}, {}, {}

    def draw(
        self,
        rgb: NDArray[np.uint8],
        instances: Instances,
        track_ids: ArrayLike,
        labels: Sequence[str] | None = None,
        *,
        numbers: Mapping[int, int] | None = None,
        events: Sequence[Iterable[str]] | None = None,
    ) -> NDArray[np.uint8]:
        """Draw the next frame as `draw_overlay` does; what is lost is seen from the track ids."""
        ids = np.asarray(track_ids, np.int64).reshape(-1).tolist()
        boxes = {
            key: tuple(box)
            for key, box in zip(ids, instances.boxes.astype(float).tolist(), strict=True)
            if key > 0
        }
        shown = self._shown_events(ids, events)
        self._lost = {
            key: (box, left - 1) for key, (box, left) in self._lost.items() if left > 1 and key not in boxes
        }
        self._lost |= {key: (box, self._hint_frames) for key, box in self._boxes.items() if key not in boxes}
        self._boxes = boxes
        if numbers is not None:  # those of tracks just lost are not among those given
            known = self._numbers | dict(numbers)
            self._numbers = {key: known[key] for key in (*boxes, *self._lost) if key in known}
        return draw_overlay(
            rgb,
            instances,
            ids,
            labels,
            numbers=None if numbers is None else self._numbers,
            events=shown,
            lost={key: box for key, (box, _) in self._lost.items()},
            style=self._style,
        )

    def _shown_events(self, ids: Sequence[int], events: Sequence[Iterable[str]] | None) -> list[list[str]]:
        hints = {
            key: {event: left - 1 for event, left in own.items() if left > 1}
            for key, own in self._hints.items()
        }
        for key, own in zip(ids, events or (), strict=False):
            for event in own:
                if event in EVENT_HINTS:
                    hints.setdefault(key, {})[event] = self._hint_frames
        self._hints = {key: own for key, own in hints.items() if own and key > 0}
        return [list(self._hints.get(key, ())) for key in ids]


def _checked_size(
    rgb: NDArray[np.uint8],
    instances: Instances,
    ids: NDArray[np.int64],
    labels: Sequence[str] | None,
    events: Sequence[Iterable[str]] | None,
) -> tuple[int, int]:
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8:
        raise ValueError(f"expected a frame of uint8 (H, W, 3), got {rgb.dtype} {rgb.shape}")
    size = (rgb.shape[0], rgb.shape[1])
    if instances.size != size:
        raise ValueError(f"expected instances of a frame of size {size}, got {instances.size}")
    for name, values in (("track_ids", ids), ("labels", labels), ("events", events)):
        if values is not None and len(values) != len(instances):
            raise ValueError(f"expected {len(instances)} {name}, one an instance, got {len(values)}")
    return size


@lru_cache(maxsize=128)
def _blend_table(color: Color, opacity: float) -> NDArray[np.uint8]:
    """Return a table, uint8 (256, 1, 3), from a pixel's channels to their blend with a colour."""
    levels = np.arange(256)[:, None] * (1 - opacity) + np.array(color)[None] * opacity
    return np.rint(levels).astype(np.uint8)[:, None]


def _draw_mask(canvas: NDArray[np.uint8], mask: MaskCrop, color: Color, opacity: float, width: int) -> None:
    pixels = mask.pixels
    if pixels.size == 0:
        return
    height, length = pixels.shape
    area = canvas[mask.y : mask.y + height, mask.x : mask.x + length]
    blended = cv2.LUT(area, _blend_table(color, opacity))
    cv2.copyTo(blended, pixels, area)
    contours, _ = cv2.findContours(pixels, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE, offset=(mask.x, mask.y))
    # Less than a pixel of simplification takes the staircase out of the line, and halves its cost.
    outlines = [cv2.approxPolyDP(contour, _OUTLINE_TOLERANCE_PX, True) for contour in contours]
    cv2.drawContours(canvas, outlines, -1, color, width, cv2.LINE_AA)


def _draw_box(canvas: NDArray[np.uint8], box: NDArray[np.float32], color: Color, width: int) -> None:
    # Pixels from 0: the far edges of a box are where its last pixels end.
    x1, y1, x2, y2 = (round(float(edge)) for edge in box)
    cv2.rectangle(canvas, (x1, y1), (x2 - 1, y2 - 1), color, width, cv2.LINE_8)


def _draw_lost(
    canvas: NDArray[np.uint8],
    own: str,
    color: Color,
    box: Box,
    widths: _Metrics,
    style: OverlayStyle,
    taken: list[Region],
    crops: Sequence[MaskCrop],
) -> None:
    x1, y1, x2, y2 = (round(edge) for edge in box)
    dash = 5 * widths.box
    for x in range(x1, x2, 2 * dash):
        for y in (y1, y2 - 1):
            cv2.line(canvas, (x, y), (min(x + dash, x2) - 1, y), color, widths.box)
    for y in range(y1, y2, 2 * dash):
        for x in (x1, x2 - 1):
            cv2.line(canvas, (x, y), (x, min(y + dash, y2) - 1), color, widths.box)
    if style.labels:
        patch = label_patch(f"{own} lost", widths.text, DARK, LIGHT)
        if patch.shape[0] * patch.shape[1] < (x2 - x1) * (y2 - y1):
            place_label(canvas, patch, box, taken, crops)
