"""The table of objects: what every model made of every object, and its way to disk and back."""

import numpy as np
import pytest
from masks import disk, instances

from yolact_temporal.data.instances import Instances
from yolact_temporal.errors import InputError
from yolact_temporal.temporal.comparison.objects_csv import OBJECT_COLUMNS, object_row_cells, read_objects
from yolact_temporal.temporal.comparison.support import ComparedModel, SupportMeter
from yolact_temporal.temporal.crops import MaskCrop
from yolact_temporal.temporal.metrics import pair_figures
from yolact_temporal.temporal.motion import Motion
from yolact_temporal.temporal.report import CsvTable

SIZE = (80, 160)
STILL = Motion.still(SIZE)
MODELS = {"a": ComparedModel(("person",), 0.5), "b": ComparedModel(("person",), 0.5)}


def one(x, score=0.9, radius=12):
    return instances([disk(SIZE, x, 40, radius)], SIZE, scores=[score])


def rows_of(meter, index, a, b, motion=STILL, **more):
    rows = meter.update(index, index / 24, {"a": a, "b": b}, motion if index else None, **more)
    return {row.model: row for row in rows}


def test_every_model_has_a_row_for_every_object_that_counts():
    meter = SupportMeter(MODELS, 24.0)
    first = rows_of(meter, 0, one(40), one(41))
    assert {row.pair_status for row in first.values()} == {"first"}
    second = rows_of(meter, 1, one(41), Instances.empty(SIZE))
    assert list(second) == ["a", "b"]
    assert second["a"].pair_status == second["b"].pair_status == "counted"
    assert second["a"].previous_score == pytest.approx(0.9)
    assert second["b"].score is second["b"].boundary_px is second["b"].area_px is None
    assert second["b"].previous_score == pytest.approx(0.9)


def test_the_figures_are_those_of_the_pair():
    meter = SupportMeter(MODELS, 24.0)
    rows_of(meter, 0, one(40), one(40))
    row = rows_of(meter, 1, one(42), one(40))["a"]
    before, now = (MaskCrop.from_bitmap(disk(SIZE, x, 40, 12)) for x in (40, 42))
    expected = pair_figures(before, now, STILL)
    assert row.boundary_px == expected["boundary_px_mean"] > 1
    assert row.jitter == expected["motion_compensated_jitter"] > 0.1
    assert row.boundary_share == pytest.approx(row.boundary_px / np.sqrt(row.area_px))


@pytest.mark.parametrize(
    ("index", "motion", "status"),
    [
        (1, STILL, "counted"),
        (1, Motion.still(SIZE, repeated=True), "repeated"),
        (2, STILL, "after_lost_frames"),
        (1, None, "without_motion"),
    ],
)
def test_only_pairs_of_consecutive_frames_with_a_known_motion_have_figures(index, motion, status):
    meter = SupportMeter(MODELS, 24.0)
    rows_of(meter, 0, one(40), one(40))
    row = rows_of(meter, index, one(42), one(40), motion)["a"]
    assert row.pair_status == status
    assert (row.boundary_px is not None) == (row.jitter is not None) == (status == "counted")


def test_masks_below_the_low_threshold_are_not_seen():
    meter = SupportMeter(MODELS, 24.0)
    assert rows_of(meter, 0, one(40), one(40, score=0.05)) == {}


def test_an_object_that_did_not_count_in_the_last_frame_has_no_pair():
    meter = SupportMeter(MODELS, 24.0)
    rows_of(meter, 0, one(40), Instances.empty(SIZE))
    assert rows_of(meter, 1, one(40), one(40))["a"].pair_status == "first"
    assert rows_of(meter, 2, one(40), one(40))["a"].pair_status == "counted"


def test_at_a_cut_pairs_end():
    meter = SupportMeter(MODELS, 24.0)
    rows_of(meter, 0, one(40), one(40))
    assert rows_of(meter, 1, one(40), one(40), None, cut=True)["a"].pair_status == "first"


def test_with_a_truth_quality_stands_beside():
    meter = SupportMeter(MODELS, 24.0, truth=True)
    true = MaskCrop.from_bitmap(disk(SIZE, 40, 40, 12))
    rows = rows_of(meter, 0, one(40), one(46), truth={5: true})
    assert rows["a"].object_id == 5
    assert (rows["a"].truth_iou, rows["a"].truth_boundary_f) == (1.0, 1.0)
    assert 0 < rows["b"].truth_iou < 1
    assert rows["b"].truth_boundary_f < 1


def test_what_no_other_model_sees_is_counted_as_outside():
    meter = SupportMeter(MODELS, 24.0)
    rows_of(meter, 0, one(40), one(120))
    assert meter.outside == {"a": 1, "b": 1}


def test_frames_come_in_order():
    meter = SupportMeter(MODELS, 24.0)
    rows_of(meter, 3, one(40), one(40))
    with pytest.raises(ValueError, match="above 3"):
        rows_of(meter, 3, one(40), one(40))


def test_the_table_survives_the_way_to_disk(tmp_path):
    meter = SupportMeter(MODELS, 24.0)
    rows = [row for i in range(6) for row in rows_of(meter, i, one(40 + i % 3), one(41, 0.123456789)).values()]
    path = tmp_path / "objects.csv"
    with CsvTable(path, OBJECT_COLUMNS) as table:
        table.write_all(object_row_cells(row) for row in rows)
    for written, read in zip(rows, read_objects(path), strict=True):
        for name in written._fields:
            mine, yours = getattr(written, name), getattr(read, name)
            assert mine == (pytest.approx(yours, rel=1e-8) if isinstance(mine, float) else yours), name


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("frame,time_s\n", "got others"),
        ("{header}\n0,0,1,a,first,x,,,,,,,,\n", "line 2"),
        ("{header}\n0,0,1,a,maybe,,,,,,,,,\n", "line 2"),
        ("{header}\n0,0,1\n", "line 2"),
        ("", "got others"),
    ],
    ids=["other columns", "no number", "unknown status", "cut off", "empty"],
)
def test_a_broken_table_is_one_clear_sentence(tmp_path, text, message):
    path = tmp_path / "objects.csv"
    path.write_text(text.format(header=",".join(column.name for column in OBJECT_COLUMNS)))
    with pytest.raises(InputError, match=message):
        list(read_objects(path))
