"""Tables of a run as data frames: read once for each state of the file, every column of its own kind."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from yolact_temporal.dashboards.byte_cache import ByteCache
from yolact_temporal.data.lines import MAX_TABLE_LINE, open_lines, open_table
from yolact_temporal.data.runs import layout
from yolact_temporal.data.text_cells import text_of_cell
from yolact_temporal.errors import InputError
from yolact_temporal.temporal.comparison.comparison_csv import COMPARISON_COLUMNS
from yolact_temporal.temporal.comparison.objects_csv import OBJECT_COLUMNS
from yolact_temporal.temporal.report import (
    FRAME_COLUMNS,
    INSTANCE_COLUMNS,
    SUMMARY_COLUMNS,
    TRACK_COLUMNS,
    Column,
)
from yolact_temporal.temporal.stabilizing.what_if_csv import WHAT_IF_COLUMNS
from yolact_temporal.temporal.why.causes_csv import CAUSE_COLUMNS

TEXT_COLUMNS = frozenset(
    {
        "class",
        "class_name",
        "clip",
        "events",
        "iou_between",
        "lost_tracks",
        "method",
        "metric",
        "model",
        "model_a",
        "model_b",
        "objections",
        "pair_status",
        "support",
        "unit",
        "verdict",
    }
)
"""Columns that hold text; all but these and those below hold numbers."""

TRUTH_COLUMNS = frozenset({"control", "recommended"})
"""Columns that hold true or false."""

COLUMNS: dict[str, Iterable[Column]] = {
    layout.FRAMES: FRAME_COLUMNS,
    layout.INSTANCES: INSTANCE_COLUMNS,
    layout.TRACKS: TRACK_COLUMNS,
    layout.SUMMARY: SUMMARY_COLUMNS,
    layout.OBJECTS: OBJECT_COLUMNS,
    layout.COMPARISON: COMPARISON_COLUMNS,
    layout.CAUSES: CAUSE_COLUMNS,
    layout.WHAT_IF: WHAT_IF_COLUMNS,
}
"""The columns that each table must have, by its file's name."""

_KEPT_BYTES = 384 << 20
"""Of all tables that are kept."""
_LARGEST_TABLE = 512 << 20
"""Bytes of a file that is read whole, which takes several times as much."""


def read_table(path: Path) -> pd.DataFrame:
    """Return a table of a run; the frame is shared, so it must not be changed.

    Numbers are float64 with NaN where the cell is empty (undefined), text is as written, "" where empty, and what is
    true or false is bool. A file that
    has not changed since is not read again.

    Raises:
        InputError: if it is missing, cannot be read, lacks a column, or holds text where a number belongs.
    """
    try:
        state = path.stat()
    except (OSError, ValueError) as error:
        raise InputError(
            f"expected a table at {path}, found none: analyze the clip again with --overwrite"
        ) from error
    if state.st_size > _LARGEST_TABLE:
        raise InputError(
            f"expected a table of at most {_LARGEST_TABLE >> 20} MiB at {path}, got {state.st_size >> 20} MiB: open it "
            f"with another program, or analyze a part of the clip with --start and --end"
        )
    return _tables.get((path, state.st_mtime_ns, state.st_size), lambda: _read(path))


def missing_columns(path: Path) -> list[str]:
    """Return which columns a table's header row lacks.

    Raises:
        InputError: if the file is missing or has no header row that can be read.
    """
    try:
        with open_table(path) as file:
            header = next(csv.reader(file), None)
    except (OSError, UnicodeDecodeError, csv.Error, ValueError) as error:
        raise InputError(
            f"expected a table at {path}, which cannot be read ({_reason(error)}): analyze the clip again"
        ) from error
    if header is None:
        raise InputError(f"expected a table at {path}, got an empty file: analyze the clip again")
    return _lacking(path, header)


def _bytes(table: pd.DataFrame) -> int:
    return int(table.memory_usage(deep=True).sum())


_tables: ByteCache[pd.DataFrame] = ByteCache(_KEPT_BYTES, _bytes)


def _read(path: Path) -> pd.DataFrame:
    """Read a table."""
    try:
        with open_lines(path, MAX_TABLE_LINE) as file:
            table = pd.read_csv(
                file, dtype=str, keep_default_na=False, encoding="utf-8", on_bad_lines="error"
            )
        if table.isna().any(axis=None):
            raise ValueError("a line is cut off")
    except (OSError, ValueError, UnicodeDecodeError) as error:  # pandas' parser errors are ValueErrors
        raise InputError(
            f"expected a table at {path}, which cannot be read ({_reason(error)}): analyze the clip again with "
            f"--overwrite"
        ) from error
    lacking = _lacking(path, list(table.columns))
    if lacking:
        raise InputError(
            f"expected the column {lacking[0]} in {path}, which another version has written: analyze the clip again "
            f"with --overwrite"
        )
    for name in table.columns:
        if name in TEXT_COLUMNS:
            table[name] = table[name].map(text_of_cell)
        elif name in TRUTH_COLUMNS and table[name].isin(["true", "false"]).all():
            table[name] = table[name] == "true"
        else:
            try:
                table[name] = pd.to_numeric(table[name].replace("", None)).astype("float64")
            except (ValueError, TypeError) as error:
                raise InputError(
                    f"expected numbers in column {name} of {path}, got something else ({_reason(error)}): analyze "
                    f"the clip again with --overwrite"
                ) from error
    return table


def _lacking(path: Path, header: Sequence[str]) -> list[str]:
    return [column.name for column in COLUMNS.get(path.name, ()) if column.name not in header]


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:160]
