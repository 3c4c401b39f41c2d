"""What a stabiliser takes and gives: the one contract that all of them keep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from yolact_temporal.data.crops import MaskCrop
from yolact_temporal.data.instances import Instances
from yolact_temporal.data.soft_masks import SoftMask
from yolact_temporal.temporal.association import NO_TRACK
from yolact_temporal.temporal.stabilizing.steps import Step

Box = tuple[float, float, float, float]


@dataclass(frozen=True, eq=False)
class TrackedMask:
    """One instance and the track that it is of.

    Attributes:
        track: from 1; `NO_TRACK` for an instance that is of none, such as one without a pixel.
        mask: where it is.
        box: (x1, y1, x2, y2) in pixels.
        score, class_id: as segmented.
        counts: whether its score is above the operating threshold; of a faint one, the track is that which it goes on.
        soft: how sure the model is of the mask; None where that is not known.
    """

    track: int
    mask: MaskCrop
    box: Box
    score: float
    class_id: int
    counts: bool = True
    soft: SoftMask | None = None


@dataclass(frozen=True, eq=False)
class TrackedFrame:
    """One frame as a stabiliser takes it.

    Attributes:
        index: its place in the clip.
        size: (height, width) in pixels.
        seen: what counts, in the order of the instances, and then the faint ones that go on a track.
        step: from the last frame to this one.
        seconds: since the last frame; None at the first one and where the clip has no time.
    """

    index: int
    size: tuple[int, int]
    seen: tuple[TrackedMask, ...]
    step: Step
    seconds: float | None = None

    @cached_property
    def counted(self) -> Mapping[int, TrackedMask]:
        """What counts and has a track, by track."""
        return {own.track: own for own in self.seen if own.counts and own.track != NO_TRACK}

    @cached_property
    def faint(self) -> Mapping[int, TrackedMask]:
        """What goes on a track below the operating threshold, by track."""
        return {own.track: own for own in self.seen if not own.counts}

    @cached_property
    def untracked(self) -> tuple[TrackedMask, ...]:
        """What counts and is of no track; no stabiliser touches it."""
        return tuple(own for own in self.seen if own.counts and own.track == NO_TRACK)


@dataclass(frozen=True, eq=False)
class StabilizedFrame:
    """One frame as a stabiliser gives it.

    Attributes:
        index: the frame's place in the clip.
        size: (height, width) in pixels.
        shown: all that is to be seen in it.
    """

    index: int
    size: tuple[int, int]
    shown: tuple[TrackedMask, ...]

    @cached_property
    def by_track(self) -> Mapping[int, MaskCrop]:
        """The masks that have a track, by track."""
        return {own.track: own.mask for own in self.shown if own.track != NO_TRACK}

    @property
    def track_ids(self) -> NDArray[np.int64]:
        """The track of each instance, int64 (N,); -1 where it has none."""
        return np.array([own.track for own in self.shown], np.int64)

    @cached_property
    def instances(self) -> Instances:
        """The masks as instances, in the same order."""
        if not self.shown:
            return Instances.empty(self.size)
        return Instances(
            [own.box for own in self.shown],
            [own.score for own in self.shown],
            [own.class_id for own in self.shown],
            [own.mask for own in self.shown],
            self.size,
        )


class Method(Protocol):
    """One way to stabilise. It takes a clip's frames in order, each once.

    Attributes:
        look_ahead: how many frames of the future it must know; 0 works live.
    """

    @property
    def look_ahead(self) -> int: ...  # noqa: D102

    def push(self, frame: TrackedFrame) -> list[StabilizedFrame]:
        """Take frame t and return frame t - look_ahead; nothing of a clip's first frames."""
        ...

    def finish(self) -> list[StabilizedFrame]:
        """Return the frames that are left at the clip's end."""
        ...


class CausalMethod:
    """A method that knows nothing of the future: it gives each frame as it takes it."""

    look_ahead = 0

    def push(self, frame: TrackedFrame) -> list[StabilizedFrame]:
        """Take a frame and return it."""
        return [StabilizedFrame(frame.index, frame.size, (*self.show(frame), *frame.untracked))]

    def finish(self) -> list[StabilizedFrame]:
        """Return nothing: nothing is left."""
        return []

    def show(self, frame: TrackedFrame) -> Sequence[TrackedMask]:
        """Return what is shown of the tracks in a frame."""
        raise NotImplementedError


@dataclass
class WindowedMethod:
    """A method that looks at frames on both sides of the one that it gives.

    Attributes:
        look_ahead: frames of the future that it knows; it remembers as many of the past.
    """

    look_ahead: int
    _frames: list[TrackedFrame] = field(default_factory=list)
    _given: int = 0

    def push(self, frame: TrackedFrame) -> list[StabilizedFrame]:
        """Take a frame and return the one `look_ahead` before, if there is one."""
        self._frames.append(frame)
        given = [self._give(self._given)] if len(self._frames) - self._given > self.look_ahead else []
        while self._given > self.look_ahead:
            del self._frames[0]
            self._given -= 1
        return given

    def finish(self) -> list[StabilizedFrame]:
        """Return the frames that are left."""
        return [self._give(self._given) for _ in range(len(self._frames) - self._given)]

    def _give(self, place: int) -> StabilizedFrame:
        frame = self._frames[place]
        self._given += 1
        return StabilizedFrame(frame.index, frame.size, (*self.show(self._frames, place), *frame.untracked))

    def show(self, frames: Sequence[TrackedFrame], place: int) -> Sequence[TrackedMask]:
        """Return what is shown of the tracks in the frame at a place, which has the frames around it beside it."""
        raise NotImplementedError


def mask_box(mask: MaskCrop) -> Box:
    """Return the tight box of a mask; all 0 for an empty one."""
    x1, y1, x2, y2 = mask.region
    return float(x1), float(y1), float(x2), float(y2)


def moved(own: TrackedMask, mask: MaskCrop) -> TrackedMask:
    """Return an instance with another mask, its box moved and grown as the mask's tight box is.

    Example:
        >>> size, block = (16, 32), np.ones((4, 4), np.bool_)
        >>> before, after = (MaskCrop.from_bitmap(block, size, x, 4) for x in (8, 10))
        >>> moved(TrackedMask(1, before, (7.5, 4.0, 12.5, 8.0), 0.9, 0), after).box
        (9.5, 4.0, 14.5, 8.0)
    """
    if mask is own.mask:
        return own
    old, new = mask_box(own.mask), mask_box(mask)
    x1, y1, x2, y2 = (edge + now - last for edge, now, last in zip(own.box, new, old, strict=True))
    return replace(own, mask=mask, box=(x1, y1, x2, y2))
