"""docs/tables.md: every column of every table, and every metric, as they say it of themselves.

`python -m yolact_temporal.tables_page docs/tables.md` writes it anew.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from yolact_temporal.analyzing.demo import CAMERA_MOVE_COLUMNS
from yolact_temporal.data.files import atomic_write
from yolact_temporal.temporal.calibration.calibration_csv import CALIBRATION_COLUMNS
from yolact_temporal.temporal.catalogue import SUPPORTS
from yolact_temporal.temporal.comparison.comparison_csv import COMPARISON_COLUMNS
from yolact_temporal.temporal.comparison.objects_csv import OBJECT_COLUMNS
from yolact_temporal.temporal.metrics import REGISTRY, MetricSpec
from yolact_temporal.temporal.metrics.contract import MATCH_IOUS, at_iou
from yolact_temporal.temporal.reading.moments_csv import MOMENT_COLUMNS
from yolact_temporal.temporal.report import (
    FRAME_COLUMNS,
    INSTANCE_COLUMNS,
    SUMMARY_COLUMNS,
    TRACK_COLUMNS,
    Column,
    metric_column,
)


class _Table(NamedTuple):
    """One table of the page: its name, what its rows are of, the rows that describe it; `link` to find it."""

    name: str
    text: str
    columns: Iterable[Column]
    link: str = ""
    head: str = "column"


def tables_page() -> str:
    """Return docs/tables.md."""
    strict, loose = MATCH_IOUS
    pairs = _listed(list(REGISTRY.pairs()))
    tables = (
        _Table(
            "frames.csv",
            "one row a frame; the columns below, then every pair metric as the mean over the frame's pairs.",
            FRAME_COLUMNS.fixed,
            "frames",
        ),
        _Table(
            "instances.csv",
            "one row an instance; the columns below, then every pair metric of its pair (t-1, t).",
            INSTANCE_COLUMNS.fixed,
        ),
        _Table(
            "tracks.csv",
            "one row a track; the columns below, then every metric over the track.",
            TRACK_COLUMNS.fixed,
        ),
        _Table("summary.csv", "one row a figure of the clip.", SUMMARY_COLUMNS),
        _Table(
            "ground truth",
            f"further rows of `summary.csv` where there is one, each the mean over the true objects. What is written † "
            f"is of masks matched with the objects, at an IoU of {strict:g}, and again, its name ending in "
            f"`{at_iou('', loose)}`, at {loose:g}.",
            [_truth_column(spec) for spec in REGISTRY.against_truth().values()],
            "truth",
            "metric",
        ),
        _Table(
            "objects.csv",
            "of runs with several models; one row an object of the universe, frame it counts in, and model.",
            OBJECT_COLUMNS,
            "objects",
        ),
        _Table(
            "moments.csv",
            "the worst moments of a run, worst first, those of one object half a second apart.",
            MOMENT_COLUMNS,
        ),
        _Table(
            "comparison.csv",
            "one row a compared figure, support and two models; over all clips, and clip by clip.",
            COMPARISON_COLUMNS,
        ),
        _Table(
            "compared figures",
            "the rows of `comparison.csv`, by their names there.",
            [_compared_column(name) for name in REGISTRY.compared()],
            head="metric",
        ),
        _Table(
            "camera_moves.csv",
            "of the demo only; one row an instance, pair and kind of motion.",
            CAMERA_MOVE_COLUMNS,
        ),
        _Table(
            "metrics",
            f"as columns of `tracks.csv` and rows of `summary.csv`; {pairs} are pair metrics, and columns of "
            f"`frames.csv` and `instances.csv` too.",
            [metric_column(spec) for spec in REGISTRY.own().values()],
            "metrics",
        ),
        _Table("calibration.csv", "one row a dose, motion and figure.", CALIBRATION_COLUMNS, "calibration"),
        _Table(
            "calibration figures",
            "rows of `calibration.csv` beside those of the metrics.",
            [metric_column(spec) for spec in REGISTRY.of("calibration").values()],
            head="metric",
        ),
    )
    contents = ", ".join(f"[{table.name}](#{table.link})" if table.link else table.name for table in tables)
    parts = [
        "# The tables, column by column\n",
        "UTF-8, one header row, comma-separated; the unit is in the column's name or beside it; an empty cell is "
        "undefined, never 0. This page is written by `make tables-page`.\n",
        f"In this order: {contents}.\n",
    ]
    return "\n".join([*parts, *map(_section, tables)])


def _section(table: _Table) -> str:
    rows = [f"| `{column.name}` | {column.unit} | {column.meaning} |" for column in table.columns]
    link = [f'<a id="{table.link}"></a>'] if table.link else []
    lines = [
        *link,
        f"**`{table.name}`**: {table.text}",
        "",
        f"| {table.head} | unit | meaning |",
        "|---|---|---|",
    ]
    return "\n".join([*lines, *rows, ""])


def _truth_column(spec: MetricSpec) -> Column:
    mark = " †" if spec.matched else ""
    return Column(
        spec.name,
        spec.unit,
        f"{spec.symbol}{mark}: {spec.meaning} From {spec.inputs}. Empty where {spec.undefined}; {spec.better}.",
    )


def _compared_column(name: str) -> Column:
    figure = REGISTRY.compared()[name]
    told = metric_column(figure.spec)
    return Column(name, figure.unit, f"{told.meaning} {SUPPORTS[figure.support]}")


def _listed(names: list[str]) -> str:
    return f"{', '.join(f'`{name}`' for name in names[:-1])} and `{names[-1]}`"


if __name__ == "__main__":
    with atomic_write(Path(sys.argv[1])) as file:
        file.write(tables_page())
