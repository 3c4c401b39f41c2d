"""Stabilisers by majority (METRICS I2): a pixel is of an object where most of the frames around it say so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from yolact_temporal.data.crops import MaskCrop, union_region
from yolact_temporal.temporal.stabilizing.contract import (
    CausalMethod,
    TrackedFrame,
    TrackedMask,
    WindowedMethod,
    moved,
)
from yolact_temporal.temporal.stabilizing.steps import Step


@dataclass(frozen=True, eq=False)
class _Vote:
    """A track's instance of some frame, and what is in sight of its mask in the frame that is voted on.

    Attributes:
        own: the instance.
        mask: carried.
        past: whether it is of a frame before.
    """

    own: TrackedMask
    mask: MaskCrop
    past: bool = False


def majority(
    votes: Sequence[MaskCrop], past: Sequence[MaskCrop], own: MaskCrop | None, step: Step
) -> MaskCrop:
    """Return the pixels that most masks have; where as many have as have not, what the frame's own mask says.

    Masks of frames before say nothing of a pixel that was not visible in the last frame.

    Args:
        votes: masks of the frame itself and of frames after it, carried here.
        past: masks of frames before, carried here; there is at least one mask in all.
        own: the frame's own mask, one of the votes; None where it has none, and a tie is then no.
        step: from the last frame to this one.

    Example:
        >>> one, two, three = (MaskCrop.from_bitmap(np.ones((2, 2), np.bool_), (8, 8), x, 0) for x in (1, 2, 3))
        >>> still = Step(None)
        >>> majority([one, two, three], [], two, still).region
        Region(x1=2, y1=0, x2=4, y2=2)
        >>> majority([two], [one], two, still).region, majority([], [one, two], None, still).area
        (Region(x1=2, y1=0, x2=4, y2=2), 2)
    """
    masks = [*votes, *past]
    region = union_region(mask.region for mask in masks)
    if region.empty:
        return masks[0]
    found = np.zeros((region.y2 - region.y1, region.x2 - region.x1), np.int8)
    for mask in votes:
        found += 2 * mask.within(region).view(np.int8) - np.int8(1)
    before = np.zeros_like(found)
    for mask in past:
        before += 2 * mask.within(region).view(np.int8) - np.int8(1)
    if step.motion is not None and past:
        before *= step.motion.visible[region.slices].view(np.int8)
    found += before
    on = found > 0 if own is None else (found > 0) | ((found == 0) & (own.within(region) > 0))
    return MaskCrop.from_bitmap(on, masks[0].size, region.x1, region.y1)


def _shown(votes: dict[int, list[_Vote]], frame: TrackedFrame, width: int) -> list[TrackedMask]:
    """Return what is shown of the tracks that have votes, those that count in the frame first.

    A track is shown where it counts, and where it does not but counts in most of the frames that are asked. Frames in
    which it is not seen say nothing of its outline.
    """
    shown = []
    for key, own in frame.counted.items():
        mask = _voted(votes[key], own.mask, frame.step) if len(votes.get(key, ())) > 1 else own.mask
        shown.append(moved(own, mask) if mask.area else own)
    for key in votes.keys() - frame.counted.keys():
        if 2 * len(votes[key]) > width:
            mask = _voted(votes[key], None, frame.step)
            if mask.area:
                shown.append(moved(votes[key][0].own, mask))
    return shown


def _voted(votes: Sequence[_Vote], own: MaskCrop | None, step: Step) -> MaskCrop:
    past = [vote.mask for vote in votes if vote.past]
    return majority([vote.mask for vote in votes if not vote.past], past, own, step)


class Median(WindowedMethod):
    """Majority of a track's masks in the frames around, each carried to the one in the middle.

    Args:
        width: how many frames are asked, an odd number; half of them lie ahead.
    """

    def __init__(self, width: int) -> None:
        super().__init__(width // 2)
        self._width = width

    def show(self, frames: Sequence[TrackedFrame], place: int) -> Sequence[TrackedMask]:
        """Return what counts, its outline that of the majority, and what most frames around have."""
        votes = _votes_of(frames[place])
        for first, direction in ((place, -1), (place + 1, 1)):
            reached: list[int] = []
            for step in range(first, first + direction * self.look_ahead, direction):
                if not 0 < step < len(frames) or not frames[step].step.known:
                    break
                other = step - 1 if direction < 0 else step
                reached.append(step)
                for key, own in frames[other].counted.items():
                    mask = own.mask
                    for on_the_way in reversed(reached):
                        carry = frames[on_the_way].step
                        mask = carry.in_sight(mask) if direction < 0 else carry.back(mask)
                    if mask.area:
                        votes.setdefault(key, []).append(_Vote(own, mask, direction < 0))
        return _shown(votes, frames[place], self._width)


class Vote(CausalMethod):
    """Majority of a track's last masks, each carried to the present frame.

    Args:
        width: how many frames are asked, an odd number, the present one included.
    """

    def __init__(self, width: int) -> None:
        self._width = width
        self._past: list[dict[int, _Vote]] = []

    def show(self, frame: TrackedFrame) -> Sequence[TrackedMask]:
        """Return what counts, its outline that of the majority, and what most of the last frames have."""
        if not frame.step.known:
            self._past = []
        self._past = [
            {key: _Vote(vote.own, frame.step.in_sight(vote.mask), True) for key, vote in past.items()}
            for past in self._past[: self._width - 1]
        ]
        now = _votes_of(frame)
        votes = {key: list(own) for key, own in now.items()}
        for past in self._past:
            for key, vote in past.items():
                if vote.mask.area:
                    votes.setdefault(key, []).append(vote)
        self._past.insert(0, {key: own[0] for key, own in now.items()})
        return _shown(votes, frame, self._width)


def _votes_of(frame: TrackedFrame) -> dict[int, list[_Vote]]:
    return {key: [_Vote(own, own.mask)] for key, own in frame.counted.items() if own.mask.area}
