"""The main job: a clip in, stability out. Read `analyze_clip` from top to bottom."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

import cv2

from yolact_temporal.data.files import space_for
from yolact_temporal.data.formats import MaskSequence
from yolact_temporal.data.frames import ClipInfo, Frame, FrameLoss, FrameSource
from yolact_temporal.data.masks_jsonl import FrameRecord
from yolact_temporal.data.sources import select_frames
from yolact_temporal.pipeline import overlapped
from yolact_temporal.recording import MeasuredTruth, ModelRecording, ObjectsRecording, object_tables
from yolact_temporal.runs import RunFolder
from yolact_temporal.sights import Sight
from yolact_temporal.temporal.comparison.support import Outside
from yolact_temporal.temporal.motion import FlowEstimator, FlowOptions, Motion
from yolact_temporal.temporal.stability import ClipStability, FrameStability

T = TypeVar("T")

QUEUE_DEPTH = 2
"""Frames that may wait between two stages."""


BACKGROUND_NICENESS = 10
"""Of every stage but the network, whose threads wait for each other: a moment taken from one holds up all."""


@dataclass(frozen=True)
class AnalyzeOptions:
    """What is measured, and how; all of it goes into the manifest, and `--resume` needs it unchanged.

    Attributes:
        start, end: frame index (int) or seconds (float); end exclusive, None to the clip's end.
        stride: take every how manieth frame.
        batch: frames a forward pass.
        flow_long_side: the long side in pixels to which frames are reduced for optical flow.
    """

    start: int | float = 0
    end: int | float | None = None
    stride: int = 1
    batch: int = 1
    flow_long_side: int = FlowOptions.long_side


@dataclass(frozen=True)
class Step:
    """One frame on its way through the stages; by model name all that it saw, counted or not, and how steady it is."""

    frame: Frame
    motion: Motion | None
    cut: bool
    seen: dict[str, FrameRecord] = field(default_factory=dict)
    stability: dict[str, FrameStability] = field(default_factory=dict)


@dataclass(frozen=True)
class AnalyzeResult:
    """What came of one clip.

    Attributes:
        clip: what was read.
        stability: by model name.
        frames: frames measured.
        losses: frames the decoder lost.
        warnings: of the decoder, and of what saw the frames.
        seconds: wall time by stage name; stages overlap, so they add up to more than the total.
        outside: by model, instances that are of no object of the ground truth, or, without one, of the models'
            consensus; empty for one model without a ground truth.
        truth: what was measured against a ground truth; None where there is none.
    """

    clip: ClipInfo
    stability: dict[str, ClipStability]
    frames: int
    losses: tuple[FrameLoss, ...]
    warnings: tuple[str, ...]
    seconds: dict[str, float]
    outside: Mapping[str, Outside] = field(default_factory=dict)
    truth: MeasuredTruth | None = None


class Motions:
    """Where the motion between frames comes from: optical flow, unless the clip knows its own.

    Attributes:
        pictures: whether there are pictures at all, to estimate motion from and to draw on.
    """

    pictures = True

    def __init__(self, long_side: int) -> None:
        self._estimator = FlowEstimator(long_side)

    def update(self, frame: Frame) -> Motion | None:
        """Return the motion from the last frame to this one, None at the first."""
        return self._estimator.update(frame.rgb)

    def is_cut(self, frame: Frame) -> bool:
        """Say whether another scene is known to begin with this frame; optical flow knows of none."""
        return False


class NoMotions(Motions):
    """No motion is known: the clip is not there, only masks of it."""

    pictures = False

    def __init__(self) -> None:
        """Take nothing: there is nothing to estimate from."""

    def update(self, frame: Frame) -> None:
        """Return None: nothing is known."""


def analyze_clip(
    source: FrameSource,
    sights: Sequence[Sight],
    folder: RunFolder,
    options: AnalyzeOptions,
    resume: bool = False,
    motions: Motions | None = None,
    truth: MaskSequence | None = None,
    progress: Callable[[int], object] | None = None,
) -> AnalyzeResult:
    """Let models see a clip frame by frame and measure how steady their masks are.

    Decoding, optical flow, network, measurement and drawing overlap; a failure in any of them stops all and is raised
    as itself. What the models saw is recorded frame by frame, so that a broken run can be resumed.

    Args:
        source: the clip, read once, forward.
        sights: at least one: models to run, or somebody's masks; each is measured by itself.
        folder: takes the results; see `runs.prepare_run_folder`.
        options: range, stride, batch size.
        resume: take up what a broken run recorded in the folder.
        motions: the motion between frames; by default optical flow.
        truth: true masks with identities, that all are measured against as well.
        progress: called with the number of frames done.

    Raises:
        OutOfSpaceError: if the disk is full; the record of the frames so far is kept.
    """
    clock = StageClock()
    motions = motions or Motions(options.flow_long_side)
    with space_for(folder.path), single_threaded_opencv(), ExitStack() as stack:
        recordings = [
            stack.enter_context(ModelRecording(folder, sight, source.info, options, resume, motions.pictures))
            for sight in sights
        ]
        tables = object_tables(folder, sights, source.info, options, truth)
        objects = [stack.enter_context(table) for table in tables]

        def ahead(items: Iterator[T], name: str, niceness: int = BACKGROUND_NICENESS) -> Iterator[T]:
            return stack.enter_context(closing(overlapped(items, QUEUE_DEPTH, name, niceness)))

        selected = select_frames(source, options.start, options.end, options.stride)
        frames = ahead(clock.timed("decode", selected), "decode")
        moved = ahead(with_motion(frames, motions, clock), "flow")
        seen = ahead(_segment(moved, recordings, options.batch, clock), "network", niceness=0)
        measured = ahead(_measure(seen, recordings, objects, clock), "measure")
        count = 0
        for count, step in enumerate(measured, start=1):
            with clock.running("overlay"):
                for recording in recordings:
                    name = recording.name
                    recording.draw(step.frame, step.seen[name], step.stability[name], step.cut)
            if progress is not None:
                progress(count)
        stability = {recording.name: recording.finish() for recording in recordings}
        outside = objects[-1].outside() if objects else {}
        true = next((found for table in objects if (found := table.measured()) is not None), None)
    warnings = [*source.warnings, *(remark for sight in sights for remark in sight.remarks())]
    return AnalyzeResult(
        source.info, stability, count, tuple(source.losses), tuple(warnings), clock.seconds(), outside, true
    )


@contextmanager
def single_threaded_opencv() -> Iterator[None]:
    """Keep OpenCV's own threads, which spin while they wait and do not make the flow faster, from the network."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def with_motion(frames: Iterator[Frame], motions: Motions, clock: StageClock) -> Iterator[Step]:
    """Add the motion that leads to each frame; the time that takes counts as the stage `flow`."""
    for frame in frames:
        with clock.running("flow"):
            motion = motions.update(frame)
        yield Step(frame, motion, motions.is_cut(frame))


def _segment(
    steps: Iterator[Step], recordings: Sequence[ModelRecording], batch: int, clock: StageClock
) -> Iterator[Step]:
    """Add what each model sees; a frame that a broken run recorded is not seen anew."""
    for group in _batches(steps, batch):
        frames = [step.frame for step in group]
        for recording in recordings:
            found = recording.recorded(frames[0].index, len(frames))
            if found is None:
                with clock.running(recording.name):
                    found = recording.sight.see(frames)
            for step, record in zip(group, found, strict=True):
                step.seen[recording.name] = record
        yield from group


def _measure(
    steps: Iterator[Step],
    recordings: Sequence[ModelRecording],
    objects: Sequence[ObjectsRecording],
    clock: StageClock,
) -> Iterator[Step]:
    for step in steps:
        with clock.running("measure"):
            for recording in recordings:
                step.stability[recording.name] = recording.measure(
                    step.frame, step.seen[recording.name], step.motion, step.cut
                )
        with clock.running("compare"):
            for table in objects:
                table.measure(step.frame, step.seen, step.stability, step.motion, step.cut)
        yield step


def _batches(steps: Iterator[Step], size: int) -> Iterator[list[Step]]:
    group: list[Step] = []
    for step in steps:
        group.append(step)
        if len(group) == size:
            yield group
            group = []
    if group:
        yield group


class StageClock:
    """Wall time by stage; each stage has a thread of its own, so a plain sum a name is safe."""

    def __init__(self) -> None:
        self._start = time.perf_counter()
        self._spent: dict[str, float] = {}

    def running(self, name: str) -> _Lap:
        """Count the time within a `with` block for a stage."""
        return _Lap(self._spent, name)

    def timed(self, name: str, items: Iterator[T]) -> Iterator[T]:
        """Pass items on, counting the time spent to make each."""
        while True:
            with self.running(name):
                try:
                    item = next(items)
                except StopIteration:
                    return
            yield item

    def seconds(self) -> dict[str, float]:
        """Return the seconds of each stage so far, and as `total` those since the clock was made."""
        return {name: round(value, 3) for name, value in self._spent.items()} | {
            "total": round(time.perf_counter() - self._start, 3)
        }


class _Lap:
    def __init__(self, spent: dict[str, float], name: str) -> None:
        self._spent, self._name = spent, name

    def __enter__(self) -> None:
        self._start = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self._spent[self._name] = self._spent.get(self._name, 0.0) + time.perf_counter() - self._start
