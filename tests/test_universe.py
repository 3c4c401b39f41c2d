"""The universe of objects that compared models share: consensus, ground truth, and matching one to one."""

import numpy as np
import pytest
from masks import Block, Scene, crop, disk, pan, rectangle

from yolact_temporal.data.crops import mask_iou
from yolact_temporal.temporal.comparison.consensus import ConsensusUniverse
from yolact_temporal.temporal.comparison.matching import assign, duplicates, overlaps
from yolact_temporal.temporal.comparison.truth import TruthUniverse, without
from yolact_temporal.temporal.comparison.universe import SeenMasks, UniverseOptions
from yolact_temporal.temporal.motion import Motion

SIZE = (100, 160)
STILL = Motion.still(SIZE)
RATE = 10.0
"""Half a second is then 5 frames, a second 10."""


def square(x, y=40, side=20):
    return rectangle(SIZE, x, y, x + side, y + side)


def seen(*found):
    """What one model saw: bitmaps, each alone (then with a score of 0.9) or with its score."""
    pairs = [item if isinstance(item, tuple) else (item, 0.9) for item in found]
    return SeenMasks(
        [crop(bitmap) for bitmap, _ in pairs], np.array([score for _, score in pairs], np.float32)
    )


def consensus(models="ab", **options):
    return ConsensusUniverse(dict.fromkeys(models, 0.5), RATE, UniverseOptions(**options))


def step(universe, motion=STILL, elapsed=1, **models):
    """Take a frame; return {object id: (counts, {model: index})}."""
    found = universe.update(models, motion, elapsed=elapsed)
    return {sighting.object_id: (sighting.counts, sighting.matches) for sighting in found}


def counting(found):
    return {key: matches for key, (counts, matches) in found.items() if counts}


# Overlaps and assignment


def test_overlaps_are_those_of_every_two_masks_whatever_is_skipped():
    rng = np.random.default_rng(5)
    masks = [crop(disk(SIZE, *rng.uniform((10, 10), (150, 90)), rng.uniform(2, 40))) for _ in range(30)]
    masks += [crop(np.zeros(SIZE, bool)), crop(square(0, 0)), crop(square(20, 0)), crop(square(0, 0, 10))]
    for least in (0.1, 0.5, 1.0):
        exact = np.array([[mask_iou(one, other) for other in masks] for one in masks])
        assert np.array_equal(overlaps(masks, masks, least), np.where(exact >= least, exact, 0))
    assert (exact == 0.25).any()
    assert overlaps(masks, [], 0.5).shape == (34, 0)


def test_only_faint_masks_that_repeat_a_strong_one_are_duplicates():
    masks = [crop(m) for m in (square(10), square(12), square(13), square(60), square(24))]
    above = np.array([True, False, True, False, False])
    assert duplicates(masks, above).tolist() == [False, True, False, False, False]
    assert duplicates([], np.zeros(0, bool)).tolist() == []


@pytest.mark.parametrize(
    ("gain", "above", "repeats", "expected"),
    [
        ([[0.9, 0.6], [0.7, 0.0]], [1, 1], [0, 0], {0: 1, 1: 0}),  # best for all, not first come
        ([[0.6, 0.9]], [1, 0], [0, 0], {0: 0}),  # a faint mask does not steal
        ([[0.3, 0.9]], [1, 0], [0, 0], {0: 1}),  # but the strong one is of something else
        ([[0.3, 0.9]], [1, 0], [0, 1], {0: 0}),  # unless the faint one only repeats it
        ([[0.6, 0.9], [0.0, 0.3]], [1, 0], [0, 1], {0: 0, 1: 1}),  # what repeats gets what is left
        ([[0.0, 0.0]], [1, 1], [0, 0], {}),
    ],
)
def test_masks_are_assigned_one_to_one_the_strong_ones_first(gain, above, repeats, expected):
    pairs = assign(np.array(gain), np.array(above, bool), np.array(repeats, bool))
    assert dict(pairs) == expected
    assert len(pairs) == len(expected)


# What counts


@pytest.mark.parametrize(("score_a", "score_b"), [(0.9, 0.9), (0.9, 0.2), (0.2, 0.2)])
def test_an_object_that_two_models_see_counts_however_faintly(score_a, score_b):
    found = step(consensus(), a=seen((square(10), score_a)), b=seen((square(12), score_b)))
    assert found == {1: (True, {"a": 0, "b": 0})}


def test_what_one_model_alone_sees_is_no_object():
    universe = consensus()
    for _ in range(30):
        found = step(universe, a=seen(square(10), square(60)), b=seen(square(60)))
        assert found == {1: (True, {"a": 1, "b": 0})}


@pytest.mark.parametrize(("score", "frames"), [(0.9, 5), (0.4, 0)])
def test_an_object_that_another_model_just_saw_counts_for_half_a_second_if_seen_well(score, frames):
    universe = consensus()
    step(universe, a=seen(square(10)), b=seen(square(10)))
    counts = [step(universe, a=seen((square(10), score)), b=seen())[1][0] for _ in range(8)]
    assert counts == [True] * frames + [False] * (8 - frames)


@pytest.mark.parametrize(("gap", "counts"), [(4, True), (5, False)])
def test_a_faint_sighting_by_one_model_makes_anothers_count_for_half_a_second(gap, counts):
    """The object is seen by `b` alone, then by nobody, then by `a` alone: at no time by two."""
    universe = consensus()
    assert step(universe, a=seen(), b=seen((square(10), 0.2))) == {}
    for _ in range(gap):
        assert step(universe, a=seen(), b=seen()) == {}
    found = step(universe, a=seen(square(10)), b=seen())
    assert found == ({1: (True, {"a": 0})} if counts else {})


def test_half_a_second_is_counted_in_frames_of_the_clip_lost_ones_included():
    for elapsed, counts in ((5, True), (6, False)):
        universe = consensus()
        step(universe, a=seen(square(10)), b=seen(square(10)))
        assert step(universe, elapsed=elapsed, a=seen(square(10)), b=seen())[1][0] == counts


@pytest.mark.parametrize(("rate", "frames"), [(25.0, 12), (30.0, 15), (1.0, 1), (None, 15)])
def test_half_a_second_follows_the_rate(rate, frames):
    universe = ConsensusUniverse({"a": 0.5, "b": 0.5}, rate)
    step(universe, a=seen(square(10)), b=seen(square(10)))
    counts = [step(universe, a=seen(square(10)), b=seen())[1][0] for _ in range(frames + 1)]
    assert counts == [True] * frames + [False]


def test_an_object_keeps_its_id_while_it_does_not_count():
    universe = consensus()
    step(universe, a=seen(square(10)), b=seen(square(10)))
    for _ in range(40):
        found = step(universe, a=seen(square(10)), b=seen())
    assert found == {1: (False, {"a": 0})}
    assert step(universe, a=seen(square(10)), b=seen(square(12))) == {1: (True, {"a": 0, "b": 0})}


@pytest.mark.parametrize(("gap", "expected"), [(9, 1), (10, 2)])
def test_an_object_that_nobody_sees_is_remembered_for_a_second(gap, expected):
    universe = consensus()
    step(universe, a=seen(square(10)), b=seen(square(10)))
    for _ in range(gap):
        assert step(universe, a=seen(), b=seen()) == {}
    assert list(step(universe, a=seen(square(10)), b=seen(square(10)))) == [expected]


def test_a_single_model_has_no_consensus():
    with pytest.raises(ValueError, match="at least two models for a consensus, got 1"):
        ConsensusUniverse({"a": 0.5}, RATE)


def test_nothing_seen_gives_no_objects():
    universe = consensus()
    assert step(universe, None, a=seen(), b=seen()) == {}
    empty = np.zeros(SIZE, bool)
    assert step(universe, a=seen(empty), b=seen(empty)) == {}


def test_a_cut_ends_all_objects_and_ids_are_not_used_again():
    universe = consensus()
    step(universe, a=seen(square(10)), b=seen(square(10)))
    universe.forget()
    assert step(universe, None, a=seen(square(10)), b=seen()) == {}
    assert list(step(universe, a=seen(square(10)), b=seen(square(10)))) == [2]


# Who matches what


def test_each_mask_is_of_one_object_and_each_object_has_one_mask_a_model():
    rng = np.random.default_rng(11)
    universe = consensus("abc")
    for _ in range(40):
        models = {}
        for name in "abc":
            count = rng.integers(0, 9)
            centres = rng.uniform((10, 20), (150, 80), (count, 2))
            models[name] = seen(
                *((disk(SIZE, *xy, rng.uniform(4, 25)), rng.uniform(0.1, 1)) for xy in centres)
            )
        found = step(universe, **models)
        for name in "abc":
            used = [matches[name] for _, matches in found.values() if name in matches]
            assert len(used) == len(set(used))
            assert all(0 <= index < len(models[name].masks) for index in used)


def test_the_order_of_models_and_of_instances_does_not_matter():
    objects = [square(5), square(50), square(100)]
    plain, turned = consensus("ab"), consensus("ba")
    for t in range(6):
        a, b = [objects[i] for i in (0, 1, 2)], [objects[i] for i in (2, 0)]
        one = step(plain, a=seen(*a), b=seen(*b))
        other = step(turned, b=seen(*b[::-1]), a=seen(*a[::-1]))
        first = {(m["a"], m.get("b")) for _, m in one.values()}
        second = {(2 - m["a"], None if "b" not in m else 1 - m["b"]) for _, m in other.values()}
        assert first == second == {(0, 1), (2, 0)}, t


def test_a_faint_mask_that_follows_better_does_not_steal_the_object():
    universe = consensus()
    step(universe, a=seen(square(10)), b=seen(square(10)))
    found = step(universe, a=seen((square(10), 0.2), square(14)), b=seen(square(10)))
    assert found == {1: (True, {"a": 1, "b": 0})}


def test_a_mask_of_a_neighbour_does_not_push_a_faint_one_off_its_object():
    """The neighbour, first seen now and seen well, overlaps the carried mask by a quarter."""
    universe = consensus()
    step(universe, a=seen((square(10), 0.3)), b=seen(square(10)))
    found = step(universe, a=seen(square(22), (square(10), 0.3)), b=seen(square(10), square(22)))
    assert counting(found) == {1: {"a": 1, "b": 0}, 2: {"a": 0, "b": 1}}


def test_duplicates_make_no_objects_of_their_own():
    universe = consensus()
    twice = seen(square(10), (square(12), 0.3), (square(13), 0.2))
    for _ in range(5):
        found = step(universe, a=twice, b=twice)
        assert found == {1: (True, {"a": 0, "b": 0})}


def test_two_models_that_first_see_an_object_differently_agree_on_it_later():
    """Each has followed it by itself for a while; from then on it is one object, not one for each."""
    universe = consensus()
    for _ in range(4):
        assert step(universe, a=seen(square(10)), b=seen(square(20))) == {}
    for _ in range(4):
        assert step(universe, a=seen(square(10)), b=seen(square(12))) == {1: (True, {"a": 0, "b": 0})}


def test_an_object_that_one_model_splits_is_one_object():
    """One sees a person, the other the upper and the lower part; the parts are not the first one's misses."""
    universe = consensus()
    person = rectangle(SIZE, 40, 20, 60, 80)
    upper, lower = rectangle(SIZE, 40, 20, 60, 54), rectangle(SIZE, 40, 54, 60, 80)
    for t in range(30):
        whole = t % 10 == 9
        found = step(universe, a=seen(person), b=seen(person) if whole else seen(lower, upper))
        assert counting(found) == {1: {"a": 0, "b": 0 if whole else 1}}, t


def test_masks_of_one_object_may_part_far_before_they_are_taken_for_two():
    universe = consensus()
    step(universe, a=seen(square(40)), b=seen(square(40)))
    for shift in range(1, 15):
        assert counting(step(universe, a=seen(square(40)), b=seen(square(40 + shift)))) == {
            1: {"a": 0, "b": 0}
        }


def test_a_model_whose_mask_has_drifted_off_misses_the_object():
    """`b` glides from one object to the next; it did see the first one until just now, and then sees the second."""
    universe = consensus()
    step(universe, a=seen(square(40), square(70)), b=seen(square(40)))
    for shift in range(3, 31, 3):
        found = step(universe, a=seen(square(40), square(70)), b=seen(square(40 + shift)))
    assert counting(found) == {1: {"a": 0}, 2: {"a": 1, "b": 0}}


def test_objects_whose_halves_were_swapped_find_together_again():
    """`a` follows one object only and `b` the other only: each mask is then seen at the other's place by both."""
    universe = consensus()
    step(universe, a=seen(square(20), square(90)), b=seen(square(20), square(90)))
    jumped = pan(SIZE, 0, 0)
    for _ in range(3):
        found = step(universe, jumped, a=seen(square(20)), b=seen(square(90)))
    assert set(counting(found)) == {1, 2}
    for shift in range(0, 71, 7):
        step(universe, a=seen(square(20 + shift)), b=seen(square(90)))
    found = step(universe, a=seen(square(90)), b=seen(square(90)))
    assert list(counting(found).values()) == [{"a": 0, "b": 0}]


def test_a_frozen_mask_is_charged_with_missing_the_object_that_moved_away():
    universe = consensus()
    counts = []
    for t in range(12):
        found = step(universe, pan(SIZE, 5, 0), a=seen(square(20)), b=seen(square(20 + 5 * t)))
        counts.append(counting(found).get(1))
    assert counts[:4] == [{"a": 0, "b": 0}] * 4
    assert {"b": 0} in counts
    assert all("b" in matches for matches in counts[:8])


def crossing(first_in_front):
    steps = range(41)
    left = Block(16, 20, [(10 + 3 * t, 40) for t in steps])
    right = Block(16, 20, [(130 - 3 * t, 46) for t in steps])
    return Scene(SIZE, [right, left] if first_in_front else [left, right])


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("first_in_front", [False, True])
@pytest.mark.parametrize("dropped", ["none", "hidden", "front", "both", "alternating"])
def test_crossing_objects_keep_their_ids_for_both_models_whatever_one_drops(reverse, first_in_front, dropped):
    scene = crossing(first_in_front)
    rng = np.random.default_rng(3)
    universe = consensus(memory_s=2.0)
    order = [1, 0] if reverse else [0, 1]
    for t in range(len(scene)):
        masks = scene.masks(t)
        near = 14 <= t <= 26
        lost = {
            "none": (),
            "hidden": (0,),
            "front": (1,),
            "both": (0, 1),
            "alternating": (t // 3 % 2,),
        }[dropped]
        gone = lost if near else ()
        a = [i for i in order if masks[i].sum() > 30]
        b = [i for i in rng.permutation(2) if masks[i].sum() > 30 and i not in gone]
        found = step(
            universe, scene.motion(t), a=seen(*(masks[i] for i in a)), b=seen(*(masks[i] for i in b))
        )
        if t == 0:
            who = {key: a[matches["a"]] for key, (_, matches) in found.items()}
            assert sorted(who.values()) == [0, 1]
        for key, (_, matches) in found.items():
            assert a[matches["a"]] == who[key], t
            if "b" in matches:
                assert b[matches["b"]] == who[key], t
        assert len(found) == len(a)
        assert sum("b" in matches for _, matches in found.values()) == len(b)


@pytest.mark.parametrize("blind", [(), (9, 10, 11)])
@pytest.mark.parametrize("turned", [False, True])
def test_objects_that_overlap_in_full_while_they_cross_keep_their_ids(blind, turned):
    """Neither hides the other in the masks, and the flow is right for the one in front only."""
    universe = consensus(memory_s=2.0)
    owners = {}
    for t in range(21):
        left, right = disk(SIZE, 30 + 5 * t, 36, 12), disk(SIZE, 130 - 5 * t, 46, 12)
        backward = np.zeros((*SIZE, 2), np.float32)
        backward[right, 0] = 5
        backward[left, 0] = -5
        order = (right, left) if turned and t % 2 else (left, right)
        views = {"a": order, "b": () if t in blind else (left, right)}
        found = step(
            universe, Motion(backward, np.ones(SIZE, bool)), **{m: seen(*v) for m, v in views.items()}
        )
        for key, (_, matches) in found.items():
            for model, index in matches.items():
                owners.setdefault(key, set()).add("left" if views[model][index] is left else "right")
    assert sorted(map(sorted, owners.values())) == [["left"], ["right"]]


def test_an_object_is_followed_by_the_flow_farther_than_it_is_wide():
    universe = consensus()
    for t in range(5):
        found = step(universe, pan(SIZE, 25, 0), a=seen(square(10 + 25 * t)), b=seen(square(10 + 25 * t)))
        assert found == {1: (True, {"a": 0, "b": 0})}


def test_three_models_share_objects_and_two_are_enough():
    universe = consensus("abc")
    one, two, three = square(5), square(60), square(120)
    for _ in range(3):
        found = step(universe, a=seen(square(6), square(61)), b=seen(two, one, three), c=seen(two))
        matches = list(counting(found).values())
        assert len(matches) == 2
        assert {"a": 0, "b": 1} in matches
        assert {"a": 1, "b": 0, "c": 0} in matches


@pytest.mark.parametrize(
    ("shift", "counts"), [(0, False), (1, True)], ids=["the same pixels", "one pixel apart"]
)
def test_of_three_models_those_with_the_very_same_mask_are_one_witness(shift, counts):
    """Two models that share their mask head repeat each other's false alarms: no miss of the third."""
    universe = consensus("abc")
    for _ in range(8):
        found = step(universe, a=seen(), b=seen(square(10)), c=seen(square(10 + shift)))
        assert found == ({1: (True, {"b": 0, "c": 0})} if counts else {})
    # With a third who sees it too it is an object, seen by all three.
    found = step(universe, a=seen(square(12)), b=seen(square(10)), c=seen(square(10 + shift)))
    assert found == {1: (True, {"a": 0, "b": 0, "c": 0})}


def test_a_twin_that_just_saw_an_object_does_not_vouch_for_it():
    universe = consensus("abc")
    step(universe, a=seen(), b=seen(square(10)), c=seen(square(10)))
    assert step(universe, a=seen(), b=seen(square(10)), c=seen()) == {}
    universe = consensus("abc")
    step(universe, a=seen(), b=seen(), c=seen(square(10)))  # alone, it is a witness of its own
    assert step(universe, a=seen(), b=seen(square(10)), c=seen()) == {1: (True, {"b": 0})}


def test_twins_see_an_object_well_if_one_of_them_does():
    universe = consensus("abc")
    step(universe, a=seen(square(10)), b=seen(square(11)), c=seen(square(11)))
    for scores, counts in (((0.9, 0.2), True), ((0.2, 0.9), True), ((0.2, 0.2), False)):
        b, c = (seen((square(11), score)) for score in scores)
        assert step(universe, a=seen(), b=b, c=c)[1][0] == counts


def test_of_two_models_with_the_very_same_masks_each_is_a_witness():
    assert step(consensus(), a=seen(square(10)), b=seen(square(10))) == {1: (True, {"a": 0, "b": 0})}


def test_of_three_models_the_two_that_agree_keep_the_object():
    universe = consensus("abc")
    step(universe, a=seen(square(40)), b=seen(square(40)), c=seen(square(40)))
    for shift in range(3, 31, 3):
        found = step(
            universe, pan(SIZE, 0, 0), a=seen(square(40 + shift)), b=seen(square(40)), c=seen(square(40))
        )
    assert counting(found) == {1: {"b": 0, "c": 0}}


def test_the_same_frames_give_the_same_objects():
    def run():
        rng = np.random.default_rng(2)
        universe, out = consensus(), []
        for _ in range(20):
            xs = rng.uniform(10, 150, 6)
            out.append(
                step(
                    universe,
                    **{n: seen(*(disk(SIZE, x, 50, 12) for x in xs + rng.uniform(-4, 4, 6))) for n in "ab"},
                )
            )
        return out

    assert run() == run()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"low_threshold": -0.1}, "low_threshold in 0..1, got -0.1"),
        ({"consensus_iou": 0}, "consensus_iou above 0 and at most 1, got 0"),
        ({"others_weight": 2}, "others_weight above 0 and at most 1, got 2"),
        ({"recall_s": 2.0}, "recall_s above 0 and at most memory_s, got 2.0 and 1.0"),
    ],
)
def test_impossible_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        UniverseOptions(**options)


# Ground truth


def truth_step(universe, truth, motion=STILL, void=None, **models):
    found = universe.update(models, motion, {key: crop(mask) for key, mask in truth.items()}, void)
    assert all(sighting.counts for sighting in found)
    return {sighting.object_id: sighting.matches for sighting in found}


def test_true_objects_count_whoever_sees_them_and_only_where_they_are():
    universe = TruthUniverse({"a": 0.5})
    truth = {7: square(10), 3: square(90), 5: np.zeros(SIZE, bool)}
    assert truth_step(universe, truth, a=seen(square(10))) == {3: {}, 7: {"a": 0}}
    assert truth_step(universe, {7: square(10)}, a=seen()) == {7: {}}
    assert truth_step(universe, {}, a=seen(square(10))) == {}


def test_a_mask_is_of_the_true_object_it_overlaps_by_a_tenth_or_more():
    for shift, expected in ((16, {"a": 0}), (17, {})):  # IoU 0.11 and 0.08
        assert truth_step(TruthUniverse({"a": 0.5}), {1: square(10)}, a=seen(square(10 + shift))) == {
            1: expected
        }


def test_true_objects_are_matched_one_to_one_the_strong_masks_first():
    universe = TruthUniverse({"a": 0.5})
    truth = {1: square(10), 2: square(40)}
    found = truth_step(universe, truth, a=seen((square(10), 0.2), square(14), (square(38), 0.2), square(90)))
    assert found == {1: {"a": 1}, 2: {"a": 2}}


def test_void_pixels_count_as_neither():
    void = crop(rectangle(SIZE, 20, 0, 160, 100))
    (sighting,) = TruthUniverse({"a": 0.5}).update(
        {"a": seen(rectangle(SIZE, 10, 40, 80, 60))}, STILL, {1: crop(square(10)), 2: crop(square(90))}, void
    )
    assert (sighting.object_id, sighting.matches) == (1, {"a": 0})
    assert np.array_equal(sighting.truth.bitmap(), rectangle(SIZE, 10, 40, 20, 60))
    assert without(crop(square(10)), None).area == 400
    assert without(crop(square(10)), crop(square(60))).area == 400
    assert without(crop(square(60)), void).area == 0
