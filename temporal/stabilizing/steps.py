"""`Step`: the motion between two frames and what it carries, each mask once however many ask for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from yolact_temporal.data.crops import MaskCrop
from yolact_temporal.temporal.motion import Motion, warp_mask, warp_mask_back

T = TypeVar("T")


class Step:
    """From frame t-1 to frame t.

    Args:
        motion: None where it is not known: masks are then carried unmoved, as they are across a repeated frame.
        cut: whether another scene begins with t; nothing goes on across it.

    Attributes:
        motion, cut: as given.

    Example:
        >>> step = Step(Motion.from_flow(np.full((8, 12, 2), (-3.0, 0.0))))
        >>> mask = MaskCrop.from_bitmap(np.ones((2, 4), np.bool_), size=(8, 12), x=1, y=5)
        >>> step.forth(mask).region, step.forth(mask) is step.forth(mask)
        (Region(x1=4, y1=5, x2=8, y2=7), True)
    """

    def __init__(self, motion: Motion | None, cut: bool = False) -> None:
        self.motion, self.cut = motion, cut
        self._still = motion is None or motion.repeated
        # The given mask is kept beside what is made of it, so that no other can take its id.
        self._in_sight: dict[int, tuple[MaskCrop, MaskCrop]] = {}
        self._made: dict[tuple[Any, int], tuple[MaskCrop, Any]] = {}
        self._back: dict[int, tuple[MaskCrop, MaskCrop]] = {}

    @property
    def known(self) -> bool:
        """Whether it is known what became of the pixels of t-1."""
        return self.motion is not None and not self.cut

    def kept(self, make: Callable[[MaskCrop], T], mask: MaskCrop) -> T:
        """Return what is made of a mask of t; the same is made once, whoever asks."""
        key = (make, id(mask))
        if key not in self._made:
            self._made[key] = (mask, make(mask))
        return self._made[key][1]  # type: ignore[no-any-return]

    def forth(self, mask: MaskCrop) -> MaskCrop:
        """Return a mask of t-1 as it lies in t."""
        if self._still or self.motion is None or not mask.area:
            return mask
        return warp_mask(mask, self.motion)

    def in_sight(self, mask: MaskCrop) -> MaskCrop:
        """Return what is in sight of a mask of t-1 as it lies in t.

        Behind an object that moves, ground comes into view where the carried mask still lies: such pixels were not
        visible in t-1, and say nothing.
        """
        carried = self.forth(mask)
        if self._still or self.motion is None or not carried.area:
            return carried
        if id(mask) not in self._in_sight:
            visible = self.motion.visible[carried.region.slices].view(np.uint8)
            seen = MaskCrop.from_bitmap(carried.pixels & visible, carried.size, carried.x, carried.y)
            self._in_sight[id(mask)] = (mask, seen)
        return self._in_sight[id(mask)][1]

    def back(self, mask: MaskCrop) -> MaskCrop:
        """Return what is in sight of a mask of t as it lies in t-1; nothing where the flow t-1 -> t is not known."""
        if self._still or self.motion is None or not mask.area:
            return mask
        if id(mask) not in self._back:
            self._back[id(mask)] = (mask, warp_mask_back(mask, self.motion))
        return self._back[id(mask)][1]
