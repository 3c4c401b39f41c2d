"""The main job: a clip in, stability out. Read `analyze_clip` from top to bottom."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeAlias, TypeVar

import cv2

from yolact_temporal.analyzing.frames_in_flight import MeasuredFrame, MovedFrame, SeenFrame
from yolact_temporal.analyzing.mask_sources import MaskSource
from yolact_temporal.analyzing.pipeline import overlapped
from yolact_temporal.analyzing.recording import MeasuredTruth, ModelRecording, ObjectsRecording, object_tables
from yolact_temporal.analyzing.request import RunRequest
from yolact_temporal.analyzing.stabilized_masks import FollowingMasks
from yolact_temporal.analyzing.stage_clock import StageClock, StageTimes
from yolact_temporal.data.files import require_folder, results_in
from yolact_temporal.data.frames import ClipInfo, Frame, FrameLoss, FrameSource
from yolact_temporal.data.instances import Instances
from yolact_temporal.data.mask_parts import MaskParts
from yolact_temporal.data.masks_jsonl import FrameRecord
from yolact_temporal.data.runs.layout import RunFolder
from yolact_temporal.data.sources import select_frames
from yolact_temporal.data.sources.changes import change_sentence, stamp_of
from yolact_temporal.temporal.absences import AbsenceCounts
from yolact_temporal.temporal.comparison.clip_objects import Objects
from yolact_temporal.temporal.comparison.rows import ObjectRow
from yolact_temporal.temporal.comparison.support_meter import Outside
from yolact_temporal.temporal.motion_sources import MotionSource
from yolact_temporal.temporal.reading.moments import Moment, worst_apart
from yolact_temporal.temporal.reading.shared_ids import MaskKey, RunningNumbers
from yolact_temporal.temporal.stability import ClipStability, FrameStability
from yolact_temporal.temporal.why.causes_summary import ClipCauses

T = TypeVar("T")

QUEUE_DEPTH = 2
"""Frames that may wait between two stages."""


BACKGROUND_NICENESS = 10
"""Of every stage but the network, whose threads wait for each other: a moment taken from one holds up all."""


@dataclass(frozen=True)
class AnalyzeResult:
    """What came of one clip.

    Attributes:
        clip: what was read.
        stability: by model name.
        frames: frames measured.
        losses: frames the decoder lost of those that were asked for.
        warnings: of the decoder, and of what saw the frames.
        seconds: wall time by stage name; stages overlap, so they add up to more than the total.
        outside: by model, instances that are of no object of the ground truth, or, without one, of the models'
            consensus; empty for one model without a ground truth.
        truth: what was measured against a ground truth; None where there is none.
        motion: where the motion between frames came from.
        causes: by model, what its jitter comes from; only of models that were explained.
        moments: the worst of every model, worst first, by its own tracks.
        absences: why masks are absent inside their tracks' lives, by model.
        numbers: by model and track, the object of the comparison or of the ground truth that it is; None where there
            are none.
        times: what each stage took of the clock and of the processor, and which waited for which.
        objects: the objects that all is told of, the ground truth's or else those of several models; None where there
            are none.
        span_s: from the first frame's time to the last one's.
    """

    clip: ClipInfo
    stability: dict[str, ClipStability]
    frames: int
    losses: tuple[FrameLoss, ...]
    warnings: tuple[str, ...]
    seconds: dict[str, float]
    outside: Mapping[str, Outside] = field(default_factory=dict)
    truth: MeasuredTruth | None = None
    motion: str = ""
    causes: Mapping[str, ClipCauses] = field(default_factory=dict)
    moments: tuple[Moment, ...] = ()
    absences: Mapping[str, AbsenceCounts] = field(default_factory=dict)
    numbers: Mapping[str, Mapping[int, int]] | None = None
    times: StageTimes | None = None
    objects: Objects | None = None
    span_s: float = 0.0


def analyze_clip(
    source: FrameSource,
    mask_sources: Sequence[MaskSource],
    folder: RunFolder,
    request: RunRequest,
    motion: MotionSource,
    progress: Callable[[int], object] | None = None,
) -> AnalyzeResult:
    """Let models see a clip frame by frame and measure how steady their masks are.

    Decoding, optical flow, network, measurement and drawing overlap; a failure in any of them stops all and is raised
    as itself. What the models saw is recorded frame by frame, so that a broken run can be resumed.

    Args:
        source: the clip, read once, forward.
        mask_sources: at least one: models to run, or somebody's masks; each is measured by itself.
        folder: takes the results; see `data.runs.claim`.
        request: what is measured, and against what; whether to take up what a broken run recorded in the folder.
        motion: where the motion between frames comes from.
        progress: called with the number of frames done.

    Raises:
        OutOfSpaceError: if the disk is full; the record of the frames so far is kept.
        OutputError: if the folder is removed or moved meanwhile.
    """
    clock, options = StageClock(), request.options
    stamp = stamp_of(source.info)
    timed = source.info.fps is not None
    with results_in(folder.path), single_threaded_opencv(), ExitStack() as stack:
        recordings = [
            stack.enter_context(ModelRecording(folder, mask_source, source.info, request, motion.pictures))
            for mask_source in mask_sources
        ]
        kept, last = min((recording.kept for recording in recordings), default=(0, -1))
        if kept and request.destination.going_on is not None:
            request.destination.going_on(kept, last)
        tables = object_tables(folder, recordings, source.info, request)
        objects = [stack.enter_context(table) for table in tables]

        def ahead(
            items: Iterator[T], name: str, taker: str, niceness: int = BACKGROUND_NICENESS
        ) -> Iterator[T]:
            """Return the items, made in a thread of their own, which ends with this stack."""
            handover = clock.handover(name, taker)
            return stack.enter_context(closing(overlapped(items, QUEUE_DEPTH, name, niceness, handover)))

        selected = select_frames(source, options.start, options.end, options.stride)
        numbers = RunningNumbers()
        frames = ahead(clock.timed("decode", selected), "decode", "flow")
        moved = ahead(with_motion(frames, motion, clock), "flow", "network")
        seen = ahead(_segment(moved, recordings, options.batch, clock), "network", "measure", niceness=0)
        measured = ahead(_measure(seen, recordings, objects, numbers, clock), "measure", "overlay")
        count, first_s, last_s = 0, None, 0.0
        for count, frame in enumerate(measured, start=1):
            last_s = frame.seen.moved.frame.time_s
            first_s = last_s if first_s is None else first_s
            with clock.running("overlay"):
                drawn = {recording.name: recording.draw(frame) for recording in recordings}
            require_folder(folder.path)
            if request.watcher is not None:
                pictures = {model: picture for model, picture in drawn.items() if picture is not None}
                request.watcher.see(frame, pictures, _worst(recordings, timed))
            if progress is not None:
                progress(count)
        moments = _worst(recordings, timed)
        stability = {recording.name: recording.finish() for recording in recordings}
        causes = {
            recording.name: recording.causes.result()
            for recording in recordings
            if recording.causes is not None
        }
        outside = objects[-1].outside() if objects else {}
        table = objects[-1].table() if objects else None
        true = next((found for table in objects if (found := table.measured()) is not None), None)
    changed = change_sentence(source.info, stamp)
    warnings = [
        *source.warnings,
        *([] if changed is None else [changed]),
        *(remark for mask_source in mask_sources for remark in mask_source.remarks()),
        *(remark for recording in recordings for remark in recording.remarks()),
    ]
    return AnalyzeResult(
        source.info,
        stability,
        count,
        tuple(selected.losses),
        tuple(warnings),
        clock.seconds(),
        outside,
        true,
        motion.kind,
        causes,
        tuple(moments),
        {recording.name: recording.absences() for recording in recordings},
        {recording.name: numbers.settled(recording.name) for recording in recordings} if objects else None,
        clock.times(),
        table,
        last_s - (first_s or 0.0),
    )


def _worst(recordings: Sequence[ModelRecording], timed: bool) -> list[Moment]:
    return worst_apart((one for recording in recordings for one in recording.moments()), timed)


@contextmanager
def single_threaded_opencv() -> Iterator[None]:
    """Keep OpenCV's own threads, which spin while they wait and do not make the flow faster, from the network."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def with_motion(frames: Iterator[Frame], source: MotionSource, clock: StageClock) -> Iterator[MovedFrame]:
    """Add the motion that leads to each frame; the time that takes counts as the stage `flow`."""
    for frame in frames:
        with clock.running("flow"):
            motion = source.update(frame)
        yield MovedFrame(frame, motion, source.is_cut(frame))


_Told: TypeAlias = tuple[FrameRecord, MaskParts | None]
"""What a model sees in a frame, and, of a model that tells, what its masks are assembled from."""


def _segment(
    frames: Iterator[MovedFrame], recordings: Sequence[ModelRecording], batch: int, clock: StageClock
) -> Iterator[SeenFrame]:
    """Add what each model sees; a frame that a broken run recorded is not seen anew."""
    for group in _batches(frames, batch):
        pictures = [moved.frame for moved in group]
        found: dict[str, Sequence[_Told]] = {}
        for recording in recordings:  # those that follow another one come after it
            source = recording.mask_source
            if isinstance(source, FollowingMasks):
                with clock.running("stabilize"):
                    seen = zip(group, found[source.of], strict=True)
                    found[recording.name] = [
                        (source.follow(moved, record), None) for moved, (record, _) in seen
                    ]
            else:
                found[recording.name] = _records(recording, pictures, clock)
        for place, moved in enumerate(group):
            own = {name: seen[place] for name, seen in found.items()}
            parts = {name: told for name, (_, told) in own.items() if told is not None}
            yield SeenFrame(moved, {name: record for name, (record, _) in own.items()}, parts)


def _records(recording: ModelRecording, frames: Sequence[Frame], clock: StageClock) -> Sequence[_Told]:
    recorded = recording.recorded(frames[0].index, len(frames))
    # Handing parts out costs time too: it is done where a pair of frames is explained.
    explained = recording.explained if any(recording.explains(frame.index) for frame in frames) else None
    if recorded is not None:
        if explained is None:
            return [(record, None) for record in recorded]
        # Parts are not recorded: only for them is a frame seen anew, so that a resumed run says the same.
        with clock.running(recording.name):
            seen = explained.see_parts(frames)
        return [(record, parts) for record, (_, parts) in zip(recorded, seen, strict=True)]
    with clock.running(recording.name):
        if explained is not None:
            return explained.see_parts(frames)
        return [(record, None) for record in recording.mask_source.see(frames)]


def _measure(
    frames: Iterator[SeenFrame],
    recordings: Sequence[ModelRecording],
    objects: Sequence[ObjectsRecording],
    numbers: RunningNumbers,
    clock: StageClock,
) -> Iterator[MeasuredFrame]:
    """Record what was seen, and add how steady it is and which objects of the comparison it is of."""
    for seen in frames:
        counted: dict[str, Instances] = {}
        stability: dict[str, FrameStability] = {}
        with clock.running("measure"):
            for recording in recordings:
                record = recording.counted(seen.records[recording.name])
                counted[recording.name] = record.instances
                stability[recording.name] = recording.measure(seen, record)
        with clock.running("why"):
            for recording in recordings:
                recording.explain(seen, stability[recording.name])
        with clock.running("compare"):
            rows: Sequence[ObjectRow] = ()
            for table in objects:
                rows = table.measure(seen, stability)
            # The last table is the one that is compared on: the ground truth's where there is one.
            for model, own in stability.items():
                numbers.update(model, _track_keys(own), _object_keys(rows, model))
        known = {model: _numbers_of(own, numbers.of(model)) for model, own in stability.items()}
        yield MeasuredFrame(seen, counted, stability, known if objects else None)


def _numbers_of(own: FrameStability, numbers: Mapping[int, int]) -> dict[int, int]:
    return {track: numbers[track] for track in own.track_ids if track in numbers}


def _track_keys(own: FrameStability) -> Iterator[MaskKey]:
    for item in own.instances:
        if item.track_id is not None:
            yield MaskKey(own.frame_index, item.area_px, item.score, item.track_id)


def _object_keys(rows: Sequence[ObjectRow], model: str) -> Iterator[MaskKey]:
    for row in rows:
        if row.model == model and row.score is not None:
            yield MaskKey(row.frame, row.area_px or 0, row.score, row.object_id)


def _batches(frames: Iterator[MovedFrame], size: int) -> Iterator[list[MovedFrame]]:
    while group := list(islice(frames, size)):
        yield group
