"""Jitter (METRICS B2, B3, B5): the mask, its place, its size and its score change when the object does not."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from yolact_temporal.temporal.metrics.contract import (
    OF_RATE,
    OF_SIZE_AND_RATE,
    Compared,
    Figure,
    FrameSums,
    MaskPair,
    MetricSpec,
    Number,
    Observation,
    RatioOverFrames,
    Term,
)
from yolact_temporal.temporal.metrics.registry import REGISTRY

MIN_RUN = 8
"""Fewest consecutive frames in a run that second differences are taken over."""

_HEADLINES = {
    "centroid_x_px": ("centroid shake, x", 5),
    "centroid_y_px": ("centroid shake, y", 6),
    "log_area": ("log area shake", 7),
}
"""The channels that a reader is shown first: what they are called, and their rank."""

_CHANNELS = (
    ("centroid_x_px", "px", "the centroid's x"),
    ("centroid_y_px", "px", "the centroid's y"),
    ("centroid_x_share", "1", "the centroid's x, as a share of the square root of the mask's area"),
    ("centroid_y_share", "1", "the centroid's y, as a share of the square root of the mask's area"),
    ("log_area", "1", "the natural logarithm of the mask's area"),
    ("box_x1_px", "px", "the predicted box's left edge"),
    ("box_y1_px", "px", "the predicted box's upper edge"),
    ("box_x2_px", "px", "the predicted box's right edge"),
    ("box_y2_px", "px", "the predicted box's lower edge"),
)

_SHARES = slice(2, 4)
"""The channels that are shares of the mask's side."""

JITTER_SPEC = MetricSpec(
    name="motion_compensated_jitter",
    symbol="B2",
    meaning="1 - IoU of the carried previous mask and this one, among the visible pixels.",
    inputs="the previous mask carried to t by the flow, the mask at t, the visible pixels",
    unit="1",
    range=(0.0, 1.0),
    direction="down",
    undefined="either mask is empty among the visible pixels",
    source="one minus the temporal IoU of flow-warped masks",
    scope="pair",
    label="motion-compensated jitter, 1 - IoU",
    headline=4,
    compared=Compared(
        "motion_compensated_jitter", "motion-compensated jitter", "common", "B2", headline=True, order=3
    ),
    aliases=("jitter",),
    depends=OF_RATE,
)

SCORE_SPEC = MetricSpec(
    name="score_jitter",
    symbol="B5",
    meaning="RMS change of the score from frame to frame, over the square root of 2; compare ranks, never models.",
    inputs="the track's scores",
    unit="1",
    range=(0.0, math.sqrt(0.5)),
    direction="down",
    undefined="the track is never seen in two consecutive frames",
    source="first difference as the standard deviation of white noise",
    label="score jitter (not comparable across models)",
    headline=8,
    depends=OF_RATE,
)

SECOND_DIFFERENCE_SPECS = tuple(
    MetricSpec(
        name=f"second_difference_{name}",
        symbol="B3",
        meaning=f"RMS second difference over the square root of 6 of {what}: "
        "the standard deviation of white noise on a uniformly moving coordinate.",
        inputs=f"the track's centroids, areas and boxes over runs of at least {MIN_RUN} consecutive frames",
        unit=unit,
        range=(0.0, math.inf),
        direction="down",
        undefined=f"the track has no run of {MIN_RUN} consecutive frames",
        source="second difference (von Neumann; Gasser, Sroka and Jennen-Steinmetz 1986)",
        label=_HEADLINES.get(name, ("", None))[0],
        headline=_HEADLINES.get(name, ("", None))[1],
        depends=OF_SIZE_AND_RATE if unit == "px" else OF_RATE,
    )
    for name, unit, what in _CHANNELS
)


def motion_compensated_jitter(
    previous: NDArray[np.uint8], current: NDArray[np.uint8], visible: NDArray[np.uint8]
) -> float | None:
    """Return 1 - IoU(W & V, M & V), in 0..1; None if either is empty among the visible pixels.

    Args:
        previous: uint8 (h, w) of 0 and 1, the previous mask carried to t.
        current: the same of the mask at t.
        visible: the same of the pixels that count.

    Example:
        >>> previous, current = np.array([[[1, 1, 1, 0]], [[0, 1, 1, 1]]], np.uint8)
        >>> motion_compensated_jitter(previous, current, np.ones_like(previous))  # 2 of 4 pixels are common
        0.5
        >>> motion_compensated_jitter(previous, current, np.zeros_like(previous)) is None
        True
    """
    previous, current = previous & visible, current & visible
    first, second = int(np.count_nonzero(previous)), int(np.count_nonzero(current))
    if first == 0 or second == 0:
        return None
    common = int(np.count_nonzero(previous & current))
    return 1.0 - common / (first + second - common)


def second_difference(
    before: NDArray[np.float64], last: NDArray[np.float64], now: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return x[t+1] - 2 x[t] + x[t-1] of coordinates in three consecutive frames.

    Args:
        before, last, now: float64 (n,), in any unit.

    Returns:
        float64 (n,), in the same unit; 0 of a uniform movement.

    Example:
        >>> uniform, jump = [3.0, 4.0, 5.0], [3.0, 4.0, 3.0]
        >>> second_difference(*np.array([uniform, jump]).T).tolist()
        [0.0, -2.0]
    """
    return now - 2 * last + before


def second_difference_noise(ratio: Number) -> Number:
    """Return the deviation of white noise whose squared second differences have this mean: its root over sqrt(6).

    Example:
        >>> noise = np.random.default_rng(0).normal(0, 1.5, 100_000)
        >>> squares = second_difference(noise[:-2], noise[1:-1], noise[2:]) ** 2
        >>> round(float(second_difference_noise(squares.mean())), 1)
        1.5
    """
    return np.sqrt(ratio / 6)  # type: ignore[no-any-return]


def score_change(previous: Observation | None, current: Observation) -> Term | None:
    """Return the squared change of the score, where the track is seen in both frames of a pair.

    Example:
        >>> last, now = (Observation(True, True, True, None, score=score) for score in (0.75, 0.25))
        >>> score_change(last, now), score_change(None, now)
        (Term(numerator=0.25, denominator=1.0), None)
    """
    if previous is None or not current.paired or previous.score is None or current.score is None:
        return None
    return Term((current.score - previous.score) ** 2)


def first_difference_noise(ratio: Number) -> Number:
    """Return the deviation of white noise whose squared first differences have this mean: its root over sqrt(2).

    Example:
        >>> noise = np.random.default_rng(0).normal(0, 1.5, 100_000)
        >>> round(float(first_difference_noise((np.diff(noise) ** 2).mean())), 1)
        1.5
    """
    return np.sqrt(ratio / 2)  # type: ignore[no-any-return]


def coordinates(observation: Observation) -> NDArray[np.float64] | None:
    """Return what B3 is taken of, float64 (9,) in the order of its metrics; None where the track is not seen."""
    if not observation.present or observation.centroid is None or observation.box is None:
        return None
    x, y = observation.centroid
    return np.array([x, y, x, y, math.log(float(observation.area_px or 0)), *observation.box])


class SecondDifferences:
    """Accumulates B3 of one track over runs of consecutive frames, keeping the last two frames of the run.

    Args:
        min_run: fewest consecutive frames of a run that counts, at least 3.

    Example:
        >>> shaking = SecondDifferences()
        >>> for index in range(10):  # to and fro by 1 px
        ...     place = {"centroid": (20.0 + index % 2, 16.0), "box": (18.0, 14.0, 22.0, 18.0), "area_px": 16}
        ...     shaking.add(Observation(True, index > 0, True, None, **place))
        >>> figures = shaking.figures()
        >>> round(figures["second_difference_centroid_x_px"].value, 4), figures["second_difference_log_area"].n
        (0.8165, 8)
    """

    def __init__(self, min_run: int = MIN_RUN) -> None:
        self._min_run = min_run
        self._sums = [FrameSums(second_difference_noise) for _ in SECOND_DIFFERENCE_SPECS]
        self._left_out = 0
        self._start_run()

    def _start_run(self) -> None:
        self._length = 0
        self._waiting: list[tuple[int, NDArray[np.float64]]] = []
        self._last: tuple[NDArray[np.float64], float] | None = None
        self._before: NDArray[np.float64] | None = None

    def _end_run(self) -> None:
        self._left_out += len(self._waiting)
        self._start_run()

    def add(self, observation: Observation) -> None:
        """Take the next frame."""
        if not (observation.present and observation.paired):
            self._end_run()
        values = coordinates(observation)
        if values is None:
            return
        if self._last is not None and self._before is not None:
            last, side = self._last
            step = second_difference(self._before, last, values)
            step[_SHARES] /= side
            self._waiting.append((observation.frame, step * step))
        self._before = None if self._last is None else self._last[0]
        self._last = (values, math.sqrt(observation.area_px or 0))
        self._length += 1
        if self._length >= self._min_run:
            for frame, squares in self._waiting:
                for sums, square in zip(self._sums, squares.tolist(), strict=True):
                    sums.add(frame, Term(square))
            self._waiting = []

    def figures(self) -> dict[str, Figure]:
        """Return B3 by metric name; differences in runs that are too short are left out and counted."""
        left_out = self._left_out + len(self._waiting)
        return {name: Figure(sums.value(), sums.n, left_out) for name, sums in self.sums().items()}

    def sums(self) -> dict[str, FrameSums]:
        """Return what B3 is made of, by metric name."""
        return {spec.name: sums for spec, sums in zip(SECOND_DIFFERENCE_SPECS, self._sums, strict=True)}


def pair_jitter(pair: MaskPair) -> dict[str, float | None]:
    """Return B2 of a pair by its name."""
    value = motion_compensated_jitter(pair.previous, pair.current, pair.visible)
    return {JITTER_SPEC.name: value}


REGISTRY.register(JITTER_SPEC, order=200, pair=pair_jitter)
REGISTRY.register(*SECOND_DIFFERENCE_SPECS, order=210, accumulator=SecondDifferences)
REGISTRY.register(
    SCORE_SPEC,
    order=220,
    accumulator=lambda: RatioOverFrames(SCORE_SPEC, score_change, first_difference_noise),
)
