"""Long clips: the memory of a run, and the time after its last frame, on synthetic masks without any network."""

from __future__ import annotations

import math
import multiprocessing
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from yolact_temporal.analyzing.options import AnalyzeOptions
from yolact_temporal.analyzing.request import Destination, Pictures, RunRequest
from yolact_temporal.analyzing.run_clip import FinishedRun, run_clip
from yolact_temporal.analyzing.stage_clock import Spent
from yolact_temporal.benchmarking.metrics import peak_mib
from yolact_temporal.data.crops import MaskCrop
from yolact_temporal.data.formats import MaskFrame, MaskSequence
from yolact_temporal.data.frames import ClipInfo, Frame, FrameLoss
from yolact_temporal.data.instances import Instances
from yolact_temporal.data.masks_jsonl import FrameRecord
from yolact_temporal.temporal.motion import Motion
from yolact_temporal.temporal.plot_style import (
    model_color,
    model_marker,
    new_figure,
    save_png,
    style_axes,
)

SIZE = (96, 160)
FPS = 25
FRAMES = (1_000, 10_000, 100_000)
TRACKS = (10, 1_000, 10_000)

_CELL_PX = 8
AT_A_TIME = 1.0
"""How many objects are there at a time on average, where they live long enough for that."""
_SHORTEST_LIFE = 4
"""Frames that an object lives at least: of many objects in few frames more are there at a time."""


@dataclass(frozen=True)
class LongClip:
    """A clip that is made as it is read: small objects, each in a place of its own for a part of the clip.

    Attributes:
        frames: how many.
        tracks: objects in all of it.
        at_a_time: how many of them are there at a time on average, or more where each would live too short.
    """

    frames: int
    tracks: int
    at_a_time: float = AT_A_TIME

    @property
    def life(self) -> int:
        """Frames that an object lives."""
        return min(max(round(self.at_a_time * self.frames / self.tracks), _SHORTEST_LIFE), self.frames)

    def objects_at(self, index: int) -> list[int]:
        """Return the objects that are there in a frame, numbered from 1 in the order in which they come."""
        last_start, steps = self.frames - self.life, max(self.tracks - 1, 1)
        if not last_start:
            return list(range(1, self.tracks + 1))
        # The n-th of them, from 0, comes at n * last_start // steps.
        earliest = max(-(-(index - self.life + 1) * steps // last_start), 0)
        latest = min(((index + 1) * steps - 1) // last_start, self.tracks - 1)
        return list(range(earliest + 1, latest + 2))

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


def measure_long_clip(clip: LongClip, folder: Path, truth: bool = False) -> tuple[FinishedRun, Spent, Spent]:
    """Measure a long clip into a run folder; return the run, what it took, and what of that after the last frame.

    Args:
        clip: what is measured, by one model whose masks are matched across frames and one that says which is which.
        folder: takes the run.
        truth: whether both are measured against the true masks, too.
    """
    start = last = Spent.by_now()

    def seen(_: int) -> None:
        nonlocal last
        last = Spent.by_now()

    masks = [LongClipMasks("steady", clip, 0), LongClipMasks("shivering", clip, 1, identified=True)]
    request = RunRequest(
        Destination("long", folder, pictures=Pictures(overlay=False)),
        AnalyzeOptions(),
        motion=Still(),
        truth=true_masks(clip) if truth else None,
    )
    done = run_clip(LongClipSource(clip.frames), masks, request, seen)
    end = Spent.by_now()
    return done, end.since(start), end.since(last)


def time_long_clip(frames: int, tracks: int, truth: bool = False) -> dict[str, Any]:
    """Measure a long clip in this process and return its figures.

    Returns:
        {"frames", "tracks", "truth", "peak_mib", "seconds", "seconds_after", "share_after", "processor_seconds",
        "processor_seconds_after"}; peak_mib is None where the system does not tell. Processor time and memory are this
        process's: the one beside it that draws is not counted.
    """
    with tempfile.TemporaryDirectory() as folder:
        _, whole, after = measure_long_clip(LongClip(frames, tracks), Path(folder) / "long", truth)
    return {
        "frames": frames,
        "tracks": tracks,
        "truth": truth,
        "peak_mib": peak_mib(),
        "seconds": whole.wall_s,
        "seconds_after": after.wall_s,
        "share_after": after.wall_s / whole.wall_s,
        "processor_seconds": whole.processor_s,
        "processor_seconds_after": after.processor_s,
    }


def run_long_benchmark(
    frames: Sequence[int] = FRAMES,
    tracks: Sequence[int] = TRACKS,
    truth: bool = False,
    told: Callable[[dict[str, Any]], object] | None = None,
) -> list[dict[str, Any]]:
    """Measure clips of every length with every number of tracks, each in a process of its own.

    Args:
        frames, tracks: how many.
        truth: whether masks are measured against true ones, too.
        told: called with the figures of each as they come.

    Returns:
        The figures of each, as of `time_long_clip`.
    """
    found = []
    for length in frames:
        for many in tracks:
            context = multiprocessing.get_context("spawn")
            with ProcessPoolExecutor(1, mp_context=context) as pool:
                figures = pool.submit(time_long_clip, length, many, truth).result()
            found.append(figures)
            if told is not None:
                told(figures)
    return found


def format_long_benchmark(found: Sequence[dict[str, Any]]) -> str:
    """Return the figures as a table for the terminal."""
    head = f"{'frames':>8} {'tracks':>8} {'peak memory':>12} {'whole run':>11} {'after the last frame':>21}"
    return "\n".join([head, *map(long_row, found)])


def long_row(one: dict[str, Any]) -> str:
    """Return the figures of one clip as a row of `format_long_benchmark`."""
    peak = "unknown" if one["peak_mib"] is None else f"{one['peak_mib']:.0f} MiB"
    return (
        f"{one['frames']:>8} {one['tracks']:>8} {peak:>12} {one['seconds']:>9.1f} s "
        f"{one['seconds_after']:>10.1f} s, {one['share_after']:>6.1%}"
    )


def plot_long_benchmark(found: Sequence[dict[str, Any]], path: Path) -> Path:
    """Draw peak memory, and the seconds after the last frame, over the frames; a line for each number of tracks."""
    figure = new_figure(10, 4.0)
    memory, after = figure.subplots(1, 2)
    for number, tracks in enumerate(sorted({one["tracks"] for one in found})):
        own = sorted((one for one in found if one["tracks"] == tracks), key=lambda one: one["frames"])
        frames = [one["frames"] for one in own]
        look: dict[str, Any] = {
            "color": model_color(number),
            "marker": model_marker(number),
            "linewidth": 1.4,
        }
        memory.plot(frames, [one["peak_mib"] or math.nan for one in own], label=f"{tracks:,} tracks", **look)
        after.plot(frames, [one["seconds_after"] for one in own], **look)
    for axes, label in ((memory, "peak memory (MiB)"), (after, "after the last frame (s)")):
        style_axes(axes, label, "frames", grid="both")
        axes.set_xscale("log")
        axes.set_ylim(bottom=0)
    figure.legend(loc="outside lower center", fontsize=8.5, frameon=False, ncols=3)
    return save_png(figure, path, "Long clips: two models, synthetic masks")
