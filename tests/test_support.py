"""The table of objects: what every model made of every object, and its way to disk and back."""

import copy
import json
import pickle
from itertools import pairwise

import numpy as np
import pytest
from masks import disk, instances, rectangle

from yolact_temporal.data.crops import MaskCrop, mask_iou
from yolact_temporal.data.instances import Instances
from yolact_temporal.errors import InputError
from yolact_temporal.temporal.comparison.clip_objects import ClipObjects
from yolact_temporal.temporal.comparison.comparison_text import outside_sentence
from yolact_temporal.temporal.comparison.objects_csv import (
    OBJECT_COLUMNS,
    has_every_column,
    object_row_cells,
    read_objects,
)
from yolact_temporal.temporal.comparison.rows import ObjectRow
from yolact_temporal.temporal.comparison.support_meter import ComparedModel, Outside, SupportMeter
from yolact_temporal.temporal.meter import StabilityMeter
from yolact_temporal.temporal.metrics import figures_without_box, pair_figures, pairs
from yolact_temporal.temporal.motion import Motion, warp_mask
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
    assert row.boundary_px == pytest.approx(expected["boundary_px_mean"], rel=1e-8)
    assert row.boundary_px > 1
    assert row.jitter == pytest.approx(expected["motion_compensated_jitter"], rel=1e-8)
    assert row.jitter > 0.1
    assert row.boundary_share == pytest.approx(row.boundary_px / np.sqrt(row.area_px))


def test_a_pair_that_the_meter_of_tracks_has_measured_is_not_measured_again(monkeypatch):
    """Both meters ask for the pairs of either model; masks are told by themselves, however they were selected."""
    trips, carry = [], pairs.carry_back
    monkeypatch.setattr(pairs, "carry_back", lambda *given: trips.append(given) or carry(*given))
    own = StabilityMeter(("person",), 24.0)
    both = SupportMeter(MODELS, 24.0)
    motion, rows = Motion.still(SIZE), {}
    for index, x in enumerate((40, 42)):
        a, b = one(x), one(41)
        stability = own.update(index, index / 24, a.select(a.scores > 0.5), motion if index else None)
        rows = rows_of(both, index, a, b, motion)
    assert len(trips) == 2
    assert rows["a"].boundary_px == pytest.approx(stability.instances[0].pair["boundary_px_mean"], rel=1e-8)
    assert rows["a"].boundary_px > 1 > rows["b"].boundary_px


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda motion: pickle.loads(pickle.dumps(motion))])
def test_what_a_motion_remembers_is_gone_with_the_masks_and_in_a_copy(copied):
    motion = Motion.still(SIZE)
    first, second = (MaskCrop.from_bitmap(disk(SIZE, x, 40, 12)) for x in (40, 42))
    figures = figures_without_box(first, second, motion)
    assert figures_without_box(first, second, motion) is figures
    assert not copied(motion).memory.figures
    assert warp_mask(first, motion) is warp_mask(first, motion)
    del first, second
    assert not motion.memory.carried
    assert not motion.memory.figures


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
    assert meter.summary().outside == {"a": (1, 0, 1), "b": (1, 0, 1)}


def test_a_score_at_a_threshold_is_not_above_it_before_and_after_the_table():
    """0.7 is no float32: kept as 0.699999988 or 0.700000012 it would fall on either side of itself."""
    for score in (0.7, 0.3, 0.1234567):
        meter = SupportMeter({name: ComparedModel(("person",), score) for name in "ab"}, 24.0)
        row = rows_of(meter, 0, one(40, score), one(40, score))["a"]
        assert row.score == score
        assert meter.summary().outside == {"a": (0, 0, 0), "b": (0, 0, 0)}


def test_the_pair_of_an_object_exists_where_the_motion_is_unknown_but_not_where_frames_are_lost():
    meter = SupportMeter(MODELS, 24.0)
    rows_of(meter, 0, one(40, 0.6), one(40))
    assert rows_of(meter, 1, one(40), one(40), None)["a"].previous_score == 0.6
    assert rows_of(meter, 3, one(40), one(40))["a"].previous_score is None
    assert rows_of(meter, 4, one(40), one(40), Motion.still(SIZE, repeated=True))["a"].previous_score is None


def test_frames_a_stride_apart_are_consecutive():
    meter = SupportMeter(MODELS, 24.0, stride=3)
    for index, status in ((0, "first"), (3, "counted"), (6, "counted"), (12, "after_lost_frames")):
        assert rows_of(meter, index, one(40), one(40))["a"].pair_status == status


@pytest.mark.parametrize(("stride", "last"), [(1, 12), (3, 12), (5, 10)])
def test_half_a_second_lasts_as_long_whatever_the_stride(stride, last):
    meter = SupportMeter(MODELS, 24.0, stride)
    rows_of(meter, 0, one(40), one(40))
    indices = range(stride, 40, stride)
    counted = [index for index in indices if rows_of(meter, index, one(40), Instances.empty(SIZE))]
    assert counted == list(range(stride, last + 1, stride))


def test_no_frame_says_anything_of_one_that_came_before():
    """What is said of a frame is the same whatever follows it."""
    rng = np.random.default_rng(4)
    frames = [{name: one(40 + rng.integers(-2, 3), rng.uniform(0.1, 1)) for name in "ab"} for _ in range(12)]
    runs = []
    for length in (6, 12):
        meter = SupportMeter(MODELS, 24.0)
        runs.append([rows_of(meter, i, **frame) for i, frame in enumerate(frames[:length])])
    assert runs[0] == runs[1][:6]
    assert sum(len(rows) for rows in runs[1]) > 15


def test_three_models_have_a_row_each_in_their_order():
    meter = SupportMeter(dict.fromkeys("cab", MODELS["a"]), None)
    seen = {"a": one(40), "b": Instances.empty(SIZE), "c": one(41)}
    rows = meter.update(0, 0.0, seen, None)
    assert [(row.model, row.score) for row in rows] == [("c", 0.9), ("a", 0.9), ("b", None)]


def test_a_frame_in_which_nothing_is_seen_has_no_rows():
    meter = SupportMeter(MODELS, 24.0)
    nothing = Instances.empty(SIZE)
    assert rows_of(meter, 0, nothing, nothing) == {}
    assert rows_of(meter, 1, nothing, nothing) == {}


def test_true_objects_have_rows_whoever_sees_them_and_only_where_they_are():
    meter = SupportMeter(MODELS, 24.0, truth=True)
    true = MaskCrop.from_bitmap(disk(SIZE, 40, 40, 12))
    nothing = Instances.empty(SIZE)
    first = rows_of(meter, 0, nothing, nothing, truth={5: true})
    assert {(row.score, row.truth_iou, row.truth_boundary_f) for row in first.values()} == {
        (None, None, None)
    }
    assert rows_of(meter, 1, one(40), one(40), truth={}) == {}
    assert rows_of(meter, 2, one(40), one(40), truth={5: true})["a"].pair_status == "first"
    assert rows_of(meter, 3, nothing, one(40), truth={5: true})["a"].pair_status == "counted"


def test_void_pixels_are_compared_with_nothing():
    meter = SupportMeter(MODELS, 24.0, truth=True)
    left, right = (MaskCrop.from_bitmap(rectangle(SIZE, x, 0, x + 40, 80)) for x in (0, 40))
    wide = instances([rectangle(SIZE, 20, 20, 60, 60)], SIZE)
    narrow = instances([rectangle(SIZE, 20, 20, 40, 60)], SIZE)
    rows = rows_of(meter, 0, wide, narrow, truth={1: left}, void=right)
    assert rows["a"].truth_iou == rows["b"].truth_iou == 0.25
    assert rows["a"].truth_boundary_f == rows["b"].truth_boundary_f
    assert (rows["a"].area_px, rows["b"].area_px) == (1600, 800)


def test_what_was_left_out_is_counted():
    meter = SupportMeter(MODELS, 24.0)
    none, faint = Instances.empty(SIZE), instances([disk(SIZE, 130, 40, 9)], SIZE, scores=[0.3])
    both = instances([disk(SIZE, 40, 40, 12), disk(SIZE, 90, 40, 12)], SIZE)
    rows_of(meter, 0, both, one(40))
    rows_of(meter, 1, one(40), one(40))
    rows_of(meter, 2, one(40), one(40), Motion.still(SIZE, repeated=True))
    rows_of(meter, 4, one(40), one(40))
    rows_of(meter, 5, faint, one(40))
    rows_of(meter, 6, none, none)
    found = meter.summary()
    assert (found.frames, found.objects) == (6, 1)
    assert found.pairs == {"counted": 2, "repeated": 1, "after_lost_frames": 1, "without_motion": 0}
    assert found.outside == {"a": (1, 0, 5), "b": (0, 0, 5)}


@pytest.mark.slow
def test_memory_does_not_grow_with_the_clip():
    meter = SupportMeter(MODELS, 24.0)
    rng = np.random.default_rng(0)
    sizes = []
    for index in range(150):
        views = [
            instances([disk(SIZE, *rng.uniform((9, 9), (150, 70)), 8) for _ in range(3)], SIZE) for _ in "ab"
        ]
        rows_of(meter, index, *views)
        sizes.append(len(pickle.dumps(meter)))
    assert max(sizes[100:]) < 1.3 * max(sizes[40:100])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"instances": {"a": one(40)}}, "instances of a, b, got a"),
        ({"instances": {"a": one(40), "b": Instances.empty((9, 9))}}, "one frame size"),
        ({"motion": Motion.still((9, 9))}, "one frame size"),
        ({"truth": {1: MaskCrop.from_bitmap(np.ones(SIZE, bool))}}, "no ground truth at frame 1"),
    ],
)
def test_what_does_not_go_together_is_refused(change, message):
    meter = SupportMeter(MODELS, 24.0)
    frame = {"instances": {"a": one(40), "b": one(40)}, "motion": STILL, **change}
    with pytest.raises(ValueError, match=message):
        meter.update(1, 0.0, **frame)
    assert meter.summary().frames == 0


def test_a_truth_that_was_announced_must_come():
    meter = SupportMeter(MODELS, 24.0, truth=True)
    with pytest.raises(ValueError, match="a ground truth at frame 0"):
        rows_of(meter, 0, one(40), one(40))


@pytest.mark.parametrize(
    ("models", "more", "message"),
    [
        ({}, {"truth": True}, "at least one model"),
        ({"a": MODELS["a"]}, {}, "at least two models for a consensus, got 1"),
        (MODELS, {"stride": 0}, "stride of at least 1, got 0"),
    ],
)
def test_a_meter_of_nothing_is_refused(models, more, message):
    with pytest.raises(ValueError, match=message):
        SupportMeter(models, 24.0, **more)


def test_frames_come_in_order():
    meter = SupportMeter(MODELS, 24.0)
    rows_of(meter, 3, one(40), one(40))
    with pytest.raises(ValueError, match="above 3"):
        rows_of(meter, 3, one(40), one(40))


def test_the_table_survives_the_way_to_disk(tmp_path):
    meter = SupportMeter(MODELS, 24.0)
    rows = [
        row for i in range(6) for row in rows_of(meter, i, one(40 + i % 3), one(41, 0.123456789)).values()
    ]
    path = tmp_path / "objects.csv"
    with CsvTable(path, OBJECT_COLUMNS) as table:
        table.write_all(object_row_cells(row) for row in rows)
    assert any(row.jitter for row in rows)
    assert any(0 < (row.iou_between[0] or 0) < 1 for row in rows)
    assert list(read_objects(path)) == rows
    assert has_every_column(path)


def test_a_table_of_before_there_were_figures_between_models_is_read(tmp_path):
    meter = SupportMeter(MODELS, 24.0)
    rows = [row for i in range(3) for row in rows_of(meter, i, one(40 + i), one(41)).values()]
    earlier = [column for column in OBJECT_COLUMNS if column.name in ObjectRow._fields[:14]]
    path = tmp_path / "objects.csv"
    with CsvTable(path, earlier) as table:
        table.write_all(
            {column.name: object_row_cells(row)[column.name] for column in earlier} for row in rows
        )
    read = list(read_objects(path))
    assert not has_every_column(path)
    assert [row[:14] for row in read] == [row[:14] for row in rows]
    objects = ClipObjects.from_rows(read)
    assert np.isnan(objects.iou_between).all()
    assert np.isnan(objects.round_trip_px).all()


class TestFiguresForGuards:
    """What tells masks that were moved by the very flow, and masks of other things, from steady ones."""

    def test_models_masks_are_laid_against_each_other(self):
        meter = SupportMeter({**MODELS, "c": MODELS["a"]}, 24.0)
        seen = {"a": one(40), "b": one(44), "c": Instances.empty(SIZE)}
        rows = meter.update(0, 0.0, seen, None)
        objects = ClipObjects.from_rows(rows)
        a, b = (MaskCrop.from_bitmap(disk(SIZE, x, 40, 12)) for x in (40, 44))
        expected = np.full((3, 3), np.nan)
        expected[:2, :2] = [[1, mask_iou(a, b)], [mask_iou(a, b), 1]]
        assert objects.iou_between.shape == (1, 3, 3)
        assert objects.iou_between[0] == pytest.approx(expected, nan_ok=True, rel=1e-8)
        assert objects.area_px[0] == pytest.approx([a.area, b.area, np.nan], nan_ok=True)

    def test_the_true_masks_own_figures_stand_beside_every_models(self):
        meter = SupportMeter(MODELS, 24.0, truth=True)
        true = [MaskCrop.from_bitmap(disk(SIZE, x, 40, 12)) for x in (40, 42, 43)]
        rows = []
        for index, mask in enumerate(true):
            rows += rows_of(meter, index, one(40), Instances.empty(SIZE), truth={1: mask}).values()
        objects = ClipObjects.from_rows(rows)
        expected = [pair_figures(before, now, STILL) for before, now in pairwise(true)]
        for name, metric in (
            ("true_boundary_px", "boundary_px_mean"),
            ("true_jitter", "motion_compensated_jitter"),
        ):
            found = getattr(objects, name)
            assert found == pytest.approx([np.nan, *(one[metric] for one in expected)], nan_ok=True, rel=1e-8)
        assert np.isnan(objects.true_second_boundary_px).all()

    def test_a_mask_comes_back_as_the_flow_brings_it(self):
        """The flow back goes 1 px too far, which the check of visibility allows at this speed."""
        meter = SupportMeter(MODELS, 24.0)
        there, back = np.zeros((2, *SIZE, 2), np.float32)
        there[..., 0], back[..., 0] = -9, 10
        motion = Motion.from_flow(there, back)
        rows_of(meter, 0, one(40), one(40))
        row = rows_of(meter, 1, one(49), one(49), motion)["a"]
        mask = MaskCrop.from_bitmap(disk(SIZE, 40, 40, 12))
        shifted = MaskCrop(mask.pixels, mask.x - 1, mask.y, mask.size, mask.area)
        expected = pair_figures(mask, shifted, STILL)
        assert row.boundary_px == 0
        assert row.round_trip_px == pytest.approx(expected["boundary_px_mean"], rel=1e-8)
        assert row.round_trip_jitter == pytest.approx(expected["motion_compensated_jitter"], rel=1e-8)

    def test_the_second_motion_estimate_measures_the_same_masks_anew(self):
        """By the first the masks moved along; by the second nothing moved, and both masks went astray by 2 px."""
        meter = SupportMeter(MODELS, 24.0, truth=True)
        there = np.zeros((*SIZE, 2), np.float32)
        there[..., 0] = -2
        motion = Motion.from_flow(there, -there).with_second(np.zeros_like(there))
        true = {x: MaskCrop.from_bitmap(disk(SIZE, x, 40, 12)) for x in (40, 42)}
        rows_of(meter, 0, one(40), one(40), truth={1: true[40]})
        row = rows_of(meter, 1, one(42), one(40), motion, truth={1: true[42]})["a"]
        expected = pair_figures(true[40], true[42], STILL)["boundary_px_mean"]
        assert (row.boundary_px, row.true_boundary_px) == (0, 0)
        assert row.second_boundary_px == pytest.approx(expected, rel=1e-8)
        assert row.true_second_boundary_px == pytest.approx(expected, rel=1e-8)


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


def test_a_run_says_what_it_did_not_compare(finished_run):
    manifest = json.loads((finished_run / "run.json").read_text())
    blinking, steady = (manifest["outside"][name] for name in ("blinking_model", "steady_model"))
    assert 0 <= steady["unshared"] <= steady["of"]
    assert blinking["of"] < steady["of"], "it drops instances"
    sentence = f"steady_model {steady['unshared']} of {steady['of']} instances"
    for name in ("report.md", "comparison.md"):
        assert sentence in (finished_run / name).read_text()


@pytest.mark.parametrize(
    ("truth", "expected"),
    [
        (False, "no other model sees an object there: a 1 of 4 instances (25%), b 0 of 0 instances above"),
        (True, "the ground truth has no object there: a 1 of 4 instances (25%), b 0 of 0 instances above"),
    ],
)
def test_what_is_not_compared_is_said_in_a_sentence(truth, expected):
    said = outside_sentence({"a": Outside(1, 0, 4), "b": Outside(0, 0, 0)}, truth)
    assert expected in said
    assert "repeat" not in said


def test_nothing_is_said_where_nothing_is_left_out():
    assert outside_sentence({"a": Outside(0, 0, 46), "b": Outside(0, 0, 12)}) == ""
    assert outside_sentence({}) == ""
    told = outside_sentence({"a": Outside(0, 3, 6), "b": Outside(0, 0, 4)})
    assert told.startswith("Not compared, because the model reports")
    assert "no other model" not in told


def test_duplicates_are_not_said_to_be_seen_by_nobody_else():
    said = outside_sentence({"a": Outside(0, 3, 6), "b": Outside(1, 0, 4)})
    assert (
        "no other model sees an object there: a 0 of 6 instances (0%), b 1 of 4 instances (25%) above" in said
    )
    assert (
        "the model reports the same object again with a higher score: a 3 of 6 instances (50%), b 0 of 4"
        in said
    )
