"""Is a difference more than chance? Paired statistics over clips, and over the frames of one clip."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from yolact_temporal.temporal.comparison.figures import Series
from yolact_temporal.temporal.comparison.rules import CONFIDENCE

Floats = NDArray[np.float64]
Name = TypeVar("Name", bound=str)

RESAMPLES = 10_000
_EXACT_LIMIT = 30
"""Clips up to which all sign flips are tried."""
_LEAST_FRAMES = 8
"""Of fewer frames there is no interval within a clip."""
_DRAWN_AT_A_TIME = 1 << 21
"""Frames drawn at a time: however long the clip, its bootstrap takes no more memory."""
_SUMMED_AT_A_TIME = 1 << 15
"""Drawn frames whose sums are made at a time: so few stay near the processor, which is twice as fast."""


_ROUNDING = 1e-12
"""Sums of the same values in another order differ by so much of their size at most."""


class Interval(NamedTuple):
    """A 95% confidence interval.

    Example:
        >>> Interval(0.1, 0.4).excludes_zero, Interval(-0.1, 0.4).excludes_zero
        (True, False)
    """

    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """Whether 0 lies outside."""
        return self.low > 0 or self.high < 0


def bca_interval(
    differences: Sequence[float], seed: int = 0, confidence: float = CONFIDENCE
) -> Interval | None:
    """Return the BCa bootstrap interval of the mean (Efron 1987), by scipy with 10,000 resamples.

    Too narrow for few values: of 8, it misses the true mean in about one case of ten instead of one of twenty.

    Args:
        differences: one a clip, in the figure's own unit, as the interval then is.
        seed: of the resampling.
        confidence: of the interval, 0..1.

    Returns:
        None for fewer than two values, and for values that are all the same, of which it says nothing.

    Example:
        >>> low, high = bca_interval([0.3, 0.5, 0.2, 0.4, 0.6, 0.3, 0.5, 0.4])
        >>> low < 0.4 < high, bca_interval([0.4])
        (True, None)
    """
    values = np.asarray(differences, np.float64)
    if len(values) < 2 or np.ptp(values) == 0:
        return None
    found = stats.bootstrap(
        (values,), np.mean, n_resamples=RESAMPLES, confidence_level=confidence, method="BCa", rng=seed
    ).confidence_interval
    return Interval(float(found.low), float(found.high)) if np.isfinite(found).all() else None


def sign_flip_p(
    differences: Sequence[float], seed: int = 0, alternative: Literal["two-sided", "greater"] = "two-sided"
) -> float | None:
    """Return the p of the mean difference under random signs (Fisher 1935).

    Exact up to 30 values; beyond, by 10,000 random flips, the observed one counted in.

    Args:
        differences: one a clip.
        seed: of the random flips.
        alternative: "greater" asks whether the mean is above 0, and not whether it is another than 0.

    Returns:
        None for no value. The least p of n values is 2 / 2^n, and half of it of one side.

    Example:
        >>> sign_flip_p([0.3, 0.5, 0.2, 0.4, 0.6, 0.3]), sign_flip_p([0.3, -0.3]), sign_flip_p([])
        (0.03125, 1.0, None)
        >>> sign_flip_p([0.3, 0.5, 0.2, 0.4], alternative="greater")
        0.0625
    """
    values = np.asarray(differences, np.float64)
    if len(values) == 0:
        return None
    total = float(values.sum())
    # Sums of the same values in another order differ by rounding: what is as large but for that has been reached.
    rounding = _ROUNDING * float(np.abs(values).sum())
    observed = (abs(total) if alternative == "two-sided" else total) - rounding
    if len(values) > _EXACT_LIMIT:
        signs = np.random.default_rng(seed).choice((-1.0, 1.0), (RESAMPLES, len(values)))
        sums = signs @ values
        reached = int(((np.abs(sums) if alternative == "two-sided" else sums) >= observed).sum())
        return (reached + 1) / (RESAMPLES + 1)
    # Every sum is one of the first half's and one of the second's: sorted, they are counted without being made.
    some, others = (_signed_sums(half) for half in np.array_split(values, 2))
    others.sort()
    reached = int((len(others) - np.searchsorted(others, observed - some)).sum())
    if alternative == "two-sided":
        return 2 * reached / (len(some) * len(others)) if observed > 0 else 1.0
    return reached / (len(some) * len(others))


def holm(p_values: Mapping[Name, float | None]) -> dict[Name, float | None]:
    """Adjust p values for their number (Holm 1979); None stays None and counts as a test all the same.

    Example:
        >>> holm({"outline": 0.01, "presence": 0.04, "coverage": None})
        {'outline': 0.03, 'presence': 0.08, 'coverage': None}
    """
    defined = sorted((p, name) for name, p in p_values.items() if p is not None)
    adjusted: dict[Name, float | None] = dict.fromkeys(p_values)
    highest = 0.0
    for rank, (p, name) in enumerate(defined):
        highest = max(highest, min(1.0, p * (len(p_values) - rank)))
        adjusted[name] = highest
    return adjusted


def block_interval(series: Series, seed: int = 0, resamples: int = 2_000) -> Interval | None:
    """Return the interval of two models' difference, first less second, within one clip.

    Args:
        series: of both models.
        seed, resamples: of the bootstrap.

    Returns:
        As `ratio_interval`.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> first, second = 0.3 + rng.normal(0, 0.05, 60), 0.2 + rng.normal(0, 0.05, 60)
        >>> low, high = block_interval(Series(first, second, np.ones(60), 60, 0))
        >>> 0.05 < low < 0.1 < high < 0.15
        True
    """
    (found,) = block_intervals([series], seed, resamples)
    return found


def block_intervals(series: Sequence[Series], seed: int = 0, resamples: int = 2_000) -> list[Interval | None]:
    """Return the interval of each difference, as `block_interval` does of one; what they share is drawn once."""
    return ratio_intervals([Ratio(own.first - own.second, own.weight) for own in series], seed, resamples)


def ratio_interval(
    values: Floats,
    weight: Floats,
    transform: Callable[[Floats], Floats] | None = None,
    seed: int = 0,
    resamples: int = 2_000,
) -> Interval | None:
    """Return the percentile interval of a figure within one clip, by the stationary block bootstrap.

    Frames are autocorrelated, so runs of them are drawn, of random length (Politis and Romano 1994) around the mean
    that suits the autocorrelation (`block_length`). It speaks of this clip only: of other frames such as these, not of
    other clips.

    Args:
        values: float64 (T,), what each frame adds to the numerator, over all objects.
        weight: float64 (T,), what it adds to the denominator. The figure is the ratio of the two sums.
        transform: of the ratio, such as a root; none by default.
        seed, resamples: of the bootstrap.

    Returns:
        None with fewer than 8 frames, or a figure that is the same however frames are drawn.

    Example:
        >>> events = np.array([0.0, 1.0] * 30)
        >>> low, high = ratio_interval(events, np.ones(60))
        >>> low < 0.5 < high, ratio_interval(events[:4], np.ones(4))
        (True, None)
    """
    (found,) = ratio_intervals([Ratio(values, weight, transform)], seed, resamples)
    return found


class Ratio(NamedTuple):
    """A figure that is a ratio of two sums over frames.

    Attributes:
        values: float64 (T,), what each frame adds to the numerator, over all objects.
        weight: float64 (T,), what it adds to the denominator.
        transform: of the ratio, such as a root; None for none.
    """

    values: Floats
    weight: Floats
    transform: Callable[[Floats], Floats] | None = None


def ratio_intervals(figures: Sequence[Ratio], seed: int = 0, resamples: int = 2_000) -> list[Interval | None]:
    """Return the interval of each figure, as `ratio_interval` does of one; what they share is drawn once.

    Example:
        >>> events = Ratio(np.array([0.0, 1.0] * 30), np.ones(60))
        >>> ratio_intervals([events, events]) == 2 * [ratio_interval(events.values, events.weight)]
        True
    """
    alike: dict[int, list[int]] = {}
    for place, figure in enumerate(figures):
        frames = int((figure.weight > 0).sum())
        if frames >= _LEAST_FRAMES:
            alike.setdefault(frames, []).append(place)
    found: list[Interval | None] = [None] * len(figures)
    for frames, places in alike.items():
        running = []
        for place in places:
            used = figures[place].weight > 0
            values, weight = figures[place].values[used], figures[place].weight[used]
            running.append(_Running((values, weight), block_length(values / weight)))
        drawn = _drawn(running, frames, resamples, np.random.default_rng(seed))
        for place, sums in zip(places, np.concatenate(list(drawn), axis=2), strict=True):
            found[place] = _percentiles(sums[0] / sums[1], figures[place].transform)
    return found


def _percentiles(ratios: Floats, transform: Callable[[Floats], Floats] | None) -> Interval | None:
    found = ratios if transform is None else transform(ratios)
    if is_constant(found, float(np.abs(found).max())):
        return None
    low, high = np.quantile(found, ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2))
    return Interval(float(low), float(high))


def is_constant(draws: Floats, size: float) -> bool:
    """Say whether draws are all the same but for rounding, of a figure of that size.

    Example:
        >>> is_constant(np.array([0.1, 0.1 + 1e-16]), 0.1), is_constant(np.array([0.1, 0.2]), 0.2)
        (True, False)
    """
    return float(np.ptp(draws)) <= _ROUNDING * size


def block_length(values: Floats) -> float:
    """Return the mean block length that suits a series, at least 1 (Politis and White 2004, for this bootstrap).

    Args:
        values: float64 (T,), one a frame, finite, at least 3.

    Returns:
        Frames, at most a third of T; 1 of a series that is the same throughout.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> white, slow = rng.normal(size=400), np.sin(np.arange(400) / 20)
        >>> block_length(white) < block_length(slow)
        True
    """
    count = len(values)
    centred = values - values.mean()
    variance = float(centred @ centred) / count
    if variance == 0:
        return 1.0
    lags = max(int(np.ceil(np.sqrt(count))) + 5, 5)
    lags = min(lags, count - 1)
    correlation = np.array([float(centred[lag:] @ centred[: count - lag]) / count for lag in range(lags + 1)])
    small = np.abs(correlation[1:] / variance) < 2 * np.sqrt(np.log10(count) / count)
    run = max(5, int(np.ceil(np.sqrt(np.log10(count)))))
    start = next((lag for lag in range(lags) if small[lag : lag + run].all()), lags)
    reach = min(2 * max(start, 1), lags)
    lag = np.arange(1, reach + 1)
    window = np.clip(2 * (1 - lag / reach), 0, 1)  # flat to the middle, then falling to 0
    spectrum = correlation[0] + 2 * float(window @ correlation[1 : reach + 1])
    slope = 2 * float((window * lag) @ correlation[1 : reach + 1])
    if spectrum <= 0:
        return 1.0
    return float(np.clip((slope**2 / spectrum**2) ** (1 / 3) * count ** (1 / 3), 1, count / 3))


def drawn_sums(
    series: Sequence[Floats], length: float, resamples: int, rng: np.random.Generator
) -> Iterator[Floats]:
    """Yield the sums of series in each resample of the stationary bootstrap, as many at a time as fit in memory.

    A resample is made of runs of frames, the first following the last; the sum of a run is the difference of two
    running sums, so that a resample costs what it has runs.

    Args:
        series: float64 (T,) each, all of them drawn alike.
        length: mean length of a run.
        resamples: how many in all.
        rng: draws.

    Yields:
        float64 (series, n).

    Example:
        >>> (sums,) = drawn_sums([np.ones(5), np.arange(5.0)], 2.0, 3, np.random.default_rng(0))
        >>> sums[0].tolist(), sums[1].shape
        ([5.0, 5.0, 5.0], (3,))
    """
    for (sums,) in _drawn([_Running(series, length)], len(series[0]), resamples, rng):
        yield sums


class _Running:
    """Series that are drawn alike, as running sums: the sum of a run of frames is the difference of two of them.

    Args:
        series: float64 (T,) each.
        length: mean length of a run.
    """

    def __init__(self, series: Sequence[Floats], length: float) -> None:
        # The first frame follows the last.
        self._sums = [np.concatenate([[0.0], np.cumsum(np.concatenate([own, own]))]) for own in series]
        self._begins = 1 / length

    def drawn(self, starts: NDArray[np.int64], luck: Floats) -> Floats:
        """Return the sums of each resample, float64 (series, n).

        Args:
            starts: int64 (n, T), the frame that a run begins with where one begins.
            luck: float64 (n, T), uniform: where it is low a run begins.
        """
        begins = luck < self._begins
        begins[:, 0] = True
        places = np.flatnonzero(begins)
        first = np.searchsorted(places, np.arange(0, begins.size, begins.shape[1]))
        from_frame = starts.ravel()[places]
        to_frame = from_frame + np.diff(places, append=begins.size)
        return np.stack([np.add.reduceat(own[to_frame] - own[from_frame], first) for own in self._sums])


def _drawn(
    figures: Sequence[_Running], frames: int, resamples: int, rng: np.random.Generator
) -> Iterator[Floats]:
    """Yield the sums of figures' series in some of the resamples at a time: float64 (figures, series, n)."""
    at_a_time = max(_DRAWN_AT_A_TIME // frames, 1)
    summed = max(_SUMMED_AT_A_TIME // frames, 1)
    for first in range(0, resamples, at_a_time):
        starts = rng.integers(0, frames, (min(at_a_time, resamples - first), frames))
        for row in range(0, len(starts), summed):
            some = starts[row : row + summed]
            luck = rng.random(some.shape)
            yield np.stack([own.drawn(some, luck) for own in figures])


def _signed_sums(values: Floats) -> Floats:
    """Return the sums of values under all their signs: (2^n,)."""
    sums = np.zeros(1)
    for value in values:
        sums = np.concatenate([sums + value, sums - value])
    return sums
