"""Instances drawn on a frame: what was seen, coloured by track id, never by class.

A class that changes from frame to frame would change its colour: a flicker of the drawing that is no flicker of the
mask. A track keeps its colour for life.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from yolact_temporal.data.crops import MaskCrop
from yolact_temporal.data.instances import Instances
from yolact_temporal.data.labels import DARK, LIGHT, label_patch, place_label, readable_on, text_alpha
from yolact_temporal.data.track_colors import Color, track_color

Box = tuple[float, float, float, float]

_OUTLINE_TOLERANCE_PX = 0.8
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
        return cls(max(1, round(2 * unit)), max(1, round(unit)), max(10, round(13.5 * unit)))


def draw_overlay(
    rgb: NDArray[np.uint8],
    instances: Instances,
    track_ids: ArrayLike,
    labels: Sequence[str] | None = None,
    *,
    events: Sequence[Iterable[str]] | None = None,
    lost: Mapping[int, Box] | None = None,
    style: OverlayStyle | None = None,
) -> NDArray[np.uint8]:
    """Draw a frame's instances on a copy of it, the best on top.

    Args:
        rgb: uint8 (H, W, 3).
        instances: what was seen in it, of size (H, W).
        track_ids: int (N,), what to colour by; below 1 for no track.
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
        color = track_color(int(ids[index]))
        _draw_mask(canvas, instances.crops[index], color, style.fill_opacity, widths.contour)
        if style.boxes:
            _draw_box(canvas, instances.boxes[index], color, widths.box)
    taken: list[tuple[int, int, int, int]] = []
    for index in range(len(instances)) if style.labels else ():
        parts = [] if labels is None else [labels[index]]
        parts.append(f"{instances.scores[index]:.2f}")
        if ids[index] >= 1:
            parts.append(f"#{ids[index]}")
        hints = [EVENT_HINTS[event] for event in (events[index] if events else ()) if event in EVENT_HINTS]
        text = " ".join(parts) + "".join(f" · {hint}" for hint in hints)
        color = track_color(int(ids[index]))
        patch = label_patch(text, widths.text, color, readable_on(color))
        place_label(canvas, patch, tuple(instances.boxes[index]), taken)
    for track_id, box in (lost or {}).items():
        _draw_lost(canvas, track_id, box, widths, style, taken)
    return canvas


def draw_banner(
    rgb: NDArray[np.uint8], text: str, right_text: str = "", *, line_scale: float = 1.0
) -> NDArray[np.uint8]:
    """Write a line of text in the lower left corner of a frame, and another in the lower right, in place.

    Labels stand mostly above their boxes, so the lower corners are the free ones.

    Returns:
        `rgb` itself.
    """
    size = _Metrics.of((rgb.shape[0], rgb.shape[1]), line_scale).text
    for words, at_right in ((text, False), (right_text, True)):
        if not words:
            continue
        alpha = text_alpha(words, size)
        pad = max(3, size // 3)
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

    An event of one frame would pass unseen: its hint stays for `hint_frames`, and a track that is lost leaves the
    outline of its last box for as long.
    """

    def __init__(self, style: OverlayStyle | None = None, hint_frames: int = 8) -> None:
        if hint_frames < 1:
            raise ValueError(f"expected hint_frames of at least 1, got {hint_frames}")
        self._style = style or OverlayStyle()
        self._hint_frames = hint_frames
        self._hints: dict[int, dict[str, int]] = {}
        self._boxes: dict[int, Box] = {}
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
        return draw_overlay(
            rgb,
            instances,
            ids,
            labels,
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
    track_id: int,
    box: Box,
    widths: _Metrics,
    style: OverlayStyle,
    taken: list[tuple[int, int, int, int]],
) -> None:
    color = track_color(track_id)
    x1, y1, x2, y2 = (round(edge) for edge in box)
    dash = 5 * widths.box
    for x in range(x1, x2, 2 * dash):
        for y in (y1, y2 - 1):
            cv2.line(canvas, (x, y), (min(x + dash, x2) - 1, y), color, widths.box)
    for y in range(y1, y2, 2 * dash):
        for x in (x1, x2 - 1):
            cv2.line(canvas, (x, y), (x, min(y + dash, y2) - 1), color, widths.box)
    if style.labels:
        place_label(canvas, label_patch(f"#{track_id} lost", widths.text, DARK, LIGHT), box, taken)
