"""95% intervals of one model's own figures within one clip, from its tables of frames and instances.

The meter keeps sums only, so that memory does not grow with the clip; what each frame adds to them is read back here
from the tables, for the figures that a reader is shown first. Tests hold the two against each other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from yolact_temporal.temporal.comparison.statistics import Interval, ratio_interval
from yolact_temporal.temporal.metrics.jitter import MIN_RUN

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Table = Sequence[Mapping[str, str]]

FRAME_COLUMNS = frozenset({"frame", "time_s", "pair_status"})
"""What is needed of `frames.csv`."""

_MEANS = (
    "boundary_px_mean",
    "boundary_px_p95",
    "boundary_share_mean",
    "motion_compensated_jitter",
)
_SECOND_DIFFERENCES = MappingProxyType(
    {
        "second_difference_centroid_x_px": "centroid_x_px",
        "second_difference_centroid_y_px": "centroid_y_px",
        "second_difference_log_area": "log_area",
    }
)
INSTANCE_COLUMNS = frozenset(
    {"frame", "track_id", "class", "score", "area_px", "centroid_x_px", "centroid_y_px", "events", *_MEANS}
)
"""What is needed of `instances.csv`."""


class RatioOfSums(NamedTuple):
    """A figure as what each frame adds to its sums: T frames, O tracks.

    Attributes:
        values: float64 (T, O), numerators.
        weight: float64 (T, O), denominators.
        transform: of each track's ratio of sums; None for the ratio itself.
    """

    values: Floats
    weight: Floats
    transform: Callable[[Floats], Floats] | None = None

    def value(self) -> float | None:
        """Return the mean over the tracks that have a denominator, None where none has."""
        weight = self.weight.sum(axis=0)
        counted = weight > 0
        if not counted.any():
            return None
        ratios = self.values.sum(axis=0)[counted] / weight[counted]
        return float((ratios if self.transform is None else self.transform(ratios)).mean())


def own_intervals(
    frames: Table, instances: Table, step_s: float | None, pictures: bool = True
) -> dict[str, Interval]:
    """Return the intervals of one model's figures by metric name; those that have none are left out.

    Args:
        frames: rows of `frames.csv`, with `FRAME_COLUMNS`.
        instances: rows of `instances.csv`, with `INSTANCE_COLUMNS`.
        step_s: seconds from a selected frame to the next where the frames' own times do not say; None where the clip
            has no time.
        pictures: as of `StabilityMeter`.
    """
    found = {
        name: ratio_interval(*figure)
        for name, figure in own_sums(frames, instances, step_s, pictures).items()
    }
    return {name: interval for name, interval in found.items() if interval is not None}


def own_sums(
    frames: Table, instances: Table, step_s: float | None, pictures: bool = True
) -> dict[str, RatioOfSums]:
    """Return one model's figures as sums over frames, by metric name; arguments as of `own_intervals`."""
    grid = _Grid(frames, instances, step_s, pictures)
    jitter = grid.lay("motion_compensated_jitter")
    found = {name: _mean(grid.lay(name)) for name in _MEANS}
    log_area = np.log(np.where(grid.present, grid.lay("area_px"), 1.0))
    for name, column in _SECOND_DIFFERENCES.items():
        values = log_area if column == "log_area" else np.nan_to_num(grid.lay(column))
        found[name] = _second_difference(values, grid.present, grid.paired)
    both = grid.pairs_of_sightings()
    score = np.nan_to_num(grid.lay("score"))
    found["score_jitter"] = RatioOfSums(_steps(score) ** 2 * both, both, _root_of_half)
    classes = grid.codes("class")
    found["class_flip_rate"] = RatioOfSums((_steps(classes) != 0) * both, both)
    found["dropout_rate"] = _dropout(grid)
    if step_s is not None:
        within = grid.life() & np.roll(grid.life(), 1, axis=0) & grid.paired[:, None]
        flips = _steps(grid.present.astype(np.float64)) != 0
        seconds = grid.seconds[:, None]
        found["presence_flips_per_s"] = RatioOfSums(_numbers(flips & within), within * seconds)
        blinks = grid.having("events", "area_blink")
        found["area_blinks_per_s"] = RatioOfSums(_numbers(blinks), np.isfinite(jitter) * seconds)
    return found


class _Grid:
    """Lays the columns of instances out by frame and track."""

    def __init__(self, frames: Table, instances: Table, step_s: float | None, pictures: bool) -> None:
        place = {row["frame"]: number for number, row in enumerate(frames)}
        self._instances = [row for row in instances if row["track_id"]]
        tracks = {key: n for n, key in enumerate(dict.fromkeys(row["track_id"] for row in self._instances))}
        self._rows = np.array([place[row["frame"]] for row in self._instances], np.int64)
        self._columns = np.array([tracks[row["track_id"]] for row in self._instances], np.int64)
        self.shape = (len(frames), len(tracks))
        status = np.array([row["pair_status"] for row in frames], dtype=object)
        self.paired: Bools = (status == "counted") | ((status == "without_motion") & (not pictures))
        self.counts: Bools = status != "repeated"
        steps = np.diff(np.array([float(row["time_s"]) for row in frames]), prepend=np.nan)
        self.seconds: Floats = np.where(steps > 0, steps, step_s or 0.0)
        self.present: Bools = np.zeros(self.shape, np.bool_)
        self.present[self._rows, self._columns] = True

    def lay(self, name: str) -> Floats:
        """Return a column of numbers, float64 (T, O), NaN where there is none."""
        laid = np.full(self.shape, np.nan)
        laid[self._rows, self._columns] = [float(row[name] or "nan") for row in self._instances]
        return laid

    def codes(self, name: str) -> Floats:
        """Return a column of words as numbers, float64 (T, O), -1 where there is none."""
        words = {word: code for code, word in enumerate(dict.fromkeys(row[name] for row in self._instances))}
        laid = np.full(self.shape, -1.0)
        laid[self._rows, self._columns] = [words[row[name]] for row in self._instances]
        return laid

    def having(self, name: str, word: str) -> Bools:
        """Return where a column of words parted by spaces has one of them, bool (T, O)."""
        laid = np.zeros(self.shape, np.bool_)
        laid[self._rows, self._columns] = [word in row[name].split() for row in self._instances]
        return laid

    def life(self) -> Bools:
        """Return each track's life, from its first to its last sighting, bool (T, O)."""
        after = np.logical_or.accumulate(self.present, axis=0)
        return after & np.logical_or.accumulate(self.present[::-1], axis=0)[::-1]

    def pairs_of_sightings(self) -> Floats:
        """Return 1 where a track is seen in this frame and the last one and the pair counts, float64 (T, O)."""
        both = self.present.copy()
        both[1:] &= self.present[:-1]
        both[:1] = False
        return _numbers(both & self.paired[:, None])


def _mean(values: Floats) -> RatioOfSums:
    return RatioOfSums(np.nan_to_num(values), _numbers(np.isfinite(values)))


def _numbers(where: Bools) -> Floats:
    return where.astype(np.float64)


def _steps(values: Floats) -> Floats:
    """Return the change from the last frame, 0 at the first."""
    return np.diff(values, axis=0, prepend=values[:1])


def _root_of_half(ratio: Floats) -> Floats:
    return np.sqrt(ratio / 2)


def _root_of_sixth(ratio: Floats) -> Floats:
    return np.sqrt(ratio / 6)


def _second_difference(values: Floats, present: Bools, paired: Bools) -> RatioOfSums:
    """Return B3: squared second differences over runs of at least `MIN_RUN` consecutive sightings."""
    length = np.zeros(values.shape, np.int64)
    last: NDArray[np.int64] = np.zeros(values.shape[1], np.int64)
    for row, goes_on in enumerate(paired):
        last = length[row] = np.where(present[row], last * goes_on + 1, 0)
    whole = length.copy()
    for row in range(len(values) - 2, -1, -1):
        whole[row] = np.where(length[row + 1] > 1, whole[row + 1], length[row])
    counted = (length >= 3) & (whole >= MIN_RUN)
    squares = np.zeros(values.shape)
    squares[2:] = np.diff(values, 2, axis=0) ** 2
    return RatioOfSums(squares * counted, _numbers(counted), _root_of_sixth)


def _dropout(grid: _Grid) -> RatioOfSums:
    life = grid.life()
    first = grid.present & (np.cumsum(grid.present, axis=0) == 1)
    counted = life & (grid.counts[:, None] | first)
    counted &= counted.sum(axis=0) >= 2
    return RatioOfSums(_numbers(counted & ~grid.present), _numbers(counted))
