"""`clips.csv`: what became of each of several clips that one command was to measure."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, cast, get_args

from yolact_temporal.data.csv_tables import csv_rows
from yolact_temporal.data.runs.claim import claim_files, has_header
from yolact_temporal.data.runs.layout import CLIPS
from yolact_temporal.data.text_cells import text_of_cell
from yolact_temporal.errors import InputError
from yolact_temporal.temporal.report import Column, CsvTable

State = Literal["done", "done in part", "there already", "failed", "not done"]
"""What became of a clip."""

CLIP_COLUMNS: tuple[Column, ...] = (
    Column("clip", "", "the clip's file or folder, as it was given"),
    Column("run", "", "the name of its run folder"),
    Column(
        "state",
        "",
        "done; done in part: frames were lost; there already: by an earlier call with the same settings; failed; "
        "not done: the command was ended before, and goes on there when it is given again",
    ),
    Column("exit_code", "", "what `analyze` of this clip alone would return; empty where it is not done"),
    Column("frames", "frames", "frames measured"),
    Column("seconds", "s", "wall time that it took this time", digits=4),
    Column("reason", "", "why it failed, or what was lost"),
)


@dataclass(frozen=True)
class ClipRow:
    """What became of one clip; the fields are the table's columns."""

    clip: str
    run: str
    state: State
    exit_code: int | None = None
    frames: int | None = None
    seconds: float | None = None
    reason: str = ""


def clips_table(shard: tuple[int, int] | None = None) -> str:
    """Return the name of the table, of one share of the clips if they are shared out.

    Example:
        >>> clips_table(), clips_table((2, 8))
        ('clips.csv', 'clips_2_of_8.csv')
    """
    return CLIPS if shard is None else f"clips_{shard[0]}_of_{shard[1]}.csv"


def claim_clips(folder: Path, shard: tuple[int, int] | None = None) -> None:
    """Make sure that the table may be written into a folder.

    Raises:
        UsageError: if another program's file of this name is there.
    """
    head = [column.name for column in CLIP_COLUMNS]
    name = clips_table(shard)
    claim_files(folder, [name], lambda own: has_header(own / name, head), "pass another folder to --out")


def write_clips(rows: Iterable[ClipRow], folder: Path, shard: tuple[int, int] | None = None) -> Path:
    """Write the table into a folder, which is made if it is not there; returns its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / clips_table(shard)
    with CsvTable(path, CLIP_COLUMNS) as table:
        table.write_all(asdict(row) for row in rows)
    return path


def read_clips(folder: Path, shard: tuple[int, int] | None = None) -> dict[str, ClipRow]:
    """Return the rows of the table that lies in a folder, by run; empty where there is none that can be read."""
    try:
        with csv_rows(folder / clips_table(shard)) as lines:
            _, header = next(lines, (0, []))
            rows = [_row_of(dict(zip(header, map(text_of_cell, cells), strict=True))) for _, cells in lines]
    except (OSError, UnicodeDecodeError, csv.Error, InputError, KeyError, ValueError):
        return {}
    return {row.run: row for row in rows}


def _row_of(cells: dict[str, str]) -> ClipRow:
    if cells["state"] not in get_args(State):
        raise ValueError(f"expected what became of a clip, got {cells['state']!r}")
    return ClipRow(
        cells["clip"],
        cells["run"],
        cast(State, cells["state"]),
        int(cells["exit_code"]) if cells["exit_code"] else None,
        int(cells["frames"]) if cells["frames"] else None,
        float(cells["seconds"]) if cells["seconds"] else None,
        cells["reason"],
    )


def count_sentence(rows: Sequence[ClipRow]) -> str:
    """Say in one sentence what became of the clips.

    Example:
        >>> count_sentence([ClipRow("a.mp4", "a", "done"), ClipRow("b.mp4", "b", "failed"), ClipRow("c", "c", "done")])
        'Of 3 clips 2 are done and 1 failed.'
    """
    counts = [
        (sum(row.state in states for row in rows), words)
        for states, words in (
            (("done", "done in part"), "{} done"),
            (("there already",), "{} there already"),
            (("failed",), "{} failed"),
            (("not done",), "{} not done"),
        )
    ]
    parts = [_counted(count, words) for count, words in counts if count]
    listed = parts[0] if len(parts) < 2 else f"{', '.join(parts[:-1])} and {parts[-1]}"
    return f"Of {len(rows)} clips {listed}."


def _counted(count: int, words: str) -> str:
    if words == "{} failed":
        return f"{count} failed"
    return f"{count} {words.format('is' if count == 1 else 'are')}"
