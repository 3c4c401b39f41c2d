"""Tables of runs as data frames for whoever goes on with them: whole numbers whole, text as text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from yolact_temporal.dashboards.tables import TEXT_COLUMNS, read_table
from yolact_temporal.temporal.report import FRAME_COLUMNS, INSTANCE_COLUMNS, TRACK_COLUMNS, Column

_COUNTS = ("n", "n_undefined", "tracks", "tracks_undefined", "look_ahead_frames")
"""Columns that count, of tables whose columns are not told apart by what they hold."""


def whole_columns() -> frozenset[str]:
    """Return the columns that hold whole numbers: what is counted, and numbers of frames and tracks."""
    fixed: Iterable[Column] = (*FRAME_COLUMNS.fixed, *INSTANCE_COLUMNS.fixed, *TRACK_COLUMNS.fixed)
    return frozenset({column.name for column in fixed if not column.unit} - TEXT_COLUMNS | set(_COUNTS))


def data_frame(path: Path, **first: str) -> pd.DataFrame:
    """Return a table of a run: float64, or Int64 for whole numbers, with NaN or NA where undefined; text is str.

    Args:
        path: the CSV file.
        first: columns before its own, each of one text in all rows.

    Raises:
        InputError: if it is missing or cannot be read.
    """
    table = read_table(path).copy()
    for name in whole_columns() & set(table.columns):
        table[name] = table[name].astype("Int64")
    for place, (name, text) in enumerate(first.items()):
        table.insert(place, name, text)
    return table


def stacked(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return tables below each other, their rows numbered from 0; those without a row give no more than columns."""
    filled = [table for table in tables if len(table)] or list(tables[:1])
    return pd.concat(filled, ignore_index=True)
