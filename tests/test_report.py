"""The tables: fixed columns, an empty cell where a value is undefined, the same text on every machine."""

import csv
import math
import os
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from masks import instances, rectangle

from yolact_temporal.data.instances import Instances
from yolact_temporal.data.text_cells import text_of_cell
from yolact_temporal.errors import OutOfSpaceError
from yolact_temporal.temporal import report
from yolact_temporal.temporal.meter import StabilityMeter
from yolact_temporal.temporal.metrics import REGISTRY
from yolact_temporal.temporal.motion import Motion
from yolact_temporal.temporal.report import (
    FRAME_COLUMNS,
    INSTANCE_COLUMNS,
    SUMMARY_COLUMNS,
    TRACK_COLUMNS,
    CsvTable,
    format_cell,
    frame_row,
    instance_rows,
    summary_rows,
    track_row,
)
from yolact_temporal.temporal.stability import Event

SIZE = (60, 80)
SQUARE = rectangle(SIZE, 20, 20, 40, 40)
TABLES = {
    "frames": FRAME_COLUMNS,
    "instances": INSTANCE_COLUMNS,
    "tracks": TRACK_COLUMNS,
    "summary": SUMMARY_COLUMNS,
}


def measured():
    """Seen, moved by 1 px, lost, empty, back."""
    moved = rectangle(SIZE, 21, 20, 41, 40)
    frames = [[SQUARE], [moved], [], [np.zeros(SIZE, np.bool_)], [moved]]
    meter = StabilityMeter(("person",), 25.0)
    seen = [
        meter.update(t, t / 25, instances(bitmaps, SIZE), Motion.still(SIZE) if t else None)
        for t, bitmaps in enumerate(frames)
    ]
    return seen, meter.finish()


def write(path, columns, rows):
    with CsvTable(path, columns) as table:
        table.write_all(rows)
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (math.nan, ""),
        (math.inf, ""),
        (np.float64("nan"), ""),
        (0, "0"),
        (0.0, "0"),
        (-0.0, "0"),
        (7, "7"),
        (np.int64(1234567890), "1234567890"),
        (1234567890, "1234567890"),
        (0.1, "0.1"),
        (0.1 + 0.2, "0.3"),
        (1 / 3, "0.333333"),
        (np.float32(0.9), "0.9"),
        (1234.56789, "1234.57"),
        (2.0, "2"),
        ("person", "person"),
        ("", ""),
        (True, "true"),
    ],
)
def test_cells(value, text):
    assert format_cell(value) == text


@pytest.mark.parametrize("columns", TABLES.values(), ids=TABLES)
class TestColumns:
    def test_are_named_once_and_explained(self, columns):
        names = [column.name for column in columns]
        assert len(set(names)) == len(names)
        for column in columns:
            assert column.meaning.endswith(".")
            assert column.name.replace("_", "").isalnum()

    def test_say_their_unit_in_their_name(self, columns):
        for column in columns:
            if column.unit == "px":
                assert "_px" in column.name
            if column.unit == "s":
                assert column.name.endswith("_s")


def test_every_row_has_exactly_the_columns_of_its_table():
    seen, clip = measured()
    rows = {
        "frames": [frame_row(frame) for frame in seen],
        "instances": [row for frame in seen for row in instance_rows(frame)],
        "tracks": [track_row(track) for track in clip.tracks],
        "summary": summary_rows("clip", "model", clip),
    }
    for name, columns in TABLES.items():
        assert rows[name]
        for row in rows[name]:
            assert set(row) == {column.name for column in columns}


def test_frames_table(tmp_path):
    rows = write(tmp_path / "frames.csv", FRAME_COLUMNS, map(frame_row, measured()[0]))
    assert [row["pair_status"] for row in rows] == ["first"] + ["counted"] * 4
    assert [row["instances"] for row in rows] == ["1", "1", "0", "0", "1"]
    assert [row["empty_masks"] for row in rows] == ["0", "0", "0", "1", "0"]
    assert [row["pairs"] for row in rows] == ["0", "1", "0", "0", "0"]
    assert [row["lost_tracks"] for row in rows] == ["", "", "1", "", ""]
    assert [row["returned"] for row in rows] == ["0", "0", "0", "0", "1"]
    assert [row["motion_compensated_jitter"] for row in rows] == ["", f"{2 / 21:.6g}", "", "", ""]
    assert [row["time_s"] for row in rows] == ["0", "0.04", "0.08", "0.12", "0.16"]


def test_instances_table(tmp_path):
    rows = [row for frame in measured()[0] for row in instance_rows(frame)]
    rows = write(tmp_path / "instances.csv", INSTANCE_COLUMNS, rows)
    assert [row["frame"] for row in rows] == ["0", "1", "3", "4"]
    assert [row["track_id"] for row in rows] == ["1", "1", "", "1"]
    assert [row["events"] for row in rows] == ["new", "", "empty_mask", "return"]
    assert [row["gap_frames"] for row in rows] == ["0", "0", "0", "2"]
    assert [row["centroid_x_px"] for row in rows] == ["30", "31", "", "31"]
    assert [row["boundary_px_mean"] for row in rows] == ["", "0.5", "", ""]
    assert rows[0]["score"] == "0.9"


def test_tracks_table(tmp_path):
    (row,) = write(tmp_path / "tracks.csv", TRACK_COLUMNS, map(track_row, measured()[1].tracks))
    assert (row["track_id"], row["class"], row["first_frame"], row["last_frame"]) == ("1", "person", "0", "4")
    assert (row["frames_seen"], row["frames_absent"], row["life_s"]) == ("3", "2", "0.16")
    assert (row["pairs"], row["pairs_undefined"], row["dropout_rate"]) == ("1", "0", "0.4")
    assert row["second_difference_centroid_x_px"] == ""
    assert row["gaps_of_2_frames"] == "1"


def test_summary_table(tmp_path):
    rows = write(
        tmp_path / "summary.csv", SUMMARY_COLUMNS, summary_rows("a clip.mp4", "yolact_compact", measured()[1])
    )
    by_name = {row["metric"]: row for row in rows}
    assert len(by_name) == len(rows)
    assert set(REGISTRY.own()) < set(by_name)
    assert {(row["clip"], row["model"]) for row in rows} == {("a clip.mp4", "yolact_compact")}
    assert by_name["frames"]["value"] == "5"
    assert by_name["frame_pairs_counted"]["value"] == "4"
    jitter = by_name["boundary_px_mean"]
    assert [jitter[name] for name in ("value", "unit", "n", "n_undefined", "tracks", "tracks_undefined")] == [
        "0.5",
        "px",
        "1",
        "0",
        "1",
        "0",
    ]
    undefined = by_name["second_difference_log_area"]
    assert [undefined[name] for name in ("value", "n", "tracks", "tracks_undefined")] == ["", "0", "0", "1"]
    assert {row["ci_low"] + row["ci_high"] for row in rows} == {""}


def test_an_empty_clip_has_no_value_but_counts():
    meter = StabilityMeter(("person",), 25.0)
    meter.update(0, 0.0, Instances.empty(SIZE), None)
    rows = {row["metric"]: format_cell(row["value"]) for row in summary_rows("c", "m", meter.finish())}
    assert {rows[name] for name in REGISTRY.own()} == {""}
    assert (rows["frames"], rows["tracks"], rows["frame_pairs_repeated"]) == ("1", "0", "0")


def test_no_table_holds_the_text_nan(tmp_path):
    seen, clip = measured()
    rows = [row for frame in seen for row in instance_rows(frame)]
    write(tmp_path / "instances.csv", INSTANCE_COLUMNS, rows)
    write(tmp_path / "summary.csv", SUMMARY_COLUMNS, summary_rows("c", "m", clip))
    for path in tmp_path.iterdir():
        cells = [cell for row in csv.reader(path.read_text(encoding="utf-8").splitlines()) for cell in row]
        assert not {"nan", "inf", "None", "NaN"} & set(cells)


def test_time_keeps_its_milliseconds_in_a_long_clip(tmp_path):
    meter = StabilityMeter(("person",), 25.0)
    frame = meter.update(0, 98765.432, Instances.empty(SIZE), None)
    assert write(tmp_path / "frames.csv", FRAME_COLUMNS, [frame_row(frame)])[0]["time_s"] == "98765.432"


def test_the_events_column_names_every_event():
    (column,) = (column for column in INSTANCE_COLUMNS if column.name == "events")
    for event in get_args(Event):
        assert event in column.meaning


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("person", "person"),
        ("=1+1", "'=1+1"),
        ("+49", "'+49"),
        ("-x", "'-x"),
        ("@a", "'@a"),
        ("\tx", "'\tx"),
        ("'=1", "''=1"),
        ("'quoted'", "'quoted'"),
        ("a=b", "a=b"),
        ("", ""),
    ],
)
def test_text_that_a_spreadsheet_would_compute_is_shown_and_comes_back(text, cell):
    assert format_cell(text) == cell
    assert text_of_cell(cell) == text


@pytest.mark.parametrize(("value", "cell"), [(-1, "-1"), (-0.5, "-0.5"), (2.0, "2"), (True, "true")])
def test_numbers_stay_numbers(value, cell):
    assert format_cell(value) == cell == text_of_cell(cell)


class TestCsvTable:
    def test_stands_under_its_name_only_when_whole(self, tmp_path):
        path = tmp_path / "t.csv"
        table = CsvTable(path, SUMMARY_COLUMNS)
        assert not path.exists()
        assert (tmp_path / "t.csv.part").exists()
        table.close()
        table.close()
        assert path.read_bytes() == (",".join(column.name for column in SUMMARY_COLUMNS) + "\n").encode()
        assert [entry.name for entry in tmp_path.iterdir()] == ["t.csv"]

    def test_a_failure_leaves_the_earlier_file_alone(self, tmp_path):
        path = tmp_path / "t.csv"
        path.write_text("earlier", encoding="utf-8")
        with pytest.raises(RuntimeError, match="stop"), CsvTable(path, SUMMARY_COLUMNS):
            raise RuntimeError("stop")
        assert path.read_text(encoding="utf-8") == "earlier"
        assert [entry.name for entry in tmp_path.iterdir()] == ["t.csv"]

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
    def test_a_full_disk_is_told_in_one_sentence(self, tmp_path, monkeypatch):
        path = tmp_path / "t.csv"
        monkeypatch.setattr(report, "create_part", lambda _path: os.open("/dev/full", os.O_WRONLY))
        row = {column.name: None for column in SUMMARY_COLUMNS} | {"clip": "x" * 100_000}
        with (
            pytest.raises(OutOfSpaceError, match="free some space"),
            CsvTable(path, SUMMARY_COLUMNS) as table,
        ):
            table.write(row)
        assert not path.exists()

    def test_names_beyond_ascii_commas_and_quotes_come_back(self, tmp_path):
        row = {column.name: None for column in SUMMARY_COLUMNS} | {"clip": 'Straße, "zwei"\n雨.mp4'}
        assert write(tmp_path / "t.csv", SUMMARY_COLUMNS, [row])[0]["clip"] == row["clip"]

    @pytest.mark.parametrize("change", [{"extra": 1}, None])
    def test_a_row_of_other_columns_is_refused(self, tmp_path, change):
        row = {column.name: None for column in SUMMARY_COLUMNS} | (change or {})
        if change is None:
            del row["clip"]
        with (
            CsvTable(tmp_path / "t.csv", SUMMARY_COLUMNS) as table,
            pytest.raises(ValueError, match=r"clip|extra"),
        ):
            table.write(row)
