"""What the parts of a model's masks add to its jitter over a clip: means, shares and their intervals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from yolact_temporal.temporal.comparison.statistics import Interval
from yolact_temporal.temporal.intervals import pooled_intervals
from yolact_temporal.temporal.metrics import REGISTRY, mean_figure
from yolact_temporal.temporal.metrics.causes import (
    FLOOR,
    GRID_SPECS,
    MEASURES,
    PAIR_SPECS,
    PARTS,
    SWITCH,
    SWITCH_SHARE,
    TOTAL,
    WITH_SWITCH,
    WITHOUT_SWITCH,
)
from yolact_temporal.temporal.metrics.contract import FrameSums, Term
from yolact_temporal.temporal.pooling import ClipSums, PooledSums
from yolact_temporal.temporal.report import SUMMARY_COLUMNS, Row
from yolact_temporal.temporal.why.explaining import PairCauses

_WEIGHED = {
    measure.name(part, share=True): (measure.name(part), measure.name(TOTAL))
    for measure in MEASURES
    for part in (FLOOR, *PARTS)
}
"""Shares: what is summed, and what over, by name."""

_MEANS = tuple(spec.name for spec in PAIR_SPECS if spec.name != SWITCH)

FIGURES = (*_MEANS, *_WEIGHED, SWITCH_SHARE, WITH_SWITCH, WITHOUT_SWITCH)
"""What is known of the causes over a clip, by metric name."""


@dataclass(frozen=True)
class CauseFigure:
    """A figure of the causes over a clip.

    Attributes:
        value: over all pairs of the clip; None where no pair has one.
        interval: over the frames of this clip; None where there are too few.
        n, n_undefined: pairs that have a value, and that have none.
        tracks: those that have a pair with a value.
        by_track: the mean over tracks, each weighing the same.
    """

    value: float | None
    interval: Interval | None
    n: int
    n_undefined: int
    tracks: int
    by_track: float | None


@dataclass(frozen=True)
class ClipCauses:
    """What one model's jitter in a clip comes from.

    Attributes:
        figures: by metric name.
        told: pairs whose parts are known at both frames.
        pairs: those that count; of some the parts are not known, as where an interrupted run saw the frames.
        grid_px: width and height of a cell that masks are cropped on; None where there is no such grid.
        every: one of so many pairs of frames was explained.
    """

    figures: Mapping[str, CauseFigure]
    told: int
    pairs: int
    grid_px: tuple[float, float] | None = None
    every: int = 1


class CauseSums:
    """Sums up the causes of pairs; memory grows by a few numbers a track, not with the frames.

    Example:
        >>> sums = CauseSums()
        >>> for frame in range(10):
        ...     values = {"why_jitter_box": 0.1 + 0.01 * (frame % 2), "why_jitter_total": 0.2}
        ...     sums.add(PairCauses(frame, frame / 24, 1, 0.9, 50, 0.2, values))
        >>> figure = sums.figures()["why_jitter_box_share"]
        >>> round(figure.value, 3), figure.n, figure.n_undefined
        (0.525, 10, 0)
    """

    def __init__(self) -> None:
        self._clip = ClipSums(intervals=lambda name: True)
        self._tracks: dict[int, dict[str, FrameSums]] = {}
        self._frame, self._place = -1, -1
        self.pairs = 0

    def add(self, causes: PairCauses) -> None:
        """Take the next pair; those of a frame follow each other."""
        if causes.frame_index != self._frame:
            self._frame, self._place = causes.frame_index, self._place + 1
        self.pairs += 1
        own = self._tracks.setdefault(causes.track_id, {name: FrameSums() for name in FIGURES})
        for name, term in _terms(causes).items():
            own[name].add(self._place, term)
        self._clip.take([own])

    def figures(self) -> dict[str, CauseFigure]:
        """Return every figure of the clip so far, by metric name."""
        pooled = self._clip.pooled()
        intervals = pooled_intervals(pooled)
        return {name: self._figure(name, pooled.get(name), intervals.get(name)) for name in FIGURES}

    def _figure(self, name: str, pooled: PooledSums | None, interval: Interval | None) -> CauseFigure:
        own = [sums[name].figure() for sums in self._tracks.values()]
        mean = mean_figure(figure.value for figure in own)
        n, n_undefined = sum(figure.n for figure in own), sum(figure.n_undefined for figure in own)
        if pooled is None:
            return CauseFigure(None, None, n, n_undefined, 0, None)
        return CauseFigure(pooled.value(), interval, n, n_undefined, mean.n, mean.value)


def _terms(causes: PairCauses) -> dict[str, Term]:
    """Return what a pair adds to each figure; a denominator of 0 says that it has no value."""
    values = causes.values
    terms = {}
    for name in _MEANS:
        value = values.get(name)
        terms[name] = Term(0.0, 0.0) if value is None else Term(value)
    for name, (part, total) in _WEIGHED.items():
        value, whole = values.get(part), values.get(total)
        terms[name] = Term(0.0, 0.0) if value is None or whole is None else Term(value, whole)
    switch, jitter = values.get(SWITCH), causes.jitter
    terms[SWITCH_SHARE] = Term(0.0, 0.0) if switch is None else Term(switch)
    for name, wanted in ((WITH_SWITCH, 1.0), (WITHOUT_SWITCH, 0.0)):
        if switch == wanted and jitter is not None:
            terms[name] = Term(jitter)
    return terms


def cause_rows(clip: str, model: str, causes: ClipCauses) -> list[Row]:
    """Return one model's rows of `summary.csv`; figures that the model's masks have no part for are left out."""
    blank: Row = {column.name: None for column in SUMMARY_COLUMNS}
    rows: list[Row] = []
    for name, figure in causes.figures.items():
        if figure.value is None:
            continue
        row = blank | {"clip": clip, "model": model, "metric": name, "value": figure.value}
        row |= {"unit": REGISTRY[name].unit, "n": figure.n, "n_undefined": figure.n_undefined}
        row |= {"tracks": figure.tracks, "value_by_object": figure.by_track}
        if figure.interval is not None:
            row |= {"ci_low": figure.interval.low, "ci_high": figure.interval.high}
        rows.append(row)
    for spec, step in zip(GRID_SPECS, causes.grid_px or (), strict=False):
        rows.append(
            blank | {"clip": clip, "model": model, "metric": spec.name, "value": step, "unit": spec.unit}
        )
    return rows
