"""Bias of a mask's place against the truth (METRICS D5): what jitter must not see."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from yolact_temporal.data.crops import MaskCrop, overlaps
from yolact_temporal.temporal.comparison.matching import assign
from yolact_temporal.temporal.metrics.trajectory import trajectory_error

_CENTRE_X = 0

MATCH_IOU = 0.1
"""A mask is an object's where the two overlap by so much."""


class CentreBias:
    """Accumulates the mean centre error of each true object; keeps one sum an object."""

    def __init__(self) -> None:
        self._sums: defaultdict[int, float] = defaultdict(float)
        self._counts: defaultdict[int, int] = defaultdict(int)

    def add(self, masks: Sequence[MaskCrop], truth: Mapping[int, MaskCrop]) -> None:
        """Take a frame's masks, which are matched with the true ones one to one by their overlap."""
        keys = list(truth)
        gain = overlaps([truth[key] for key in keys], masks, MATCH_IOU)
        everything = np.ones(len(masks), np.bool_)
        for row, column in assign(gain, everything, ~everything):
            error = trajectory_error(masks[column], truth[keys[row]])
            if error is not None:
                self._sums[keys[row]] += float(error[_CENTRE_X])
                self._counts[keys[row]] += 1

    def by_object(self) -> dict[int, float]:
        """Return the size of each object's mean error, in widths; objects never matched are left out."""
        return {key: abs(self._sums[key]) / count for key, count in self._counts.items()}

    def mean(self) -> float | None:
        """Return the mean over objects; None where none was ever matched."""
        found = list(self.by_object().values())
        return math.fsum(found) / len(found) if found else None
