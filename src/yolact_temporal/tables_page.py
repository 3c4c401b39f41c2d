"""docs/tables.md: every column of every table, as the tables have it.

`python -m yolact_temporal.tables_page docs/tables.md` writes it anew.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from yolact_temporal.analyzing.clips_csv import CLIP_COLUMNS
from yolact_temporal.analyzing.demo import CAMERA_MOVE_COLUMNS
from yolact_temporal.benchmarking.evaluations import PRECISION_COLUMNS
from yolact_temporal.data.files import atomic_write
from yolact_temporal.temporal.absences import ABSENCE_COLUMNS
from yolact_temporal.temporal.calibration.calibration_csv import CALIBRATION_COLUMNS
from yolact_temporal.temporal.calibration.verdict_power_report import VERDICT_COLUMNS
from yolact_temporal.temporal.catalogue import SUPPORTS
from yolact_temporal.temporal.comparison.comparison_csv import COMPARISON_COLUMNS
from yolact_temporal.temporal.comparison.objects_csv import OBJECT_COLUMNS
from yolact_temporal.temporal.metrics import REGISTRY
from yolact_temporal.temporal.reading.moments_csv import MOMENT_COLUMNS
from yolact_temporal.temporal.report import (
    FRAME_COLUMNS,
    INSTANCE_COLUMNS,
    SUMMARY_COLUMNS,
    TRACK_COLUMNS,
    Column,
)
from yolact_temporal.temporal.stabilizing.what_if_csv import WHAT_IF_COLUMNS
from yolact_temporal.temporal.why.causes_csv import CAUSE_COLUMNS


class _Table(NamedTuple):
    """One table of the page: its name, what its rows are of, and its columns."""

    name: str
    text: str
    columns: Iterable[Column]


_OPENING = """\
# The tables, column by column

CSV in UTF-8 with one header row. The unit is in the column's name or beside it. **An empty cell is undefined, never
0.** The order of columns does not change. This page is written from the program by `make tables-page`; the
[metrics](metrics.md) have a page of their own.
"""


def tables_page() -> str:
    """Return docs/tables.md."""
    pairs = _listed(list(REGISTRY.pairs()))
    per_pair = f"These columns, then every metric of a pair: {pairs}."
    tables = (
        _Table("summary.csv", "One row a figure of the clip.", SUMMARY_COLUMNS),
        _Table(
            "frames.csv",
            f"One row a frame. {per_pair} Each is the mean over the frame's pairs.",
            FRAME_COLUMNS.fixed,
        ),
        _Table("instances.csv", f"One row an instance. {per_pair}", INSTANCE_COLUMNS.fixed),
        _Table(
            "tracks.csv",
            "One row a track. These columns, then every metric of a model's own tracks.",
            TRACK_COLUMNS.fixed,
        ),
        _Table(
            "absences.csv",
            "One row a frame in which a track is absent that was seen before and is seen again.",
            ABSENCE_COLUMNS,
        ),
        _Table(
            "why.csv",
            "Of runs of models that say what their masks are assembled from. One row a pair of frames of a track.",
            CAUSE_COLUMNS,
        ),
        _Table(
            "objects.csv",
            "Of runs with several models. One row an object, a frame in which it counts, and a model. "
            "`true_objects.csv` has the same columns; its objects are those of the ground truth.",
            OBJECT_COLUMNS,
        ),
        _Table(
            "moments.csv",
            "The worst moments of a run, worst first; those of one object are half a second apart.",
            MOMENT_COLUMNS,
        ),
        _Table(
            "comparison.csv",
            "One row a compared figure, support and two models: over all clips, and clip by clip. "
            "The compared figures are below.",
            COMPARISON_COLUMNS,
        ),
        _Table(
            "clips.csv",
            "Of several clips measured by one command: one row a clip. With `--shard 2/8` it is `clips_2_of_8.csv`.",
            CLIP_COLUMNS,
        ),
        _Table(
            "camera_moves.csv",
            "Of the demo only. One row an instance, pair and kind of motion.",
            CAMERA_MOVE_COLUMNS,
        ),
        _Table(
            "what_if.csv",
            "Of `what-if`. One row a clip, model and method with its parameters.",
            WHAT_IF_COLUMNS,
        ),
        _Table(
            "The table of evaluate",
            "What `evaluate --csv FILE` writes. One row a model, kind and IoU threshold.",
            PRECISION_COLUMNS,
        ),
        _Table("calibration.csv", "Of `calibrate`. One row a dose, motion and figure.", CALIBRATION_COLUMNS),
        _Table("verdicts.csv", "Of `calibrate --verdicts`. One row a setting.", VERDICT_COLUMNS),
    )
    return "\n".join([_OPENING, *map(_section, tables), _compared_figures()])


def _section(table: _Table) -> str:
    rows = [f"| `{column.name}` | {column.unit} | {column.meaning} |" for column in table.columns]
    lines = [f"## {table.name}", "", table.text, "", "| column | unit | meaning |", "|---|---|---|"]
    return "\n".join([*lines, *rows, ""])


def _compared_figures() -> str:
    """Return what stands in the column `metric` of comparison.csv."""
    supports = " ".join(f"*{name}*: {_taken_over(text)}" for name, text in SUPPORTS.items())
    rows = [
        f"| `{name}` | {figure.unit} | {figure.title.strip()} | `{figure.spec.name}` | {figure.support} |"
        for name, figure in REGISTRY.compared().items()
    ]
    lines = [
        "## Compared figures",
        "",
        f"The rows of `comparison.csv`, and the metric that each is. {supports}",
        "",
        "| figure | unit | what it is | metric | over |",
        "|---|---|---|---|---|",
    ]
    return "\n".join([*lines, *rows, ""])


def _taken_over(text: str) -> str:
    """Return what a support is, without the words by which a figure's own text goes on."""
    said = text.removeprefix("Here over ")
    return said[0].upper() + said[1:]


def _listed(names: list[str]) -> str:
    return f"{', '.join(f'`{name}`' for name in names[:-1])} and `{names[-1]}`"


if __name__ == "__main__":
    with atomic_write(Path(sys.argv[1])) as file:
        file.write(tables_page())
