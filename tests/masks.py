"""Synthetic masks and scenes whose motion is known exactly."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from yolact_temporal.data.crops import MaskCrop
from yolact_temporal.data.instances import Instances
from yolact_temporal.temporal.motion import Motion


def rectangle(size: tuple[int, int], x1: int, y1: int, x2: int, y2: int) -> NDArray[np.bool_]:
    """Bool (H, W) of a frame of (height, width): columns x1..x2-1, rows y1..y2-1, cut at the frame's border."""
    bitmap = np.zeros(size, np.bool_)
    bitmap[max(y1, 0) : max(y2, 0), max(x1, 0) : max(x2, 0)] = True
    return bitmap


def disk(
    size: tuple[int, int],
    x: float,
    y: float,
    radius: float,
    noise_px: float = 0.0,
    rng: np.random.Generator | None = None,
) -> NDArray[np.bool_]:
    """A disk by pixel centres; with noise, its outline wobbles by `noise_px` (standard deviation), smooth over 3 px."""
    rows, columns = np.mgrid[: size[0], : size[1]] + 0.5
    depth = radius - np.hypot(columns - x, rows - y)
    if rng is not None and noise_px:
        wobble = cv2.GaussianBlur(rng.standard_normal(size), (0, 0), 3)
        depth += noise_px * wobble / wobble.std()
    return depth >= 0


def crop(bitmap: NDArray[np.bool_]) -> MaskCrop:
    return MaskCrop.from_bitmap(bitmap)


def tight_box(bitmap: NDArray[np.bool_]) -> tuple[float, float, float, float]:
    region = MaskCrop.from_bitmap(bitmap).region
    return tuple(float(edge) for edge in region)


def instances(
    bitmaps: Sequence[NDArray[np.bool_]],
    size: tuple[int, int],
    class_ids: Sequence[int] | None = None,
    scores: Sequence[float] | None = None,
) -> Instances:
    """Instances with tight boxes; class 0 and score 0.9 unless said."""
    if len(bitmaps) == 0:
        return Instances.empty(size)
    return Instances.from_bitmaps(
        [tight_box(bitmap) for bitmap in bitmaps],
        [0.9] * len(bitmaps) if scores is None else scores,
        [0] * len(bitmaps) if class_ids is None else class_ids,
        np.stack(bitmaps),
    )


def pan(size: tuple[int, int], dx: float, dy: float) -> Motion:
    """The motion of a frame whose whole picture moved by (dx, dy) pixels since the last."""
    backward = np.broadcast_to(np.array([-dx, -dy], np.float32), (*size, 2))
    return Motion.from_flow(backward)


@dataclass(frozen=True)
class Block:
    """A rectangle that moves by whole pixels: its upper left corner (x, y) in each frame."""

    width: int
    height: int
    path: Sequence[tuple[int, int]]


class Scene:
    """Blocks over a still ground, later ones in front of earlier ones, with exact flow both ways."""

    def __init__(self, size: tuple[int, int], blocks: Sequence[Block]) -> None:
        self.size = size
        self.blocks = tuple(blocks)

    def __len__(self) -> int:
        return len(self.blocks[0].path)

    def layers(self, t: int) -> NDArray[np.int64]:
        """Which block is in front at each pixel, int64 (H, W), -1 for the ground."""
        front = np.full(self.size, -1)
        for index, block in enumerate(self.blocks):
            x, y = block.path[t]
            front[rectangle(self.size, x, y, x + block.width, y + block.height)] = index
        return front

    def masks(self, t: int) -> list[NDArray[np.bool_]]:
        """The visible part of each block."""
        front = self.layers(t)
        return [front == index for index in range(len(self.blocks))]

    def flow(self, t: int, to: int) -> NDArray[np.float32]:
        """Exact flow of the pixels of frame t to frame `to`, float32 (H, W, 2)."""
        steps = [np.subtract(block.path[to], block.path[t]) for block in self.blocks]
        return np.array([*steps, (0, 0)], np.float32)[self.layers(t)]

    def motion(self, t: int) -> Motion | None:
        """From t-1 to t; None for the first frame."""
        return Motion.from_flow(self.flow(t, t - 1), self.flow(t - 1, t)) if t else None


def texture(size: tuple[int, int], seed: int = 0) -> NDArray[np.uint8]:
    """A picture with enough detail for the flow to hold on to, uint8 (H, W, 3)."""
    rng = np.random.default_rng(seed)
    picture = sum(
        cv2.GaussianBlur(rng.standard_normal((*size, 3)), (0, 0), sigma) * sigma for sigma in (2, 5, 12)
    )
    return cv2.normalize(picture, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)
