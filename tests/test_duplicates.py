"""One object reported twice: the second report is told as what it is, and changes nothing else."""

import csv

import numpy as np
import pytest
from masks import crop, disk, instances, rectangle

from yolact_temporal.data.runs.layout import ModelFolder
from yolact_temporal.data.runs.tracked_masks import read_tracks
from yolact_temporal.temporal.association import NO_TRACK, Associator, GivenTracks
from yolact_temporal.temporal.comparison.support_meter import ComparedModel, SupportMeter
from yolact_temporal.temporal.intervals import own_intervals
from yolact_temporal.temporal.meter import StabilityMeter
from yolact_temporal.temporal.metrics import REGISTRY
from yolact_temporal.temporal.metrics.duplicates import repeated
from yolact_temporal.temporal.motion import Motion
from yolact_temporal.temporal.report import INSTANCE_COLUMNS, CsvTable, frame_row, instance_rows

SIZE = (100, 160)
STILL = Motion.still(SIZE)


def square(x, y=30, width=40, height=40):
    return rectangle(SIZE, x, y, x + width, y + height)


def measure(frames, identities=None):
    """Measure frames of (bitmaps, scores)."""
    meter = StabilityMeter(("car", "dog"), 25.0, identified=identities is not None)
    seen = []
    for t, (bitmaps, scores) in enumerate(frames):
        found = instances(bitmaps, SIZE, scores=scores)
        own = None if identities is None else identities[t]
        seen.append(meter.update(t, t / 25, found, STILL if t else None, identities=own))
    return seen, meter.finish()


@pytest.mark.parametrize(
    ("places", "scores", "expected"),
    [
        ([], None, []),
        ([10], None, [-1]),
        ([10, 12], [0.9, 0.5], [-1, 0]),  # IoU 38 / 42
        ([10, 12], [0.5, 0.9], [1, -1]),
        ([10, 17], [0.9, 0.5], [-1, 0]),  # 33 / 47 = 0.702
        ([10, 18], [0.9, 0.5], [-1, -1]),  # 32 / 48 = 0.667
        (
            [10, 15, 20],
            [0.9, 0.8, 0.7],
            [-1, 0, 0],
        ),  # the last lies on the second only, which repeats the first
        ([10, 90, 11], [0.5, 0.9, 0.7], [2, -1, -1]),
        ([10, 12, 14], [0.5, 0.5, 0.5], [-1, 0, 0]),  # alike in score and area: the first
    ],
)
def test_which_mask_repeats_which(places, scores, expected):
    assert repeated([crop(square(x)) for x in places], scores).tolist() == expected


def test_without_scores_the_larger_is_repeated():
    small, large = crop(square(10, width=35)), crop(square(10))
    assert repeated([small, large]).tolist() == [1, -1]
    assert repeated([small, large], [0.6, 0.6]).tolist() == [1, -1]
    assert repeated([small, large], [0.7, 0.6]).tolist() == [-1, 0]


def test_an_empty_mask_repeats_nothing():
    empty = crop(np.zeros(SIZE, np.bool_))
    assert repeated([empty, empty, crop(square(10))], [0.9, 0.8, 0.7]).tolist() == [-1, -1, -1]


class TestADuplicateBesideACar:
    """A car seen in 60 of 60 frames; from frame 33 on it is reported twice, and of the two now one is the better."""

    @staticmethod
    def frames(duplicate):
        car = square(60)
        rng = np.random.default_rng(3)
        for t in range(60):
            if t >= 33 and rng.random() < 0.7:
                yield [car, duplicate], ([0.6, 0.9] if t % 9 < 5 else [0.9, 0.6])
            else:
                yield [car], [0.8]

    def test_the_car_never_drops_out_and_no_other_track_is_born(self):
        seen, clip = measure(self.frames(square(64)))
        assert [track.frames_seen for track in clip.tracks] == [60]
        for name in ("dropout_rate", "presence_flips_per_s", "boundary_px_mean", "motion_compensated_jitter"):
            assert clip.figures[name].value == 0, name
        twice = sum(len(frame.instances) == 2 for frame in seen)
        assert twice > 10
        figure = clip.figures["duplicate_rate"]
        assert (figure.value, figure.n) == (pytest.approx(twice / (60 + twice)), 60)
        assert clip.instances == 60 + twice
        assert "duplicate_rate" in own_intervals(clip.sums)

    def test_where_the_two_overlap_too_little_the_car_keeps_its_track(self):
        """At IoU 0.6 it is an instance of its own, with a track; when it is gone, the car is still the car's."""
        _, clip = measure(self.frames(square(70)))
        assert clip.tracks[0].frames_seen == 60
        assert clip.tracks[0].frames_absent == 0
        assert clip.figures["duplicate_rate"].value == 0

    def test_it_is_told_in_the_tables(self):
        seen, _ = measure(self.frames(square(64)))
        frame = next(frame for frame in seen if len(frame.instances) == 2)
        rows = instance_rows(frame)
        assert [row["track_id"] for row in rows] == [1, None]
        assert [row["duplicate_of"] for row in rows] == [None, 1]
        assert rows[1]["events"] == "duplicate"
        assert rows[1]["boundary_px_mean"] is None
        assert frame.track_ids.tolist() == [1, NO_TRACK]
        assert frame.owner_ids.tolist() == [1, 1]
        assert (frame_row(frame)["duplicates"], frame_row(frame)["instances"]) == (1, 2)


@pytest.mark.parametrize("seed", range(6))
def test_duplicates_that_flicker_and_change_scores_change_no_track(seed):
    """Whatever repeats a steady object, from frame to frame, its track is the same to the digit as without it."""
    rng = np.random.default_rng(seed)
    alone, crowded = [], []
    for frame in range(40):
        objects = [disk(SIZE, 45 + rng.normal(0, 0.3), 50, 24), disk(SIZE, 115 + rng.normal(0, 0.3), 50, 24)]
        bitmaps, scores = list(objects), [0.5, 0.5]
        for x, side in ((45, -1), (115, 1)) if frame else ():
            for _ in range(rng.integers(0, 4)):
                shift = side * rng.uniform(2.5, 5)  # IoU 0.76 to 0.88 with the object
                bitmaps.append(disk(SIZE, x + shift, 50, 24))
                scores.append(rng.uniform(0.1, 1.0))
        order = rng.permutation(len(bitmaps))
        alone.append((objects, [0.5, 0.5]))
        crowded.append(([bitmaps[i] for i in order], [scores[i] for i in order]))
    plain, mixed = measure(alone)[1], measure(crowded)[1]
    assert len(mixed.tracks) == 2
    assert mixed.figures["dropout_rate"].value == 0
    assert mixed.figures["duplicate_rate"].value > 0.3
    assert mixed.figures["boundary_px_mean"] == plain.figures["boundary_px_mean"]


class TestWhoTakesAnInstance:
    @staticmethod
    def two_tracks(first, second):
        """Tracks 1 and 2, of masks that overlap too little to be duplicates; the first is longer-lived by a frame."""
        associator = Associator()
        associator.update([crop(first)], None)
        assert associator.update([crop(first), crop(second)], STILL).tolist() == [1, 2]
        return associator

    @pytest.mark.parametrize(
        ("x", "expected"),
        [
            (10, 1),
            (19, 1),  # 31 / 49 = 0.63 of both, at 28 and 10
            (20, 1),  # 0.6 against 0.67
            (22, 2),  # 0.54 against 0.74
        ],
    )
    def test_the_longer_lived_of_two_tracks_unless_the_other_overlaps_better(self, x, expected):
        associator = self.two_tracks(square(10), square(28))
        assert associator.update([crop(square(x))], STILL).tolist() == [expected]

    def test_of_two_instances_the_better_overlap(self):
        associator = Associator()
        associator.update([crop(square(30))], None)
        assert associator.update([crop(square(18)), crop(square(33))], STILL).tolist() == [2, 1]

    def test_two_poor_overlaps_do_not_outweigh_a_good_one(self):
        """The first track keeps its own mask, though the second, left without, could have it and leave it another."""
        associator = self.two_tracks(square(30), square(46))
        ids = associator.update([crop(square(30)), crop(square(14))], STILL)
        assert ids.tolist() == [1, 3]


def test_identities_that_masks_came_with_stand_and_duplicates_are_counted():
    frames = [([square(20), square(22)], [0.9, 0.6])] * 10
    seen, clip = measure(frames, identities=[(4, 7)] * 10)
    assert [track.track_id for track in clip.tracks] == [4, 7]
    assert seen[3].instances[1].events == ("duplicate",)
    assert seen[3].instances[1].duplicate_of == 4
    assert clip.figures["duplicate_rate"].value == pytest.approx(0.5)
    tracks = GivenTracks()
    tracks.update([crop(square(20)), crop(square(22))], None, [4, 7])
    assert tracks.duplicate_of.tolist() == [NO_TRACK, 4]


def test_a_duplicate_is_exported_under_an_identity_of_its_own(tmp_path):
    """Left out, it would be forgiven: what evaluates identities must see it."""
    frames = [([square(60)], [0.9]), ([square(60), square(62), square(64)], [0.9, 0.8, 0.7])] * 2
    seen, _ = measure([*frames, ([square(60), square(100, width=30)], [0.9, 0.8])])
    files = ModelFolder(tmp_path)
    with CsvTable(files.instances, INSTANCE_COLUMNS) as table:
        for frame in seen:
            table.write_all(instance_rows(frame))
    found = read_tracks(files)
    assert [found[t] for t in range(5)] == [[1], [1, 3, 4], [1], [1, 3, 4], [1, 2]]
    with files.instances.open() as file:
        assert [row["duplicate_of"] for row in csv.DictReader(file)].count("1") == 4


def test_the_rate_is_one_of_the_figures_shown_first():
    assert "duplicate_rate" in REGISTRY.headlines()


class TestWhatIsCompared:
    """An object's mask is the best-scored counted one that lies on it, not the one that fits best."""

    @staticmethod
    def frame(bitmaps, scores):
        return instances(bitmaps, SIZE, scores=scores)

    @pytest.mark.parametrize("truth", [True, False])
    @pytest.mark.parametrize(
        ("places", "scores", "expected"),
        [
            ([60, 64], [0.9, 0.6], 0),  # IoU 1 and 0.82 with the object
            ([60, 64], [0.6, 0.9], 1),  # the better score, not the better fit
            ([60, 64], [0.7, 0.7], 0),  # alike: as they come
            ([60, 70], [0.6, 0.9], 1),  # 0.6
            ([60, 74], [0.6, 0.9], 0),  # 0.48: of something else
            ([60, 64], [0.55, 0.4], 0),  # one below the operating threshold counts for nothing
        ],
    )
    def test_which_mask_is_the_objects(self, truth, places, scores, expected):
        models = {name: ComparedModel(("car",), 0.5) for name in ("one", "other")}
        meter = SupportMeter(models, 24.0, truth=truth)
        steady = self.frame([square(60)], [0.9])
        given = {"truth": {1: crop(square(60))}} if truth else {}
        meter.update(0, 0.0, {"one": self.frame([square(60)], [0.9]), "other": steady}, None, **given)
        twice = self.frame([square(x) for x in places], scores)
        rows = meter.update(1, 1 / 24, {"one": twice, "other": steady}, STILL, **given)
        (row,) = [row for row in rows if row.model == "one"]
        assert row.score == pytest.approx(scores[expected])

    def test_without_scores_the_larger(self):
        meter = SupportMeter({"one": ComparedModel(("car",), 0.0)}, 24.0, truth=True)
        twice = self.frame([square(60), square(58, width=44)], [1.0, 1.0])
        (row,) = meter.update(0, 0.0, {"one": twice}, None, truth={1: crop(square(60))})
        assert row.area_px == 44 * 40

    def test_a_mask_stays_with_the_object_that_it_is_of(self):
        """The better-scored one of the neighbour also lies on this object, but is the neighbour's only mask."""
        meter = SupportMeter({"one": ComparedModel(("car",), 0.5)}, 24.0, truth=True)
        seen = self.frame([square(60), square(70)], [0.6, 0.9])
        rows = meter.update(0, 0.0, {"one": seen}, None, truth={1: crop(square(60)), 2: crop(square(72))})
        assert [row.score for row in rows] == [pytest.approx(0.6), pytest.approx(0.9)]

    @pytest.mark.parametrize("truth", [True, False])
    def test_the_rest_is_told_apart(self, truth):
        models = {name: ComparedModel(("car",), 0.5) for name in ("one", "other")}
        meter = SupportMeter(models, 24.0, truth=truth)
        given = {"truth": {1: crop(square(20))}} if truth else {}
        crowded = self.frame(
            [square(20), square(22), square(31), square(110), square(112), square(25)],
            [0.9, 0.8, 0.7, 0.7, 0.6, 0.3],  # the object; repeated; IoU 0.57; elsewhere; repeated; too faint
        )
        meter.update(0, 0.0, {"one": crowded, "other": self.frame([square(20)], [0.9])}, None, **given)
        assert meter.summary().outside == {"one": (1, 3, 5), "other": (0, 0, 1)}

    @pytest.mark.slow
    @pytest.mark.parametrize("truth", [True, False])
    def test_noise_reported_ten_times_is_no_steadier(self, truth):
        """Of many equally noisy masks the one that fits best would be steady by choice alone."""
        rng = np.random.default_rng(0)

        def noisy(count):
            bitmaps = [disk(SIZE, 60 + rng.normal(0, 1.5), 50 + rng.normal(0, 1.5), 24) for _ in range(count)]
            return self.frame(bitmaps, rng.uniform(0.6, 0.9, count))

        models = {name: ComparedModel(("car",), 0.5) for name in ("once", "often")}
        meter = SupportMeter(models, 24.0, truth=truth)
        given = {"truth": {1: crop(disk(SIZE, 60, 50, 24))}} if truth else {}
        moved = {"once": [], "often": []}
        for t in range(60):
            seen = {"once": noisy(1), "often": noisy(10)}
            for row in meter.update(t, t / 24, seen, STILL if t else None, **given):
                if row.boundary_px is not None:
                    moved[row.model].append(row.boundary_px)
        assert len(moved["once"]) == len(moved["often"]) == 59
        assert np.mean(moved["often"]) > 0.85 * np.mean(moved["once"])
        assert meter.summary().outside["often"] == (0, 540, 600)
