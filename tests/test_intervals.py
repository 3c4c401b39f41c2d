"""Intervals of one model's own figures: the sums they are drawn from are those of the meter, and they cover."""

import numpy as np
import pytest
from masks import disk, instances, rectangle

from yolact_temporal.analyzing.summary_text import HEADLINES
from yolact_temporal.data.instances import Instances
from yolact_temporal.temporal.intervals import (
    FRAME_COLUMNS,
    INSTANCE_COLUMNS,
    RatioOfSums,
    own_intervals,
    own_sums,
)
from yolact_temporal.temporal.meter import StabilityMeter
from yolact_temporal.temporal.motion import Motion
from yolact_temporal.temporal.plots import read_table
from yolact_temporal.temporal.report import FRAME_COLUMNS as FRAMES
from yolact_temporal.temporal.report import INSTANCE_COLUMNS as INSTANCES
from yolact_temporal.temporal.report import CsvTable, frame_row, instance_rows

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


def measured(tmp_path, clip, statuses=None, fps=24.0, stride=1, pictures=True):
    """Run the meter over frames; returns its figures, and the tables as read back."""
    meter = StabilityMeter(NAMES, fps, stride, pictures=pictures)
    index = -stride
    with CsvTable(tmp_path / "frames.csv", FRAMES) as frames, CsvTable(tmp_path / "i.csv", INSTANCES) as rows:
        for number, found in enumerate(clip):
            status = (statuses or {}).get(number, "counted")
            index += stride * (2 if status == "after_lost_frames" else 1)
            motion = Motion.still(SIZE, repeated=status == "repeated")
            if number == 0 or status == "without_motion" or not pictures:
                motion = None
            stability = meter.update(index, index / (fps or 30.0), found, motion, cut=status == "cut")
            frames.write(frame_row(stability))
            rows.write_all(instance_rows(stability))
    tables = (
        read_table(tmp_path / "frames.csv", FRAME_COLUMNS),
        read_table(tmp_path / "i.csv", INSTANCE_COLUMNS),
        None if fps is None else stride / fps,
        pictures,
    )
    return meter.finish().figures, tables


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
def test_the_sums_are_the_meters_own(tmp_path, case):
    options = dict(CASES[case])
    clip = shaking(np.random.default_rng(4), options.pop("present", 1.0), options.pop("frames", 60))
    figures, tables = measured(tmp_path, clip, **options)
    sums = own_sums(*tables)
    for name, _ in HEADLINES:
        value = sums[name].value() if name in sums else None
        expected = figures[name].value
        assert value == (None if expected is None else pytest.approx(expected, rel=1e-4, abs=1e-6)), name


def test_every_figure_of_the_report_that_shakes_has_an_interval_around_it(tmp_path):
    figures, tables = measured(tmp_path, shaking(np.random.default_rng(1), 0.9))
    intervals = own_intervals(*tables)
    assert intervals.keys() == {name for name, _ in HEADLINES}
    for name, interval in intervals.items():
        assert interval.low < figures[name].value < interval.high, name


@pytest.mark.parametrize("frames", [0, 1, 7])
def test_too_few_frames_have_no_interval(tmp_path, frames):
    _, tables = measured(tmp_path, shaking(np.random.default_rng(1), frames=frames))
    assert own_intervals(*tables) == {}


def test_what_never_changes_has_no_interval(tmp_path):
    still = (instances([rectangle(SIZE, 30, 30, 60, 60)], SIZE) for _ in range(30))
    figures, tables = measured(tmp_path, still)
    assert figures["motion_compensated_jitter"].value == 0
    assert "motion_compensated_jitter" not in own_intervals(*tables)


def test_a_track_without_a_denominator_has_no_part_in_the_mean():
    values, weight = np.array([[1.0, 0.0], [3.0, 0.0]]), np.array([[1.0, 0.0], [1.0, 0.0]])
    assert RatioOfSums(values, weight).value() == 2.0
    assert RatioOfSums(values, weight, np.sqrt).value() == pytest.approx(np.sqrt(2))
    assert RatioOfSums(values, np.zeros((2, 2))).value() is None
