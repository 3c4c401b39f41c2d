"""A run's objects, a row each, and the floor of its clip: what of a jitter may be the motion estimate's own error."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import pandas as pd

from yolact_temporal.dashboards.comparisons import run_comparison
from yolact_temporal.dashboards.loader import Run
from yolact_temporal.temporal.comparison.clip_objects import ObjectParts
from yolact_temporal.temporal.comparison.objects_csv import read_objects
from yolact_temporal.temporal.documents import Number
from yolact_temporal.temporal.metrics.flicker import GAP_SPECS
from yolact_temporal.temporal.plot_style import JITTER
from yolact_temporal.temporal.reading.object_rows import ModelOfObject, ObjectReading, object_readings
from yolact_temporal.temporal.reading.object_table import object_table

FLOOR = "round_trip_px"
"""The column of the floor of B1 in tables of one model's own figures."""


def object_frame(run: Run) -> pd.DataFrame:
    """Return a row for each object of the comparison, or of a single model for each track, those of most pairs first.

    Raises:
        InputError: if a table cannot be read.
    """
    path = run.objects_file()
    on_truth = False
    if path is None:
        objects = _tracks(run)
    else:
        thresholds = tuple((model, run.manifest.models[model].score_threshold) for model in run.models)
        state = path.stat()
        frames = run.manifest.frames_measured or 0
        objects, on_truth = _objects(path, (state.st_mtime_ns, state.st_size), thresholds, frames)
    table = object_table(objects, run.models, on_truth)
    rows = [[cell.value if isinstance(cell, Number) else str(cell) for cell in row] for row in table.rows]
    return pd.DataFrame(rows, columns=list(table.heads))


@lru_cache(maxsize=8)
def _objects(
    path: Path, _state: tuple[int, int], thresholds: tuple[tuple[str, float], ...], frames: int
) -> tuple[tuple[ObjectReading, ...], bool]:
    table = ObjectParts(read_objects(path))
    return tuple(object_readings(table, dict(thresholds), frames)), table.has_truth


def _tracks(run: Run) -> tuple[ObjectReading, ...]:
    """Return a single model's tracks as objects."""
    (model,) = run.models[:1]
    frames = max(run.manifest.frames_measured or 0, 1)
    table = run.table(model, "tracks")

    def value(row: pd.Series, name: str) -> float | None:
        found = row.get(name)
        return None if found is None or pd.isna(found) else float(found)

    found = [
        ObjectReading(
            number=int(row["track_id"]),
            name=str(row["class"]),
            frames=int(row["frames_seen"]),
            share=float(row["frames_seen"]) / frames,
            pairs=int(row["pairs"]),
            models={
                model: ModelOfObject(
                    frames=int(row["frames_seen"]),
                    pairs=int(row["pairs"]),
                    boundary_px=value(row, JITTER),
                    boundary_share=value(row, "boundary_share_mean"),
                    jitter=value(row, "motion_compensated_jitter"),
                    blinks=int(sum(value(row, spec.name) or 0 for spec in GAP_SPECS)),
                    floor_px=value(row, FLOOR),
                    floor_jitter=value(row, "round_trip_jitter"),
                )
            },
        )
        for _, row in table.iterrows()
    ]
    return tuple(sorted(found, key=lambda own: (-own.pairs, -own.frames, own.number)))


def clip_floors(run: Run) -> dict[str, float]:
    """Return each model's floor of B1 on this clip, in pixels: B6 as the comparison has it, else its own round trip.

    A model of which it is not known, as in runs of older versions, is left out.

    Raises:
        InputError: if a table cannot be read.
    """
    comparison = run_comparison(run)
    if comparison is not None and comparison.floors_px:
        return comparison.floors_px
    summary = run.summary()
    own = summary[summary["metric"] == FLOOR].dropna(subset=["value"])
    return {str(row["model"]): float(row["value"]) for _, row in own.iterrows()}
