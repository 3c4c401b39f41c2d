"""`moments.csv`: the worst moments of a run, worst first, for whoever shows them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import get_args

from yolact_temporal.errors import InputError
from yolact_temporal.temporal.plots import read_rows
from yolact_temporal.temporal.reading.moments import Kind, Moment
from yolact_temporal.temporal.report import Column, CsvTable, Row

MOMENT_COLUMNS: tuple[Column, ...] = (
    Column("frame", "", "Index of the frame in the clip, from 0; of a blink the first without the object."),
    Column("time_s", "s", "Presentation time from the clip's first frame.", 9),
    Column("model", "", "Whose mask."),
    Column("track_id", "", "Which track of the model it is."),
    Column(
        "object_id",
        "",
        "Which object of the comparison, the same for all models; empty where it is of none, or there is none.",
    ),
    Column("class", "", "Class name at that moment."),
    Column(
        "kind",
        "",
        "What happened: swallowed (another mask took its pixels), blink (gone, and back), class_flip, area_blink (of "
        "another size by more than half), box_cut, or shiver (the outline moved otherwise).",
    ),
    Column(
        "weight",
        "1",
        "How bad: share of the mask that changed, times the square root of the share of the frame that it fills. A "
        "convention, for order only.",
    ),
    Column("boundary_px", "px", "B1 of the pair; empty where the object is gone."),
    Column("area_ratio", "1", "Area over that of the frame before; empty likewise."),
    Column(
        "gone_frames",
        "",
        "Frames without the object; 0 where it was never gone, or not back within a second.",
    ),
    Column("class_before", "", "Of a class flip, the class of the frame before."),
    Column("other_track_id", "", "Which track swallowed it."),
    Column("other_object_id", "", "The same as an object of the comparison."),
    Column("object_name", "", "The class that the object has most often; empty where that is not known."),
    Column("what", "", "What happened, for a reader."),
)
"""Columns of `moments.csv`, a row a moment."""


def write_moments(path: Path, moments: Iterable[Moment]) -> None:
    """Write the table, whole or not at all."""
    with CsvTable(path, MOMENT_COLUMNS) as table:
        table.write_all(_row(moment) for moment in moments)


def read_moments(path: Path) -> list[Moment] | None:
    """Return the moments in a file, worst first; None where there is none, as older versions left it.

    Raises:
        InputError: if the file cannot be read, or a line is no moment.
    """
    if not path.is_file():
        return None
    try:
        return [_moment(row) for row in read_rows(path)]
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            f"expected a table of moments in {path}, which cannot be read ({error}): analyze the clip again with "
            f"--overwrite"
        ) from error


def _row(moment: Moment) -> Row:
    return {
        "frame": moment.frame,
        "time_s": moment.time_s,
        "model": moment.model,
        "track_id": moment.track_id,
        "object_id": moment.object_id,
        "class": moment.class_name,
        "kind": moment.kind,
        "weight": moment.weight,
        "boundary_px": moment.boundary_px,
        "area_ratio": moment.area_ratio,
        "gone_frames": moment.gone_frames,
        "class_before": moment.class_before,
        "other_track_id": moment.other_track_id,
        "other_object_id": moment.other_object_id,
        "object_name": moment.object_name,
        "what": moment.what,
    }


def _moment(row: Mapping[str, str]) -> Moment:
    kind: Kind = row["kind"]  # type: ignore[assignment]
    if kind not in get_args(Kind):
        raise ValueError(f"kind {kind[:20]!r}")
    return Moment(
        frame=int(row["frame"]),
        time_s=float(row["time_s"]),
        model=row["model"],
        track_id=int(row["track_id"]),
        object_id=_whole(row["object_id"]),
        class_name=row["class"],
        kind=kind,
        weight=float(row["weight"]),
        boundary_px=_number(row["boundary_px"]),
        area_ratio=_number(row["area_ratio"]),
        gone_frames=int(row["gone_frames"]),
        class_before=row["class_before"],
        other_track_id=_whole(row["other_track_id"]),
        other_object_id=_whole(row["other_object_id"]),
        object_name=row["object_name"],
    )


def _whole(cell: str) -> int | None:
    return None if cell == "" else int(cell)


def _number(cell: str) -> float | None:
    return None if cell == "" else float(cell)
