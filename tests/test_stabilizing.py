"""Stabilisers of masks: each does what it says and nothing else, and what is recommended is worth its cost."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import foreign_results as foreign
import numpy as np
import pytest
from stabilizing import SIZE, THRESHOLD, measured, motions, scene, seen, stabilized, tracked, with_scores

from yolact_temporal.data.crops import MaskCrop, mask_iou, same_mask
from yolact_temporal.data.instances import Instances
from yolact_temporal.errors import UsageError
from yolact_temporal.temporal.meter import StabilityMeter
from yolact_temporal.temporal.motion import Motion, warp_mask, warp_mask_back
from yolact_temporal.temporal.report import format_cell
from yolact_temporal.temporal.stabilizing.bounds import CostBounds
from yolact_temporal.temporal.stabilizing.contract import CausalMethod, moved
from yolact_temporal.temporal.stabilizing.live import Stabilizer
from yolact_temporal.temporal.stabilizing.recommending import recommend
from yolact_temporal.temporal.stabilizing.registry import (
    METHODS,
    Candidate,
    MethodSpec,
    candidates_of,
    parse_method,
)
from yolact_temporal.temporal.stabilizing.what_if_text import recommendation_sentence

ALL = candidates_of(list(METHODS.values()))


def masks_of(shown, track=1):
    return [frame.by_track.get(track) for frame in shown]


def test_every_method_gives_every_frame_once_in_order_after_its_look_ahead():
    given = tracked(scene(8), seen(scene(8)))
    for candidate in ALL:
        method = candidate.make()
        counts = [len(method.push(frame)) for frame in given]
        left = method.finish()
        assert counts == [0] * candidate.look_ahead + [1] * (8 - candidate.look_ahead), candidate.name
        assert len(left) == candidate.look_ahead == method.look_ahead
        shown = stabilized(candidate.make(), given)
        assert [frame.index for frame in shown] == list(range(8))


def test_what_every_method_makes_of_perfect_masks_is_nearly_the_same():
    frames = scene(12)
    given = tracked(frames, seen(frames))
    for candidate in ALL:
        if candidate.spec.name in ("freeze", "one-euro"):
            continue
        for raw, own in zip(given, stabilized(candidate.make(), given), strict=True):
            assert mask_iou(raw.counted[1].mask, own.by_track[1]) > 0.96, (candidate.name, raw.index)


class TestHysteresis:
    def dipped(self, dips, lows):
        """Truth of 30 frames whose score is pushed down in some, to 0.3 or, in `lows`, to 0.05."""
        frames = scene(30)
        scores = [0.05 if i in lows else 0.3 if i in dips else 0.9 for i in range(30)]
        found = [with_scores(own, score) for own, score in zip(seen(frames), scores, strict=True)]
        return tracked(frames, found)

    def test_all_dips_are_removed_and_nothing_else_is_changed(self):
        dips = {5, 11, 12, 13, 21}
        given = self.dipped(dips, set())
        shown = stabilized("hysteresis", given)
        for raw, own in zip(given, shown, strict=True):
            assert list(own.by_track) == [1]
            assert (raw.index in dips) == (not raw.counted)
            source = raw.faint[1] if raw.index in dips else raw.counted[1]
            assert own.by_track[1] is source.mask
            assert own.shown[0].score == source.score

    def test_what_is_below_the_lower_threshold_stays_away(self):
        given = self.dipped({5, 6}, {6})
        assert [mask is None for mask in masks_of(stabilized("hysteresis:0.1", given))[4:8]] == [
            False,
            False,
            True,
            False,
        ]

    def test_a_track_never_starts_faintly(self):
        given = self.dipped({0, 1, 2}, set())
        assert [mask is None for mask in masks_of(stabilized("hysteresis", given))[:4]] == [True] * 3 + [
            False
        ]

    def test_a_faint_repetition_of_what_counts_is_not_shown(self):
        frames = scene(4)
        found = []
        for own in seen(frames):
            crop = own.crops[0]
            both = Instances(np.repeat(own.boxes, 2, 0), [0.9, 0.2], [0, 0], [crop, crop], SIZE)
            found.append(both)
        assert all(len(frame.shown) == 1 for frame in stabilized("hysteresis", tracked(frames, found)))


def with_gap(frames, gap):
    found = seen(frames)
    empty = Instances.empty(SIZE)
    return [empty if frame.index in gap else own for frame, own in zip(frames, found, strict=True)]


@pytest.mark.parametrize(
    ("method", "gap", "shown_in"),
    [
        ("hold:2", range(5, 7), {5, 6}),
        ("hold:2", range(5, 9), {5, 6}),
        ("fill:2", range(5, 7), {5, 6}),
        ("fill:2", range(5, 9), set()),
        ("fill:4", range(5, 9), {5, 6, 7, 8}),
        ("median:3", range(5, 6), {5}),
        ("median:3", range(5, 7), set()),
        ("vote:3", range(5, 8), {5}),
        ("vote:5", range(5, 9), {5, 6}),
        ("sdf", range(5, 7), set()),
        ("identity", range(5, 7), set()),
    ],
)
def test_gaps_are_bridged_as_far_as_a_method_says_and_truly(method, gap, shown_in):
    frames = scene(16)
    shown = masks_of(stabilized(method, tracked(frames, with_gap(frames, gap))))
    assert {index for index in gap if shown[index] is not None} == shown_in
    for index in shown_in:
        truth = MaskCrop.from_bitmap(frames[index].masks[1])
        assert mask_iou(shown[index], truth) > 0.9
    assert all(shown[index] is not None for index in set(range(16)) - set(gap))


def test_nothing_is_carried_across_a_cut():
    frames = scene(12)
    moved_by = motions(frames)
    moved_by[6] = None
    given = tracked(frames, with_gap(frames, range(5, 8)), moved_by)
    for method in ("hold:5", "fill:5", "median:3", "vote:5"):
        shown = masks_of(stabilized(method, given))
        assert shown[6] is None, method
        assert shown[7] is None, method


@pytest.mark.slow
@pytest.mark.smoke
@pytest.mark.parametrize("camera", ["still", "pan"])
def test_median_lowers_jitter_over_the_floor_by_a_third_without_lag(camera):
    frames = scene(60, camera=camera)
    given = tracked(frames, seen(frames, "boundary_noise", 1.0))
    floor = measured(frames, tracked(frames, seen(frames)), [parse_method("identity")])["identity"]
    found = measured(frames, given, [parse_method("identity"), parse_method("median:3")])
    median = found["median3"]
    over = median.raw_boundary_px - floor.boundary_px
    assert over > 0.3
    assert median.boundary_px - floor.boundary_px < 2 / 3 * over
    assert median.lag_frames == 0


def lagging(frames: int):
    """A method that shows the mask of some frames before, unmoved: as a mean of thresholded masks does."""

    class Lagging(CausalMethod):
        def __init__(self):
            self.past = []

        def show(self, frame):
            self.past = [frame.counted, *self.past][: frames + 1]
            old = self.past[-1]
            return [moved(own, old[key].mask) if key in old else own for key, own in frame.counted.items()]

    return Candidate(MethodSpec(f"lagging{frames}", "Shows the past.", Lagging, needs_motion=False))


class TestCosts:
    @pytest.mark.parametrize("frames", [1, 3])
    def test_lag_is_found_to_the_frame(self, frames):
        clip = scene(40, speed=3.0)
        given = tracked(clip, seen(clip))
        found = measured(clip, given, [parse_method("identity"), lagging(frames)])
        assert found["identity"].lag_frames == 0
        assert found[f"lagging{frames}"].lag_frames == frames

    def test_what_does_not_move_has_no_lag(self):
        clip = scene(30, speed=0.0)
        found = measured(clip, tracked(clip, seen(clip)), [parse_method("identity"), lagging(3)])
        assert found["lagging3"].lag_frames == 0

    def test_the_identity_costs_nothing(self):
        clip = scene(20)
        found = measured(clip, tracked(clip, seen(clip, "dropped", 0.2)), [parse_method("identity")])
        own = found["identity"]
        assert (own.deviation, own.ghost, own.lag_frames, own.onset_delay_frames) == (0.0, 0.0, 0, 0.0)

    def test_ghosts_are_pixels_where_no_raw_mask_is_near(self):
        clip = scene(24, speed=0.0)
        given = tracked(clip, with_gap(clip, range(8, 20)))
        found = measured(clip, given, [parse_method("identity"), parse_method("hold:10")])
        # Of 10 frames held those two frames after the last sighting, and two before the next, are no ghosts.
        assert found["hold10"].ghost == pytest.approx(8 / 22, abs=0.02)
        assert found["identity"].ghost == 0.0

    def test_onset_delay_is_counted(self):
        class Late(CausalMethod):
            count = 0

            def show(self, frame):
                self.count += 1
                return list(frame.counted.values()) if self.count > 4 else []

        clip = scene(12)
        late = Candidate(MethodSpec("late", "Shows late.", Late))
        found = measured(clip, tracked(clip, seen(clip)), [parse_method("identity"), late])
        assert found["late"].onset_delay_frames == 4.0


@pytest.mark.slow
def test_the_identity_is_the_raw_run_to_the_digit():
    frames = scene(40, objects=3, camera="pan")
    found = [
        first if frame.index % 7 else Instances.empty(SIZE)
        for frame, first in zip(frames, seen(frames, "boundary_noise", 1.0), strict=True)
    ]
    moved_by = motions(frames)
    meter = StabilityMeter(("a", "b", "c"), 24.0)
    for frame, own, motion in zip(frames, found, moved_by, strict=True):
        meter.update(frame.index, frame.time_s, own, motion)
    raw = meter.finish().figures
    own = measured(frames, tracked(frames, found, moved_by), [parse_method("identity")])["identity"]
    for value, name in ((own.boundary_px, "boundary_px_mean"), (own.jitter, "motion_compensated_jitter")):
        assert format_cell(value, 12) == format_cell(raw[name].value, 12)
    assert own.pairs == raw["motion_compensated_jitter"].n


class TestRecommendation:
    @staticmethod
    @cache
    def clip(fault="boundary_noise", dose=1.5, extra=(), **changes):
        """The figures of a clip, measured once for all tests."""
        frames = scene(50, **changes)
        given = tracked(frames, seen(frames, fault, dose))
        return list(measured(frames, given, [*ALL, *extra]).values())

    @pytest.mark.slow
    @pytest.mark.smoke
    def test_freeze_and_lagging_means_are_never_recommended(self):
        extra = (lagging(1), lagging(3))
        for fault, dose, speed in (("boundary_noise", 1.5, 3.0), ("truth", 0.0, 3.0), ("dropped", 0.2, 3.0)):
            found = {"clip": self.clip(fault, dose, extra, speed=speed)}
            result = recommend(found, CostBounds(), lambda candidate: candidate.causal)
            assert result.best is None or result.best.spec.name not in ("freeze", "lagging1", "lagging3")
            by_name = {own.spec.name: own for own in result.judged}
            assert "freeze" not in by_name
            assert by_name["lagging3"].objections

    @pytest.mark.slow
    @pytest.mark.smoke
    def test_noise_is_mended_by_what_smooths_and_dropouts_by_what_bridges(self):
        noisy = recommend({"clip": self.clip()}, CostBounds(), lambda own: not own.causal)
        assert noisy.best.spec.name == "median"
        gappy = {"clip": self.clip("dropped", 0.1)}
        assert recommend(gappy, CostBounds(), lambda own: own.causal).best.spec.name in ("hold", "vote")

    @pytest.mark.slow
    def test_none_is_an_answer(self):
        assert (
            recommend(
                {"clip": self.clip("truth", 0.0)}, CostBounds(deviation=0.0, deviation_of_jitter=0.0)
            ).best
            is None
        )

    @pytest.mark.slow
    def test_no_gain_without_a_second_motion_estimate_to_check_it(self):
        frames = scene(30)
        given = tracked(frames, seen(frames, "boundary_noise", 1.5), motions(frames, second=False))
        result = recommend({"clip": list(measured(frames, given, ALL).values())}, CostBounds())
        assert result.best is None or not result.best.spec.needs_motion
        assert any("second motion" in each.text for own in result.judged for each in own.objections)

    def test_a_few_pairs_are_too_short_to_tell(self):
        frames = scene(12, objects=1)
        tried = [parse_method(name) for name in ("identity", "hold:5", "median:3")]
        given = tracked(frames, seen(frames, "dropped", 0.2))
        result = recommend({"clip": list(measured(frames, given, tried).values())}, CostBounds())
        assert result.best is None
        pairs = result.judged[0].loss_change.pairs
        assert pairs < 30
        assert recommendation_sentence(result) == (
            f"None of these is recommended: {pairs} pairs of frames are too short to tell, it takes 30."
        )

    @pytest.mark.slow
    @pytest.mark.smoke
    def test_what_is_recommended_says_what_it_does_to_every_figure(self):
        noisy = recommend({"clip": self.clip()}, CostBounds(), lambda own: not own.causal)
        sentence = recommendation_sentence(noisy)
        change = noisy.best.boundary_change
        assert change.is_shown()
        assert change.estimate < 0
        for part in (
            f"Recommended: {noisy.best.final.name}. L(1) {noisy.best.loss:.4g} instead of {noisy.best.raw_loss:.4g}",
            "95% interval of the change -",
            f"outlines move less: B1 {change.first:.3g} px instead of {change.second:.3g}",
            "missing 0.00% instead of 0.00%",
            "costs: deviation",
            "on this clip only",
        ):
            assert part in sentence
        turned = replace(noisy, best=replace(noisy.best, boundary_change=change.turned()))
        assert f"outlines move MORE: B1 {change.second:.3g} px instead of" in recommendation_sentence(turned)

    @pytest.mark.slow
    @pytest.mark.smoke
    def test_parameters_are_chosen_on_the_other_clips(self):
        clips = {str(seed): self.clip(seed=seed) for seed in (1, 2, 3)}
        result = recommend(clips, CostBounds())
        assert not result.own_clip
        assert recommend({"1": clips["1"]}, CostBounds()).own_clip
        for own in result.judged:
            for name, candidate in own.chosen.items():
                others = {key: value for key, value in clips.items() if key != name}
                alone = next(each for each in recommend(others, CostBounds()).judged if each.spec is own.spec)
                assert candidate == alone.final

    @pytest.mark.slow
    @pytest.mark.smoke
    def test_the_order_of_clips_changes_nothing(self):
        clips = {"one": self.clip(), "other": self.clip(seed=1)}
        first, second = (
            recommend(dict(items), CostBounds()) for items in (clips.items(), reversed(list(clips.items())))
        )
        assert (first.best and first.best.final) == (second.best and second.best.final)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("blur", "expected a method of identity"),
        ("median:4", "expected an odd number from 3 to 31 as width of median, got '4'"),
        ("median:x", "got 'x'"),
        ("hold:0", "expected a whole number from 1"),
        ("sdf:beta=1", "expected alpha of sdf, got 'beta=1'"),
        ("freeze:1", "expected no parameter of freeze"),
        ("hold:1,2", "expected frames of hold, got '2'"),
        ("sdf:nan", "got 'nan'"),
    ],
)
def test_an_unknown_method_or_parameter_is_told_in_one_sentence(text, says):
    with pytest.raises(UsageError, match="expected") as raised:
        parse_method(text)
    assert says in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("candidate", ALL, ids=lambda candidate: candidate.name)
def test_a_candidate_is_found_again_by_its_name(candidate):
    assert parse_method(candidate.name) == candidate


def test_a_mask_carried_back_lies_where_it_came_from():
    rng = np.random.default_rng(0)
    for size in ((60, 90), (480, 854)):
        shift = np.array([7.0, -4.0], np.float32)
        flow = np.broadcast_to(shift, (size[0] // 2, size[1] // 2, 2)).copy()
        for motion in (
            Motion.from_flow(-np.broadcast_to(shift, (*size, 2)), np.broadcast_to(shift, (*size, 2))),
            Motion.from_reduced_flow(-flow, flow, size),
        ):
            bitmap = np.zeros(size, np.bool_)
            bitmap[20:40, 30:60] = rng.random((20, 30)) > 0.3
            mask = MaskCrop.from_bitmap(bitmap)
            assert same_mask(warp_mask_back(warp_mask(mask, motion), motion), mask)


class TestLive:
    def test_it_shows_what_a_replay_shows(self):
        frames = scene(10)
        found, moved_by = seen(frames, "boundary_noise", 1.0), motions(frames)
        stabilizer = Stabilizer("vote:3", score_threshold=THRESHOLD, fps=24.0)
        live = [
            shown
            for own, motion in zip(found, moved_by, strict=True)
            for shown in stabilizer.push(motion, own)
        ]
        replayed = stabilized("vote:3", tracked(frames, found, moved_by))
        for one, other in zip(live, replayed, strict=True):
            assert one.instances == other.instances

    def test_it_estimates_motion_from_pictures_and_takes_masks_alone(self):
        frames = scene(6, texture=1.0)
        stabilizer = Stabilizer("median:3")
        out = []
        for frame in frames:
            out += stabilizer.push(frame.rgb, frame.masks[1][None], scores=[0.9])
        out += stabilizer.finish()
        assert [own.index for own in out] == list(range(6))
        for own, frame in zip(out, frames, strict=True):
            assert mask_iou(own.instances.crops[0], MaskCrop.from_bitmap(frame.masks[1])) > 0.9

    @pytest.mark.parametrize("library", foreign.LIBRARIES)
    def test_it_takes_what_other_libraries_hand_out(self, library):
        frames = scene(3, texture=1.0)
        plain, other = Stabilizer("vote:3"), Stabilizer("vote:3")
        for frame in frames:
            mask = frame.masks[1][None]
            y, x = np.nonzero(mask[0])
            box = [x.min(), y.min(), x.max() + 1, y.max() + 1]
            (own,) = plain.push(frame.rgb, mask, scores=[0.75], class_ids=[1])
            (found,) = other.push(frame.rgb, foreign.LIBRARIES[library](mask, [box], [0.75], [1]))
            assert found.instances == own.instances
        assert other.class_names == ["class 0", "class 1"]

    def test_empty_frames_are_ordinary(self):
        stabilizer = Stabilizer("vote:3")
        (own,) = stabilizer.push(np.zeros((40, 60, 3), np.uint8), np.zeros((0, 40, 60), np.bool_))
        assert len(own.instances) == 0

    def test_masks_of_a_wrong_shape_are_refused(self):
        with pytest.raises(ValueError, match=r"expected masks \(N, H, W\)"):
            Stabilizer("vote:3").push(np.zeros((40, 60, 3), np.uint8), np.ones((2, 3, 40, 60), np.bool_))
