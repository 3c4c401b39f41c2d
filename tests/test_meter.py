"""The stability meter on scenes whose truth is known: what the numbers must say, and what they must not."""

import math
import os
import tracemalloc
from pathlib import Path
from typing import get_args

import cv2
import numpy as np
import pytest
from masks import Block, Scene, disk, instances, pan, rectangle, texture

from yolact_temporal.data.instances import Instances
from yolact_temporal.temporal import pooling
from yolact_temporal.temporal.association import AssociationOptions
from yolact_temporal.temporal.flow import FlowEstimator
from yolact_temporal.temporal.meter import StabilityMeter
from yolact_temporal.temporal.metrics import REGISTRY
from yolact_temporal.temporal.motion import Motion
from yolact_temporal.temporal.stability import Event

SIZE = (90, 120)
FPS = 25.0
CLASSES = ("person", "vehicle", "animal")
STILL = Motion.still(SIZE)
SQUARE = rectangle(SIZE, 40, 30, 60, 50)


def measure(frames, motions=None, size=SIZE, fps=FPS, **options):
    """Measure `frames`, each an `Instances` or a list of bitmaps; returns (frames' stability, clip's stability)."""
    meter = StabilityMeter(CLASSES, fps, **options)
    seen = []
    for t, frame in enumerate(frames):
        motion = (STILL if motions is None else motions[t]) if t else None
        given = frame if isinstance(frame, Instances) else instances(frame, size)
        seen.append(meter.update(t, t / FPS, given, motion))
    return seen, meter.finish()


def value(clip, name):
    return clip.figures[name].value


class TestGroundTruth:
    def test_a_still_object_is_steady_in_every_figure(self):
        _, clip = measure([[SQUARE]] * 20)
        undefined = {name for name, figure in clip.figures.items() if figure.value is None}
        # What stands still has no power, of which no share can be of high frequency.
        without = ("boundary_off_box", "high_frequency_share")
        assert undefined == {name for name in REGISTRY.own() if name.startswith(without)}
        assert {figure.value for figure in clip.figures.values()} == {0, None}
        assert clip.figures["motion_compensated_jitter"][1:] == (19, 0, 1, 0, 0.0)
        assert clip.figures["second_difference_centroid_x_px"].n == 18

    def test_moving_objects_that_cover_each_other_are_steady_with_exact_flow(self):
        walker = Block(14, 30, [(10 + 2 * t, 40) for t in range(40)])
        bus = Block(30, 24, [(85 - 2 * t, 36) for t in range(40)])
        scene = Scene(SIZE, [walker, bus])
        frames = [[mask for mask in scene.masks(t) if mask.any()] for t in range(40)]
        _, clip = measure(frames, [scene.motion(t) for t in range(40)])
        assert len(clip.tracks) == 2
        for name in ("boundary_px_mean", "boundary_px_p95", "motion_compensated_jitter", "dropout_rate"):
            assert value(clip, name) == 0
        assert clip.figures["boundary_px_mean"].n_undefined == 0

    def test_a_still_picture_with_noise_shows_the_flows_own_floor(self):
        """A still image repeated, each frame with its own sensor noise (METRICS B6)."""
        rng, picture = np.random.default_rng(0), texture(SIZE).astype(float)
        estimator = FlowEstimator()
        motions = [
            estimator.update(np.clip(picture + rng.normal(0, 3, picture.shape), 0, 255).astype(np.uint8))
            for _ in range(10)
        ]
        _, clip = measure([[disk(SIZE, 60, 45, 30)]] * 10, motions)
        assert 0 <= value(clip, "boundary_px_mean") < 0.1
        assert value(clip, "motion_compensated_jitter") < 0.01


class TestJitterIsRecovered:
    @pytest.mark.slow
    def test_boundary_noise_raises_every_jitter_figure(self):
        """The same wobble at every level, of another size: what grows is the noise and nothing else."""
        clips = [
            measure([[disk(SIZE, 60, 45, 28, noise, np.random.default_rng(t))] for t in range(40)])[1]
            for noise in (0, 0.5, 1, 2, 4)
        ]
        for name in (
            "boundary_px_mean",
            "boundary_px_p95",
            "boundary_share_mean",
            "motion_compensated_jitter",
            "second_difference_centroid_x_px",
            "second_difference_centroid_y_share",
            "second_difference_log_area",
            "second_difference_box_x1_px",
        ):
            values = [value(clip, name) for clip in clips]
            assert values[0] == 0
            assert min(np.diff(values)) > 0, name

    @pytest.mark.slow
    @pytest.mark.smoke
    @pytest.mark.parametrize("shake", [0.25, 0.5])
    def test_a_sub_pixel_shake_of_the_centroid_is_recovered(self, shake):
        rng = np.random.default_rng(2)
        centres = 45 + np.cumsum(np.full((400, 2), 0.02), axis=0) + rng.normal(0, shake, (400, 2))
        _, clip = measure([[disk(SIZE, x, y, 20)] for x, y in centres])
        assert len(clip.tracks) == 1
        for axis in "xy":
            figure = clip.figures[f"second_difference_centroid_{axis}_px"]
            assert figure.value == pytest.approx(shake, rel=0.1)
            assert figure.n == 398
            side = math.sqrt(math.pi) * 20
            share = value(clip, f"second_difference_centroid_{axis}_share")
            assert share == pytest.approx(shake / side, rel=0.1)

    def test_slow_drift_is_not_jitter(self):
        """The mask slides off its object by 2 px in 100 frames; the pan gives the floor to compare with."""
        step, drift = 0.37, 0.02
        motions = [pan(SIZE, step, 0) for _ in range(100)]
        truth = [[disk(SIZE, 30 + step * t, 45, 20)] for t in range(100)]
        drifting = [[disk(SIZE, 30 + (step + drift) * t, 45, 20)] for t in range(100)]
        floor, clip = measure(truth, motions)[1], measure(drifting, motions)[1]
        names = ("boundary_px_mean", "motion_compensated_jitter", "second_difference_centroid_x_px")
        for name in names:
            assert value(floor, name) > 0
            assert value(clip, name) == pytest.approx(value(floor, name), rel=0.2)

    @pytest.mark.slow
    def test_score_jitter_of_white_noise_is_its_deviation(self):
        rng = np.random.default_rng(3)
        scores = np.clip(0.6 + rng.normal(0, 0.05, 400), 0, 1)
        _, clip = measure([instances([SQUARE], SIZE, scores=[score]) for score in scores])
        assert value(clip, "score_jitter") == pytest.approx(0.05, rel=0.1)

    def test_a_figure_is_averaged_over_all_pairs_and_beside_it_over_tracks(self):
        """One track of 1 pair with jitter, one of 9 pairs without: the clip is a tenth of the first, not half."""
        moved = rectangle(SIZE, 41, 30, 61, 50)
        other = rectangle(SIZE, 80, 60, 100, 80)
        _, clip = measure([[SQUARE, other], [moved, other]] + [[other]] * 8)
        jitter = 1 - (19 * 20) / (21 * 20)
        assert value(clip, "motion_compensated_jitter") == pytest.approx(jitter / 10)
        assert clip.figures["motion_compensated_jitter"][1:] == (10, 0, 2, 0, pytest.approx(jitter / 2))


class TestFlickerIsRecovered:
    @pytest.mark.slow
    @pytest.mark.parametrize("rate", [0.1, 0.3])
    def test_dropped_frames(self, rate):
        keep = np.random.default_rng(4).permutation(500) >= rate * 500
        _, clip = measure([[SQUARE] if here else [] for here in keep])
        assert len(clip.tracks) == 1
        assert value(clip, "dropout_rate") == pytest.approx(rate, abs=0.02)
        assert value(clip, "motion_compensated_jitter") == 0

    @pytest.mark.slow
    @pytest.mark.parametrize("rate", [0.1, 0.4])
    def test_class_switches(self, rate):
        switch = np.random.default_rng(5).random(1200) < rate
        classes = np.cumsum(switch) % 3
        seen, clip = measure([instances([SQUARE], SIZE, class_ids=[c]) for c in classes])
        assert len(clip.tracks) == 1
        assert value(clip, "class_flip_rate") == pytest.approx(rate, abs=0.02)
        assert sum(frame.count("class_flip") for frame in seen) == switch[1:].sum()

    def test_area_blinks(self):
        small = rectangle(SIZE, 40, 30, 60, 42)
        frames = [[small if t % 5 == 0 else SQUARE] for t in range(26)]
        seen, clip = measure(frames)
        assert value(clip, "area_blinks_per_s") == pytest.approx(10 / (25 / FPS))
        assert sum(frame.count("area_blink") for frame in seen) == 10

    def test_gaps_are_told_by_length(self):
        frames = [[SQUARE] if letter == "x" else [] for letter in "xx.x..xxx......x"]
        _, clip = measure(frames)
        gaps = {name: value(clip, name) for name in REGISTRY.own() if name.startswith("gaps")}
        assert gaps == {
            "gaps_of_1_frame": 1,
            "gaps_of_2_frames": 1,
            "gaps_of_3_to_4_frames": 0,
            "gaps_of_5_to_8_frames": 1,
            "gaps_of_9_to_16_frames": 0,
            "gaps_of_17_or_more_frames": 0,
        }

    def test_a_gap_beyond_the_memory_ends_the_track(self):
        frames = [[SQUARE], [SQUARE], *[[]] * 3, [SQUARE], [SQUARE]]
        _, clip = measure(frames, association=AssociationOptions(max_gap_frames=2))
        assert [(track.first_frame, track.last_frame) for track in clip.tracks] == [(0, 1), (5, 6)]
        assert [track.frames_absent for track in clip.tracks] == [0, 0]
        assert value(clip, "dropout_rate") == 0


class TestUndefinedIsUndefined:
    def test_an_empty_clip(self):
        clip = StabilityMeter(CLASSES, FPS).finish()
        assert (clip.frames, clip.instances, clip.tracks) == (0, 0, ())
        assert clip.figures == dict.fromkeys(REGISTRY.own(), (None, 0, 0, 0, 0, None))

    def test_a_clip_in_which_nothing_is_seen(self):
        seen, clip = measure([[]] * 5)
        assert clip.frames == 5
        assert all(figure.value is None for figure in clip.figures.values())
        assert seen[2].figure("boundary_px_mean") == (None, 0, 0)

    def test_a_clip_of_one_frame(self):
        seen, clip = measure([[SQUARE]])
        assert seen[0].status == "first"
        assert seen[0].instances[0].pair is None
        figures = {name: figure for name, figure in clip.figures.items() if name != "duplicate_rate"}
        assert all(figure.value is None for figure in figures.values())
        assert all(figure.tracks_undefined == 1 for figure in figures.values())
        assert clip.figures["duplicate_rate"].value == 0

    def test_a_track_seen_once_beside_a_steady_one(self):
        other = rectangle(SIZE, 80, 60, 100, 80)
        _, clip = measure([[SQUARE]] * 4 + [[SQUARE, other]] + [[SQUARE]] * 4)
        jitter = clip.figures["motion_compensated_jitter"]
        assert (jitter.value, jitter.tracks, jitter.tracks_undefined) == (0, 1, 1)
        assert clip.tracks[1].figures["motion_compensated_jitter"].value is None
        assert clip.tracks[1].figures["dropout_rate"].value is None

    def test_empty_masks_are_no_steady_masks(self):
        nothing = np.zeros(SIZE, np.bool_)
        seen, clip = measure([[nothing]] * 10)
        assert (clip.instances, clip.empty_masks, clip.tracks) == (10, 10, ())
        assert all(figure.value is None for figure in clip.figures.values())
        item = seen[3].instances[0]
        assert (item.track_id, item.centroid, item.pair, item.events) == (None, None, None, ("empty_mask",))
        assert seen[3].track_ids.tolist() == [-1]

    def test_a_pair_without_visible_pixels_is_counted_as_undefined(self):
        hidden = Motion(STILL.backward, ~rectangle(SIZE, 30, 20, 70, 60))
        seen, clip = measure([[SQUARE]] * 4, [None, STILL, hidden, STILL])
        for name in ("boundary_px_mean", "motion_compensated_jitter", "area_blinks_per_s"):
            assert clip.figures[name] == (0, 2, 1, 1, 0, 0)
        assert seen[2].instances[0].pair["motion_compensated_jitter"] is None
        assert seen[2].figure("motion_compensated_jitter") == (None, 0, 1)

    def test_without_time_no_figure_per_second_has_a_value(self):
        _, clip = measure([[SQUARE], [], [SQUARE]], fps=None)
        assert value(clip, "presence_flips_per_s") is None
        assert value(clip, "area_blinks_per_s") is None
        assert value(clip, "dropout_rate") == pytest.approx(1 / 3)
        assert clip.tracks[0].life_s is None

    def test_a_full_frame_mask_has_no_boundary_and_no_boundary_figure(self):
        _, clip = measure([[np.ones(SIZE, np.bool_)]] * 9)
        assert clip.figures["boundary_px_mean"] == (None, 0, 8, 0, 1, None)
        assert value(clip, "motion_compensated_jitter") == 0


class TestWhichPairsCount:
    def test_repeated_frames_are_left_out_and_counted(self):
        """Every other frame is a repeat: without leaving it out, jitter would come out half as large."""
        moved = rectangle(SIZE, 42, 30, 62, 50)
        frames = [[SQUARE], [SQUARE], [moved], [moved]] * 4
        repeat = Motion.still(SIZE, repeated=True)
        motions = [STILL if t % 2 == 0 else repeat for t in range(16)]
        seen, clip = measure(frames, motions)
        assert clip.frame_pairs == {"counted": 7, "repeated": 8, "after_lost_frames": 0, "without_motion": 0}
        assert clip.figures["motion_compensated_jitter"].n == 7
        assert value(clip, "motion_compensated_jitter") == pytest.approx(1 - 18 / 22)
        assert clip.figures["score_jitter"].n == clip.figures["class_flip_rate"].n == 7
        assert clip.figures["presence_flips_per_s"].n == 7
        assert value(clip, "second_difference_centroid_x_px") is None
        assert seen[1].status == "repeated"
        assert seen[1].instances[0].pair is None
        assert len(clip.tracks) == 1

    def test_pairs_across_lost_frames_are_left_out_and_counted(self):
        meter = StabilityMeter(CLASSES, FPS)
        moved = rectangle(SIZE, 44, 30, 64, 50)
        for index, mask in ((0, SQUARE), (1, SQUARE), (4, moved), (5, moved)):
            seen = meter.update(index, index / FPS, instances([mask], SIZE), STILL if index else None)
            assert seen.status == {0: "first", 4: "after_lost_frames"}.get(index, "counted")
            assert seen.track_ids.tolist() == [1]
        clip = meter.finish()
        assert clip.frame_pairs["after_lost_frames"] == 1
        assert clip.figures["motion_compensated_jitter"][:2] == (0, 2)
        assert clip.tracks[0].life_s == pytest.approx(2 / FPS)

    def test_with_a_stride_selected_frames_are_consecutive(self):
        meter = StabilityMeter(CLASSES, FPS, stride=3)
        for index in (3, 6, 9):
            seen = meter.update(index, index / FPS, instances([SQUARE], SIZE), STILL)
        assert seen.status == "counted"
        clip = meter.finish()
        assert clip.tracks[0].life_s == pytest.approx(6 / FPS)
        assert clip.association.max_gap_frames == 8

    def test_a_frame_without_motion_counts_for_presence_only(self):
        seen, clip = measure([[SQUARE]] * 3, [None, None, STILL])
        assert seen[1].status == "without_motion"
        assert clip.frame_pairs["without_motion"] == 1
        assert clip.figures["motion_compensated_jitter"].n == 1

    def test_pairs_across_a_gap_are_no_pairs(self):
        moved = rectangle(SIZE, 44, 30, 64, 50)
        seen, clip = measure([[SQUARE], [], [moved]])
        assert seen[1].lost == (1,)
        item = seen[2].instances[0]
        assert (item.track_id, item.gap_frames, item.events, item.pair) == (1, 1, ("return",), None)
        assert clip.figures["motion_compensated_jitter"] == (None, 0, 0, 0, 1, None)


class TestWhatIsToldOfInstances:
    def test_an_instance(self):
        seen, _ = measure([instances([SQUARE], SIZE, class_ids=[1], scores=[0.75])])
        item = seen[0].instances[0]
        assert (item.track_id, item.class_name, item.score) == (1, "vehicle", 0.75)
        assert (item.area_px, item.centroid, item.box) == (400, (50.0, 40.0), (40, 30, 60, 50))
        assert item.events == ("new",)

    def test_events_are_those_that_are_documented(self):
        small = rectangle(SIZE, 40, 30, 60, 42)
        frames = [[SQUARE], instances([small], SIZE, class_ids=[2]), [], [np.zeros(SIZE, np.bool_), SQUARE]]
        seen, _ = measure(frames)
        events = [item.events for frame in seen for item in frame.instances]
        assert events == [("new",), ("class_flip", "area_blink", "box_cut"), ("empty_mask",), ("return",)]
        assert {event for some in events for event in some} <= set(get_args(Event))

    def test_a_class_not_named_is_told_by_number(self):
        seen, clip = measure([instances([SQUARE], SIZE, class_ids=[7])])
        assert seen[0].instances[0].class_name == clip.tracks[0].class_name == "7"

    def test_a_track_has_the_class_it_had_most_often(self):
        frames = [instances([SQUARE], SIZE, class_ids=[c]) for c in (1, 2, 2, 1, 2)]
        track = measure(frames)[1].tracks[0]
        assert track.class_name == "animal"
        assert (track.first_frame, track.last_frame, track.frames_seen) == (0, 4, 5)
        assert track.life_s == pytest.approx(4 / FPS)
        assert track.mean_area_px == 400


class TestMisuse:
    def test_frames_out_of_order_are_refused(self):
        meter = StabilityMeter(CLASSES, FPS)
        meter.update(5, 0.2, Instances.empty(SIZE), None)
        with pytest.raises(ValueError, match="frame index above 5, got 5"):
            meter.update(5, 0.2, Instances.empty(SIZE), STILL)

    def test_motion_of_another_size_is_refused(self):
        meter = StabilityMeter(CLASSES, FPS)
        with pytest.raises(ValueError, match=r"motion of size \(90, 120\), got \(4, 4\)"):
            meter.update(0, 0, Instances.empty(SIZE), Motion.still((4, 4)))

    @pytest.mark.parametrize(
        ("options", "message"), [({"fps": 0}, "frame rate above 0"), ({"stride": 0}, "stride")]
    )
    def test_impossible_options_are_refused(self, options, message):
        with pytest.raises(ValueError, match=message):
            StabilityMeter(CLASSES, **options)


def test_finish_may_be_called_at_any_time_and_changes_nothing():
    meter = StabilityMeter(CLASSES, FPS)
    for t in range(6):
        meter.update(t, t / FPS, instances([SQUARE], SIZE), STILL if t else None)
        assert meter.finish().figures == meter.finish().figures
    assert meter.finish().figures["motion_compensated_jitter"].n == 5


def test_every_figure_of_a_random_clip_is_in_its_range():
    rng = np.random.default_rng(6)
    frames = []
    for _ in range(60):
        masks = [
            disk(SIZE, *rng.uniform(20, 70, 2), rng.uniform(1, 25), 2, rng) for _ in range(rng.integers(0, 4))
        ]
        frames.append(
            instances(masks, SIZE, rng.integers(0, 3, len(masks)), rng.random(len(masks))) if masks else []
        )
    _, clip = measure(frames)
    assert len(clip.tracks) > 3
    for name, spec in REGISTRY.own().items():
        for figure in (clip.figures[name], *(track.figures[name] for track in clip.tracks)):
            if figure.value is not None:
                assert spec.range[0] <= figure.value <= spec.range[1], name
            else:
                assert figure.n == 0


@pytest.mark.slow
def test_memory_does_not_grow_with_the_frames_of_tracks_without_end(monkeypatch):
    """Two tracks without end, one of them with gaps: once there are as many blocks as may be, nothing is added."""
    monkeypatch.setattr(pooling, "MOST_BLOCKS", 64)
    meter = StabilityMeter(CLASSES, FPS)
    both = instances([SQUARE, rectangle(SIZE, 80, 60, 100, 80)], SIZE)
    one = instances([SQUARE], SIZE)

    def feed(start, end):
        for t in range(start, end):
            meter.update(t, t / FPS, one if t % 7 == 0 else both, STILL if t else None)

    feed(0, 50)
    tracemalloc.start()
    feed(50, 100)
    before = tracemalloc.get_traced_memory()[0]
    feed(100, 400)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert (
        grown < len(REGISTRY.headlines()) * 64 * 16
    )  # of 300 frames: what the blocks take when they are full


@pytest.mark.slow
@pytest.mark.real_data
@pytest.mark.parametrize("sequence", ["blackswan", "car-shadow"])
def test_on_real_video_the_ground_truth_is_steadier_than_a_published_system(sequence):
    root = os.environ.get("YOLACT_TEMPORAL_TEST_DATA")
    if not root:
        pytest.skip("YOLACT_TEMPORAL_TEST_DATA does not name the data folder")
    davis = Path(root) / "datasets" / "davis"
    frames = sorted((davis / "JPEGImages" / "480p" / sequence).glob("*.jpg"))[10:22]
    estimator = FlowEstimator()
    motions = [estimator.update(np.ascontiguousarray(cv2.imread(str(frame))[..., ::-1])) for frame in frames]
    clips = []
    for folder in (davis / "Annotations" / "480p", davis / "results" / "osvos"):
        pictures = [cv2.imread(str(folder / sequence / f"{frame.stem}.png")) for frame in frames]
        masks = [[picture.any(axis=2)] for picture in pictures]
        clips.append(measure(masks, motions, size=masks[0][0].shape)[1])
    truth, system = clips
    for name in ("boundary_px_mean", "boundary_px_p95", "motion_compensated_jitter"):
        assert 0 < value(truth, name) < value(system, name)
    assert truth.figures["boundary_px_mean"].n == len(frames) - 1


def test_a_cut_ends_all_tracks_and_loses_none():
    bitmap = np.zeros((1, 40, 40), np.bool_)
    bitmap[0, 10:30, 10:30] = True
    found = Instances.from_bitmaps([[10, 10, 30, 30]], [0.9], [0], bitmap)
    meter = StabilityMeter(("thing",), 25)
    still = Motion.still((40, 40))
    meter.update(0, 0.0, found, None)
    meter.update(1, 0.04, found, still)
    after = meter.update(2, 0.08, found, None, cut=True)
    assert after.track_ids.tolist() == [2]
    assert after.lost == ()
    assert after.instances[0].events == ("new",)
    result = meter.finish()
    assert [track.frames_seen for track in result.tracks] == [2, 1]
    assert result.frame_pairs["without_motion"] == 1
