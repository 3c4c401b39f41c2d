"""What a stabiliser costs (METRICS I, fairness): deviation, lag and ghost of its masks, from the raw ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from yolact_temporal.data.crops import MaskCrop, Region, union_region

MOST_LAG = 8
"""Frames of the past that a shown mask is compared with."""

GHOST_FRAMES = 2
"""A shown pixel is no ghost where a raw mask so many frames before or after has it."""

LEAST_MOTION_PX = 1.0
"""Lag is told only where the object moves by more."""

SAME_IOU = 0.005
"""Of two lags whose mean IoU differs by no more, the smaller is it."""


class PackedMasks:
    """Masks of one frame size as bits of one rectangle, to count common pixels of many at once.

    Args:
        region: outside which nothing is asked.

    Example:
        >>> one, two = (MaskCrop.from_bitmap(np.ones((2, 4), np.bool_), (8, 16), x, 1) for x in (2, 4))
        >>> packed = PackedMasks(Region(0, 0, 16, 8))
        >>> packed.common(packed.of(one), np.stack([packed.of(one), packed.of(two)])).tolist()
        [8, 4]
    """

    def __init__(self, region: Region) -> None:
        self._region = region
        self._kept: dict[int, tuple[MaskCrop, NDArray[np.uint64]]] = {}

    def of(self, mask: MaskCrop) -> NDArray[np.uint64]:
        """Return the bits of a mask, uint64 (n,)."""
        if id(mask) not in self._kept:
            bits = np.packbits(mask.within(self._region))
            whole = np.zeros(-(-len(bits) // 8) * 8, np.uint8)
            whole[: len(bits)] = bits
            self._kept[id(mask)] = (mask, whole.view(np.uint64))
        return self._kept[id(mask)][1]

    def common(self, bits: NDArray[np.uint64], others: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Return how many pixels a mask, (n,), has in common with each of others, (m, n); int64 (m,)."""
        counts: NDArray[np.int64] = np.bitwise_count(bits & others).sum(axis=1, dtype=np.int64)
        return counts


@dataclass
class CostSums:
    """Sums of a candidate's costs so far.

    Attributes:
        deviation: of 1 - IoU, and of how many masks.
        lag: of the IoU with the raw mask so many frames before, by frames; `moving` is of how many masks.
        ghost: pixels that are ghosts; `pixels` are all that are shown.
    """

    deviation: float = 0.0
    compared: int = 0
    lag: NDArray[np.float64] = field(default_factory=lambda: np.zeros(MOST_LAG + 1))
    moving: int = 0
    ghost: int = 0
    pixels: int = 0

    def lag_frames(self) -> int:
        """Return the smallest lag whose mean IoU is within `SAME_IOU` of the best; 0 where nothing moves.

        Example:
            >>> CostSums(lag=np.array([0.5, 0.897, 0.9, 0, 0, 0, 0, 0, 0]), moving=1).lag_frames()
            1
        """
        if not self.moving:
            return 0
        mean = self.lag / self.moving
        return int(np.flatnonzero(mean >= mean.max() - SAME_IOU)[0])


class ObjectCosts:
    """The costs of every mask that is shown of one object in one frame; each different mask is compared once.

    Args:
        raw: what counts of it in this frame; None where nothing does.
        past: the raw masks of it of the last `MOST_LAG` frames, the last one first, recorded at any score; None in a
            frame without one.
        around: the raw masks of it within `GHOST_FRAMES`, this frame's own among them, recorded at any score.
        moving: whether it moves.
        shown: the masks that candidates show.
    """

    def __init__(
        self,
        raw: MaskCrop | None,
        past: Sequence[MaskCrop | None],
        around: Sequence[MaskCrop],
        moving: bool,
        shown: Sequence[MaskCrop],
    ) -> None:
        self._raw = raw
        known = [mask for mask in past if mask is not None]
        whole = raw is not None and len(known) == MOST_LAG
        self._past = [raw, *known] if whole and moving and raw is not None else []
        self._around = around
        different = [mask for mask in shown if mask is not raw]
        asked = [*different, *around, *self._past, *([raw] if raw is not None else [])]
        self._packed = PackedMasks(union_region(mask.region for mask in asked))
        self._found: dict[int, tuple[MaskCrop, float | None, int, NDArray[np.float64] | None]] = {}
        self._union: NDArray[np.uint64] | None = None

    def add(self, mask: MaskCrop, sums: CostSums) -> None:
        """Add what one candidate's mask costs to its sums."""
        if id(mask) not in self._found:
            self._found[id(mask)] = (mask, self._deviation(mask), self._ghost(mask), self._lags(mask))
        _, deviation, ghost, lags = self._found[id(mask)]
        sums.pixels += mask.area
        sums.ghost += ghost
        if deviation is not None:
            sums.deviation += deviation
            sums.compared += 1
        if lags is not None:
            sums.lag += lags
            sums.moving += 1

    def _deviation(self, mask: MaskCrop) -> float | None:
        if self._raw is None:
            return None
        return 0.0 if mask is self._raw else 1.0 - float(self._ious(mask, [self._raw])[0])

    def _ghost(self, mask: MaskCrop) -> int:
        if mask is self._raw:
            return 0
        if self._union is None:
            self._union = np.zeros_like(self._packed.of(mask))
            for each in self._around:
                self._union |= self._packed.of(each)
        return mask.area - int(self._packed.common(self._packed.of(mask), self._union[None])[0])

    def _lags(self, mask: MaskCrop) -> NDArray[np.float64] | None:
        return self._ious(mask, self._past) if self._past else None

    def _ious(self, mask: MaskCrop, others: Sequence[MaskCrop]) -> NDArray[np.float64]:
        common = self._packed.common(
            self._packed.of(mask), np.stack([self._packed.of(other) for other in others])
        )
        areas = np.array([other.area for other in others])
        ious: NDArray[np.float64] = common / (mask.area + areas - common)
        return ious
