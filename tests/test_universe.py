"""Objects that models share: one to one, stable in time, and never one model's false alarm the others' miss."""

import numpy as np
import pytest
from masks import crop, disk

from yolact_temporal.temporal.comparison.universe import (
    ConsensusUniverse,
    Seen,
    TruthUniverse,
    UniverseOptions,
)
from yolact_temporal.temporal.motion import Motion

SIZE = (80, 160)
STILL = Motion.still(SIZE)


def at(x, y=40, radius=12):
    return crop(disk(SIZE, x, y, radius))


def seen(*masks, scores=None):
    return Seen(masks, np.array([0.9] * len(masks) if scores is None else scores, np.float32))


def moved(dx):
    """The motion of a scene that moves to the right as a whole."""
    backward = np.zeros((*SIZE, 2), np.float32)
    backward[..., 0] = -dx
    return Motion(backward, np.ones(SIZE, bool))


def consensus(rate=8.0, **options):
    return ConsensusUniverse({"a": 0.5, "b": 0.5}, rate, UniverseOptions(**options))


def counted(sightings):
    return {s.object_id: s.matches for s in sightings if s.counts}


def test_a_consensus_takes_two_models():
    with pytest.raises(ValueError, match="at least two models"):
        ConsensusUniverse({"a": 0.5}, 24.0)


def test_what_two_models_see_is_one_object_and_what_one_sees_is_none():
    found = consensus().update({"a": seen(at(40), at(120)), "b": seen(at(41))}, None)
    assert counted(found) == {1: {"a": 0, "b": 0}}
    assert [s.matches for s in found if not s.counts] == [{"a": 1}]


def test_a_false_alarm_of_one_model_never_counts_however_long_it_lasts():
    universe = consensus()
    for _ in range(30):
        assert counted(universe.update({"a": seen(at(40)), "b": seen()}, STILL)) == {}


@pytest.mark.parametrize(
    ("score", "counts"), [(0.9, True), (0.3, False)], ids=["above the operating threshold", "faint"]
)
def test_an_object_that_one_model_sees_counts_if_another_saw_it_within_half_a_second(score, counts):
    universe = consensus(rate=8.0)  # half a second is 4 frames
    universe.update({"a": seen(at(40)), "b": seen(at(40))}, None)
    alone = {"a": seen(at(40), scores=[score]), "b": seen()}
    assert [bool(counted(universe.update(alone, STILL))) for _ in range(6)] == [counts] * 4 + [False] * 2


def test_faint_masks_of_two_models_are_an_object():
    faint = seen(at(40), scores=[0.2])
    assert counted(consensus().update({"a": faint, "b": faint}, None)) == {1: {"a": 0, "b": 0}}


def test_a_faint_mask_never_takes_an_object_from_one_that_counts():
    universe = consensus()
    universe.update({"a": seen(at(40)), "b": seen(at(40))}, None)
    # The faint mask fits better, but the other one is what the model stands by.
    two = seen(at(40), at(44), scores=[0.2, 0.9])
    assert counted(universe.update({"a": two, "b": seen(at(40))}, STILL))[1] == {"a": 1, "b": 0}


def test_matching_is_one_to_one():
    universe = consensus()
    universe.update({"a": seen(at(40)), "b": seen(at(40))}, None)
    halves = seen(at(40, 34, 9), at(40, 46, 9))
    found = universe.update({"a": seen(at(40)), "b": halves}, STILL)
    used = [s.matches["b"] for s in found if "b" in s.matches]
    assert sorted(used) == [0, 1]
    assert len([s for s in found if s.matches.get("a") == 0]) == 1


@pytest.mark.parametrize("first", ["a", "b"])
@pytest.mark.parametrize("missing", [(), (9, 10, 11)], ids=["seen throughout", "one model blind at the crossing"])
@pytest.mark.parametrize("swapped", [False, True], ids=["in order", "in changing order"])
def test_objects_that_cross_keep_their_ids_for_both_models(first, missing, swapped):
    other = "b" if first == "a" else "a"
    universe = consensus(rate=24.0)
    owners: dict[int, set] = {}
    for frame in range(21):
        left, right = at(30 + 5 * frame, 36), at(130 - 5 * frame, 46)
        backward = np.zeros((*SIZE, 2), np.float32)
        backward[right.bitmap(), 0] = 5
        backward[left.bitmap(), 0] = -5
        motion = Motion(backward, np.ones(SIZE, bool)) if frame else None
        order = (right, left) if swapped and frame % 2 else (left, right)
        views = {first: seen(*order), other: seen() if frame in missing else seen(left, right)}
        for sighting in universe.update(views, motion):
            for model, index in sighting.matches.items():
                mask = views[model].masks[index]
                owners.setdefault(sighting.object_id, set()).add("left" if mask is left else "right")
    assert sorted(map(sorted, owners.values())) == [["left"], ["right"]]


def test_an_object_is_followed_by_the_flow():
    universe = consensus()
    for frame in range(5):
        mask = at(20 + 25 * frame)  # farther a frame than it is wide
        found = universe.update({"a": seen(mask), "b": seen(mask)}, moved(25) if frame else None)
        assert list(counted(found)) == [1]


def test_masks_that_part_become_two_objects():
    universe = consensus()
    universe.update({"a": seen(at(40)), "b": seen(at(40))}, None)
    found = universe.update({"a": seen(at(44)), "b": seen(at(28))}, STILL)
    found = universe.update({"a": seen(at(52)), "b": seen(at(18))}, STILL)
    ids = {model: s.object_id for s in found for model in s.matches}
    assert ids["a"] != ids["b"]


def test_an_object_that_nobody_sees_is_forgotten_after_a_second():
    universe = consensus(rate=4.0)
    both = {"a": seen(at(40)), "b": seen(at(40))}
    none = {"a": seen(), "b": seen()}
    universe.update(both, None)
    for _ in range(3):
        universe.update(none, STILL)
    assert list(counted(universe.update(both, STILL))) == [1]
    for _ in range(5):
        universe.update(none, STILL)
    assert list(counted(universe.update(both, STILL))) == [2]


def test_a_cut_ends_all_objects():
    universe = consensus()
    both = {"a": seen(at(40)), "b": seen(at(40))}
    universe.update(both, None)
    universe.forget()
    assert list(counted(universe.update(both, None))) == [2]


def test_an_empty_mask_is_of_no_object():
    nothing = crop(np.zeros(SIZE, bool))
    found = consensus().update({"a": seen(nothing), "b": seen(nothing)}, None)
    assert found == []


def test_two_of_three_models_agree():
    universe = ConsensusUniverse({"a": 0.5, "b": 0.5, "c": 0.5}, 24.0)
    found = universe.update({"a": seen(at(40)), "b": seen(), "c": seen(at(120), at(41))}, None)
    assert counted(found) == {1: {"a": 0, "c": 1}}


def test_true_objects_count_where_they_have_a_mask_and_take_masks_one_to_one():
    universe = TruthUniverse({"a": 0.5})
    truth = {7: at(40), 9: at(120), 3: crop(np.zeros(SIZE, bool))}
    found = universe.update({"a": seen(at(121), at(42), at(41, 60))}, None, truth)
    assert {s.object_id: s.matches for s in found} == {7: {"a": 1}, 9: {"a": 0}}
    assert all(s.counts and s.truth is truth[s.object_id] for s in found)


def test_a_mask_that_hardly_touches_the_truth_is_not_of_it():
    found = TruthUniverse({"a": 0.5}).update({"a": seen(at(60))}, None, {1: at(40)})
    assert found[0].matches == {}


def test_the_mask_of_the_last_frame_is_carried_here():
    universe = TruthUniverse({"a": 0.5})
    universe.update({"a": seen(at(40))}, None, {1: at(40)})
    found = universe.update({"a": seen(at(65))}, moved(25), {1: at(65)})
    assert found[0].carried["a"].region == at(65).region
    found = universe.update({"a": seen()}, STILL, {1: at(65)})
    found = universe.update({"a": seen(at(65))}, STILL, {1: at(65)})
    assert found[0].carried == {}
