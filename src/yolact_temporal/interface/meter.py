"""`Meter`: frames and what was seen in them, one after the other, into a measured run."""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from yolact_temporal.analyzing.chosen_models import require_threshold
from yolact_temporal.analyzing.options import AnalyzeOptions
from yolact_temporal.analyzing.request import RunRequest
from yolact_temporal.data.formats import MaskSequence
from yolact_temporal.data.frames import ClipInfo, Frame, FrameLoss
from yolact_temporal.data.masks_jsonl import FrameRecord
from yolact_temporal.data.other_libraries import GivenFrame, InstanceAdapter, rgb_picture
from yolact_temporal.data.other_libraries.arrays import mask_stack
from yolact_temporal.data.runs.manifest import FlowMethod
from yolact_temporal.data.runs.names import require_free, twice_named
from yolact_temporal.data.selection import Position
from yolact_temporal.errors import UsageError
from yolact_temporal.interface.memory import (
    DEFAULT_FPS,
    PushedRun,
    assumed_rate,
    clip_in_memory,
    rate_of,
    time_of,
)
from yolact_temporal.interface.places import Place, require_motion
from yolact_temporal.interface.results import Result
from yolact_temporal.interface.words import in_python_words
from yolact_temporal.temporal.motion_sources import NoMotion

ClassNames = Sequence[str] | Mapping[int, str] | None

_MOST_PENDING = 16
"""Frames without an instance that are kept until it is known whether instances come with ids."""


_NO_IDS = "Instances without ids were left out."


@dataclass(frozen=True)
class MeterOptions:
    """What is measured of frames that are pushed, and where it goes.

    Attributes:
        place: where the run goes.
        names: what to call the masks, one a model.
        class_names, score_threshold, identified: as of `Meter`.
        motion: the method of optical flow.
        truth: true masks; None where there are none.
        pictures: whether there are frames at all.
        start, end: which part of the clip the frames are.
        said: what must be said beside the figures, a sentence each.
    """

    place: Place
    names: tuple[str, ...]
    class_names: ClassNames = None
    score_threshold: float = 0.0
    identified: bool | None = None
    motion: FlowMethod = AnalyzeOptions.motion
    truth: MaskSequence | None = None
    pictures: bool = True
    start: Position = 0
    end: Position | None = None
    said: tuple[str, ...] = ()


class Meter:
    """Measures masks frame by frame, while your own loop makes them.

    Push each frame with what was seen in it, in order, then ask for the result. Memory does not grow with the clip:
    frames are measured in a second thread as they come, and `update` waits where that is slower than you are.
    As a context manager, it gives up what it measured when the block ends by an exception.

    Args:
        fps: frames a second; None where there is no time, and nothing is then told in seconds or per second. Where it
            is left out 30 are assumed, and the result says so.
        name: what to call the masks in tables.
        names: instead of `name`, of several models; `update` then takes a dictionary by these names, and the result
            compares them.
        class_names: names of the classes, by number; by default those the library says, else "class N".
        score_threshold: instances whose score is above it count.
        identified: whether tracker ids are the tracks (True), or instances are matched across frames by overlap
            (False); by default the former where the first instances have ids.
        clip_name: what to call the clip; by default the folder's name.
        folder: where the run is kept, with overlay video and plots; by default in a temporary folder, until `save`.
        overwrite: replace a run that is there.
        motion: the optical flow that motion is estimated by: "dis", "dis-quick", "dis-fine" or "farneback".

    Raises:
        UsageError: if one of these is wrong.

    Example:
        >>> import numpy as np
        >>> import yolact_temporal as yt
        >>> rng = np.random.default_rng(0)
        >>> picture = rng.integers(0, 255, (96, 128, 3), np.uint8)
        >>> meter = yt.Meter(fps=25)
        >>> for index in range(4):
        ...     masks = np.zeros((1, 96, 128), np.bool_)
        ...     masks[0, 20:60, 30 + index % 2 : 80] = True  # the left edge moves to and fro
        ...     meter.update(picture + np.uint8(index), masks)
        >>> result = meter.result()
        >>> result.tracks[["track_id", "class", "frames_seen"]].values.tolist()
        [[1, 'object', 4]]
    """

    @in_python_words
    def __init__(
        self,
        fps: float | None = DEFAULT_FPS,
        *,
        name: str = "masks",
        names: Sequence[str] | None = None,
        class_names: ClassNames = None,
        score_threshold: float = 0.0,
        identified: bool | None = None,
        clip_name: str | None = None,
        folder: str | Path | None = None,
        overwrite: bool = False,
        motion: FlowMethod = AnalyzeOptions.motion,
    ) -> None:
        require_threshold(score_threshold)
        options = MeterOptions(
            Place(folder, overwrite, clip_name),
            model_names_of(names if names is not None else [name]),
            class_names,
            score_threshold,
            identified,
            require_motion(motion),
            said=assumed_rate(fps, clip_in_memory((0, 0), rate_of(fps), None)),
        )
        self._several = names is not None
        self._rate = rate_of(fps)
        self._pusher = Pusher(options)
        self._index = 0
        self._size: tuple[int, int] | None = None

    def update(
        self, frame: Any, instances: Any, *, scores: Any = None, ids: Any = None, classes: Any = None
    ) -> None:
        """Take the next frame and what was seen in it.

        Args:
            frame: uint8 (H, W, 3), RGB, an array or a tensor.
            instances: masks (N, H, W) or (N, 1, H, W) of bool, of 0 and 1, or of probabilities, which are cut at 0.5;
                or what supervision, ultralytics, torchvision, detectron2, mmdet or transformers hand out for the
                frame; or None for nothing. Of several models a dictionary of these, by name.
            scores, ids, classes: of masks alone, one each: 0 to 1, whole numbers, and numbers or names.

        Raises:
            UsageError: if something does not fit; nothing of the frame is measured then.
        """
        where = f"frame {self._index}"
        picture = rgb_picture(frame, where, self._size)
        size = (picture.shape[0], picture.shape[1])
        parts = {"seen": instances, "scores": scores, "ids": ids, "classes": classes}
        given = self._pusher.adapted(by_model(parts, self._pusher.names, self._several, where), size, where)
        if self._size is None:
            self._size = size
            self._pusher.begin(clip_in_memory(size, self._rate, None))
        # What was given may be written into again, as by a reader that reuses its buffer.
        self._pusher.push(Frame(self._index, time_of(self._index, self._rate), picture.copy()), given)
        self._index += 1
        self._pusher.warn(3)

    @in_python_words
    def result(self) -> Result:
        """Return what was measured; the clip ends with it. A second call returns the same.

        Raises:
            UsageError: if there was no frame.
        """
        return self._pusher.finish()

    def close(self) -> None:
        """Give up what was measured, unless `result` was called."""
        self._pusher.abandon()

    def __enter__(self) -> Meter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self.close()

    def __repr__(self) -> str:
        return f"Meter({', '.join(self._pusher.names)}: {self._index} frames)"


class Pusher:
    """Adapts what was seen in frames and pushes it into a run, which begins once it is known whether ids come."""

    def __init__(self, options: MeterOptions) -> None:
        self._options = options
        self.names = options.names
        self.adapters = {name: InstanceAdapter(options.class_names) for name in options.names}
        self._identified: dict[str, bool] = {}
        if options.identified is not None:
            self._identified = dict.fromkeys(options.names, options.identified)
        self._pending: list[tuple[Frame, dict[str, GivenFrame]]] = []
        self._run: PushedRun | None = None
        self._abandoned: weakref.finalize[Any, Any] | None = None
        self._result: Result | None = None
        self._info: ClipInfo | None = None
        self._warned: set[str] = set()

    def begin(
        self, info: ClipInfo, losses: list[FrameLoss] | None = None, remarks: list[str] | None = None
    ) -> None:
        """Say of what clip the frames will be."""
        self._info = info
        self._losses = [] if losses is None else losses
        self._remarks = [] if remarks is None else remarks

    def adapted(
        self, parts: Mapping[str, Mapping[str, Any]], size: tuple[int, int], where: str
    ) -> dict[str, GivenFrame]:
        """Return what each model saw in a frame, whose ids fit those of the frames before."""
        if self._result is not None:
            raise UsageError("expected no frame after result(), got one: begin another Meter")
        return self.fitted({name: self._taken(name, parts[name], size, where) for name in self.names}, where)

    def fitted(self, given: Mapping[str, GivenFrame], where: str) -> dict[str, GivenFrame]:
        """Return what each model saw in a frame, whose ids fit those of the frames before."""
        return {name: self._fitting(name, own, where) for name, own in given.items()}

    def _taken(self, name: str, parts: Mapping[str, Any], size: tuple[int, int], where: str) -> GivenFrame:
        what = where if len(self.names) == 1 else f"{where} of {name}"
        return self.adapters[name].take(
            parts["seen"], size, what, parts["scores"], parts["ids"], parts["classes"]
        )

    def _fitting(self, name: str, given: GivenFrame, where: str) -> GivenFrame:
        known, count = self._identified.get(name), len(given.instances)
        if known is None and count:
            self._identified[name] = known = given.identities is not None
        if known is False and (given.identities is None or self._options.identified is False):
            return given._replace(identities=None)
        if known is False and count:
            raise UsageError(
                f"expected no ids at {where}, as at the frames before, got some: pass ids in every frame, or "
                f"identified=False to match instances by overlap"
            )
        if known is True and given.identities is None and count:
            if self._options.identified:
                if _NO_IDS not in self.adapters[name].notes:
                    self.adapters[name].notes.append(_NO_IDS)
                return GivenFrame(given.instances.select([]), ())
            raise UsageError(
                f"expected ids at {where}, as at the frames before, got none: pass identified=True to leave out what "
                f"has no id, or identified=False to match instances by overlap"
            )
        return given._replace(identities=() if known and not count else given.identities if known else None)

    def push(self, frame: Frame, given: dict[str, GivenFrame]) -> None:
        """Take a frame and what was seen in it."""
        self._pending.append((frame, given))
        if (
            self._run is None
            and len(self._identified) < len(self.names)
            and len(self._pending) < _MOST_PENDING
        ):
            return
        self._push_pending()

    def _push_pending(self) -> None:
        run = self._run or self._started()
        for frame, given in self._pending:
            records = {
                name: FrameRecord(
                    frame.index,
                    frame.time_s,
                    own.instances,
                    (own.identities or ()) if self._identified[name] else None,
                )
                for name, own in given.items()
            }
            run.push(frame, records)
        self._pending.clear()

    def _started(self) -> PushedRun:
        assert self._info is not None, "begun before"
        for name in self.names:
            self._identified.setdefault(name, False)
        options = self._options
        self._run = run = PushedRun(
            self._info,
            {name: own.class_names for name, own in self.adapters.items()},
            options.score_threshold,
            self._identified,
            {name: own.notes for name, own in self.adapters.items()},
            RunRequest(
                options.place.destination,
                AnalyzeOptions(start=options.start, end=options.end, motion=options.motion),
                motion=None if options.pictures else NoMotion(),
                truth=options.truth,
                said=options.said,
            ),
            self._losses,
            self._remarks,
        )
        self._abandoned = weakref.finalize(self, run.abandon)
        return run

    def finish(self) -> Result:
        """Measure what is left and return the result."""
        if self._result is not None:
            return self._result
        if self._info is None:
            raise UsageError("expected frames, got none: call update() with each frame first")
        self._push_pending()
        assert self._run is not None, "begun by now"
        done = self._run.finish()
        if self._abandoned is not None:
            self._abandoned.detach()
        self._result = self._options.place.result(done)
        return self._result

    def abandon(self) -> None:
        """End the measurement, unless it is done."""
        if self._result is None and self._abandoned is not None:
            self._abandoned()

    def warn(self, level: int) -> None:
        """Warn of how masks were taken, each sentence once; `level` as of `warnings.warn`."""
        for note in dict.fromkeys(note for own in self.adapters.values() for note in own.notes):
            if note not in self._warned:
                self._warned.add(note)
                warnings.warn(note, stacklevel=level)


def model_names_of(names: Sequence[str]) -> tuple[str, ...]:
    """Return names of models, each of which can name a folder.

    Raises:
        UsageError: naming the one that cannot.
    """
    found = tuple(require_free(str(name), "name") for name in names)
    twice = twice_named(found)
    if not found or twice is not None:
        raise UsageError(f"expected different names of models, got {list(names)}: name each once")
    return found


def by_model(
    parts: Mapping[str, Any], names: Sequence[str], several: bool, where: str
) -> dict[str, dict[str, Any]]:
    """Return masks, scores, ids and classes by model.

    Args:
        parts: by what they are; of several models each a dictionary by their names, or None.
        names: of the models.
        several: whether there are several.
        where: for messages.

    Raises:
        UsageError: if a model's are missing, or one is unknown.
    """
    if not several:
        return {names[0]: dict(parts)}
    for what, value in parts.items():
        if value is None and what != "seen":
            continue
        if (
            not isinstance(value, Mapping)
            or set(value) - set(names)
            or (what == "seen" and set(names) - set(value))
        ):
            got = ", ".join(map(str, value)) if isinstance(value, Mapping) else type(value).__name__
            raise UsageError(
                f"expected {'masks' if what == 'seen' else what} by model at {where}, for {', '.join(names)}, got "
                f"{got}: pass a dictionary by these names"
            )
    return {
        name: {what: None if value is None else value.get(name) for what, value in parts.items()}
        for name in names
    }


def size_of_masks(masks: Any, where: str) -> tuple[int, int]:
    """Return the (height, width) of masks that are given without their frame.

    Raises:
        UsageError: if they do not say it.
    """
    if masks is None or not hasattr(masks, "shape"):
        raise UsageError(
            f"expected masks as arrays at {where}, since there are no frames to say their size, got a "
            f"{type(masks).__name__}: pass the frames too"
        )
    height, width = mask_stack(masks, where).shape[-2:]
    if not height or not width:
        raise UsageError(
            f"expected the size of the frames from the masks of {where}, got none: pass the frames too"
        )
    return height, width
