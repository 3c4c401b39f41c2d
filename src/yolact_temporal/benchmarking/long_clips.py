"""Long clips: the memory of a run, and the time after its last frame, on synthetic masks without any network."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from yolact_temporal.analyzing.options import AnalyzeOptions
from yolact_temporal.analyzing.request import Destination, Pictures, RunRequest
from yolact_temporal.analyzing.run_clip import FinishedRun, run_clip
from yolact_temporal.data.crops import MaskCrop
from yolact_temporal.data.formats import MaskFrame, MaskSequence
from yolact_temporal.data.frames import ClipInfo, Frame, FrameLoss
from yolact_temporal.data.instances import Instances
from yolact_temporal.data.masks_jsonl import FrameRecord
from yolact_temporal.temporal.motion import Motion

SIZE = (96, 160)
FPS = 25
FRAMES = (1_000, 10_000, 100_000)
TRACKS = (10, 1_000, 10_000)

_CELL_PX = 8
_SHOWN = 3.0
"""How many objects are there at a time on average, where they live long enough for that."""
_SHORTEST_LIFE = 8
"""Frames that an object lives at least: of many objects in few frames more are there at a time."""


@dataclass(frozen=True)
class LongClip:
    """A clip that is made as it is read: small objects, each in a place of its own for a part of the clip.

    Attributes:
        frames: how many.
        tracks: objects in all of it.
    """

    frames: int
    tracks: int

    @property
    def life(self) -> int:
        """Frames that an object lives."""
        return min(max(round(_SHOWN * self.frames / self.tracks), _SHORTEST_LIFE), self.frames)

    def objects_at(self, index: int) -> list[int]:
        """Return the objects that are there in a frame, numbered from 1 in the order in which they come."""
        last_start, life = self.frames - self.life, self.life
        steps = max(self.tracks - 1, 1)
        latest = index * steps // last_start if last_start else steps
        earliest = max(-(-(index - life + 1) * steps // last_start) if last_start else 0, 0)
        return [number + 1 for number in range(earliest, min(latest, self.tracks - 1) + 1)]

    def masks_at(self, index: int, shiver: int = 0) -> list[MaskCrop]:
        """Return their masks; those of a model that shivers are a column wider in some frames."""
        columns = SIZE[1] // _CELL_PX
        made = []
        for number in self.objects_at(index):
            place = number * 7 % (columns * (SIZE[0] // _CELL_PX))
            wider = shiver and (index * 3 + number) % (2 + shiver) == 0
            pixels = np.ones((_CELL_PX - 2, _CELL_PX - 3 + int(wider)), np.uint8)
            made.append(
                MaskCrop.from_bitmap(pixels, SIZE, place % columns * _CELL_PX, place // columns * _CELL_PX)
            )
        return made


class LongClipSource:
    """The frames of a clip that nobody looks at: grey."""

    def __init__(self, frames: int) -> None:
        self.info = ClipInfo(
            "", "", SIZE[1], SIZE[0], Fraction(FPS), frames, 0, False, "none", "The clip is made up."
        )
        self.losses: list[FrameLoss] = []
        self.warnings: list[str] = []

    def __iter__(self) -> Iterator[Frame]:
        grey = np.full((*SIZE, 3), 128, np.uint8)
        for index in range(self.info.frame_count or 0):
            yield Frame(index, index / FPS, grey)

    def close(self) -> None:
        """Do nothing."""


class Still:
    """The motion of a camera that stands, known and not estimated."""

    kind = "none: the camera stands still"
    pictures = True

    def __init__(self) -> None:
        self._started = False

    def update(self, frame: Frame) -> Motion | None:
        """Return no motion; None at the first frame."""
        started, self._started = self._started, True
        return Motion.still(SIZE) if started else None

    def is_cut(self, frame: Frame) -> bool:
        """Return false."""
        return False


@dataclass
class LongClipMasks:
    """What a model sees of a long clip.

    Attributes:
        name: the model's.
        clip: of which clip.
        shiver: how often its masks change, 0 for never.
        identified: whether it says which object each mask is.
    """

    name: str
    clip: LongClip
    shiver: int
    identified: bool = False
    class_names: Sequence[str] = ("object",)
    score_threshold: float = 0.3
    path: Path | None = None
    manifest: dict[str, Any] = field(default_factory=lambda: {"note": "made up", "score_threshold": 0.3})

    def mask_cell_px(self, size: tuple[int, int]) -> tuple[float, float] | None:
        """Return None: there is no grid."""
        return None

    def see(self, frames: Sequence[Frame]) -> list[FrameRecord]:
        """Return the masks of the frames."""
        return [FrameRecord(frame.index, frame.time_s, *self._seen(frame.index)) for frame in frames]

    def _seen(self, index: int) -> tuple[Instances, tuple[int, ...] | None]:
        found = _instances(self.clip.masks_at(index, self.shiver), index + self.shiver)
        return found, tuple(self.clip.objects_at(index)) if self.identified else None

    def remarks(self) -> list[str]:
        """Return nothing."""
        return []


def _instances(masks: Sequence[MaskCrop], phase: int = 0) -> Instances:
    boxes = np.array([mask.region for mask in masks], np.float32).reshape(-1, 4)
    scores = [0.5 + 0.01 * ((phase + place) % 40) for place in range(len(masks))]
    return Instances(boxes, scores, [0] * len(masks), masks, SIZE)


def true_masks(clip: LongClip) -> MaskSequence:
    """Return the true masks of a long clip."""

    def frames() -> Iterator[MaskFrame]:
        for index in range(clip.frames):
            yield MaskFrame(index, _instances(clip.masks_at(index)), tuple(clip.objects_at(index)))

    return MaskSequence(
        Path("made up"), "masks", SIZE, ("object",), True, range(clip.frames), frames, fps=Fraction(FPS)
    )


def measure_long_clip(clip: LongClip, folder: Path, truth: bool = False) -> tuple[FinishedRun, float, float]:
    """Measure a long clip into a run folder; return the run, its seconds, and those after the last frame."""
    start = time.perf_counter()
    last = [start]

    def seen(_: int) -> None:
        last[0] = time.perf_counter()

    masks = [LongClipMasks("steady", clip, 0), LongClipMasks("shivering", clip, 1, identified=True)]
    request = RunRequest(
        Destination("long", folder, pictures=Pictures(overlay=False)),
        AnalyzeOptions(),
        motion=Still(),
        truth=true_masks(clip) if truth else None,
    )
    done = run_clip(LongClipSource(clip.frames), masks, request, seen)
    end = time.perf_counter()
    return done, end - start, end - last[0]
