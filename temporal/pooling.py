"""A clip's figures as sums over all its tracks: their values, and what their intervals are drawn from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from yolact_temporal.temporal.metrics import REGISTRY
from yolact_temporal.temporal.metrics.contract import NO_VALUE, Compute, FrameSums, Term, plain_ratio

Floats = NDArray[np.float64]

MOST_BLOCKS = 4096
"""Of more frames, neighbours are summed up, so that neither memory nor time grows with the clip: 2, 4 ..."""

LONG_CLIP_BLOCKS = 1024
"""Once they are, there are so many blocks at most: each then holds frames enough for many of them to say no more."""


def frames_a_block(frames: int) -> int:
    """Return how many neighbouring frames of a clip are summed up.

    Example:
        >>> frames_a_block(4096), frames_a_block(4097), frames_a_block(100_000)
        (1, 8, 128)
    """
    block = 1
    while frames > block * _most_blocks(block):
        block *= 2
    return block


def _most_blocks(frames_a_block: int) -> int:
    return MOST_BLOCKS if frames_a_block == 1 else min(MOST_BLOCKS, LONG_CLIP_BLOCKS)


@dataclass(frozen=True, eq=False)
class PooledSums:
    """One figure over all tracks: compute(sum of numerators / sum of denominators).

    Attributes:
        values, weight: float64 (T,), what each block of frames adds to the two sums; of a figure without an interval T
            is 1.
        compute: makes the figure of their ratio.
    """

    values: Floats
    weight: Floats
    compute: Compute = plain_ratio

    def value(self) -> float | None:
        """Return the figure: every pair weighs the same, whatever track it is of; None where nothing was added."""
        weight = float(self.weight.sum())
        return float(self.compute(float(self.values.sum()) / weight)) if weight > 0 else None


@dataclass
class _Blocks:
    """What blocks of frames add to one figure; all frames are one block where no interval is drawn from them."""

    compute: Compute
    apart: bool
    sums: Floats = field(default_factory=lambda: np.zeros((2, 1)))

    def add(self, block: int, numerator: float, denominator: float) -> None:
        """Add to what a block of frames holds."""
        block *= self.apart
        if block >= self.sums.shape[1]:
            longer = np.zeros((2, min(max(2 * self.sums.shape[1], block + 1), MOST_BLOCKS)))
            longer[:, : self.sums.shape[1]] = self.sums
            self.sums = longer
        self.sums[0, block] += numerator
        self.sums[1, block] += denominator

    def pooled(self) -> PooledSums:
        """Return the sums so far."""
        numerators, denominators = self.sums.copy()
        return PooledSums(numerators, denominators, self.compute)

    def halve(self) -> None:
        """Sum up every two neighbours."""
        even = self.sums[:, : self.sums.shape[1] // 2 * 2]
        last = self.sums[:, even.shape[1] :]
        self.sums = np.concatenate([even[:, ::2] + even[:, 1::2], last], axis=1)


def _is_shown_first(name: str) -> bool:
    return REGISTRY[name].headline is not None


class ClipSums:
    """Sums every figure over all tracks of a clip, while they go on.

    Example:
        >>> clip, tracks = ClipSums(), [FrameSums(), FrameSums()]
        >>> for frame in range(4):
        ...     tracks[0].add(frame, Term(1.0))
        >>> tracks[1].add(2, Term(6.0))
        >>> clip.take({"boundary_px_mean": track} for track in tracks)
        {'boundary_px_mean': Term(numerator=10.0, denominator=5.0)}
        >>> clip.pooled()["boundary_px_mean"].value()  # (4 x 1 + 6) / 5: a track weighs by its pairs
        2.0

    Args:
        intervals: whether the figure of a name has an interval; by default those have one that are shown first.
    """

    def __init__(self, intervals: Callable[[str], bool] | None = None) -> None:
        self._intervals = intervals or _is_shown_first
        self._frames_a_block = 1
        self._blocks: dict[str, _Blocks] = {}

    def take(self, tracks: Iterable[Mapping[str, FrameSums]]) -> dict[str, Term]:
        """Take what was added to the figures of tracks since the last time; returns it by metric name, summed up."""
        added: dict[str, Term] = {}
        for sums in tracks:
            for name, own in sums.items():
                for frame, numerator, denominator in own.taken():
                    before = added.get(name, NO_VALUE)
                    added[name] = Term(before.numerator + numerator, before.denominator + denominator)
                    if name not in self._blocks:
                        self._blocks[name] = _Blocks(own.compute, self._intervals(name))
                    while frame // self._frames_a_block >= _most_blocks(self._frames_a_block):
                        self._frames_a_block *= 2
                        for blocks in self._blocks.values():
                            blocks.halve()
                    self._blocks[name].add(frame // self._frames_a_block, numerator, denominator)
        return added

    def pooled(self) -> dict[str, PooledSums]:
        """Return the figures that are sums over frames and have a value, by metric name."""
        return {name: self._blocks[name].pooled() for name in REGISTRY if name in self._blocks}
