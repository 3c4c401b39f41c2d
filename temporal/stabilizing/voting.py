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


@dataclass(frozen=True, eq=False)
class _Vote:
    """A track's instance of some frame, and its mask carried to the frame that is voted on."""

    own: TrackedMask
    mask: MaskCrop


def majority(masks: Sequence[MaskCrop], own: MaskCrop | None) -> MaskCrop:
    """Return the pixels that most masks have; where as many have as have not, what the frame's own mask says.

    Args:
        masks: at least one, of one frame, the own one among them.
        own: the frame's own mask; None where it has none, and a tie is then no.

    Example:
        >>> one, two, three = (MaskCrop.from_bitmap(np.ones((2, 2), np.bool_), (8, 8), x, 0) for x in (1, 2, 3))
        >>> majority([one, two, three], two).region, majority([one, two], two).region, majority([one, two], None).area
        (Region(x1=2, y1=0, x2=4, y2=2), Region(x1=2, y1=0, x2=4, y2=2), 2)
    """
    region = union_region(mask.region for mask in masks)
    if region.empty:
        return masks[0]
    votes = np.zeros((region.y2 - region.y1, region.x2 - region.x1), np.uint8)
    for mask in masks:
        votes += mask.within(region)
    votes += votes
    if own is not None and len(masks) % 2 == 0:
        votes += own.within(region)
    return MaskCrop.from_bitmap(votes > len(masks), masks[0].size, region.x1, region.y1)


def _shown(votes: dict[int, list[_Vote]], frame: TrackedFrame, width: int) -> list[TrackedMask]:
    """Return what is shown of the tracks that have votes, those that count in the frame first.

    A track is shown where it counts, and where it does not but counts in most of the frames that are asked. Frames in
    which it is not seen say nothing of its outline.
    """
    shown = []
    for key, own in frame.counted.items():
        masks = [vote.mask for vote in votes.get(key, [])]
        if len(masks) < 2 or not own.mask.area:
            shown.append(own)
            continue
        mask = majority(masks, own.mask)
        shown.append(moved(own, mask) if mask.area else own)
    for key in votes.keys() - frame.counted.keys():
        if 2 * len(votes[key]) > width:
            mask = majority([vote.mask for vote in votes[key]], None)
            if mask.area:
                shown.append(moved(votes[key][0].own, mask))
    return shown


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
                        mask = carry.forth(mask) if direction < 0 else carry.back(mask)
                    if mask.area:
                        votes.setdefault(key, []).append(_Vote(own, mask))
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
            {key: _Vote(vote.own, frame.step.forth(vote.mask)) for key, vote in past.items()}
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
