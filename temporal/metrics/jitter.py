"""Jitter (METRICS B2, B3, B5): the mask, its place, its size and its score change when the object does not."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from yolact_temporal.temporal.metrics.contract import Figure, MetricSpec, Observation

MIN_RUN = 8
"""Fewest consecutive frames in a run that second differences are taken over."""

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
    level="pair",
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
    )
    for name, unit, what in _CHANNELS
)

SPECS = (JITTER_SPEC, *SECOND_DIFFERENCE_SPECS, SCORE_SPEC)


def motion_compensated_jitter(
    previous: NDArray[np.uint8], current: NDArray[np.uint8], visible: NDArray[np.uint8]
) -> float | None:
    """Return 1 - IoU(W & V, M & V), in 0..1; None if either is empty among the visible pixels.

    Args:
        previous: uint8 (h, w) of 0 and 1, the previous mask carried to t.
        current: the same of the mask at t.
        visible: the same of the pixels that count.
    """
    previous, current = previous & visible, current & visible
    first, second = int(np.count_nonzero(previous)), int(np.count_nonzero(current))
    if first == 0 or second == 0:
        return None
    common = int(np.count_nonzero(previous & current))
    return 1.0 - common / (first + second - common)


def second_difference(values: ArrayLike, scale: ArrayLike | None = None, min_run: int = MIN_RUN) -> Figure:
    """Return RMS(x[t+1] - 2 x[t] + x[t-1]) / sqrt(6) over runs of at least `min_run` frames.

    Args:
        values: (T,), one a frame, NaN where the object is absent.
        scale: (T,), what each difference is divided by, taken at its middle frame; 1 when None.
        min_run: fewest consecutive frames of a run that counts, at least 3.

    Returns:
        The figure, of n differences; `n_undefined` counts those in runs that are too short.
    """
    series = np.asarray(values, np.float64)
    scales = np.ones(len(series)) if scale is None else np.asarray(scale, np.float64)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], np.isfinite(series), [False]]).astype(np.int8)))
    squares, left_out = [], 0
    for start, end in edges.reshape(-1, 2):
        if end - start < min_run:
            left_out += max(int(end - start) - 2, 0)
            continue
        squares.append((np.diff(series[start:end], 2) / scales[start + 1 : end - 1]) ** 2)
    if not squares:
        return Figure(None, 0, left_out)
    pooled = np.concatenate(squares)
    return Figure(math.sqrt(float(pooled.mean()) / 6), len(pooled), left_out)


def score_jitter(scores: ArrayLike) -> Figure:
    """Return RMS(s[t] - s[t-1]) / sqrt(2) of scores (T,) in 0..1, NaN where the object is absent; of n pairs."""
    steps = np.diff(np.asarray(scores, np.float64))
    steps = steps[np.isfinite(steps)]
    if len(steps) == 0:
        return Figure(None, 0, 0)
    return Figure(math.sqrt(float((steps**2).mean()) / 2), len(steps), 0)


class SecondDifferences:
    """Accumulates B3 of one track, keeping the last two frames of the run and sums."""

    def __init__(self, min_run: int = MIN_RUN) -> None:
        self._min_run = min_run
        self._sums = np.zeros(len(_CHANNELS))
        self._count = 0
        self._left_out = 0
        self._start_run()

    def _start_run(self) -> None:
        self._length = 0
        self._run_sums = np.zeros(len(_CHANNELS))
        self._run_count = 0
        self._last: tuple[NDArray[np.float64], float] | None = None
        self._before: NDArray[np.float64] | None = None

    def _end_run(self) -> None:
        self._left_out += self._run_count
        self._start_run()

    def add(self, observation: Observation) -> None:
        """Take the next frame."""
        if not (observation.present and observation.paired):
            self._end_run()
        if not observation.present or observation.centroid is None or observation.box is None:
            return
        area = float(observation.area_px or 0)
        x, y = observation.centroid
        values = np.array([x, y, x, y, math.log(area), *observation.box])
        if self._last is not None and self._before is not None:
            last, side = self._last
            step = values - 2 * last + self._before
            step[2:4] /= side
            self._run_sums += step * step
            self._run_count += 1
        self._before = None if self._last is None else self._last[0]
        self._last = (values, math.sqrt(area))
        self._length += 1
        if self._length >= self._min_run:
            self._sums += self._run_sums
            self._count += self._run_count
            self._run_sums, self._run_count = np.zeros(len(_CHANNELS)), 0

    def figures(self) -> dict[str, Figure]:
        """Return B3 by metric name."""
        left_out = self._left_out + self._run_count
        if self._count == 0:
            return {spec.name: Figure(None, 0, left_out) for spec in SECOND_DIFFERENCE_SPECS}
        roots = np.sqrt(self._sums / self._count / 6)
        return {
            spec.name: Figure(float(root), self._count, left_out)
            for spec, root in zip(SECOND_DIFFERENCE_SPECS, roots, strict=True)
        }


class ScoreJitter:
    """Accumulates B5 of one track."""

    def __init__(self) -> None:
        self._last: float | None = None
        self._sum = 0.0
        self._count = 0

    def add(self, observation: Observation) -> None:
        """Take the next frame."""
        if observation.paired and observation.score is not None and self._last is not None:
            self._sum += (observation.score - self._last) ** 2
            self._count += 1
        self._last = observation.score

    def figures(self) -> dict[str, Figure]:
        """Return B5 by metric name."""
        value = math.sqrt(self._sum / self._count / 2) if self._count else None
        return {SCORE_SPEC.name: Figure(value, self._count, 0)}
