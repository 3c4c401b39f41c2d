"""Intervals of one model's own figures: they are drawn from the very sums of the figures, and they cover them."""

import numpy as np
import pytest
from masks import disk, instances, rectangle

from yolact_temporal.data.instances import Instances
from yolact_temporal.temporal.intervals import own_intervals, ratio_of_sums
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


def value_of(figure):
    """A clip's value from what each frame adds: the mean over tracks of their ratios of sums."""
    return float(figure.compute(figure.values.sum(axis=0) / figure.weight.sum(axis=0)).mean())


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
        figure, value = ratio_of_sums(found.tracks, name), found.figures[name].value
        assert (figure is None) == (value is None), name
        if figure is not None:
            assert value_of(figure) == pytest.approx(value, rel=1e-12, abs=1e-15), name
            assert figure.values.shape[1] == found.figures[name].tracks, name
            assert (figure.weight.sum(axis=1) > 0).all(), name


def test_every_figure_of_the_report_that_shakes_has_an_interval_around_it():
    found = measured(shaking(np.random.default_rng(1), 0.9))
    intervals = own_intervals(found.tracks)
    # A still picture brings every mask back: its floor is 0 in every pair.
    assert intervals.keys() == {name for name, spec in REGISTRY.headlines().items() if spec.symbol != "B6"}
    for name, interval in intervals.items():
        assert interval.low < found.figures[name].value < interval.high, name


@pytest.mark.parametrize("frames", [0, 1, 7])
def test_too_few_frames_have_no_interval(frames):
    assert own_intervals(measured(shaking(np.random.default_rng(1), frames=frames)).tracks) == {}


def test_what_never_changes_has_no_interval():
    still = (instances([rectangle(SIZE, 30, 30, 60, 60)], SIZE) for _ in range(30))
    found = measured(still)
    assert found.figures["motion_compensated_jitter"].value == 0
    assert "motion_compensated_jitter" not in own_intervals(found.tracks)
