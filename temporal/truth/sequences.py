"""J and F over whole sequences, as DAVIS has them, from the table of true objects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from yolact_temporal.temporal.comparison.clip_objects import (
    ClipObjects,
    Floats,
    Objects,
    rows_by_object,
)
from yolact_temporal.temporal.metrics.contract import Figure
from yolact_temporal.temporal.metrics.region import SPECS, sequence_statistics
from yolact_temporal.temporal.metrics.truth_contract import TruthFigure, over_objects


def region_sequences(
    objects: Objects, model: str, threshold: float, match_iou: float, frames: Sequence[int]
) -> dict[str, TruthFigure]:
    """Return mean, recall and decay of J and of F by metric name, each the mean over the true objects.

    As davis2017-evaluation has it, an object's sequence is the whole clip's: a frame in which it is absent is a frame
    in which its mask is empty, and so is the mask that is matched with it, which gives 1. An object that is there and
    has no mask gives 0.

    Args:
        objects: the table of true objects.
        model: whose masks.
        threshold: the score above which they count.
        match_iou: a mask is the object's where they overlap by so much.
        frames: all frames of which the truth is known, ascending.
    """
    sparse = _Sequences(frames)
    for part in objects.parts():
        column = part.models.index(model)
        seen = (part.score[:, column] > threshold) & (
            np.nan_to_num(part.truth_iou[:, column], nan=0.0) >= match_iou
        )
        values = np.stack([part.truth_iou[:, column], part.truth_boundary_f[:, column]], axis=1)
        sparse.add(part, np.where(seen[:, None], np.nan_to_num(values, nan=0.0), 0.0))
    rows: dict[str, list[Figure]] = {spec.name: [] for spec in SPECS}
    for both in sparse.whole():
        names = iter(rows)
        for series in both:
            statistics = sequence_statistics(series)
            for value in statistics[:3]:
                rows[next(names)].append(Figure(value, statistics.n, statistics.n_undefined))
    return {name: over_objects(figures) for name, figures in rows.items()}


class _Sequences:
    """J and F of every object in the frames in which it is there, part by part; elsewhere they are 1."""

    def __init__(self, frames: Sequence[int]) -> None:
        self._frames = np.asarray(frames, np.int64)
        self._parts: dict[int, list[tuple[NDArray[np.int32], Floats]]] = {}

    def add(self, part: ClipObjects, values: Floats) -> None:
        """Take the next part and its J and F, float64 (P, 2)."""
        place = np.searchsorted(self._frames, part.frame).astype(np.int32)
        for key in dict.fromkeys(part.object_id.tolist()):
            self._parts.setdefault(key, [])
        for key, own in rows_by_object(part.object_id, np.ones(len(part.object_id), np.bool_)):
            self._parts[key].append((place[own], values[own]))

    def whole(self) -> Iterator[Floats]:
        """Yield J and F of each object in all frames, float64 (2, T), in order of their coming."""
        for parts in self._parts.values():
            series = np.ones((2, len(self._frames)))
            for place, values in parts:
                series[:, place] = values.T
            yield series
