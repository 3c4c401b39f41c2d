"""Association of instances across frames."""

import numpy as np
import pytest
from masks import Block, Scene, crop, pan, rectangle

from yolact_temporal.temporal.association import NO_TRACK, AssociationOptions, Associator
from yolact_temporal.temporal.motion import Motion

SIZE = (100, 160)


def ids_of(associator, bitmaps, motion):
    return associator.update([crop(bitmap) for bitmap in bitmaps], motion).tolist()


def square(x, y, side=20):
    return rectangle(SIZE, x, y, x + side, y + side)


STILL = Motion.still(SIZE)


def test_each_instance_of_the_first_frame_is_a_new_track():
    assert ids_of(Associator(), [square(0, 0), square(50, 50)], None) == [1, 2]


def test_no_instances_give_no_ids():
    associator = Associator()
    ids = associator.update([], None)
    assert ids.shape == (0,)
    assert ids.dtype == np.int64
    assert ids_of(associator, [square(0, 0)], STILL) == [1]
    assert ids_of(associator, [], STILL) == []


def test_the_order_of_instances_does_not_matter():
    associator = Associator()
    ids_of(associator, [square(0, 0), square(50, 50)], None)
    assert ids_of(associator, [square(50, 50), square(0, 0)], STILL) == [2, 1]


def test_motion_is_compensated():
    """A square that moves by more than its side has no overlap with itself but for the flow."""
    scene = Scene(SIZE, [Block(20, 20, [(10, 40), (40, 40)])])
    with_flow, without = Associator(), Associator()
    for associator in (with_flow, without):
        ids_of(associator, scene.masks(0), None)
    assert ids_of(with_flow, scene.masks(1), scene.motion(1)) == [1]
    assert ids_of(without, scene.masks(1), STILL) == [2]


def test_crossing_objects_keep_their_ids():
    steps = range(0, 41)
    left = Block(16, 20, [(10 + 3 * t, 40) for t in steps])
    right = Block(16, 20, [(130 - 3 * t, 46) for t in steps])
    scene = Scene(SIZE, [left, right])
    associator = Associator()
    hidden = 0
    for t in steps:
        masks = scene.masks(t)
        ids = ids_of(associator, masks, scene.motion(t))
        hidden += masks[0].sum() < 320
        assert ids == [1, 2]
    assert hidden > 3


def test_an_object_missed_while_another_passes_in_front_keeps_its_id():
    person = Block(20, 40, [(80, 30)] * 30)
    bus = Block(50, 60, [(5 + 5 * t, 20) for t in range(30)])
    scene = Scene(SIZE, [person, bus])
    associator = Associator()
    absent = hidden = 0
    for t in range(30):
        masks = scene.masks(t)
        hidden += not masks[0].any()
        seen = [mask for mask in masks if mask.sum() >= 0.7 * 800]
        absent += len(seen) == 1
        assert ids_of(associator, seen, scene.motion(t)) == ([1, 2] if len(seen) == 2 else [2])
    assert hidden >= 5
    assert absent >= 10


@pytest.mark.parametrize(("gap", "expected"), [(1, 1), (5, 1), (6, 2)])
def test_a_track_returns_within_the_gap_memory_only(gap, expected):
    associator = Associator(AssociationOptions(max_gap_frames=5))
    ids_of(associator, [square(10, 10)], None)
    for _ in range(gap):
        ids_of(associator, [], STILL)
    assert ids_of(associator, [square(10, 10)], STILL) == [expected]


def test_a_lost_track_is_carried_on_through_the_gap():
    associator = Associator()
    ids_of(associator, [square(10, 40)], None)
    for _ in range(8):
        ids_of(associator, [], pan(SIZE, 10, 0))
    assert ids_of(associator, [square(100, 40)], pan(SIZE, 10, 0)) == [1]


def test_ids_are_never_used_again():
    associator = Associator(AssociationOptions(max_gap_frames=0))
    given = []
    for t in range(6):
        given += ids_of(associator, [square(10, 10)] if t % 2 == 0 else [], STILL)
    assert given == [1, 2, 3]


def test_a_mask_that_overlaps_too_little_is_another_object():
    options = AssociationOptions(min_iou=0.2)
    for shift, expected in ((12, 1), (14, 2)):  # IoU 0.25 and 0.18
        associator = Associator(options)
        ids_of(associator, [square(10, 10)], None)
        assert ids_of(associator, [square(10 + shift, 10)], STILL) == [expected]


def test_the_assignment_is_best_for_all_not_first_come():
    """Greedy matching would give the first its best partner and leave the second with none."""
    associator = Associator()
    ids_of(associator, [square(10, 10), square(20, 10)], None)
    assert ids_of(associator, [square(14, 10), square(4, 10)], STILL) == [2, 1]


def test_the_rest_of_a_false_alarm_does_not_take_an_object_in_sight():
    associator = Associator()
    ids_of(associator, [square(10, 10), square(11, 10)], None)
    ids_of(associator, [square(10, 10)], STILL)
    assert ids_of(associator, [square(11, 10)], STILL) == [1]


def test_an_empty_mask_belongs_to_no_track_and_costs_no_id():
    associator = Associator()
    assert ids_of(associator, [np.zeros(SIZE, np.bool_), square(10, 10)], None) == [NO_TRACK, 1]


def test_a_repeated_frame_keeps_every_id():
    associator = Associator()
    ids_of(associator, [square(10, 10), square(60, 10)], None)
    assert ids_of(associator, [square(10, 10), square(60, 10)], Motion.still(SIZE, repeated=True)) == [1, 2]


def test_carried_masks_are_those_of_the_last_frame_moved():
    associator = Associator()
    ids_of(associator, [square(10, 10)], None)
    ids_of(associator, [square(13, 10)], pan(SIZE, 3, 0))
    assert np.array_equal(associator.carried[1].bitmap(), square(13, 10))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_iou": 0}, "min_iou above 0 and at most 1, got 0"),
        ({"max_gap_frames": -1}, "max_gap_frames of at least 0, got -1"),
        ({"lost_weight": 2}, "lost_weight above 0 and at most 1, got 2"),
    ],
)
def test_impossible_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        AssociationOptions(**options)


@pytest.mark.parametrize(("fps", "frames"), [(25.0, 25), (29.97, 30), (0.2, 1), (None, 30)])
def test_the_gap_memory_is_about_a_second(fps, frames):
    assert AssociationOptions.for_rate(fps).max_gap_frames == frames
