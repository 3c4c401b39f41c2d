"""How two models differ in one figure, with what chance makes of it: over clips, or within one or a few.

From seven clips on the unit is the clip: BCa intervals and exact sign flips of the clips' differences. Below, frames
are drawn anew within each clip (stationary block bootstrap): what comes out speaks of these clips only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

from yolact_temporal.data.runs.answers import Scope
from yolact_temporal.temporal.comparison.figures import Series
from yolact_temporal.temporal.comparison.rules import (
    ALIKE_CONFIDENCE,
    CONFIDENCE,
    LEAST_BOUNDARY_PX,
    LEAST_CLIPS,
    LEAST_PAIRS,
    POWER,
    SIGNIFICANCE,
)
from yolact_temporal.temporal.comparison.statistics import (
    Interval,
    bca_interval,
    block_length,
    drawn_sums,
    is_constant,
    sign_flip_p,
)

Floats = NDArray[np.float64]

_RESAMPLES = 4_000
_LEAST_FRAMES = 8
_LEAST_BLOCK = 3.0
"""Pairs that follow each other share a mask, so that their figures depend on each other however it looks."""
_MOST_CLIPS = 1_000
"""More clips than anybody has: it is then not said how many it takes."""


class Contrast(NamedTuple):
    """How two models' values of a clip are set against each other.

    Attributes:
        scale: the scale on which they are subtracted, of numbers and arrays alike.
        relative: from a difference on that scale to what a reader is told: of a log ratio the share by which the first
            is above the second.
    """

    scale: Callable[[Floats], Floats]
    relative: Callable[[float], float]


def _identity(values: Floats) -> Floats:
    return values


def _log_px(values: Floats) -> Floats:
    logs: Floats = np.log(np.maximum(values, LEAST_BOUNDARY_PX))
    return logs


DIFFERENCE = Contrast(_identity, float)
LOG_RATIO = Contrast(_log_px, math.expm1)
"""Of pixels; free of the clip's size. What is below 0.05 px counts as that."""


@dataclass(frozen=True, eq=False)
class Effect:
    """The mean difference of two models in a figure, first less second, on the scale of its contrast.

    Attributes:
        scope: what it speaks of.
        clips: those that have it, by name in order.
        pairs: pairs of frames of an object in them.
        first, second: both models' arithmetic means over the clips, in the figure's own unit, whatever the scale.
        estimate: the mean difference on the scale of the contrast: of log ratios not the log of the ratio of the means.
        values: each clip's difference.
        error: its standard error; None where it is not known.
        p_value: exact two-sided sign-flip p; None but over clips.
        draws: the mean difference as frames are drawn anew, within a few clips only.
        blocks: how many blocks of frames that do not depend on each other there are, within a few clips.
        seed: of what is drawn.
    """

    scope: Scope
    clips: tuple[str, ...]
    pairs: int
    first: float
    second: float
    estimate: float
    values: tuple[float, ...]
    error: float | None
    p_value: float | None
    draws: Floats | None
    blocks: float
    seed: int

    def interval(self, confidence: float) -> Interval | None:
        """Return the interval of the mean difference.

        Returns:
            A single point where nothing varies; None where a clip is too short to say.
        """
        if self.scope == "clips":
            found = bca_interval(self.values, self.seed, confidence)
            return Interval(self.estimate, self.estimate) if found is None else found
        if self.draws is None:
            return None
        # Percentiles of a few blocks are too narrow, as a normal interval is for a t one (Hesterberg 2015).
        degrees = max(self.blocks - 1, 1.0)
        tail = (1 - confidence) / 2
        wider = stats.t.isf(tail, degrees) / stats.norm.isf(tail) * math.sqrt((degrees + 1) / degrees)
        low, high = np.quantile(self.draws, (tail, 1 - tail))
        return Interval(
            float(self.estimate + (low - self.estimate) * wider),
            float(self.estimate + (high - self.estimate) * wider),
        )

    def is_too_short(self, confidence: float = CONFIDENCE) -> bool:
        """Say whether so little was seen that nothing can be said of it: never over clips such as these."""
        return self.scope != "clips" and (self.pairs < LEAST_PAIRS or self.interval(confidence) is None)

    def is_shown(self, confidence: float = CONFIDENCE) -> bool:
        """Say whether the interval excludes 0, over clips the p value too; not of what is too short."""
        if self.is_too_short(confidence):
            return False
        found = self.interval(confidence)
        allowed = self.scope != "clips" or (self.p_value is not None and self.p_value < SIGNIFICANCE)
        return allowed and found is not None and found.excludes_zero

    def is_below(self, bound: float) -> bool:
        """Say whether it is shown, at 5% of one side, that the mean difference is below a bound."""
        if not self._p_allows(bound, 1):
            return False
        found = self.interval(ALIKE_CONFIDENCE)
        return found is not None and found.high < bound

    def is_within(self, margin: float) -> bool:
        """Say whether it is shown that the mean difference is less than a margin, either way."""
        if not (self._p_allows(margin, 1) and self._p_allows(margin, -1)):
            return False
        found = self.interval(ALIKE_CONFIDENCE)
        return found is not None and -margin < found.low and found.high < margin

    def _p_allows(self, bound: float, sign: int) -> bool:
        """Say whether sign flips show that the mean, its sign turned or not, is below a bound: p decides too."""
        if self.scope != "clips":
            return True
        p = sign_flip_p([bound - sign * value for value in self.values], self.seed, "greater")
        return p is not None and p < SIGNIFICANCE

    def turned(self) -> Effect:
        """Return second less first."""
        return Effect(
            self.scope, self.clips, self.pairs, self.second, self.first, -self.estimate,
            tuple(-value for value in self.values), self.error, self.p_value,
            None if self.draws is None else -self.draws, self.blocks, self.seed,
        )  # fmt: skip

    def smallest_shown(self, confidence: float) -> float | None:
        """Return the least difference that so much data shows in 80% of cases; None where nothing varies."""
        if not self.error:
            return None
        if self.scope == "clips":
            return _least_effect(len(self.values)) * self.error * math.sqrt(len(self.values))
        degrees = max(self.blocks - 1, 1.0)
        return self.error * float(stats.t.isf((1 - confidence) / 2, degrees) + stats.t.ppf(POWER, degrees))

    @property
    def deviation(self) -> float | None:
        """Standard deviation of the clips' differences; None for one clip."""
        return float(np.std(self.values, ddof=1)) if len(self.values) > 1 else None

    def clips_needed(self) -> int | None:
        """Return how many clips show the observed difference in 80% of cases; None where that is not known."""
        if not self.deviation or not self.estimate:
            return None
        wanted = abs(self.estimate) / self.deviation
        few, many = LEAST_CLIPS, _MOST_CLIPS
        if _least_effect(few) <= wanted:
            return few
        if _least_effect(many) > wanted:
            return None
        while many - few > 1:
            middle = (few + many) // 2
            few, many = (few, middle) if _least_effect(middle) <= wanted else (middle, many)
        return many


def effect_of(
    clips: Mapping[str, Series], contrast: Contrast = DIFFERENCE, least: int = 1, seed: int = 0
) -> Effect | None:
    """Set two models against each other in a figure.

    Args:
        clips: the figure by clip.
        contrast: how.
        least: pairs that a clip must have to be of it.
        seed: of what is drawn.

    Returns:
        None where no clip has the figure.

    Example:
        >>> ones = np.ones(40)
        >>> found = effect_of({f"clip {i}": Series((1 + i / 10) * ones, 2 * ones, ones, 40, 0) for i in range(8)})
        >>> found.scope, round(found.estimate, 3), found.p_value, found.interval(0.95).excludes_zero
        ('clips', -0.65, 0.0078125, True)
    """
    used = {name: series for name, series in clips.items() if series.n >= max(least, 1)}
    if not used:
        return None
    sums = {name: _frame_sums(series) for name, series in used.items()}
    if len(used) < LEAST_CLIPS:
        # Frames are drawn anew within clips: one that is too short for that does not keep the others from an answer.
        enough = [name for name, own in sums.items() if len(own.weight) >= _LEAST_FRAMES]
        sums = {name: sums[name] for name in enough or sums}
        used = {name: used[name] for name in sums}
    both = np.array([[own.first.sum(), own.second.sum()] / own.weight.sum() for own in sums.values()])
    scaled = contrast.scale(both)
    values = scaled[:, 0] - scaled[:, 1]
    first, second = both.mean(axis=0).tolist()
    pairs = sum(series.n for series in used.values())
    head = (tuple(used), pairs, first, second, float(values.mean()), tuple(values.tolist()))
    if len(used) >= LEAST_CLIPS:
        error = float(values.std(ddof=1) / math.sqrt(len(values)))
        return Effect("clips", *head, error, sign_flip_p(values.tolist(), seed), None, math.inf, seed)
    scope: Scope = "this_clip" if len(used) == 1 else "these_clips"
    draws, blocks = _draws(list(sums.values()), contrast, seed)
    error_within = None if draws is None else float(draws.std())
    return Effect(scope, *head, error_within, None, draws, blocks, seed)


class _Sums(NamedTuple):
    """Numerators of both models and the denominator, by frame, of the frames that have one."""

    first: Floats
    second: Floats
    weight: Floats


def _frame_sums(series: Series) -> _Sums:
    used = series.weight > 0
    return _Sums(series.first[used], series.second[used], series.weight[used])


def _draws(clips: list[_Sums], contrast: Contrast, seed: int) -> tuple[Floats | None, float]:
    """Return the mean difference with frames drawn anew in every clip, and the number of blocks of all."""
    if min(len(own.weight) for own in clips) < _LEAST_FRAMES:
        return None, 0.0
    rng = np.random.default_rng(seed)
    total, size, blocks = np.zeros(_RESAMPLES), 0.0, 0.0
    for own in clips:
        length = max(block_length((own.first - own.second) / own.weight), _LEAST_BLOCK)
        blocks += len(own.weight) / length
        drawn = []
        for first, second, weight in drawn_sums((own.first, own.second, own.weight), length, _RESAMPLES, rng):
            drawn.append(np.stack([first / weight, second / weight], axis=1))
        scaled = contrast.scale(np.concatenate(drawn))
        total += scaled[:, 0] - scaled[:, 1]
        size = max(size, float(np.abs(scaled).max()))
    if is_constant(total, size):
        total[:] = total[0]
    return total / len(clips), blocks


@cache
def _least_effect(count: int) -> float:
    """Return the mean, in standard deviations, that a t test of so many values at 5% shows in 80% of cases."""
    critical = float(stats.t.isf(SIGNIFICANCE / 2, count - 1))

    def lacking(effect: float) -> float:
        shown = stats.nct.sf(critical, count - 1, effect * math.sqrt(count))
        return float(shown) - POWER

    high = 2 * (critical + 1) / math.sqrt(count)
    return float(optimize.brentq(lacking, 0.0, high))
