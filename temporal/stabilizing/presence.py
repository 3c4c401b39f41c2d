"""Stabilisers of presence (METRICS I1): an object that is known is not let go at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from yolact_temporal.data.crops import MaskCrop, union_region
from yolact_temporal.temporal.stabilizing.contract import (
    CausalMethod,
    TrackedFrame,
    TrackedMask,
    WindowedMethod,
    moved,
)
from yolact_temporal.temporal.stabilizing.distances import CroppedDistance


class Identity(CausalMethod):
    """Shows what counts, as it is: a control."""

    def show(self, frame: TrackedFrame) -> Sequence[TrackedMask]:
        """Return what counts."""
        return tuple(frame.counted.values())


class Freeze(CausalMethod):
    """Shows each track's first mask wherever the track is seen: a control, as steady as can be and of no use."""

    def __init__(self) -> None:
        self._first: dict[int, MaskCrop] = {}

    def show(self, frame: TrackedFrame) -> Sequence[TrackedMask]:
        """Return the first masks of what counts."""
        if frame.step.cut:
            self._first = {}
        return [
            moved(own, self._first.setdefault(key, own.mask)) if own.mask.area else own
            for key, own in frame.counted.items()
        ]


class Hysteresis(CausalMethod):
    """A track starts above the operating threshold and goes on above a lower one.

    Args:
        low: a faint instance is shown where its score is above it.
    """

    def __init__(self, low: float) -> None:
        self._low = low

    def show(self, frame: TrackedFrame) -> Sequence[TrackedMask]:
        """Return what counts, and what goes on a track faintly."""
        return [
            *frame.counted.values(),
            *(replace(own, counts=True) for own in frame.faint.values() if own.score > self._low),
        ]


@dataclass
class _Held:
    own: TrackedMask
    frames: int = 0


class Hold(CausalMethod):
    """A track that is absent is shown for some frames as what is in sight of its last mask, carried by the flow.

    Args:
        frames: for how many at most.
    """

    def __init__(self, frames: int) -> None:
        self._frames = frames
        self._held: dict[int, _Held] = {}

    def show(self, frame: TrackedFrame) -> Sequence[TrackedMask]:
        """Return what counts, and what is held."""
        if not frame.step.known:
            self._held = {}
        shown = list(frame.counted.values())
        for key, held in list(self._held.items()):
            if key in frame.counted:
                continue
            held.own = moved(held.own, frame.step.in_sight(held.own.mask))
            held.frames += 1
            if held.frames > self._frames or not held.own.mask.area:
                del self._held[key]
            else:
                shown.append(held.own)
        self._held |= {key: _Held(own) for key, own in frame.counted.items() if own.mask.area}
        return shown


class Fill(WindowedMethod):
    """Gaps of a track are filled from both sides.

    The last mask before the gap is carried forth and the first one after it back; in between, their signed distances
    are mixed by the time to either, so that one goes over into the other.

    Args:
        frames: the longest gap that is filled.
    """

    def __init__(self, frames: int) -> None:
        super().__init__(frames)

    def show(self, frames: Sequence[TrackedFrame], place: int) -> Sequence[TrackedMask]:
        """Return what counts, and what is filled."""
        frame = frames[place]
        shown = list(frame.counted.values())
        before = self._nearest(frames, range(place - 1, -1, -1), range(place, 0, -1))
        after = self._nearest(frames, range(place + 1, len(frames)), range(place + 1, len(frames)))
        for key in before.keys() & after.keys() - frame.counted.keys():
            start, end = before[key], after[key]
            if end - start - 1 > self.look_ahead:
                continue
            filled = _between(frames, key, start, place, end)
            if filled.mask.area:
                shown.append(filled)
        return shown

    @staticmethod
    def _nearest(frames: Sequence[TrackedFrame], places: range, steps: range) -> dict[int, int]:
        """Return by track the nearest of some frames in which it counts, as far as the motion there is known."""
        found: dict[int, int] = {}
        for place, step in zip(places, steps, strict=False):
            if not frames[step].step.known:
                break
            for key, own in frames[place].counted.items():
                if own.mask.area:
                    found.setdefault(key, place)
        return found


def _between(frames: Sequence[TrackedFrame], key: int, start: int, place: int, end: int) -> TrackedMask:
    """Return a track's instance between the two of `start` and `end`."""
    first, last = frames[start].counted[key], frames[end].counted[key]
    forth, back = first.mask, last.mask
    for step in range(start + 1, place + 1):
        forth = frames[step].step.in_sight(forth)
    for step in range(end, place, -1):
        back = frames[step].step.back(back)
    share = (place - start) / (end - start)
    nearest = first if share <= 0.5 else last
    region = union_region([forth.region, back.region]).grown(1, forth.size)
    if region.empty:
        return replace(nearest, mask=forth)
    mixed = (1 - share) * CroppedDistance.of(forth).within(region)
    mixed += share * CroppedDistance.of(back).within(region)
    mask = MaskCrop.from_bitmap(np.asarray(mixed > 0), forth.size, region.x1, region.y1)
    score = (1 - share) * first.score + share * last.score
    return replace(moved(nearest, mask), score=score)
