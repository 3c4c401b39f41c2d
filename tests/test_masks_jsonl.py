"""The record of what was seen: exact round trips, and resuming after a process died at any byte."""

import numpy as np
import pytest

from yolact_temporal.data.instances import Instances
from yolact_temporal.data.masks_jsonl import (
    FrameRecord,
    RecordWriter,
    format_record,
    parse_record,
    read_records,
)
from yolact_temporal.errors import InputError

NAMES = ("person", "véhicule")


def record(index, count=2):
    rng = np.random.default_rng(index)
    bitmaps = rng.random((count, 12, 17)) > 0.5
    boxes = rng.random((count, 4), np.float32) * 10
    return FrameRecord(
        index,
        index / 30,
        Instances.from_bitmaps(boxes, rng.random(count, np.float32), [0, 1][:count], bitmaps)
        if count
        else Instances.empty((12, 17)),
    )


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_record_survives_a_round_trip_exactly(count):
    original = record(3, count)
    copy = parse_record(format_record(original, NAMES))
    assert copy.index == original.index
    assert copy.time_s == original.time_s
    assert copy.instances == original.instances


def test_the_file_appears_whole_when_closed_and_not_before(tmp_path):
    path = tmp_path / "masks.jsonl"
    writer = RecordWriter.start(path, NAMES)
    for index in range(3):
        writer.write(record(index))
    assert not path.exists()
    writer.close()
    assert [item.index for item in read_records(path)] == [0, 1, 2]
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("multiple_of", "kept"), [(1, 3), (2, 2), (3, 3), (4, 0)])
@pytest.mark.parametrize("torn", [b"", b'{"frame":3,"time', b"\xff\xfe", b'{"frame": 3}\n'])
def test_a_torn_record_is_dropped_and_whole_batches_are_kept(tmp_path, multiple_of, kept, torn):
    path = tmp_path / "masks.jsonl"
    writer = RecordWriter.start(path, NAMES)
    for index in range(3):
        writer.write(record(index))
    writer.abandon()
    with writer.part.open("ab") as file:
        file.write(torn)
    resumed, count = RecordWriter.resume(path, NAMES, multiple_of)
    assert count == kept
    for index in range(kept, 6):
        resumed.write(record(index))
    resumed.close()
    assert [item.instances for item in read_records(path)] == [record(i).instances for i in range(6)]


def test_a_record_cut_at_its_line_break_is_written_again(tmp_path):
    path = tmp_path / "masks.jsonl"
    writer = RecordWriter.start(path, NAMES)
    writer.write(record(0))
    writer.write(record(1))
    writer.abandon()
    writer.part.write_bytes(writer.part.read_bytes()[:-1])
    resumed, count = RecordWriter.resume(path, NAMES)
    resumed.abandon()
    assert count == 1


@pytest.mark.parametrize(
    "line",
    ["", "[]", "3", '{"frame":0}', '{"frame":0,"time_s":0,"size":[2,2],"instances":[{"rle":5}]}', "[" * 5000],
)
def test_what_is_no_record_is_refused_by_its_line(tmp_path, line):
    path = tmp_path / "masks.jsonl"
    path.write_text(format_record(record(0), NAMES) + "\n" + line + "\n")
    with pytest.raises(InputError, match="line 2"):
        list(read_records(path))
