"""What one stabiliser gains and costs on one clip."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from yolact_temporal.temporal.comparison.figures import Series
from yolact_temporal.temporal.stabilizing.registry import Candidate


@dataclass
class Loss:
    """Sums of the penalised loss (METRICS A3) over pairs of the universe.

    Attributes:
        one_sided, missed: pairs at which the mask is missing in one frame, and in both.
        moved: of 1 - IoU where it is there in both; None once the overlap of one is not known.
        pairs: of all three; `undefined` are left out of them.

    Example:
        >>> loss = Loss()
        >>> loss.add(True, True, 0.2), loss.add(True, False, None), loss.add(False, False, None)
        (None, None, None)
        >>> round(loss.value(c=0), 4), round(loss.value(c=1), 4), round(loss.absent, 4)
        (0.4, 0.7333, 0.6667)
    """

    one_sided: int = 0
    missed: int = 0
    moved: float | None = 0.0
    pairs: int = 0
    undefined: int = 0

    def add(self, before: bool, now: bool, jitter: float | None) -> None:
        """Add a pair."""
        self.pairs += 1
        self.one_sided += before != now
        self.missed += not before and not now
        if before and now and self.moved is not None:
            self.moved = None if jitter is None else self.moved + jitter

    def value(self, c: int) -> float | None:
        """Return L(c); None where there is no pair, or the overlap of one is not known."""
        if not self.pairs or self.moved is None:
            return None
        return (self.one_sided + c * self.missed + self.moved) / self.pairs

    @property
    def absent(self) -> float | None:
        """The share of pairs at which the mask is missing in a frame or both; None where there is no pair."""
        return (self.one_sided + self.missed) / self.pairs if self.pairs else None


@dataclass
class PairedSums:
    """A figure of stabilised masks and of the raw ones on the very same pairs, summed up frame by frame.

    Attributes:
        frames_a_block: neighbouring frames that are summed up, so that memory does not grow with the clip.

    Example:
        >>> sums = PairedSums()
        >>> for place in (3, 3, 5):
        ...     sums.add(place, 0.2, 0.6)
        >>> sums.series().weight.tolist(), [round(value, 2) for value in sums.series().values()]
        ([2.0, 1.0], [0.2, 0.6])
    """

    frames_a_block: int = 1
    _blocks: dict[int, list[float]] = field(default_factory=dict)

    def add(self, place: int, own: float, raw: float) -> None:
        """Add a pair of the frame at a place in the clip."""
        sums = self._blocks.setdefault(place // self.frames_a_block, [0.0, 0.0, 0.0])
        for at, value in enumerate((own, raw, 1.0)):
            sums[at] += value

    def series(self) -> Series:
        """Return what was added, the stabilised masks first, the raw ones second."""
        sums = np.array([self._blocks[block] for block in sorted(self._blocks)]).reshape(-1, 3)
        own, raw, weight = sums.T
        return Series(own, raw, weight, int(weight.sum()), 0)


@dataclass(frozen=True)
class CandidateFigures:
    """One candidate on one clip.

    Attributes:
        candidate: which.
        loss: over all pairs of the universe.
        sample, second: over those that have a second motion estimate, by the first and by the second.
        boundary_px, jitter: B1 and B2 on the pairs at which its masks and the raw ones are there; the raw masks' on the
            very same pairs beside them.
        pairs: at which B2 is known of both.
        deviation: mean 1 - IoU with the raw masks.
        lag_frames: by which it is behind the raw masks.
        ghost: share of its pixels in no raw mask of the object nearby in time.
        onset_delay_frames: from the first raw sighting to the first that it shows, mean over tracks.
        truth_j, truth_f: J and F, 0 where it shows nothing of a true object; None without a ground truth.
        against_truth: dtSSD, and bias and jitter of the error (D3, D5), by metric name; empty without.
        paired_loss, paired_boundary: L(1) and B1 of its masks and the raw ones on the same pairs, frame by frame.
    """

    candidate: Candidate
    loss: Loss
    sample: Loss
    second: Loss
    boundary_px: float | None
    raw_boundary_px: float | None
    jitter: float | None
    raw_jitter: float | None
    pairs: int
    deviation: float | None
    lag_frames: int
    ghost: float | None
    onset_delay_frames: float | None
    truth_j: float | None
    truth_f: float | None
    against_truth: Mapping[str, float | None]
    paired_loss: Series
    paired_boundary: Series
