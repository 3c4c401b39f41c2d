"""Intervals of one model's own figures: they are drawn from the very sums of the figures, and they cover them."""

import numpy as np
import pytest
from masks import disk, instances, rectangle

from yolact_temporal.data.instances import Instances
from yolact_temporal.temporal import pooling
from yolact_temporal.temporal.intervals import own_intervals
from yolact_temporal.temporal.meter import StabilityMeter
from yolact_temporal.temporal.metrics import REGISTRY
from yolact_temporal.temporal.motion import Motion

SIZE = (96, 160)
NAMES = ("person", "vehicle")


def shaking(rng, present=1.0, frames=60):
    """Two objects that shake, come and go, change size, score and class."""
    for _ in range(frames):
        masks, classes, scores = [], [], []
        for x, class_id in ((40, 0), (115, 1)):
            if rng.random() < present:
                masks.append(disk(SIZE, x + rng.normal(0, 1.5), 48 + rng.normal(0, 1.5), rng.uniform(11, 19)))
                classes.append(class_id if rng.random() < 0.8 else 1 - class_id)
                scores.append(rng.uniform(0.5, 1))
        yield instances(masks, SIZE, class_ids=classes, scores=scores) if masks else Instances.empty(SIZE)


def measured(clip, statuses=None, fps=24.0, stride=1, pictures=True):
    """Run the meter over frames; returns what it makes of the clip."""
    meter = StabilityMeter(NAMES, fps, stride, pictures=pictures)
    index = -stride
    for number, found in enumerate(clip):
        status = (statuses or {}).get(number, "counted")
        index += stride * (2 if status == "after_lost_frames" else 1)
        motion = Motion.still(SIZE, repeated=status == "repeated")
        if number == 0 or status == "without_motion" or not pictures:
            motion = None
        meter.update(index, index / (fps or 30.0), found, motion, cut=status == "cut")
    return meter.finish()


CASES = {
    "always there": {},
    "comes and goes": {"present": 0.8},
    "rarely there": {"present": 0.25},
    "repeated frames": {"present": 0.9, "statuses": {9: "repeated", 10: "repeated", 30: "repeated"}},
    "lost frames": {"present": 0.9, "statuses": {12: "after_lost_frames", 40: "after_lost_frames"}},
    "unknown motion": {"present": 0.9, "statuses": {20: "without_motion"}},
    "a cut": {"present": 0.9, "statuses": {25: "cut"}},
    "every second frame": {"present": 0.9, "stride": 2},
    "no time": {"present": 0.9, "fps": None},
    "no pictures": {"present": 0.9, "pictures": False},
    "never there": {"present": 0.0},
    "seven frames": {"frames": 7},
}


@pytest.mark.parametrize("case", CASES)
def test_what_the_frames_add_gives_the_value(case):
    options = dict(CASES[case])
    clip = shaking(np.random.default_rng(4), options.pop("present", 1.0), options.pop("frames", 60))
    found = measured(clip, **options)
    for name in REGISTRY.headlines():
        sums, value = found.sums.get(name), found.figures[name].value
        assert (sums is None) == (value is None), name
        if sums is not None:
            ratio = sums.values.sum() / sums.weight.sum()
            assert float(sums.compute(ratio)) == pytest.approx(value, rel=1e-12, abs=1e-15), name


def one_long_one_short(frames=60, short=12):
    """One object that hardly shakes, and one that shakes much, loses its class and is there for a few frames only."""
    rng = np.random.default_rng(9)
    for frame in range(frames):
        masks = [disk(SIZE, 40 + rng.normal(0, 0.4), 48, 15)]
        classes = [0]
        if frame < short:
            masks.append(disk(SIZE, 115 + rng.normal(0, 3), 48, 15))
            classes.append(frame % 2)
        yield instances(masks, SIZE, class_ids=classes)


@pytest.mark.parametrize(
    ("name", "inverse"),
    [
        ("boundary_px_mean", lambda value: value),
        ("motion_compensated_jitter", lambda value: value),
        ("class_flip_rate", lambda value: value),
        ("high_frequency_share_centroid_x", lambda value: value),
        ("second_difference_centroid_x_px", lambda value: value**2),
        ("score_jitter", lambda value: value**2),
    ],
)
def test_a_track_weighs_by_its_pairs_and_the_mean_over_tracks_stands_beside(name, inverse):
    found = measured(one_long_one_short())
    tracks = [track.figures[name] for track in found.tracks]
    assert len(tracks) == 2
    assert tracks[0].n > 3 * tracks[1].n
    pooled = sum(inverse(each.value) * each.n for each in tracks) / sum(each.n for each in tracks)
    figure = found.figures[name]
    assert inverse(figure.value) == pytest.approx(pooled, rel=1e-9)
    assert figure.by_track == pytest.approx(sum(each.value for each in tracks) / 2, rel=1e-9)


def test_a_track_of_one_frame_has_no_life_to_drop_out_of():
    alone = [
        instances([disk(SIZE, 40, 48, 9), disk(SIZE, 115, 48, 9)][: 2 if n == 3 else 1], SIZE)
        for n in range(9)
    ]
    figure = measured(alone).figures["dropout_rate"]
    assert (figure.value, figure.n, figure.tracks, figure.tracks_undefined) == (0.0, 9, 1, 1)


def test_in_a_long_clip_neighbouring_frames_are_summed_up_and_the_value_stands(monkeypatch):
    whole = measured(shaking(np.random.default_rng(2), 0.9, 61))
    monkeypatch.setattr(pooling, "MOST_BLOCKS", 16)
    short = measured(shaking(np.random.default_rng(2), 0.9, 61))
    for name in REGISTRY.headlines():
        assert len(short.sums[name].values) == 16, name
        assert short.figures[name].value == pytest.approx(whole.figures[name].value, rel=1e-12), name
    blocks = [whole.sums["dropout_rate"].values[first : first + 4].sum() for first in range(0, 61, 4)]
    assert short.sums["dropout_rate"].values.tolist() == blocks


def test_every_figure_of_the_report_that_shakes_has_an_interval_around_it():
    found = measured(shaking(np.random.default_rng(1), 0.9))
    intervals = own_intervals(found.sums)
    # A still picture brings every mask back: its floor is 0 in every pair. Nor is there a duplicate.
    still = {name for name, spec in REGISTRY.headlines().items() if spec.symbol in ("B6", "C5")}
    assert intervals.keys() == REGISTRY.headlines().keys() - still
    for name, interval in intervals.items():
        assert interval.low < found.figures[name].value < interval.high, name


@pytest.mark.parametrize("frames", [0, 1, 7])
def test_too_few_frames_have_no_interval(frames):
    assert own_intervals(measured(shaking(np.random.default_rng(1), frames=frames)).sums) == {}


def test_what_never_changes_has_no_interval():
    still = (instances([rectangle(SIZE, 30, 30, 60, 60)], SIZE) for _ in range(30))
    found = measured(still)
    assert found.figures["motion_compensated_jitter"].value == 0
    assert "motion_compensated_jitter" not in own_intervals(found.sums)
