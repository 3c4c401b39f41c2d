"""What the parts of a model's masks add to its jitter over a clip: means, shares and their intervals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from yolact_temporal.temporal.comparison.statistics import Interval, ratio_interval
from yolact_temporal.temporal.metrics import REGISTRY, mean_figure
from yolact_temporal.temporal.metrics.causes import (
    FLOOR,
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
from yolact_temporal.temporal.report import SUMMARY_COLUMNS, Row
from yolact_temporal.temporal.why.explaining import PairCauses

_WEIGHED = {
    measure.name(part, share=True): (measure.name(part), measure.name(TOTAL))
    for measure in MEASURES
    for part in (FLOOR, *PARTS)
}
"""Shares: what is summed, and what over, by name."""

_MEANS = tuple(spec.name for spec in PAIR_SPECS if spec.name != SWITCH)


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
    """

    figures: Mapping[str, CauseFigure]
    told: int
    pairs: int


class CauseSums:
    """Sums up the causes of pairs; memory grows by a few numbers a frame, from which intervals are drawn.

    Example:
        >>> sums = CauseSums()
        >>> for frame in range(10):
        ...     values = {"why_jitter_box": 0.1 + 0.01 * (frame % 2), "why_jitter_total": 0.2}
        ...     sums.add(PairCauses(frame, frame / 24, 1, 0.2, values))
        >>> figure = sums.figures()["why_jitter_box_share"]
        >>> round(figure.value, 3), figure.n, figure.n_undefined
        (0.525, 10, 0)
    """

    def __init__(self) -> None:
        self._clip = {name: FrameSums(kept=True) for name in self._names()}
        self._tracks: dict[int, dict[str, FrameSums]] = {}
        self.pairs = 0

    @staticmethod
    def _names() -> tuple[str, ...]:
        return (*_MEANS, *_WEIGHED, SWITCH_SHARE, WITH_SWITCH, WITHOUT_SWITCH)

    def add(self, causes: PairCauses) -> None:
        """Take the next pair."""
        self.pairs += 1
        own = self._tracks.setdefault(causes.track_id, {name: FrameSums() for name in self._names()})
        for name, term in _terms(causes).items():
            for sums in (self._clip[name], own[name]):
                sums.add(causes.frame_index, term)

    def figures(self) -> dict[str, CauseFigure]:
        """Return every figure of the clip so far, by metric name."""
        found = {}
        for name, sums in self._clip.items():
            tracks = [own[name].value() for own in self._tracks.values()]
            mean = mean_figure(tracks)
            found[name] = CauseFigure(
                sums.value(), _interval(sums), sums.n, sums.n_undefined, mean.n, mean.value
            )
        return found


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


def _interval(sums: FrameSums) -> Interval | None:
    """Draw frames, not pairs: the pairs of a frame are not independent."""
    frames, numerators, denominators = sums.by_frame()
    if not len(frames):
        return None
    drawn, rows = np.unique(frames, return_inverse=True)
    values, weight = (np.bincount(rows, each, len(drawn))[:, None] for each in (numerators, denominators))
    return ratio_interval(values, weight)


def cause_rows(clip: str, model: str, causes: ClipCauses) -> list[Row]:
    """Return one model's rows of `summary.csv`; figures that the model's masks have no part for are left out."""
    blank: Row = {column.name: None for column in SUMMARY_COLUMNS}
    rows: list[Row] = []
    for name, figure in causes.figures.items():
        if figure.value is None:
            continue
        row = blank | {"clip": clip, "model": model, "metric": name, "value": figure.value}
        row |= {"unit": REGISTRY[name].unit, "n": figure.n, "n_undefined": figure.n_undefined}
        row |= {"tracks": figure.tracks}
        if figure.interval is not None:
            row |= {"ci_low": figure.interval.low, "ci_high": figure.interval.high}
        rows.append(row)
    return rows
