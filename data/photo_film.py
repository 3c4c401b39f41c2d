"""A film of photographs by a known camera: every object in it is stationary or moves exactly as known.

A photograph is a rigid plane, so the motion between two frames is one homography, known without estimating
anything. Whatever a mask does beyond that motion is jitter. Nothing here but the sensor's noise and the camera's
pose changes from frame to frame: no compression, no motion blur, no change of light.
"""

from __future__ import annotations

import hashlib
import itertools
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from yolact_temporal.data.frames import ClipInfo, Frame, FrameLoss
from yolact_temporal.data.photograph import PHOTOGRAPHS, Photograph, View, own_photograph
from yolact_temporal.errors import UsageError

MOVES = ("still", "pan", "zoom", "shake")
LONG_SIDE = 480
"""Of the frames of a film of a user's own photograph, in pixels."""

_NAME = "photo-film"

_OVERSAMPLING = 2
_FOCAL_LENGTH_IN_WIDTHS = 1.2
_SHAKE_MARGIN = 0.03
_SHAKE_SHIFT_IN_WIDTHS = 0.014
_SHAKE_ROLL_RADIANS = 0.014
_SHAKE_HERTZ = (1.3, 2.6, 4.7)
_SHAKE_WEIGHTS = (0.55, 0.3, 0.15)


@dataclass(frozen=True)
class Segment:
    """Frames start to stop (exclusive) of the film: one photograph under one camera move."""

    photograph: str
    move: str
    start: int
    stop: int

    @property
    def name(self) -> str:
        """The photograph and the move, as in "chelsea/pan"."""
        return f"{self.photograph}/{self.move}"


@dataclass(frozen=True, eq=False)
class ExactMotion:
    """The known motion between the frames t-1 and t.

    Attributes:
        backward: float32 (H, W, 2): what is at pixel (x, y) of frame t was at (x, y) + backward[y, x] in t-1.
        forward: float32 (H, W, 2): what is at pixel (x, y) of frame t-1 is at (x, y) + forward[y, x] in t.
        visible: bool (H, W): the pixels of frame t whose nearest pixel in t-1 lies inside the frame.
    """

    backward: NDArray[np.float32]
    forward: NDArray[np.float32]
    visible: NDArray[np.bool_]


class PhotoFilm:
    """A frame source that films photographs, and knows the exact motion between its frames.

    Each photograph in turn is held still, panned over, zoomed into and filmed by a shaking hand, one continuous
    camera path; between photographs is a cut. The pair (t-1, t) belongs to the segment of frame t. The same
    arguments give the same bytes.

    Args:
        seed: of the sensor noise and the hand.
        size: (height, width) of a frame in pixels.
        fps: frames a second.
        seconds_per_move: of each of the four moves of each photograph.
        noise: standard deviation of the sensor noise in grey levels at mid-grey; as in a sensor, it is larger
            in the light (by 1.2 at white) than in the dark (by 0.8 at black). 0 for none.
        photographs: what to film.
        name: by which the film can be made again (`film_of_name`); by default that of the demo's.

    Raises:
        UsageError: if there is nothing to film or an argument is out of range.
        InputError: if a photograph cannot be read.

    Example:
        >>> film = PhotoFilm(size=(48, 64), seconds_per_move=0.125)
        >>> film.info.frame_count == 4 * 3 * len(PHOTOGRAPHS), film.segments[0].move
        (True, 'still')
        >>> film.motion(1).visible.all().item(), film.is_cut(4 * 3)
        (True, True)
    """

    def __init__(
        self,
        seed: int = 0,
        size: tuple[int, int] = (320, 480),
        fps: int = 24,
        seconds_per_move: float = 1.0,
        noise: float = 2.5,
        photographs: Sequence[Photograph] = PHOTOGRAPHS,
        name: str | None = None,
    ) -> None:
        frames_per_move = round(seconds_per_move * fps)
        _require(seed >= 0, "a seed of 0 or more", seed)
        _require(min(size) >= 16, "a frame of at least 16x16 pixels", f"{size[1]}x{size[0]}")
        _require(fps >= 1, "at least 1 frame a second", fps)
        _require(frames_per_move >= 1, "moves of at least one frame", f"{seconds_per_move} s at {fps} fps")
        _require(noise >= 0, "noise of 0 or more", noise)
        _require(len(photographs) > 0, "at least one photograph", "none")
        self.losses: list[FrameLoss] = []
        self.warnings: list[str] = []
        self._size = (int(size[0]), int(size[1]))
        self._fps = int(fps)
        self.segments = tuple(
            Segment(photograph.name, move, number * frames_per_move, (number + 1) * frames_per_move)
            for number, (photograph, move) in enumerate(itertools.product(photographs, MOVES))
        )
        self._canvases: list[tuple[NDArray[np.uint8], NDArray[np.float64]]] = []
        self._poses: list[NDArray[np.float64]] = []
        digest = hashlib.sha256(repr((seed, size, fps, frames_per_move, noise)).encode())
        for number, photograph in enumerate(photographs):
            pixels = photograph.read()
            digest.update(pixels.tobytes())
            hand = np.random.default_rng([seed, 1, number])
            poses = _camera_path(photograph, pixels.shape[:2], self._size, frames_per_move, self._fps, hand)
            scale = _OVERSAMPLING * self._size[1] / _widest_view(pixels.shape[:2], self._size)
            self._poses += poses
            self._canvases.append(_make_canvas(pixels, scale))
        self._noise = _SensorNoise(noise, self._size, len(self._poses), seed)
        self.info = ClipInfo(
            path=name or f"{_NAME}-{seed}",
            sha256=digest.hexdigest(),
            width=self._size[1],
            height=self._size[0],
            fps=Fraction(self._fps),
            frame_count=len(self._poses),
            rotation=0,
            variable_rate=False,
            decoder="none",
            decoder_reason="The frames are rendered from photographs by a known camera, so there is nothing to decode.",
        )

    def __len__(self) -> int:
        return len(self._poses)

    def __iter__(self) -> Iterator[Frame]:
        """Yield every frame from the first to the last; may be repeated."""
        for index in range(len(self)):
            yield Frame(index, index / self._fps, self.render(index))

    def close(self) -> None:
        """Do nothing: no file is held open."""

    def render(self, index: int) -> NDArray[np.uint8]:
        """Return frame `index`, uint8 (H, W, 3) RGB.

        Raises:
            IndexError: if there is no such frame.
        """
        number = self._segment_number(index) // len(MOVES)
        canvas, to_canvas = self._canvases[number]
        clean = cv2.warpPerspective(
            canvas,
            to_canvas @ self._poses[index],
            self._size[::-1],
            flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        return self._noise.add(np.asarray(clean, np.uint8), index)

    def pose(self, index: int) -> NDArray[np.float64]:
        """Return the homography, float64 (3, 3), from pixels (x, y, 1) of frame `index` to the photograph's."""
        self._segment_number(index)
        return self._poses[index].copy()

    def motion(self, index: int) -> ExactMotion | None:
        """Return the exact motion between the frames `index` - 1 and `index`.

        None where the two are no pair: at the first frame, and across a cut.

        Raises:
            IndexError: if there is no such frame.
        """
        number = self._segment_number(index)
        starts_a_photograph = number % len(MOVES) == 0 and index == self.segments[number].start
        if starts_a_photograph:
            return None
        previous, current = self._poses[index - 1], self._poses[index]
        height, width = self._size
        if np.array_equal(previous, current):
            still = np.zeros((height, width, 2), np.float32)
            return ExactMotion(still, still.copy(), np.ones((height, width), np.bool_))
        backward = _displacement(np.linalg.inv(previous) @ current, self._size)
        forward = _displacement(np.linalg.inv(current) @ previous, self._size)
        x = backward[..., 0] + np.arange(width)
        y = backward[..., 1] + np.arange(height)[:, None]
        visible = (x > -0.5) & (x < width - 0.5) & (y > -0.5) & (y < height - 0.5)
        return ExactMotion(backward.astype(np.float32), forward.astype(np.float32), visible)

    def is_cut(self, index: int) -> bool:
        """Say whether a frame is the first of another photograph."""
        return index > 0 and self.motion(index) is None

    def segment(self, index: int) -> str:
        """Return the name of the segment of frame `index`, as in "chelsea/pan".

        Raises:
            IndexError: if there is no such frame.
        """
        return self.segments[self._segment_number(index)].name

    def _segment_number(self, index: int) -> int:
        if not 0 <= index < len(self):
            raise IndexError(f"expected a frame index in 0..{len(self) - 1}, got {index}")
        return index // (self.segments[0].stop - self.segments[0].start)


def film_of(photograph: Photograph, seed: int = 0) -> PhotoFilm:
    """Return a film of one photograph: 4 moves of half a second, frames of its shape with a long side of `LONG_SIDE`.

    Args:
        photograph: one of a user's own, from a file.
        seed: of the sensor noise and the hand.

    Raises:
        InputError: if it cannot be read.
    """
    height, width = photograph.read().shape[:2]
    scale = LONG_SIDE / max(height, width)
    size = (max(2 * round(height * scale / 2), 16), max(2 * round(width * scale / 2), 16))
    name = f"{_NAME}-{seed}:{photograph.path}"
    return PhotoFilm(seed, size, seconds_per_move=0.5, photographs=[photograph], name=name)


def film_of_name(name: str) -> PhotoFilm | None:
    """Return the film that a run's `clip.path` names, None where it names none.

    Raises:
        InputError: if it is of a photograph that cannot be read.
    """
    found = re.fullmatch(rf"{_NAME}-(\d{{1,9}})(?::(.+))?", name, re.DOTALL)
    if found is None:
        return None
    seed = int(found[1])
    return PhotoFilm(seed) if found[2] is None else film_of(own_photograph(Path(found[2])), seed)


class _SensorNoise:
    """Noise of a sensor: independent from pixel to pixel and frame to frame, its variance linear in the light."""

    def __init__(self, level: float, size: tuple[int, int], frames: int, seed: int) -> None:
        self._level = level
        self._shape = (*size, 3)
        samples = size[0] * size[1] * 3
        rng = np.random.default_rng([seed, 0])
        # Drawing new samples would cost more than rendering: each frame takes a stretch of one bank from a random
        # place instead. Shifted white noise is uncorrelated with itself.
        self._bank = rng.standard_normal(2 * samples if level else 0, np.float32)
        self._offsets = rng.integers(0, samples, frames)
        self._deviation = (level * np.sqrt(0.64 + 0.8 * np.arange(256) / 255)).astype(np.float32)

    def add(self, clean: NDArray[np.uint8], index: int) -> NDArray[np.uint8]:
        """Return a clean picture with the noise of a frame."""
        if not self._level:
            return clean
        offset = self._offsets[index]
        unit = self._bank[offset : offset + clean.size].reshape(self._shape)
        noise = cv2.multiply(cv2.LUT(clean, self._deviation), unit)
        return np.asarray(cv2.add(noise, clean, dtype=cv2.CV_8U), np.uint8)


def _require(holds: bool, expected: str, got: object) -> None:
    if not holds:
        raise UsageError(f"expected {expected}, got {got}")


def _make_canvas(pixels: NDArray[np.uint8], scale: float) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Return the photograph resized by about `scale`, and the matrix (3, 3) from its pixels to the canvas's.

    Oversampled once by a sharp filter, so that the per-frame interpolation adds no blur that changes with the sub-pixel
    position of the camera; averaged instead where it shrinks, so that nothing aliases.
    """
    height, width = pixels.shape[:2]
    size = (round(width * scale), round(height * scale))
    canvas = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LANCZOS4)
    if scale < _OVERSAMPLING:
        # The photograph holds finer detail than the frame: keep only what the frame can show.
        canvas = cv2.GaussianBlur(canvas, (0, 0), 0.5 * _OVERSAMPLING)
    # Pixel centres: cv2.resize takes x to (x + 0.5) * scale - 0.5.
    x_scale, y_scale = size[0] / width, size[1] / height
    to_canvas = np.array([[x_scale, 0, (x_scale - 1) / 2], [0, y_scale, (y_scale - 1) / 2], [0, 0, 1]])
    return np.asarray(canvas, np.uint8), to_canvas


def _widest_view(photo_size: tuple[int, int], frame_size: tuple[int, int]) -> float:
    """Return the width, in the photograph's pixels, of the widest view of the frame's shape inside it."""
    (photo_height, photo_width), (height, width) = photo_size, frame_size
    # One pixel spared on each side: the interpolation's support.
    return min(photo_width - 2, (photo_height - 2) * width / height)


def _place(
    view: View, margin: float, photo_size: tuple[int, int], frame_size: tuple[int, int]
) -> NDArray[np.float64]:
    """Return (centre x, centre y, width) in the photograph's pixels, shifted to keep `margin` widths inside."""
    width = view.width * _widest_view(photo_size, frame_size)
    height = width * frame_size[0] / frame_size[1]
    placed = []
    for center, extent, reach in (
        (view.center_x, photo_size[1], width / 2 + margin * width),
        (view.center_y, photo_size[0], height / 2 + margin * width),
    ):
        middle = (extent - 1) / 2
        slack = max(0.0, middle - reach)
        placed.append(min(max(center * (extent - 1), middle - slack), middle + slack))
    return np.array([*placed, width])


def _camera_path(
    photograph: Photograph,
    photo_size: tuple[int, int],
    frame_size: tuple[int, int],
    frames: int,
    fps: int,
    hand: np.random.Generator,
) -> list[NDArray[np.float64]]:
    """Return the homographies from frame to photograph of all four moves, `frames` each."""
    start = _place(photograph.start, 0, photo_size, frame_size)
    panned = _place(photograph.panned, 0, photo_size, frame_size)
    zoomed = _place(photograph.zoomed, _SHAKE_MARGIN, photo_size, frame_size)
    steps = np.arange(1, frames + 1) / frames
    ease = (steps * steps * (3 - 2 * steps))[:, None]
    views = np.concatenate(
        [
            np.repeat(start[None], frames, 0),
            start + (panned - start) * ease,
            panned + (zoomed - panned) * ease,
            np.repeat(zoomed[None], frames, 0),
        ]
    )
    turns = np.zeros((len(views), 3))
    turns[3 * frames :] = _hand_shake(frames, fps, hand)
    return [_homography(view, turn, frame_size) for view, turn in zip(views, turns, strict=True)]


def _hand_shake(frames: int, fps: int, hand: np.random.Generator) -> NDArray[np.float64]:
    """Return yaw, pitch and roll in radians, (frames, 3): smooth, bounded, growing from rest in 0.2 s."""
    time_s = np.arange(1, frames + 1) / fps
    phases = hand.uniform(0, 2 * math.pi, (3, len(_SHAKE_HERTZ)))
    waves = sum(
        weight * np.sin(2 * math.pi * hertz * time_s[:, None] + phases[:, i])
        for i, (hertz, weight) in enumerate(zip(_SHAKE_HERTZ, _SHAKE_WEIGHTS, strict=True))
    )
    turn = math.atan(_SHAKE_SHIFT_IN_WIDTHS / _FOCAL_LENGTH_IN_WIDTHS)
    grow = np.minimum(time_s / 0.2, 1)
    shake: NDArray[np.float64] = (
        waves * (grow * grow * (3 - 2 * grow))[:, None] * np.array([turn, turn, _SHAKE_ROLL_RADIANS])
    )
    return shake


def _homography(
    view: NDArray[np.float64], turn: NDArray[np.float64], frame_size: tuple[int, int]
) -> NDArray[np.float64]:
    """Return the homography from frame to photograph of a pinhole camera that faces it and turns a little."""
    (height, width), (center_x, center_y, view_width) = frame_size, view
    scale, focal = view_width / width, _FOCAL_LENGTH_IN_WIDTHS * width
    lens = np.array([[focal, 0, (width - 1) / 2], [0, focal, (height - 1) / 2], [0, 0, 1]])
    to_photo = np.array([[scale * focal, 0, center_x], [0, scale * focal, center_y], [0, 0, 1]])
    if not turn.any():
        return to_photo @ np.linalg.inv(lens)
    (cy, cp, cr), (sy, sp, sr) = np.cos(turn), np.sin(turn)
    yaw = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    pitch = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    roll = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    homography = to_photo @ yaw @ pitch @ roll @ np.linalg.inv(lens)
    scaled: NDArray[np.float64] = homography / homography[2, 2]
    return scaled


def _displacement(homography: NDArray[np.float64], size: tuple[int, int]) -> NDArray[np.float64]:
    """Return H(x) - x at every pixel, float64 (H, W, 2)."""
    x, y = np.arange(size[1]), np.arange(size[0])[:, None]
    weight = homography[2, 0] * x + (homography[2, 1] * y + homography[2, 2])
    out = np.empty((*size, 2))
    out[..., 0] = (homography[0, 0] * x + (homography[0, 1] * y + homography[0, 2])) / weight - x
    out[..., 1] = (homography[1, 0] * x + (homography[1, 1] * y + homography[1, 2])) / weight - y
    return out
