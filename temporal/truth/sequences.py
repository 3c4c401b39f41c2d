"""J and F over whole sequences, as DAVIS has them, from the table of true objects."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from yolact_temporal.temporal.comparison.figures import ClipObjects
from yolact_temporal.temporal.metrics.contract import Figure
from yolact_temporal.temporal.metrics.region import SPECS, sequence_statistics
from yolact_temporal.temporal.metrics.truth_contract import TruthFigure, over_objects


def region_sequences(
    objects: ClipObjects, model: str, threshold: float, match_iou: float, frames: Sequence[int]
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
    column = objects.models.index(model)
    seen = (objects.score[:, column] > threshold) & (
        np.nan_to_num(objects.truth_iou[:, column], nan=0.0) >= match_iou
    )
    place = np.searchsorted(np.asarray(frames), objects.frame)
    rows: dict[str, list[Figure]] = {spec.name: [] for spec in SPECS}
    for key in dict.fromkeys(objects.object_id.tolist()):
        own = objects.object_id == key
        names = iter(rows)
        for values in (objects.truth_iou, objects.truth_boundary_f):
            series = np.ones(len(frames))
            series[place[own]] = np.where(seen[own], np.nan_to_num(values[own, column], nan=0.0), 0.0)
            statistics = sequence_statistics(series.tolist())
            for value in statistics[:3]:
                rows[next(names)].append(Figure(value, statistics.n, statistics.n_undefined))
    return {name: over_objects(figures) for name, figures in rows.items()}
