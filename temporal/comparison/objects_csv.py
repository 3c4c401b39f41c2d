"""`objects.csv`: the table of objects on disk, exact enough that a comparison read from it comes out the same."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from yolact_temporal.data.csv_tables import csv_rows
from yolact_temporal.data.runs.claim import has_header
from yolact_temporal.data.text_cells import text_of_cell
from yolact_temporal.errors import InputError
from yolact_temporal.temporal.comparison.rows import ObjectRow
from yolact_temporal.temporal.report import Column, Row, format_cell
from yolact_temporal.temporal.stability import PairStatus

_DIGITS = 9

OBJECT_COLUMNS: tuple[Column, ...] = (
    Column("frame", "", "Index of the frame in the clip, from 0."),
    Column("time_s", "s", "Presentation time from the clip's first frame.", _DIGITS),
    Column("object_id", "", "The object of the universe, from 1; the same for all models."),
    Column("model", "", "The model's name."),
    Column(
        "pair_status",
        "",
        "Whether the object's pair with the frame before counts (counted), or why not: first, repeated, "
        "after_lost_frames, without_motion.",
    ),
    Column(
        "score", "1", "Score of the model's mask of the object, however low; empty if it has none.", _DIGITS
    ),
    Column("area_px", "px", "Pixels of the mask."),
    Column("class_name", "", "Class of the mask."),
    Column("previous_score", "1", "Score of the model's mask of the object in the last frame.", _DIGITS),
    Column("boundary_px", "px", "B1: mean boundary displacement of the pair.", _DIGITS),
    Column("boundary_share", "1", "B1 as a share of the square root of the area.", _DIGITS),
    Column("jitter", "1", "B2: motion-compensated jitter of the pair.", _DIGITS),
    Column("truth_iou", "1", "J: IoU with the ground truth's mask; empty without ground truth.", _DIGITS),
    Column("truth_boundary_f", "1", "F: boundary measure against the ground truth's mask.", _DIGITS),
    Column("round_trip_px", "px", "B6: B1 of the last mask with itself, carried to here and back.", _DIGITS),
    Column(
        "round_trip_jitter", "1", "B6: B2 of the last mask with itself, carried to here and back.", _DIGITS
    ),
    Column(
        "second_boundary_px", "px", "B1 by the second motion estimate; only on a sample of pairs.", _DIGITS
    ),
    Column(
        "true_boundary_px", "px", "B6: B1 of the object's true masks; empty without ground truth.", _DIGITS
    ),
    Column("true_jitter", "1", "B6: B2 of the object's true masks.", _DIGITS),
    Column(
        "true_second_boundary_px", "px", "B6: B1 of the true masks by the second motion estimate.", _DIGITS
    ),
    Column(
        "iou_between",
        "1",
        "IoU of the mask with that of each model, in the order of the models' rows, with spaces between; - where one "
        "has no mask.",
    ),
)
"""Columns of `objects.csv`: a row for each object of the universe, frame it counts in, and model."""

_NAMES = [column.name for column in OBJECT_COLUMNS]
_EARLIER = _NAMES[: _NAMES.index("round_trip_px")]
"""The columns of tables that were written before there were figures of the flow and between models."""

_FIGURES = len(_NAMES) - _NAMES.index("previous_score") - 1
"""How many columns hold a figure each, after the class name and before the IoUs between models."""

_STATUSES = get_args(PairStatus)
_NO_MASK = "-"


def object_row_cells(row: ObjectRow) -> Row:
    """Return a row as cells by column name."""
    ious = (_NO_MASK if iou is None else f"{iou:.{_DIGITS}g}" for iou in row.iou_between)
    cells: Row = row._asdict() | {"iou_between": " ".join(ious)}
    return {name: cells[name] for name in _NAMES}


_NUMBERS = frozenset(column.name for column in OBJECT_COLUMNS if column.digits == _DIGITS)
_IS_NUMBER = tuple(name in _NUMBERS for name in ObjectRow._fields)


def as_written(row: ObjectRow) -> ObjectRow:
    """Return a row of the table as `read_objects` gives it back: numbers to the digits that stand there.

    Example:
        >>> row = ObjectRow(3, 0.12, 1, "ours", "first", 2 / 3, 40, "cat", *[None] * 6, iou_between=(1.0, None))
        >>> as_written(row).score, as_written(row).iou_between
        (0.666666667, (1.0, None))
    """
    cells = [
        _as_written(value) if is_number else value for value, is_number in zip(row, _IS_NUMBER, strict=True)
    ]
    ious = tuple(None if iou is None else float(f"{iou:.{_DIGITS}g}") for iou in row.iou_between)
    return ObjectRow._make(cells)._replace(class_name=row.class_name or None, iou_between=ious)


def _as_written(number: Any) -> float | None:
    return _number(format_cell(number, _DIGITS))


def has_every_column(path: Path) -> bool:
    """Say whether a table holds all that this version writes; one of an earlier version lacks what came later."""
    return has_header(path, _NAMES)


def read_objects(path: Path) -> Iterator[ObjectRow]:
    """Yield the rows of a file in order.

    Raises:
        InputError: if the file cannot be read, has other columns, or a line is no row; it is named by its number.
    """
    try:
        with csv_rows(path) as lines:
            _, header = next(lines, (0, []))
            if header not in (_NAMES, _EARLIER):
                raise InputError(
                    f"expected the columns {', '.join(_NAMES)} in {path}, got others: remove the file, and compare the "
                    f"runs again"
                )
            for number, cells in lines:
                yield _parsed(cells, len(header), path, number)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"expected a table of objects in {path}, which cannot be read ({error})") from error


def _parsed(cells: list[str], count: int, path: Path, number: int) -> ObjectRow:
    try:
        frame, time_s, object_id, model, status, score, area, class_name, *others = map(text_of_cell, cells)
        if status not in _STATUSES or len(cells) != count:
            raise ValueError(f"{len(cells)} cells, pair status {status!r}")
        figures = [_number(figure) for figure in others[:_FIGURES]]
        return ObjectRow._make(
            (
                int(frame),
                float(time_s),
                int(object_id),
                model,
                status,
                _number(score),
                None if area == "" else int(area),
                class_name or None,
                *figures,
                *[None] * (_FIGURES - len(figures)),
                tuple(map(_iou, " ".join(others[_FIGURES:]).split())),
                *[None] * (len(ObjectRow._fields) - len(_NAMES)),  # these stand in other tables
            )
        )
    except ValueError as error:
        raise InputError(
            f"expected one object a line in {path}, got something else at line {number} ({error}): analyze the clip "
            f"again with --overwrite"
        ) from error


def _number(cell: str) -> float | None:
    return None if cell == "" else float(cell)


def _iou(word: str) -> float | None:
    return None if word == _NO_MASK else float(word)
