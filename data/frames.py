"""What a frame source is: the contract every decoder and image folder fulfils."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

MAX_FRAME_PIXELS = 1 << 26
"""Pixels of the largest picture that is decoded, twice as many as 8K has: what a header declares beyond is refused."""


@dataclass(frozen=True, eq=False)
class Frame:
    """One displayed frame.

    Attributes:
        index: 0-based position in the clip's display order.
        time_s: presentation time in seconds from the clip's first displayed frame.
        rgb: uint8 (H, W, 3), upright (rotation already applied).

    Example:
        >>> Frame(12, 0.5, np.zeros((48, 64, 3), np.uint8))
        Frame(index=12, time_s=0.500, 64x48)
    """

    index: int
    time_s: float
    rgb: NDArray[np.uint8]

    def __repr__(self) -> str:
        height, width = self.rgb.shape[:2]
        return f"Frame(index={self.index}, time_s={self.time_s:.3f}, {width}x{height})"


@dataclass(frozen=True)
class FrameLoss:
    """Frames that could not be decoded: where (index of the next good frame, or the count so far) and why."""

    at_index: int
    reason: str
    count: int | None = None


def loss_sentence(loss: FrameLoss) -> str:
    """Return one sentence about frames that could not be decoded.

    Example:
        >>> loss_sentence(FrameLoss(at_index=120, reason="corrupt packet", count=3))
        'Lost at frame 120: 3 frames (corrupt packet).'
    """
    count = "an unknown number of frames" if loss.count is None else f"{loss.count} frames"
    return f"Lost at frame {loss.at_index}: {count} ({loss.reason})."


@dataclass(frozen=True)
class ClipInfo:
    """What is known of a clip before its frames are read.

    Attributes:
        path: the file or folder as given.
        sha256: of the file's bytes (of a folder: of its images' names and bytes in order).
        width, height: of the upright frame, in pixels.
        fps: average displayed frames a second; None where the clip has no time (a folder without --fps).
        frame_count: displayed frames; None where it cannot be known without decoding.
        rotation: degrees clockwise applied to make frames upright: 0, 90, 180 or 270.
        variable_rate: whether the gaps between frames differ.
        decoder: "decord", "pyav" or "images".
        decoder_reason: one sentence: why this decoder was used.
    """

    path: str
    sha256: str
    width: int
    height: int
    fps: Fraction | None
    frame_count: int | None
    rotation: int
    variable_rate: bool
    decoder: str
    decoder_reason: str


class FrameSource(Protocol):
    """Frames of one clip in display order, read once, forward, with no seek.

    `losses` and `warnings` are complete once the iterator is exhausted.
    """

    info: ClipInfo
    losses: list[FrameLoss]
    warnings: list[str]

    def __iter__(self) -> Iterator[Frame]:
        """Yield every displayed frame from the first to the last."""
        ...

    def close(self) -> None:
        """Release the decoder."""
        ...
