"""Reports: stability as tables with fixed columns, written as CSV.

UTF-8, one header row, units in the column names, an empty cell where a value is undefined.
"""

from __future__ import annotations

import contextlib
import csv
import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path
from typing import TypeAlias

from yolact_temporal.data.files import WholeOrNothing, create_part, finish_part, remove_part, space_for
from yolact_temporal.data.text_cells import text_cell
from yolact_temporal.temporal.comparison.statistics import Interval
from yolact_temporal.temporal.metrics import REGISTRY, MetricSpec
from yolact_temporal.temporal.stability import (
    ClipStability,
    FrameStability,
    InstanceStability,
    TrackStability,
)

Cell: TypeAlias = str | int | float | bool | None
Row: TypeAlias = dict[str, Cell]


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes:
        name: as in the header row.
        unit: "px", "s", "1/s", "1" for a pure number, "" where it is no quantity.
        meaning: one sentence, for the documentation.
        digits: significant digits of its numbers.
    """

    name: str
    unit: str
    meaning: str
    digits: int = 6


class TableColumns(Iterable[Column]):
    """The columns of a table: fixed ones, and then one for each metric that it holds, as registered when it is asked.

    Args:
        fixed: the first columns.
        metrics: gives the metrics that follow.
    """

    def __init__(self, *fixed: Column, metrics: Callable[[], Mapping[str, MetricSpec]]) -> None:
        self.fixed = fixed
        self._metrics = metrics

    def __iter__(self) -> Iterator[Column]:
        """Yield the columns in order."""
        yield from self.fixed
        yield from map(metric_column, self._metrics().values())


def metric_column(spec: MetricSpec) -> Column:
    """Return the column of a metric, described by its contract."""
    meaning = f"{spec.symbol}: {spec.meaning} Empty where {spec.undefined}; {spec.better}. {spec.dependence}"
    return Column(spec.name, spec.unit, meaning.rstrip())


FRAME_COLUMNS = TableColumns(
    Column("frame", "", "Index of the frame in the clip, from 0."),
    Column("time_s", "s", "Presentation time from the clip's first frame.", 9),
    Column("instances", "", "Instances in the frame, not counting those with an empty mask."),
    Column("empty_masks", "", "Instances whose mask has no pixel."),
    Column(
        "pair_status",
        "",
        "Whether the pair with the frame before counts (counted), or why not: first, repeated (identical to the frame "
        "before), after_lost_frames, without_motion.",
    ),
    Column("pairs", "", "Instances that were seen in the frame before too, and whose pair counts."),
    Column("new", "", "Tracks seen for the first time."),
    Column("lost", "", "Tracks seen in the frame before and not in this one."),
    Column("returned", "", "Tracks seen again after a gap."),
    Column("class_flips", "", "Instances whose class differs from the frame before."),
    Column("area_blinks", "", "Instances whose visible area changed by more than half."),
    Column(
        "box_cuts",
        "",
        "Instances cut by their moving box: the outline moves along the box and hardly anywhere else.",
    ),
    Column("duplicates", "", "Instances that only repeat another one of the frame."),
    Column("lost_tracks", "", "Ids of the lost tracks, separated by spaces."),
    metrics=REGISTRY.pairs,
)

INSTANCE_COLUMNS = TableColumns(
    Column("frame", "", "Index of the frame in the clip, from 0."),
    Column("time_s", "s", "Presentation time from the clip's first frame.", 9),
    Column(
        "track_id",
        "",
        "Which object this is, from 1; empty for an instance with an empty mask, and for a duplicate, unless the masks "
        "came with identities.",
    ),
    Column("class", "", "Class name."),
    Column("score", "1", "The model's score, 0 to 1."),
    Column("box_x1_px", "px", "Left edge of the predicted box."),
    Column("box_y1_px", "px", "Upper edge of the predicted box."),
    Column("box_x2_px", "px", "Right edge of the predicted box."),
    Column("box_y2_px", "px", "Lower edge of the predicted box."),
    Column("area_px", "px", "Pixels of the mask."),
    Column("centroid_x_px", "px", "Mean x of the mask's pixels, a pixel's centre at its index + 0.5."),
    Column("centroid_y_px", "px", "Mean y of the mask's pixels, a pixel's centre at its index + 0.5."),
    Column("gap_frames", "", "How many frames the object was absent before this sighting; 0 without a gap."),
    Column(
        "events",
        "",
        "Separated by spaces: new (first seen), return (seen again after a gap), class_flip, area_blink, box_cut, "
        "duplicate, empty_mask.",
    ),
    Column("duplicate_of", "", "Of a duplicate, the track of the instance that it repeats; else empty."),
    metrics=REGISTRY.pairs,
)

TRACK_COLUMNS = TableColumns(
    Column("track_id", "", "Which object this is, from 1."),
    Column("class", "", "The class it had most often."),
    Column("first_frame", "", "Frame of its first sighting."),
    Column("last_frame", "", "Frame of its last sighting."),
    Column("first_time_s", "s", "Time of its first sighting.", 9),
    Column("last_time_s", "s", "Time of its last sighting.", 9),
    Column("frames_seen", "", "Frames in which it is seen."),
    Column("frames_absent", "", "Frames between first and last sighting in which it is not seen."),
    Column(
        "life_s",
        "s",
        "Seconds from first to last sighting over pairs that count; empty where the clip has no time.",
    ),
    Column("mean_score", "1", "Mean score over the frames in which it is seen."),
    Column("mean_area_px", "px", "Mean pixels of its mask over the frames in which it is seen."),
    Column("pairs", "", "Pairs of consecutive frames with a motion-compensated jitter."),
    Column("pairs_undefined", "", "Pairs without one: a mask is empty among the visible pixels."),
    metrics=REGISTRY.own,
)

SUMMARY_COLUMNS: tuple[Column, ...] = (
    Column("clip", "", "The clip's name."),
    Column("model", "", "The model's name."),
    Column("metric", "", "What is measured: a count, or a metric by its name."),
    Column(
        "value",
        "",
        "Of a model's own tracks and of a comparison's figures the mean over all pairs: an object weighs by the "
        "pairs it has (the gap-length histogram: sum over tracks); against a ground truth the mean over true objects; "
        "empty where undefined.",
    ),
    Column("unit", "", "The value's unit; 1 for a pure number."),
    Column(
        "ci_low",
        "",
        "Lower end of the 95% interval over this clip's frames (stationary block bootstrap), which says nothing of "
        "other clips; of the figures that the report shows, and "
        "empty for the others and where there are too few frames.",
    ),
    Column("ci_high", "", "Upper end of the same interval."),
    Column("n", "", "Pairs, frames or differences that the value is of; empty of a whole clip's."),
    Column("n_undefined", "", "Pairs, frames or differences left out because they have no value."),
    Column("tracks", "", "Tracks, or against a ground truth true objects, that the value is of."),
    Column("tracks_undefined", "", "Tracks or true objects left out because they have no value."),
    Column(
        "value_by_object",
        "",
        "A check on a value that is a mean over all pairs: the mean over tracks or objects, each weighing the same. "
        "Where the two differ much, objects with few pairs tell something else than the others.",
    ),
)


def frame_row(frame: FrameStability) -> Row:
    """Return the row of `frames.csv`, by column name."""
    empty = frame.count("empty_mask")
    return {
        "frame": frame.frame_index,
        "time_s": frame.time_s,
        "instances": len(frame.instances) - empty,
        "empty_masks": empty,
        "pair_status": frame.status,
        "pairs": sum(item.pair is not None for item in frame.instances),
        "new": frame.count("new"),
        "lost": len(frame.lost),
        "returned": frame.count("return"),
        "class_flips": frame.count("class_flip"),
        "area_blinks": frame.count("area_blink"),
        "box_cuts": frame.count("box_cut"),
        "duplicates": frame.count("duplicate"),
        "lost_tracks": " ".join(map(str, frame.lost)),
        **{name: frame.figure(name).value for name in REGISTRY.pairs()},
    }


def instance_rows(frame: FrameStability) -> list[Row]:
    """Return the rows of `instances.csv` of one frame, by column name, in order of instances."""
    return [_instance_row(frame, item) for item in frame.instances]


def _instance_row(frame: FrameStability, item: InstanceStability) -> Row:
    x, y = item.centroid or (None, None)
    x1, y1, x2, y2 = item.box
    pair = item.pair or {}
    return {
        "frame": frame.frame_index,
        "time_s": frame.time_s,
        "track_id": item.track_id,
        "class": item.class_name,
        "score": item.score,
        "box_x1_px": x1,
        "box_y1_px": y1,
        "box_x2_px": x2,
        "box_y2_px": y2,
        "area_px": item.area_px,
        "centroid_x_px": x,
        "centroid_y_px": y,
        "gap_frames": item.gap_frames,
        "events": " ".join(item.events),
        "duplicate_of": item.duplicate_of,
        **{name: pair.get(name) for name in REGISTRY.pairs()},
    }


def track_row(track: TrackStability) -> Row:
    """Return the row of `tracks.csv`, by column name."""
    figures = track.figures
    jitter = figures["motion_compensated_jitter"]
    return {
        "track_id": track.track_id,
        "class": track.class_name,
        "first_frame": track.first_frame,
        "last_frame": track.last_frame,
        "first_time_s": track.first_time_s,
        "last_time_s": track.last_time_s,
        "frames_seen": track.frames_seen,
        "frames_absent": track.frames_absent,
        "life_s": track.life_s,
        "mean_score": track.mean_score,
        "mean_area_px": track.mean_area_px,
        "pairs": jitter.n,
        "pairs_undefined": jitter.n_undefined,
        **{name: figure.value for name, figure in figures.items()},
    }


def summary_rows(
    clip: str, model: str, stability: ClipStability, intervals: Mapping[str, Interval] | None = None
) -> list[Row]:
    """Return one model's rows of `summary.csv` for one clip: first what was counted, then every metric."""
    counts = {
        "frames": stability.frames,
        "instances": stability.instances,
        "empty_masks": stability.empty_masks,
        "tracks": len(stability.tracks),
        **{f"frame_pairs_{status}": count for status, count in stability.frame_pairs.items()},
    }
    blank: Row = {column.name: None for column in SUMMARY_COLUMNS}
    blank |= {"clip": clip, "model": model}
    rows = [blank | {"metric": name, "value": count, "unit": "count"} for name, count in counts.items()]
    for name, figure in stability.figures.items():
        interval = (intervals or {}).get(name)
        rows.append(
            blank
            | {
                "metric": name,
                "value": figure.value,
                "unit": REGISTRY[name].unit,
                "ci_low": None if interval is None else interval.low,
                "ci_high": None if interval is None else interval.high,
                "n": figure.n,
                "n_undefined": figure.n_undefined,
                "tracks": figure.tracks,
                "tracks_undefined": figure.tracks_undefined,
                "value_by_object": figure.by_track,
            }
        )
    return rows


def format_cell(value: Cell, digits: int = 6) -> str:
    """Return a cell's text, the same on every machine.

    None, NaN and infinity are undefined: an empty cell. Whole numbers are written in full, others with up to `digits`
    significant digits, and zero without a sign.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return text_cell(value)
    if isinstance(value, Integral):
        return str(int(value))
    number = float(value)
    if not math.isfinite(number):
        return ""
    return f"{number + 0.0:.{digits}g}"


class CsvTable(WholeOrNothing):
    """Writes a table row by row to `<name>.part` beside the file, which takes its place when closed whole.

    Used as a context manager: leaving it by an exception removes the part file and never touches the file itself.

    Raises:
        OutOfSpaceError: from any call, if the disk is full.
    """

    def __init__(self, path: str | Path, columns: Iterable[Column]) -> None:
        self.path = Path(path)
        self._columns = tuple(columns)
        self._names = frozenset(column.name for column in self._columns)
        with space_for(self.path):
            descriptor = create_part(self.path)
            try:  # an interrupt may come before whoever makes this has entered it
                self._file = os.fdopen(descriptor, "w", encoding="utf-8", newline="")
                self._writer = csv.writer(self._file, lineterminator="\n")
                self._writer.writerow([column.name for column in self._columns])
            except BaseException:
                remove_part(self.path)
                raise

    def write(self, row: Mapping[str, Cell]) -> None:
        """Write one row.

        Raises:
            ValueError: if its names are not exactly the table's columns.
        """
        if row.keys() != self._names:
            raise ValueError(
                f"expected a cell for each column, got other names: {sorted(self._names ^ row.keys())}"
            )
        with space_for(self.path):
            self._writer.writerow([format_cell(row[column.name], column.digits) for column in self._columns])

    def write_all(self, rows: Iterable[Mapping[str, Cell]]) -> None:
        """Write rows in order."""
        for row in rows:
            self.write(row)

    def close(self) -> None:
        """Finish the file and put it in its place; a second call does nothing."""
        if self._file.closed:
            return
        with space_for(self.path):
            self._file.close()
            finish_part(self.path)

    def abandon(self) -> None:
        """Stop writing and remove the part file; the file itself stays as it was."""
        with contextlib.suppress(OSError):
            self._file.close()
        remove_part(self.path)
