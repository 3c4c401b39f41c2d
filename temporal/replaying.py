"""A recorded run, replayed: its clip, its motion and what its models saw, frame by frame, without the models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from yolact_temporal.data.frames import Frame, FrameSource
from yolact_temporal.data.masks_jsonl import FrameRecord, read_records
from yolact_temporal.data.photo_film import PhotoFilm
from yolact_temporal.data.runs.clip import reopen_clip
from yolact_temporal.data.runs.manifest import ClipDescription, RunOptions
from yolact_temporal.data.runs.soft_record import with_soft
from yolact_temporal.data.selection import select_frames
from yolact_temporal.data.viewing import ClipViewer
from yolact_temporal.errors import InputError
from yolact_temporal.temporal.flow import FlowEstimator, flow_options
from yolact_temporal.temporal.motion import Motion
from yolact_temporal.temporal.motion_sources import FilmMotion, FlowMotion, MotionSource, exact_motion


@dataclass(frozen=True)
class ReplayedFrame:
    """One frame of a run, as it was measured.

    Attributes:
        index, time_s: its place in the clip and its time in seconds.
        frame: the picture; None where the clip is gone.
        motion: from the last frame replayed to this one; None at the first, at a cut and where the clip is gone.
        cut: whether another scene is known to begin with it.
        records: by model, all that was seen in it, counted or not.
    """

    index: int
    time_s: float
    frame: Frame | None
    motion: Motion | None
    cut: bool
    records: Mapping[str, FrameRecord]


class Replay:
    """The frames of a run again, in one pass forward.

    Where the motion came from is looked up: a film knows its own, other clips have it estimated anew.

    Args:
        clip: as the run's manifest has it.
        options: what of it was measured.
        masks: the record of each model, `masks.jsonl`, by name; all of the same frames.
        motion: in place of the clip's own.
        soft: of models whose soft masks are wanted, these, `soft.jsonl`, by name.

    Attributes:
        pictures: whether the clip is there; without it no motion is known.

    Raises:
        InputError: if the clip is another one by now, or cannot be read.

    Example:
        >>> from fractions import Fraction
        >>> from tempfile import TemporaryDirectory
        >>> from yolact_temporal.data.instances import Instances
        >>> from yolact_temporal.data.masks_jsonl import RecordWriter
        >>> clip = ClipDescription("", "", 6, 4, Fraction(24), 2, "", "")  # its file is gone
        >>> with TemporaryDirectory() as folder:
        ...     masks = {"mine": Path(folder) / "masks.jsonl"}
        ...     writer = RecordWriter.start(masks["mine"], ("person",))
        ...     for index in range(2):
        ...         writer.write(FrameRecord(index, index / 24, Instances.empty((4, 6))))
        ...     writer.close()
        ...     for at in Replay(clip, RunOptions(), masks):
        ...         print(at.index, at.frame, at.motion, at.records["mine"].instances)
        0 None None Instances(0 of 4x6, classes [])
        1 None None Instances(0 of 4x6, classes [])
    """

    def __init__(
        self,
        clip: ClipDescription,
        options: RunOptions,
        masks: Mapping[str, Path],
        motion: MotionSource | None = None,
        soft: Mapping[str, Path] | None = None,
    ) -> None:
        self._soft = dict(soft or {})
        self._options = options
        self._masks = dict(masks)
        self._clip = clip
        self._source = reopen_clip(clip)
        self._motion = motion or motion_of(self._source, options)

    @property
    def pictures(self) -> bool:
        """Whether the clip is there."""
        return self._source is not None

    def __iter__(self) -> Iterator[ReplayedFrame]:
        """Yield every recorded frame; the clip is closed at the end.

        Raises:
            InputError: if the records are of different frames, cannot be read, or the clip reads differently now.
        """
        groups = zip_longest(*(self._records(name, path) for name, path in self._masks.items()))
        if self._source is None:
            yield from (self._unseen(group) for group in groups)
            return
        options = self._options
        with closing(self._source) as source:
            frames = select_frames(source, options.start, options.end, options.stride)
            for group in groups:
                records = self._together(group)
                head = next(iter(records.values()))
                frame = self._frame_at(frames, head.index)
                motion = self._motion.update(frame)
                yield ReplayedFrame(
                    head.index, head.time_s, frame, motion, self._motion.is_cut(frame), records
                )

    def _records(self, name: str, path: Path) -> Iterator[FrameRecord]:
        records = read_records(path)
        return with_soft(records, self._soft[name]) if name in self._soft else records

    def _unseen(self, group: tuple[FrameRecord | None, ...]) -> ReplayedFrame:
        records = self._together(group)
        head = next(iter(records.values()))
        return ReplayedFrame(head.index, head.time_s, None, None, False, records)

    def _together(self, group: tuple[FrameRecord | None, ...]) -> dict[str, FrameRecord]:
        """Return the models' records of one frame by name."""
        head = group[0]
        records = {
            name: one
            for name, one in zip(self._masks, group, strict=True)
            if one is not None and head is not None and one.index == head.index
        }
        if len(records) < len(group):
            at = sorted({-1 if one is None else one.index for one in group})
            raise InputError(
                f"expected records of the same frames, got frames {', '.join(map(str, at))} of "
                f"{', '.join(self._masks)} side by side (-1: none left): analyze the clip with all of them in one run"
            )
        return records

    def _frame_at(self, frames: Iterator[Frame], index: int) -> Frame:
        """Return the clip's frame of a record; frames that were not recorded, as where masks lack, are passed over."""
        for frame in frames:
            if frame.index == index:
                return frame
            if frame.index > index:
                break
        raise InputError(
            f"expected frame {index} of {self._clip.path}, as in the record of the run, found none: the clip reads "
            f"differently now, analyze it again"
        )


def motion_between(viewer: ClipViewer, options: RunOptions, before: int, frame: int) -> Motion | None:
    """Return the motion between two frames of a clip that were measured one after the other, as it was measured.

    Args:
        viewer: of the clip.
        options: what of it was measured.
        before, frame: their indices.

    Returns:
        The film's own motion where the clip is one, else flow estimated anew from the same two frames; None at a cut of
        the film, and where a frame cannot be decoded.

    Raises:
        InputError: if the clip cannot be read any more.
    """
    if viewer.film is not None:
        return exact_motion(viewer.film, frame)
    pictures = [viewer.frame(index) for index in (before, frame)]
    if pictures[0] is None or pictures[1] is None or pictures[0].shape != pictures[1].shape:
        return None
    how = flow_options(options)
    estimator = FlowEstimator(how.long_side, how.method)
    estimator.update(pictures[0])
    return estimator.update(pictures[1])


def motion_of(source: FrameSource | None, options: RunOptions) -> MotionSource:
    """Return what a run's motion is from: a film knows its own, other clips have it estimated."""
    how = flow_options(options)
    if isinstance(source, PhotoFilm):
        return FilmMotion(source, how)
    return FlowMotion(how)
