"""High-frequency share (METRICS B4): how much of a track's shake goes faster than an object can move."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from yolact_temporal.temporal.metrics.contract import OF_RATE, Figure, FrameSums, MetricSpec, Observation
from yolact_temporal.temporal.metrics.jitter import MIN_RUN
from yolact_temporal.temporal.metrics.registry import REGISTRY

CUT = 0.25
"""Power above this share of the frame rate is of high frequency."""
LONGEST_PIECE = 256
"""A run of more frames is taken in pieces of so many, so that memory does not grow with it."""

_STILL = 1e-9
"""A coordinate that departs from a straight line by less than this share of its greatest value does not move."""

_CHANNELS = (
    ("centroid_x", "the centroid's x"),
    ("centroid_y", "the centroid's y"),
    ("log_area", "the natural logarithm of the mask's area"),
)

SPECS = tuple(
    MetricSpec(
        name=f"high_frequency_share_{name}",
        symbol="B4",
        meaning=f"Power of {what} above a quarter of the frame rate, over all its power but the mean. It says nothing "
        "of how much there is: read it beside B3.",
        inputs=f"the track's centroids and areas over runs of at least {MIN_RUN} consecutive frames",
        unit="1",
        range=(0.0, 1.0),
        direction="down",
        undefined=f"the track has no run of {MIN_RUN} consecutive frames, or does not depart from a uniform motion",
        source="periodogram, after linear detrending, with a Hann window",
        depends=OF_RATE,
    )
    for name, what in _CHANNELS
)


def piece_power(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return the power above `CUT` and all power but the mean of a piece (n,) without gaps, n of at least 3.

    Straight line taken off, Hann window, squared Fourier coefficients of both signs, over the window's power: a piece
    weighs by its length. Both are 0 for a straight line.

    Example:
        >>> slow, fast = np.sin(np.arange(64) / 8), np.arange(64) % 2.0
        >>> [round(high / total, 2) for high, total in (piece_power(slow), piece_power(fast))]
        [0.0, 1.0]
    """
    n = len(values)
    time = np.arange(n) - (n - 1) / 2
    centred = values - values.mean()
    residual = centred - time * (time @ centred) / (time @ time)
    if np.abs(residual).max() <= _STILL * max(float(np.abs(values).max()), 1.0):
        return 0.0, 0.0
    # A periodic Hann window, whose ends do not both vanish.
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n) / n)
    power = np.abs(np.fft.rfft(residual * window)) ** 2 / float(window @ window)
    # Of a real series every frequency but 0 and the highest of an even n comes with its negative.
    power[1 : (n + 1) // 2] *= 2
    frequency = np.fft.rfftfreq(n)
    return float(power[frequency > CUT].sum()), float(power[1:].sum())


class HighFrequencyShares:
    """Accumulates B4 of one track over runs of consecutive frames, keeping at most `LONGEST_PIECE` frames.

    A run of more frames is taken in pieces. White noise gives about a half, slow drift nearly 0; what stands still or
    moves uniformly has no power, and no value.

    Args:
        min_run: fewest consecutive frames of a run that counts.

    Raises:
        ValueError: for a `min_run` below 3.
    """

    def __init__(self, min_run: int = MIN_RUN) -> None:
        if min_run < 3:
            raise ValueError(f"expected runs of at least 3 frames, got {min_run}")
        self._min_run = min_run
        self._piece: NDArray[np.float64] | None = None  # while the track is absent it takes no room
        self._length = 0
        self._powers = np.zeros((len(_CHANNELS), 2))
        self._frames = self._left_out = 0

    def add(self, observation: Observation) -> None:
        """Take the next frame."""
        if not (observation.present and observation.paired):
            self._end_piece()
            self._piece = self._piece if observation.present else None
        if observation.present and observation.centroid is not None and observation.area_px:
            if self._piece is None:
                self._piece = np.empty((LONGEST_PIECE, len(_CHANNELS)))
            self._piece[self._length] = [*observation.centroid, math.log(observation.area_px)]
            self._length += 1
            if self._length == LONGEST_PIECE:
                self._end_piece()

    def _end_piece(self) -> None:
        self._powers, self._frames, self._left_out = self._with_piece()
        self._length = 0

    def _with_piece(self) -> tuple[NDArray[np.float64], int, int]:
        length = self._length
        if length < self._min_run or self._piece is None:
            return self._powers, self._frames, self._left_out + length
        powers = [piece_power(series) for series in self._piece[:length].T]
        return self._powers + powers, self._frames + length, self._left_out

    def figures(self) -> dict[str, Figure]:
        """Return B4 by metric name, of n frames; frames in runs that are too short are left out and counted."""
        powers, frames, left_out = self._with_piece()
        return {
            spec.name: Figure(float(high / total) if total > 0 else None, frames, left_out)
            for spec, (high, total) in zip(SPECS, powers, strict=True)
        }

    def sums(self) -> dict[str, FrameSums]:
        """Return nothing: a power is of a run, and no sum over its frames."""
        return {}


REGISTRY.register(*SPECS, order=300, accumulator=HighFrequencyShares)
