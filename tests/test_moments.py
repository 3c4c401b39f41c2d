"""The worst moments: when they are, what happened, and that one event is told once."""

import numpy as np
import pytest

from yolact_temporal.data.crops import MaskCrop
from yolact_temporal.data.instances import Instances
from yolact_temporal.errors import InputError
from yolact_temporal.temporal.meter import StabilityMeter
from yolact_temporal.temporal.motion import Motion
from yolact_temporal.temporal.reading.moments import (
    APART_S,
    KEPT,
    Moment,
    MomentFinder,
    with_shared_ids,
    worst_apart,
)
from yolact_temporal.temporal.reading.moments_csv import MOMENT_COLUMNS, read_moments, write_moments
from yolact_temporal.temporal.reading.shared_ids import MaskKey, RunningNumbers, objects_of_tracks
from yolact_temporal.temporal.report import CsvTable

SIZE, RATE = (60, 80), 10.0
CLASSES = ("person", "animal")


def square(x, y, side=20, class_id=0):
    return x, y, side, class_id


def moments_of(frames, timed=True, cuts=()):
    """Measure squares on a still scene: a list of squares a frame."""
    meter = StabilityMeter(CLASSES, RATE if timed else None)
    finder = MomentFinder("ours", timed)
    for index, squares in enumerate(frames):
        bitmaps = np.zeros((len(squares), *SIZE), np.bool_)
        for bitmap, (x, y, side, _) in zip(bitmaps, squares, strict=True):
            bitmap[y : y + side, x : x + side] = True
        boxes = [[x, y, x + side, y + side] for x, y, side, _ in squares]
        classes = [class_id for *_, class_id in squares]
        seen = Instances.from_bitmaps(
            np.array(boxes, float).reshape(-1, 4), np.full(len(squares), 0.9), classes, bitmaps
        )
        motion = Motion.still(SIZE) if index else None
        time_s, cut = index / RATE, index in cuts
        stability = meter.update(index, time_s, seen, motion, cut)
        finder.update(stability, seen.crops, motion, cut)
    return finder.found()


HERE, THERE = square(5, 5), square(50, 30)


@pytest.mark.parametrize(
    ("frames", "kind", "frame", "what"),
    [
        ([[HERE]] * 4 + [[]] * 3 + [[HERE]] * 4, "blink", 4, "gone for 3 frames"),
        ([[HERE]] * 4 + [[square(5, 5, class_id=1)]] * 4, "class_flip", 4, "class flips from person to animal"),
        ([[HERE]] * 4 + [[square(5, 5, 30)]] * 4, "area_blink", 4, "grows to 2.2 times its size"),
        ([[square(5, 5, 30)]] * 4 + [[HERE]] * 4, "area_blink", 4, "shrinks to 44% of its size"),
        ([[HERE]] * 4 + [[square(7, 5)]] * 4, "box_cut", 4, "cut by its moving box, outline moves 1.5 px"),
    ],
    ids=["blink", "class flip", "grows", "shrinks", "moves"],
)  # fmt: skip
def test_what_happened_and_when(frames, kind, frame, what):
    (moment,) = moments_of(frames)
    assert (moment.frame, moment.time_s, moment.track_id) == (frame, frame / RATE, 1)
    if kind != "box_cut":  # how far exactly a square's corners move is the metric's business
        assert (moment.kind, moment.what) == (kind, what)
    else:
        assert moment.kind in ("box_cut", "shiver")
        assert moment.boundary_px > 0.5
        assert f"outline moves {moment.boundary_px:.1f} px" in moment.what


def test_a_mask_that_another_one_takes_is_swallowed_whether_or_not_it_comes_back():
    both = [square(2, 2, 40), square(45, 5, 10)]
    grown = [square(2, 2, 54)]  # the first one's mask grows over the second
    found = moments_of([both] * 4 + [grown] * 2 + [both] * 4)
    swallowed = [moment for moment in found if moment.kind == "swallowed"]
    assert len(swallowed) == 1
    assert swallowed[0].frame == 4
    assert swallowed[0].gone_frames == 2
    assert swallowed[0].what == "swallowed by track 1, gone for 2 frames"
    assert (swallowed[0].track_id, swallowed[0].other_track_id) == (2, 1)
    for_good = [moment for moment in moments_of([both] * 4 + [grown] * 6) if moment.kind == "swallowed"]
    assert [(moment.frame, moment.gone_frames) for moment in for_good] == [(4, 0)]


@pytest.mark.parametrize(
    ("frames", "cuts"),
    [
        ([[HERE]] * 12, ()),
        ([[HERE]] * 4 + [[]] * 20, ()),  # it left
        ([[HERE]] * 4 + [[]] * 12 + [[HERE]] * 4, ()),  # gone for longer than a blink
        ([[HERE]] * 4 + [[THERE]] * 4, (4,)),  # another scene
        ([], ()),
    ],
    ids=["still", "left", "long gone", "cut", "empty"],
)
def test_what_is_no_bad_moment(frames, cuts):
    assert moments_of(frames, cuts=cuts) == []


def test_a_clip_without_time_counts_frames():
    (moment,) = moments_of([[HERE]] * 4 + [[]] * 3 + [[HERE]] * 4, timed=False)
    assert (moment.kind, moment.frame, moment.gone_frames) == ("blink", 4, 3)


def test_what_lasts_is_told_once_in_half_a_second_and_the_larger_object_first():
    shaking = [[square(5 + 2 * (k % 2), 5), square(45 + 2 * (k % 2), 5, 30)] for k in range(40)]
    found = moments_of(shaking)
    assert found[0].track_id == 2
    for track in (1, 2):
        times = sorted(moment.time_s for moment in found if moment.track_id == track)
        assert len(times) > 3
        assert min(np.diff(times)) >= APART_S - 1e-9
    assert len(found) <= KEPT


def moment(**changes):
    base = {
        "frame": 3,
        "time_s": 0.3,
        "model": "ours",
        "track_id": 1,
        "object_id": None,
        "class_name": "person",
    }
    return Moment(**{**base, "kind": "blink", "weight": 0.5} | changes)  # fmt: skip


def test_one_event_is_one_moment_of_a_model_and_an_object():
    near = [moment(), moment(frame=5, time_s=0.5, weight=0.4), moment(model="theirs", weight=0.3)]
    assert worst_apart(near) == [near[0], near[2]]
    assert worst_apart(near, count=1) == [near[0]]


def test_moments_take_the_numbers_of_the_comparison():
    own = [moment(other_track_id=2, kind="swallowed"), moment(track_id=9)]
    named = with_shared_ids(own, {"ours": {1: 4, 2: 7}}, {4: "animal"})
    assert [one.who for one in named] == ["animal #4", "person track 9"]
    assert named[0].what == "swallowed by #7"


def test_a_second_mask_that_goes_while_the_first_stays_is_no_loss_of_the_object():
    whole, part = square(20, 20, 24), square(22, 22, 14)
    found = moments_of([[whole, part]] * 3 + [[whole]] * 3 + [[whole, part]] * 3)
    (gone,) = [one for one in found if one.kind == "blink"]
    assert (gone.track_id, gone.covering) == (2, (1,))
    assert len(with_shared_ids([gone], {"ours": {1: 4, 2: 5}}, {})) == 1
    assert with_shared_ids([gone], {"ours": {1: 4, 2: 4}}, {}) == []


def test_a_track_is_the_object_that_it_shares_most_masks_with():
    tracks = [MaskKey(k, 50 + k, 0.5, 1) for k in range(5)] + [MaskKey(9, 8, 0.5, 2)]
    objects = [MaskKey(k, 50 + k, 0.5, 7 if k < 2 else 3) for k in range(5)]
    assert objects_of_tracks(tracks, objects) == {1: 3}
    assert objects_of_tracks([], objects) == objects_of_tracks(tracks, []) == {}


def test_what_is_written_is_read_back(tmp_path):
    told = [
        moment(
            object_id=2,
            object_name="cat",
            gone_frames=3,
            other_track_id=5,
            other_object_id=1,
            kind="swallowed",
        ),
        moment(kind="class_flip", class_before="=cmd", class_name="@x", boundary_px=1.5, area_ratio=0.5),
    ]
    path = tmp_path / "moments.csv"
    assert read_moments(path) is None
    write_moments(path, told)
    assert read_moments(path) == told
    assert path.read_text().splitlines()[0].split(",") == [column.name for column in MOMENT_COLUMNS]
    write_moments(path, [])
    assert read_moments(path) == []


@pytest.mark.parametrize("content", ["", "frame,time_s\n1,2\n", None])
def test_what_is_no_table_of_moments_is_told(tmp_path, content):
    path = tmp_path / "moments.csv"
    if content is None:
        with CsvTable(path, MOMENT_COLUMNS) as table:
            cells = dict.fromkeys((column.name for column in MOMENT_COLUMNS), 1)
            table.write(cells | {"kind": "nonsense"})
    else:
        path.write_text(content)
    with pytest.raises(InputError, match="expected a table of moments"):
        read_moments(path)


def test_an_empty_mask_is_never_swallowed():
    empty = MaskCrop.from_bitmap(np.zeros(SIZE, np.bool_))
    assert empty.area == 0
    assert moments_of([[], [HERE], []]) == []


def test_a_track_is_the_object_that_it_was_in_most_frames_so_far():
    numbers = RunningNumbers()
    for frame, owner in enumerate((7, 7, 4, 4, 4)):
        numbers.update("ours", [MaskKey(frame, 50, 0.9, 1)], [MaskKey(frame, 50, 0.9, owner)])
        assert numbers.of("ours") == {1: 7 if frame < 4 else 4}
    numbers.update("ours", [MaskKey(9, 51, 0.9, 2)], [MaskKey(9, 50, 0.9, 4)])
    assert 2 not in numbers.of("ours"), "another mask"
    assert numbers.of("theirs") == {}
