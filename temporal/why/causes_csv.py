"""`why.csv`: what each pair of a track owes to each part of its mask."""

from __future__ import annotations

from yolact_temporal.temporal.metrics.causes import PAIR_SPECS
from yolact_temporal.temporal.report import Column, Row, TableColumns
from yolact_temporal.temporal.why.explaining import PairCauses

CAUSE_COLUMNS = TableColumns(
    Column("frame", "", "Index of the pair's second frame in the clip, from 0."),
    Column("time_s", "s", "Presentation time from the clip's first frame.", 9),
    Column("track_id", "", "Which object this is, as in `instances.csv`."),
    metrics=lambda: {spec.name: spec for spec in PAIR_SPECS},
)


def cause_row(causes: PairCauses) -> Row:
    """Return the row of a pair, by column name."""
    return {
        "frame": causes.frame_index,
        "time_s": causes.time_s,
        "track_id": causes.track_id,
        **{spec.name: causes.values.get(spec.name) for spec in PAIR_SPECS},
    }
