"""The job behind `score`: somebody's masks in, the same run folder out as a model's."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from yolact_temporal.analyzing.mask_sources import GivenMasks, masks_sha256
from yolact_temporal.analyzing.options import AnalyzeOptions
from yolact_temporal.analyzing.request import Destination, RunRequest, TruthProtocol
from yolact_temporal.analyzing.run_clip import FinishedRun, run_clip
from yolact_temporal.comparing.true_masks import (
    TruthOptions,
    coverage_notes,
    frames_of_clip,
    open_truth,
)
from yolact_temporal.data.formats import (
    FORMATS,
    KnownFrames,
    MaskSequence,
    ReadOptions,
    format_of,
    open_masks,
)
from yolact_temporal.data.formats.frame_names import first_numbers
from yolact_temporal.data.formats.masks_file import FILE_NAME
from yolact_temporal.data.frames import ClipInfo, Frame, FrameLoss, FrameSource
from yolact_temporal.data.rle import mask_boxes
from yolact_temporal.data.runs.guard import require_apart
from yolact_temporal.data.runs.manifest import FlowMethod
from yolact_temporal.data.runs.names import require_free, twice_named
from yolact_temporal.data.sources import open_clip
from yolact_temporal.data.sources.image_folder import ASSUMED_FPS
from yolact_temporal.errors import InputError, UsageError
from yolact_temporal.temporal.comparison.rules import Rules
from yolact_temporal.temporal.motion_sources import NoMotion


@dataclass(frozen=True)
class ScoreOptions:
    """What is measured, and what is known of masks that do not say it themselves.

    Attributes:
        format: of the masks; recognised if None.
        truth: what is known of the ground truth.
        protocol: as of `RunRequest`.
        score_threshold: instances whose score is above it count.
        names: what to call the masks, one each; from their files' names if empty.
        class_names: names of the classes in order.
        first_frame: the number by which the masks count the clip's first frame.
        video: which video of results of several.
        frames: how many frames the clip has, where there is no clip.
        fps: frames a second, where there is no clip that says so.
        flow_long_side, motion, second_motion_every: as of `AnalyzeOptions`.
        rules: margins and bounds by which several are compared.
    """

    format: str | None = None
    truth: TruthOptions = field(default_factory=TruthOptions)
    protocol: TruthProtocol | None = None
    score_threshold: float = 0.0
    names: tuple[str, ...] = ()
    class_names: tuple[str, ...] | None = None
    first_frame: int | None = None
    video: int | None = None
    frames: int | None = None
    fps: Fraction | None = None
    flow_long_side: int = AnalyzeOptions.flow_long_side
    rules: Rules = field(default_factory=Rules)
    motion: FlowMethod = AnalyzeOptions.motion
    second_motion_every: int = AnalyzeOptions.second_motion_every


@dataclass(frozen=True)
class ScoreRequest:
    """Masks to measure, as it is asked for.

    Attributes:
        masks: each of them one "model" of the run.
        destination: where the run goes.
        options: what is known of the masks.
        clip: the clip they are of; None where it is not there.
        truth: true masks with identities.
    """

    masks: Sequence[Path]
    destination: Destination
    options: ScoreOptions = field(default_factory=ScoreOptions)
    clip: Path | None = None
    truth: Path | None = None


def score_masks(
    request: ScoreRequest,
    progress: Callable[[int], object] | None = None,
) -> FinishedRun:
    """Measure somebody's masks of one clip into the run folder `folder`, as `analyze` measures a model's.

    All masks are read once before anything is written. Where they say which object each instance is, these are the
    tracks; else instances are matched across frames. Without the clip there is no motion, and what needs it is
    undefined.

    Args:
        request: the masks, what is known of them, and where the run goes.
        progress: called with the number of frames done.

    Raises:
        UsageError: if names are taken twice or cannot name a folder, or the run folder is taken.
        InputError: if masks or clip cannot be read, or do not go together.
    """
    paths, options, clip, truth = request.masks, request.options, request.clip, request.truth
    names = model_names(paths, options.names)
    require_apart(request.destination.folder, [*paths, *(path for path in (clip, truth) if path is not None)])
    source = None if clip is None else open_clip(clip, fps=options.fps)
    try:
        frames_known = frames_of_clip(clip)
        read = _Reading(options, source, frames_known, {} if frames_known.names else _first_numbers(request))
        true = None if truth is None else read.truth(truth)
        masks = [read.masks(path) for path in paths]
        indices = _frames_to_measure(masks, names, read.frame_count)
        if true is not None:
            read.notes += coverage_notes(true, indices)
        frames = _frames(source, paths, masks, indices, read)
        threshold = options.score_threshold
        return run_clip(
            frames,
            [GivenMasks(own, sequence, threshold) for own, sequence in zip(names, masks, strict=True)],
            RunRequest(
                request.destination,
                _analyze_options(indices, options),
                motion=None if source is not None else NoMotion(),
                truth=true,
                rules=options.rules,
                protocol=options.protocol,
            ),
            progress,
        )
    finally:
        if source is not None:
            source.close()


def _frames(
    source: FrameSource | None,
    paths: Sequence[Path],
    masks: Sequence[MaskSequence],
    indices: Sequence[int],
    read: _Reading,
) -> FrameSource:
    """Return what gives the frames to measure: those of the clip, or frames of which only masks are known."""
    frames: FrameSource
    if source is None:
        frames = UnseenFrames(_unseen_clip(paths, masks, indices, read), indices, read.times, read.fps)
    else:
        frames = WantedFrames(source, indices)
    frames.warnings.extend(read.notes)
    return frames


def _analyze_options(indices: Sequence[int], options: ScoreOptions) -> AnalyzeOptions:
    return AnalyzeOptions(
        start=indices[0],
        end=indices[-1] + 1,
        stride=_stride(indices),
        flow_long_side=options.flow_long_side,
        motion=options.motion,
        second_motion_every=options.second_motion_every,
    )


def model_names(paths: Sequence[Path], given: Sequence[str] = ()) -> list[str]:
    """Return what to call masks: as told, else by their files' names, or their folders' where the files' are alike.

    Raises:
        UsageError: if there are not as many names as masks, two alike, or one that cannot name a folder of a run.
    """
    if given and len(given) != len(paths):
        raise UsageError(
            f"expected a --name for each of {len(paths)} masks, got {len(given)}: give one each, in order, or none"
        )
    names = list(given) or [mask_name(path) for path in paths]
    if not given and len(paths) > 1 and len(set(names)) == 1:
        names = [path.absolute().parent.name for path in paths]
    twice = twice_named(names)
    if twice is not None:
        raise UsageError(
            f"expected masks of different names, got {twice} more than once: tell them apart with --name"
        )
    return [require_free(name, "--name") for name in names]


def run_name(paths: Sequence[Path]) -> str:
    """Return a name for the clip of masks: theirs where they have one name, else that of the folder they are in."""
    names = {mask_name(path) for path in paths}
    folders = {path.absolute().parent.name for path in paths}
    if len(names) > 1 and len(folders) == 1:
        return folders.pop()
    return mask_name(paths[0])


def mask_name(path: Path) -> str:
    """Return a name for masks: the file's without its ending, or the folder's; of a model's record its folder's."""
    whole = path.absolute()
    if path.name == FILE_NAME:
        return whole.parent.name
    return whole.name if path.is_dir() else whole.stem


class _Reading:
    """Reads masks of one clip, and gathers what they say of it."""

    def __init__(
        self,
        options: ScoreOptions,
        source: FrameSource | None,
        frames: KnownFrames,
        firsts: Mapping[str, int],
    ) -> None:
        self._options = options
        self._frames, self._firsts = frames, firsts
        self.notes: list[str] = []
        self.times: dict[int, float] = {}
        self.size: tuple[int, int] | None = None
        self.fps = options.fps
        self.frame_count = options.frames
        if source is not None:
            self.size = (source.info.height, source.info.width)
            self.fps, self.frame_count = source.info.fps, source.info.frame_count

    def masks(self, path: Path) -> MaskSequence:
        """Return the masks at a path, every frame of them read once.

        Raises:
            InputError: if they cannot be read, or do not fit the clip or the masks before.
        """
        own = self._options
        known = ReadOptions(
            self.size, self.frame_count, own.class_names, own.first_frame, own.video, known=self._known(path)
        )
        found = open_masks(path, own.format, known)
        close = 0
        for frame in found:
            if frame.time_s is not None:
                self.times.setdefault(frame.index, frame.time_s)
            close += boxes_meet(mask_boxes(frame.instances.masks))
        self.size = found.size
        self.notes += found.notes
        if close and not FORMATS[found.format].overlaps:
            self.notes.append(
                f"{path} is {found.format}, which gives each pixel to one object: masks are cut where objects overlap, "
                f"and outlines there are not the model's own (in {close} of {len(found)} frames the boxes of two "
                f"objects meet)"
            )
        self.fps = self.fps or found.fps
        return found

    def _known(self, path: Path) -> KnownFrames:
        """Return what is known of the frames by now, with the first-frame number of a path."""
        shared = min(self._firsts.values(), default=None)
        return replace(self._frames, first=self._firsts.get(str(path), shared))

    def truth(self, path: Path) -> MaskSequence:
        """Return true masks at a path, and keep what they call the clip's frames for the masks to come.

        Raises:
            InputError: if they cannot be read, do not fit the clip, or do not say which object each is.
        """
        found = open_truth(path, self._options.truth, self.size, self.frame_count, self._known(path))
        self.notes += found.notes
        self._frames = self._frames.and_then(found.known)
        self.size = self.size or found.size
        return found


def _first_numbers(request: ScoreRequest) -> dict[str, int]:
    """Return how each path calls the first frame, of all masks and the truth that have numbers alone.

    Raises:
        InputError: if two disagree, or one cannot be read.
    """
    options = request.options
    told = [(path, options.format) for path in request.masks if options.first_frame is None]
    if request.truth is not None and options.truth.first_frame is None:
        told.append((request.truth, options.truth.format))
    numbered, from_one = {}, []
    for path, name in told:
        chosen = format_of(path, name)
        if chosen.numbers is not None:
            numbered[str(path)] = chosen.numbers(path)
            from_one += [str(path)] if chosen.from_one else []
    return first_numbers(numbered, from_one)


def boxes_meet(boxes: NDArray[np.float32]) -> bool:
    """Say whether any two boxes share a pixel.

    Args:
        boxes: (N, 4) x1, y1, x2, y2, exclusive at the far end.

    Example:
        >>> boxes_meet(np.float32([[0, 0, 4, 4], [3, 3, 9, 9]])), boxes_meet(np.float32([[0, 0, 4, 4], [4, 0, 9, 4]]))
        (True, False)
    """
    near = np.maximum(boxes[:, None, :2], boxes[None, :, :2])
    far = np.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    shared = (near < far).all(axis=2)
    return bool(np.count_nonzero(shared) > np.count_nonzero(np.diagonal(shared)))


def _frames_to_measure(
    masks: Sequence[MaskSequence], names: Sequence[str], frame_count: int | None
) -> Sequence[int]:
    """Return the frames that all masks are of: those that are there, or all that sparse ones may be of.

    Raises:
        InputError: if masks are of different frames, or of none.
    """
    dense = [(name, own) for name, own in zip(names, masks, strict=True) if not own.sparse]
    longest = max((len(own) for own in masks if own.sparse), default=0)
    if not dense:
        indices: Sequence[int] = range(longest if frame_count is None else frame_count)
    else:
        first_name, first = dense[0]
        indices = first.indices
        for name, own in dense[1:]:
            differing = set(own.indices).symmetric_difference(indices)
            if differing:
                raise InputError(
                    f"expected masks of the same frames, got frame {min(differing)} of only one of {first_name} and "
                    f"{name}: score them one at a time, or leave the frame out of both"
                )
        if longest > indices[-1] + 1:
            raise InputError(
                f"expected masks of the frames of {first_name}, up to {indices[-1]}, got frame {longest - 1}: score "
                f"them one at a time"
            )
    if not indices:
        raise InputError(
            f"expected a frame in {', '.join(str(own.path) for own in masks)}, found none: pass the clip, or say how "
            f"many frames it has with --frames"
        )
    return indices


def _stride(indices: Sequence[int]) -> int:
    steps = np.diff(np.asarray(indices))
    return max(int(np.gcd.reduce(steps)), 1) if len(steps) else 1


def _unseen_clip(
    paths: Sequence[Path], masks: Sequence[MaskSequence], indices: Sequence[int], read: _Reading
) -> ClipInfo:
    digest = hashlib.sha256("".join(masks_sha256(path) for path in paths).encode()).hexdigest()
    return ClipInfo(
        path="",
        sha256=digest,
        width=masks[0].size[1],
        height=masks[0].size[0],
        fps=read.fps,
        frame_count=read.frame_count or indices[-1] + 1,
        rotation=0,
        variable_rate=False,
        decoder="none",
        decoder_reason="No clip was given: the masks were measured by themselves.",
    )


class UnseenFrames:
    """A `FrameSource` of a clip that is not there: frames with a place and a time, and nothing to see.

    Args:
        info: what is known of the clip.
        indices: its frames.
        times: in seconds, of the frames whose time is known; the others' follow from the rate.
        fps: frames a second; None where it is not known, times then assume 30.
    """

    def __init__(
        self, info: ClipInfo, indices: Sequence[int], times: dict[int, float], fps: Fraction | None
    ) -> None:
        self.info = info
        self.losses: list[FrameLoss] = []
        self.warnings: list[str] = []
        self._indices, self._times = indices, times
        self._rate = fps or ASSUMED_FPS
        if fps is None:
            self.warnings.append(
                f"no rate is known for the masks: times assume {ASSUMED_FPS} frames a second, and figures per second "
                f"are undefined; give --fps"
            )

    def __iter__(self) -> Iterator[Frame]:
        """Yield the frames; they share one black picture that takes no memory."""
        nothing = np.broadcast_to(np.uint8(0), (self.info.height, self.info.width, 3))
        for index in self._indices:
            time_s = self._times.get(index)
            yield Frame(index, float(index / self._rate) if time_s is None else time_s, nothing)

    def close(self) -> None:
        """Do nothing: nothing is open."""


class WantedFrames:
    """A `FrameSource` of those frames of another that are wanted; the others are skipped."""

    def __init__(self, source: FrameSource, indices: Sequence[int]) -> None:
        self.info = source.info
        self.losses = source.losses
        self.warnings = source.warnings
        self._source, self._indices = source, indices
        count = source.info.frame_count
        if count is not None and len(indices) < count:
            self.warnings.append(
                f"the masks are of {len(indices)} of the clip's {count} frames; the others are skipped"
            )

    def __iter__(self) -> Iterator[Frame]:
        """Yield the frames that are wanted.

        Raises:
            InputError: if the clip ends before them.
        """
        wanted = self._indices if isinstance(self._indices, range) else frozenset(self._indices)
        last = -1
        for frame in self._source:
            last = frame.index
            if frame.index in wanted:
                yield frame
        if self.info.frame_count is None and last < self._indices[-1] and not self.losses:
            raise InputError(
                f"expected masks of a clip of {last + 1} frames, got frame {self._indices[-1]}, which is after the "
                f"end of {self.info.path}: pass the clip's own masks"
            )

    def close(self) -> None:
        """Close the other source."""
        self._source.close()
