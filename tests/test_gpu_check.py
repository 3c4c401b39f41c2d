"""The check of a GPU, run on the CPU: that all its steps work, and that it finds what is wrong."""

import json
import subprocess
import sys

import numpy as np
import pytest

from yolact_temporal.benchmarking import gpu_check
from yolact_temporal.benchmarking.gpu_check import GpuCheck, compare_instances, sound
from yolact_temporal.benchmarking.gpu_table import gpu_table
from yolact_temporal.data.instances import Instances

SMALL = """
import sys
for absent in ("decord", "streamlit", "pytest"):
    sys.modules[absent] = None
from yolact_temporal.benchmarking import gpu_check, networks
gpu_check._TURN_S, gpu_check.BATCHES, networks.ROUNDS = 0.01, (1, 2), 1
gpu_check.PRECISIONS = ("float32", "bfloat16")  # a processor takes ten times as long in float16
sys.exit(gpu_check.main(sys.argv[1:]))
"""


@pytest.mark.slow
@pytest.mark.thorough
def test_the_whole_check_runs_without_decord_and_streamlit(tmp_path):
    options = ["--device", "cpu", "--models", "yolact_compact", "--frames", "2", "--budget", "400"]
    done = subprocess.run(
        [sys.executable, "-c", SMALL, *options], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    figures = json.loads((tmp_path / "gpu_report.json").read_text("utf-8"))
    assert (tmp_path / "gpu_report.md").read_text("utf-8") in done.stdout
    (own,) = figures["equal_masks"].values()
    assert own["instances"][0] == own["instances"][1] == own["matched"] > 0
    assert (own["same_pixels"], own["box_px_max"]) == (1.0, 0.0)
    asked = [(row["precision"], row["batch"]) for row in figures["speed"]]
    assert asked == [("float32", 1), ("float32", 2), ("bfloat16", 1), ("bfloat16", 2)]
    assert all(min(row["forward_fps"], row["frames_to_masks_fps"]) > 0 for row in figures["speed"])
    assert figures["analyze"]["yolact_compact"]["ratio"]["wall"]["median"] > 0
    assert [one["what"] for one in figures["left_out"]] == ["tests"]


def test_what_does_not_fit_in_the_time_is_left_out_and_named(tmp_path):
    report = tmp_path / "report.json"
    figures = GpuCheck("cpu", report, ["yolact_base"], budget_s=0, say=lambda text: None).run()
    assert figures["speed"] == []
    left = {one["what"]: one["why"] for one in figures["left_out"]}
    assert left["speed of yolact_base, float16"] == left["analyze of yolact_base"] == "no time left"
    assert json.loads(report.read_text("utf-8")) == figures


def test_a_step_that_fails_costs_no_other_and_is_told(tmp_path, monkeypatch):
    def broken(*_):
        raise RuntimeError("the device is gone")

    monkeypatch.setattr(gpu_check.GpuCheck, "_equal_masks", broken)
    report = tmp_path / "report.json"
    figures = GpuCheck("cpu", report, ["yolact_base"], budget_s=0, say=lambda text: None).run()
    assert figures["equal_masks"] is None
    assert {"what": "equal_masks", "why": "RuntimeError: the device is gone"} in figures["left_out"]
    assert figures["speed"] == []
    assert not sound(figures)


def seen(*spans, size=(10, 20), class_id=0):
    """Instances that are rows 2 to 5 of the given columns."""
    bitmaps = np.zeros((len(spans), *size), np.bool_)
    for bitmap, (first, last) in zip(bitmaps, spans, strict=True):
        bitmap[2:6, first:last] = True
    boxes = [[first, 2, last, 6] for first, last in spans]
    return Instances.from_bitmaps(boxes, np.full(len(spans), 0.9), np.full(len(spans), class_id), bitmaps)


@pytest.mark.parametrize(
    ("got", "matched", "same", "box"),
    [
        (seen((0, 5), (10, 20)), 2, 1.0, 0.0),
        (seen((10, 20), (0, 5)), 2, 1.0, 0.0),  # in another order
        (seen((0, 5), (10, 19)), 2, 14 / 15, 1.0),
        (seen((0, 5)), 1, 5 / 15, 0.0),  # one is missing
        (seen((0, 5), (10, 20), (5, 10)), 2, 15 / 20, 0.0),  # one too many
        (seen((0, 5), (10, 20), class_id=1), 0, 0.0, None),
    ],
)
def test_masks_are_compared_with_those_expected(got, matched, same, box):
    figures = compare_instances([seen((0, 5), (10, 20))], [got])
    assert (figures["matched"], figures["box_px_max"]) == (matched, box)
    assert figures["same_pixels"] == pytest.approx(same)


def test_nothing_seen_where_nothing_is_expected_is_the_same():
    nothing = Instances.empty((10, 20))
    assert compare_instances([nothing], [nothing])["same_pixels"] == 1


def test_the_table_sets_the_published_figures_beside_those_measured():
    row = {"precision": "float32", "batch": 1, "weights": "random", "peak_memory_mib": 512.4}
    speed = [
        row | {"model": name, "forward_fps": fps, "frames_to_masks_fps": fps / 2}
        for name, fps in (("yolact_resnet50", 100.0), ("mask_rcnn_resnet50_fpn", 20.0))
    ]
    where = {"name": "some card", "device": "cuda", "torch": "2", "frame_size": [480, 854]}
    table = gpu_table({"machine": where, "speed": speed, "left_out": [{"what": "tests", "why": "no time"}]})
    assert "| yolact_resnet50 (random weights) | float32 | 1 | 100.0 | 50.0 | 512 | 42.5 |" in table
    assert "5.00 times as fast as Mask R-CNN" in table
    assert "Left out: tests (no time)." in table
