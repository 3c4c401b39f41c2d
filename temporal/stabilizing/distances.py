"""Signed distances to a mask's outline, kept only near it, and the stabiliser that averages them (METRICS I3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from yolact_temporal.data.crops import MaskCrop, Region, union_region
from yolact_temporal.temporal.motion import Motion
from yolact_temporal.temporal.stabilizing.contract import CausalMethod, TrackedFrame, TrackedMask, moved

REACH_PX = 8
"""Distances are kept up to so many pixels from the outline: farther than masks jitter, nothing depends on them."""


@dataclass(frozen=True, eq=False)
class CroppedDistance:
    """A mask's signed distances, inside above 0, cut to the rectangle that holds all above -`REACH_PX`.

    Attributes:
        values: float32 (h, w), in pixels, within `REACH_PX` of 0; the outline lies between pixels, at 0.
        region: where they are in the frame.
        size: the frame's (height, width).

    Example:
        >>> line = MaskCrop.from_bitmap(np.ones((1, 6), np.bool_), (1, 40), 4, 0)
        >>> CroppedDistance.of(line).within(Region(2, 0, 6, 1)).tolist()
        [[-1.5, -0.5, 0.5, 1.5]]
    """

    values: NDArray[np.float32]
    region: Region
    size: tuple[int, int]

    @classmethod
    def of(cls, mask: MaskCrop) -> CroppedDistance:
        """Return the distances of a mask; of an empty one there are none."""
        if not mask.area:
            return cls(np.zeros((0, 0), np.float32), mask.region, mask.size)
        # What is beyond the frame is no edge of the mask: so the border repeats what is beside it.
        region = mask.region.grown(REACH_PX, mask.size)
        inside = mask.within(region)
        near = [cv2.distanceTransform(each, cv2.DIST_L2, cv2.DIST_MASK_5) for each in (inside, inside ^ 1)]
        signed = np.where(inside, np.asarray(near[0]) - 0.5, 0.5 - np.asarray(near[1]))
        return cls(np.clip(signed, -REACH_PX, REACH_PX).astype(np.float32), region, mask.size)

    def within(self, region: Region) -> NDArray[np.float32]:
        """Return the distances in a rectangle, fresh float32 (h, w); what is not kept is far outside."""
        out = np.full((region.y2 - region.y1, region.x2 - region.x1), -REACH_PX, np.float32)
        if self.region.meets(region):
            x1, y1 = max(self.region.x1, region.x1), max(self.region.y1, region.y1)
            x2, y2 = min(self.region.x2, region.x2), min(self.region.y2, region.y2)
            own = self.values[
                y1 - self.region.y1 : y2 - self.region.y1, x1 - self.region.x1 : x2 - self.region.x1
            ]
            out[y1 - region.y1 : y2 - region.y1, x1 - region.x1 : x2 - region.x1] = own
        return out

    def carried(self, motion: Motion, region: Region) -> NDArray[np.float32]:
        """Return the distances carried from t-1 to t, float32 (h, w) of a rectangle of t, bilinear sampling."""
        if not self.values.size:
            return self.within(region)
        return carried_values(self.values, self.region, motion, region, -REACH_PX)

    def mask(self) -> MaskCrop:
        """Return what lies inside the outline."""
        return MaskCrop.from_bitmap(self.values > 0, self.size, self.region.x1, self.region.y1)


def carried_values(
    values: NDArray[np.float32], at: Region, motion: Motion, region: Region, outside: float
) -> NDArray[np.float32]:
    """Return values of t-1 carried to t, bilinear sampling.

    Args:
        values: float32 (h, w), at least one.
        at: where they are in the frame.
        motion: from t-1 to t.
        region: the rectangle of t that is asked for.
        outside: what is where no value is.
    """
    columns, rows = (plane[region.slices] for plane in motion.sources)
    carried = cv2.remap(
        values,
        columns - np.float32(at.x1),
        rows - np.float32(at.y1),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=outside,
    )
    return np.asarray(carried, np.float32)


class DistanceMean(CausalMethod):
    """Exponential mean of signed distances that the flow carries, begun anew where a pixel was not visible.

    Args:
        alpha: what the new frame weighs, above 0 and at most 1.
    """

    def __init__(self, alpha: float) -> None:
        self._alpha = alpha
        self._means: dict[int, CroppedDistance] = {}

    def show(self, frame: TrackedFrame) -> Sequence[TrackedMask]:
        """Return what counts, its outline averaged."""
        step = frame.step
        before = self._means if step.known else {}
        self._means = {
            key: self._mean(before.get(key), step.kept(CroppedDistance.of, own.mask), step.motion)
            for key, own in frame.counted.items()
            if own.mask.area
        }
        return [
            own if key not in before or key not in self._means else moved(own, self._means[key].mask())
            for key, own in frame.counted.items()
        ]

    def _mean(
        self, before: CroppedDistance | None, now: CroppedDistance, motion: Motion | None
    ) -> CroppedDistance:
        if before is None or motion is None or not before.values.size:
            return now
        if motion.repeated:
            return before
        reached = motion.reach(before.region)
        region = union_region([now.region, reached])
        new = now.within(region)
        carried = before.carried(motion, region)
        weight = np.where(motion.visible[region.slices], np.float32(self._alpha), np.float32(1))
        mean = carried + weight * (new - carried)
        return _cut(CroppedDistance(mean, region, now.size))


def _cut(distance: CroppedDistance) -> CroppedDistance:
    """Return distances cut to what is not far outside, so that they do not grow from frame to frame."""
    near = distance.values > -REACH_PX
    rows, columns = np.flatnonzero(near.any(axis=1)), np.flatnonzero(near.any(axis=0))
    if not len(rows):
        return CroppedDistance(np.zeros((0, 0), np.float32), Region(0, 0, 0, 0), distance.size)
    top, bottom, left, right = int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
    x, y = distance.region.x1, distance.region.y1
    values = np.ascontiguousarray(distance.values[top:bottom, left:right])
    return CroppedDistance(values, Region(x + left, y + top, x + right, y + bottom), distance.size)
