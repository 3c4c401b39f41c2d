"""Timing the metrics: what is compared agrees, what is derived follows from what was timed, and memory stays."""

import functools
import json
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from masks import disk, rectangle

from yolact_temporal.analyzing.stage_clock import StageClock
from yolact_temporal.benchmarking import metrics as benchmark_metrics
from yolact_temporal.benchmarking.metrics import (
    ORIGINAL_SHAPE_STABILITY_MS,
    format_metrics_benchmark,
    measure_stability,
    region_by_whole_frames,
    run_metrics_benchmark,
    see_scene,
    time_region,
)
from yolact_temporal.cli import main as cli
from yolact_temporal.data.crops import MaskCrop
from yolact_temporal.data.synthetic import SceneOptions
from yolact_temporal.data.synthetic.scenes import CLASS_NAMES
from yolact_temporal.temporal import pooling
from yolact_temporal.temporal.flow import FlowEstimator
from yolact_temporal.temporal.meter import StabilityMeter
from yolact_temporal.temporal.metrics.region import boundary_f, region_iou

SCENE = SceneOptions(size=(96, 128), frames=4, objects=2, camera="pan")
SIZE = (60, 90)


@pytest.fixture(scope="module")
def seen():
    return see_scene(SCENE)


@pytest.fixture(scope="module")
def figures():
    return run_metrics_benchmark(frames=9, memory_frames=6, scene=SCENE, small_scene=SCENE)


@pytest.mark.slow
@pytest.mark.smoke
def test_what_is_derived_follows_from_what_was_timed(figures):
    stability, region, shape = figures["stability"], figures["region"], figures["shape_stability"]
    assert figures["frame_size"] == [96, 128]
    assert figures["instances_a_frame"] == 2
    assert stability["frames"] == 9
    assert stability["frames_per_s"] * stability["ms_a_frame"] == pytest.approx(1000)
    assert stability["processor_ms_a_frame"] > 0
    assert stability["stages_ms"].keys() == stability["stage_shares"].keys() == {"flow", "measure"}
    assert sum(stability["stage_shares"].values()) == pytest.approx(1)
    assert region["pairs"] == 4 * 2
    assert region["ratio"] > 0
    assert shape["pairs"] == 3
    assert shape["ratio"] * shape["ms_a_pair"] == pytest.approx(ORIGINAL_SHAPE_STABILITY_MS)


def test_memory_is_told_where_the_system_does(figures):
    memory = figures["memory"]
    assert memory["frames"] == 6
    assert set(memory) == {
        "frames",
        "resident_mib_at_third",
        "resident_mib",
        "peak_mib_at_third",
        "peak_mib",
    }
    told = [value for name, value in memory.items() if name != "frames" and value is not None]
    assert all(value > 1 for value in told)
    assert len(told) == 4 or not Path("/proc/self/statm").exists()


def test_unknown_memory_is_no_number(figures):
    unknown = figures | {"memory": dict.fromkeys(figures["memory"]) | {"frames": 6}}
    table = format_metrics_benchmark(unknown)
    assert "unknown" in table
    assert "None" not in table


def test_the_command_prints_a_table_or_json(capsys, monkeypatch):
    small = functools.partial(run_metrics_benchmark, memory_frames=3, scene=SCENE, small_scene=SCENE)
    monkeypatch.setattr(benchmark_metrics, "run_metrics_benchmark", small)
    monkeypatch.setattr(benchmark_metrics, "ROUNDS", 1)
    assert cli.main(["benchmark", "--metrics", "--frames", "3", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["stability"]["frames"] == 3
    assert cli.main(["benchmark", "--metrics", "--frames", "3"]) == 0
    table = capsys.readouterr().out
    for words in (
        "128x96, 2 instances a frame",
        "frames/s",
        "whole frames with a disc",
        "the original's 0.6 s",
    ):
        assert words in table


def test_every_frame_shows_every_object_and_no_frame_is_repeated(seen):
    stability = measure_stability(seen, 14, SCENE.fps, StageClock()).finish()
    assert stability.frames == 14
    assert stability.instances == 2 * 14
    assert stability.frame_pairs["counted"] == 13
    assert len(stability.tracks) == 2


def test_cores_are_given_back():
    if not hasattr(os, "sched_getaffinity"):
        pytest.skip("this system does not say which cores a thread may run on")
    before = os.sched_getaffinity(0)
    with benchmark_metrics._few_cores() as cores:
        assert len(os.sched_getaffinity(0)) == cores <= benchmark_metrics.CORES
    assert os.sched_getaffinity(0) == before


class TestRegion:
    @pytest.mark.parametrize(
        ("mask", "truth"),
        [
            (disk(SIZE, 45, 30, 15), disk(SIZE, 47, 31, 14)),
            (rectangle(SIZE, 0, 0, 90, 60), rectangle(SIZE, 0, 0, 90, 60)),
            (rectangle(SIZE, 0, 0, 90, 60), disk(SIZE, 45, 30, 15)),
            (rectangle(SIZE, 60, 40, 90, 60), rectangle(SIZE, 62, 38, 90, 60)),
            (rectangle(SIZE, 2, 2, 9, 9), rectangle(SIZE, 70, 40, 80, 50)),
            (np.zeros(SIZE, bool), disk(SIZE, 45, 30, 15)),
            (np.zeros(SIZE, bool), np.zeros(SIZE, bool)),
        ],
    )
    def test_whole_frames_give_what_crops_give(self, mask, truth):
        crops = MaskCrop.from_bitmap(mask), MaskCrop.from_bitmap(truth)
        assert region_by_whole_frames(mask, truth) == (region_iou(*crops), boundary_f(*crops))

    @pytest.mark.parametrize("seed", range(6))
    def test_of_noise_too(self, seed):
        mask, truth = np.random.default_rng(seed).random((2, 40, 50)) < 0.03
        crops = MaskCrop.from_bitmap(mask), MaskCrop.from_bitmap(truth)
        assert region_by_whole_frames(mask, truth) == (region_iou(*crops), boundary_f(*crops))

    def test_other_values_are_not_timed(self, seen, monkeypatch):
        monkeypatch.setattr(benchmark_metrics, "boundary_f", lambda *_: 0.5)
        with pytest.raises(ArithmeticError, match="the same J and F"):
            time_region(seen)


@pytest.mark.slow
def test_nothing_is_kept_of_each_sighting(seen, monkeypatch):
    monkeypatch.setattr(pooling, "MOST_BLOCKS", 16)
    order, flow = [0, 1, 2, 3, 2, 1], FlowEstimator()
    motions = [flow.update(seen[index].rgb) for index in [1, *order]][1:]
    meter, held = StabilityMeter(CLASS_NAMES, SCENE.fps), {}
    for number in range(151):
        at = number % len(order)
        motion = motions[at] if number else None
        meter.update(number, number / SCENE.fps, seen[order[at]].instances, motion)
        if number in (30, 150):  # the same picture
            held[number] = len(pickle.dumps(meter))
    # Once there are as many blocks as may be; of two instances in 120 frames.
    assert held[150] - held[30] < 1000
