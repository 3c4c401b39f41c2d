"""The stabiliser that averages what a model was sure of, before it was thresholded (METRICS I5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from yolact_temporal.data.crops import MaskCrop, Region, union_region
from yolact_temporal.temporal.motion import Motion
from yolact_temporal.temporal.stabilizing.contract import CausalMethod, TrackedFrame, TrackedMask, moved
from yolact_temporal.temporal.stabilizing.distances import carried_values

_LEAST = 1 / 510
"""Half a step of eight bits: what is less is 0."""


@dataclass(frozen=True, eq=False)
class _Mean:
    """Probabilities of one object, float32 (h, w), and where they are in the frame."""

    values: NDArray[np.float32]
    region: Region


class SoftMean(CausalMethod):
    """Exponential mean of probabilities that the flow carries, where a pixel is undecided.

    A pixel that was visible in the last frame takes (1 - alpha) u of what was carried there, and the rest of the new
    frame's probability. u is 4 m (1 - m), m the mean of the two with alpha: 1 where both together leave it open whether
    the pixel is inside, 0 where they do not. Where nothing is taken, the new frame's mask stands as it is.

    Args:
        alpha: what the new frame weighs where the pixel is wholly undecided, above 0 and at most 1.
    """

    def __init__(self, alpha: float) -> None:
        self._alpha = alpha
        self._means: dict[int, _Mean] = {}

    def show(self, frame: TrackedFrame) -> Sequence[TrackedMask]:
        """Return what counts, its outline that of the averaged probabilities."""
        before = self._means if frame.step.known else {}
        self._means, shown = {}, []
        for key, own in frame.counted.items():
            if own.soft is None or not own.mask.area:
                shown.append(own)
                continue
            last = before.get(key)
            if last is None or frame.step.motion is None:
                self._means[key] = _Mean(own.soft.pixels, own.soft.region)
                shown.append(own)
                continue
            mean, mask = self._averaged(last, own, frame.step.motion)
            self._means[key] = mean
            shown.append(moved(own, mask) if mask.area else own)
        return shown

    def _averaged(self, last: _Mean, own: TrackedMask, motion: Motion) -> tuple[_Mean, MaskCrop]:
        assert own.soft is not None, "asked for what has soft masks only"
        reached = last.region if motion.repeated else motion.reach(last.region)
        region = union_region([own.soft.region, own.mask.region, reached])
        new, carried = own.soft.within(region), _carried(last, motion, region)
        mixed = new + np.float32(1 - self._alpha) * (carried - new)
        weight = np.float32(4 * (1 - self._alpha)) * mixed * (1 - mixed)
        if not motion.repeated:
            weight *= motion.visible[region.slices]
        mean = new + weight * (carried - new)
        inside = np.where(weight * np.abs(carried - new) > _LEAST, mean > 0.5, own.mask.within(region) > 0)
        mask = MaskCrop.from_bitmap(inside, own.mask.size, region.x1, region.y1)
        return _cut(mean, region), mask


def _carried(last: _Mean, motion: Motion, region: Region) -> NDArray[np.float32]:
    """Return probabilities of t-1 carried to t, float32 (h, w) of a rectangle of t; 0 where there were none."""
    if not last.values.size:
        return np.zeros((region.y2 - region.y1, region.x2 - region.x1), np.float32)
    if not motion.repeated:
        return carried_values(last.values, last.region, motion, region, 0.0)
    out = np.zeros((region.y2 - region.y1, region.x2 - region.x1), np.float32)
    own = last.region
    out[own.y1 - region.y1 : own.y2 - region.y1, own.x1 - region.x1 : own.x2 - region.x1] = last.values
    return out


def _cut(values: NDArray[np.float32], region: Region) -> _Mean:
    """Return probabilities cut to what is above 0, so that they do not grow from frame to frame."""
    there = values > _LEAST
    rows, columns = np.flatnonzero(there.any(axis=1)), np.flatnonzero(there.any(axis=0))
    if not len(rows):
        return _Mean(np.zeros((0, 0), np.float32), Region(0, 0, 0, 0))
    top, bottom, left, right = int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
    kept = np.ascontiguousarray(values[top:bottom, left:right])
    return _Mean(kept, Region(region.x1 + left, region.y1 + top, region.x1 + right, region.y1 + bottom))
