"""Reduced precision: what it changes is found, what changes nothing is taken, and what was taken is said."""

import json
import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from clips import write_clip

from yolact_temporal.analyzing import checked_precision
from yolact_temporal.analyzing.agreement import Agreement, same_instances
from yolact_temporal.analyzing.checked_precision import MOST_PX, load_checked, unchanged
from yolact_temporal.analyzing.loaded_model import LoadedModel
from yolact_temporal.analyzing.models import ModelRequest
from yolact_temporal.benchmarking import precision_noise
from yolact_temporal.benchmarking.precision_noise import format_precision_noise, run_precision_noise
from yolact_temporal.cli import main as cli
from yolact_temporal.data.instances import Instances
from yolact_temporal.data.photo_film import PhotoFilm
from yolact_temporal.yolact import device as devices

SIZE = (40, 60)
FRAME = np.zeros((*SIZE, 3), np.uint8)


def seen(*boxes, classes=None, scores=None):
    """Instances that fill their boxes."""
    bitmaps = np.zeros((len(boxes), *SIZE), np.bool_)
    for bitmap, (x1, y1, x2, y2) in zip(bitmaps, boxes, strict=True):
        bitmap[y1:y2, x1:x2] = True
    given = np.array(boxes, np.float32).reshape(-1, 4)
    scores = np.full(len(boxes), 0.9, np.float32) if scores is None else np.array(scores, np.float32)
    return Instances.from_bitmaps(given, scores, np.array(classes or [0] * len(boxes)), bitmaps)


BOX, MOVED, AWAY = (5, 5, 25, 25), (6, 5, 26, 25), (40, 5, 55, 25)


@pytest.mark.parametrize(
    ("first", "second", "missing", "added", "worst"),
    [
        (seen(BOX), seen(BOX), 0, 0, 0.0),
        (seen(BOX), seen(MOVED), 0, 0, 0.5),
        (seen(BOX), seen(BOX, AWAY), 0, 1, 0.0),
        (seen(BOX, AWAY), seen(AWAY), 1, 0, 0.0),
        (seen(BOX), seen(BOX, classes=[1]), 1, 1, None),
        (seen(), seen(), 0, 0, None),
    ],
    ids=["same", "moved by a pixel", "one more", "one less", "another class", "nothing"],
)
def test_what_two_ways_count_is_compared(first, second, missing, added, worst):
    agreement = Agreement.of([(first, second)])
    assert (agreement.expected, agreement.missing, agreement.added) == (len(first), missing, added)
    if worst == 0.5:  # two of the four sides moved by one pixel, the others keep a partner but at their ends
        assert 0.3 < agreement.worst_px < 0.6
    else:
        assert agreement.worst_px == worst


def test_each_instance_is_paired_once_with_the_one_that_fits_best():
    assert same_instances(seen(BOX, MOVED), seen(MOVED, BOX)) == [(0, 1), (1, 0)]
    assert same_instances(seen(BOX, BOX), seen(BOX)) == [(0, 0)]


@pytest.mark.parametrize(
    ("expected", "missing", "added", "distances", "same"),
    [
        (2, 0, 0, (0.0, MOST_PX / 2), True),
        (2, 0, 0, (0.0, MOST_PX), False),
        (2, 0, 0, (0.0, math.inf), False),
        (2, 1, 0, (0.0,), False),
        (1, 0, 1, (0.0,), False),
        (0, 0, 0, (), False),
    ],
)
def test_only_the_same_instances_with_the_same_outlines_are_no_change(
    expected, missing, added, distances, same
):
    assert unchanged(Agreement(3, expected, missing, added, distances)) == same


def stand_in(request, answers):
    """A model that says what it is told to in the precision that is asked for."""
    segmenter = SimpleNamespace(
        name=request.name, segment=lambda frames: [answers[request.precision] for _ in frames]
    )
    return LoadedModel(segmenter, 0.5, {"note": "stands in.", "precision": request.precision})


@pytest.mark.parametrize(
    ("reduced", "native", "frames", "taken", "said"),
    [
        (seen(BOX), True, 3, "bfloat16", "counts the same 3 instances as float32"),
        (seen(BOX, AWAY, scores=[0.9, 0.4]), True, 3, "bfloat16", "counts the same 3 instances"),
        (seen(BOX, AWAY), True, 3, "float32", "misses 0 and adds 3 of 3 instances"),
        (seen(MOVED), True, 3, "float32", "(bound: 0.1)"),
        (seen(BOX), False, 3, "float32", "computes no bfloat16 by itself"),
        (seen(BOX), True, 0, "float32", "no frame to check by"),
    ],
    ids=["same", "same that counts", "one more", "moved", "not native", "no frame"],
)
def test_auto_takes_bfloat16_only_where_it_changes_nothing(monkeypatch, reduced, native, frames, taken, said):
    answers = {"float32": seen(BOX), "bfloat16": reduced}
    monkeypatch.setattr(checked_precision, "load_model", lambda request: stand_in(request, answers))
    monkeypatch.setattr(checked_precision, "has_bfloat16", lambda device: native)
    model = load_checked(ModelRequest("yolact_compact", device="cpu"), lambda: [FRAME] * frames)
    assert model.segmenter.segment(FRAME[None])[0] == answers[taken]
    assert model.manifest["precision"] == taken
    assert model.manifest["precision_check"].startswith(f"yolact_compact runs in {taken}: ")
    assert said in model.manifest["precision_check"]


def test_where_nothing_is_seen_nothing_is_known(monkeypatch):
    answers = dict.fromkeys(("float32", "bfloat16"), seen())
    monkeypatch.setattr(checked_precision, "load_model", lambda request: stand_in(request, answers))
    monkeypatch.setattr(checked_precision, "has_bfloat16", lambda device: True)
    model = load_checked(ModelRequest("yolact_compact", device="cpu"), lambda: [FRAME])
    assert model.manifest["precision"] == "float32"
    assert "nothing is counted" in model.manifest["precision_check"]


@pytest.mark.parametrize("has", [False, True])
def test_the_processor_is_asked(monkeypatch, has):
    for part in ("avx512_bf16", "amx_tile"):
        monkeypatch.setattr(torch.cpu, f"_is_{part}_supported", lambda: has, raising=False)
    assert devices.has_bfloat16(torch.device("cpu")) == has
    assert not devices.has_bfloat16(torch.device("mps"))


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    frames = [frame.rgb for _, frame in zip(range(3), PhotoFilm(size=(144, 168)), strict=False)]
    return write_clip(tmp_path_factory.mktemp("clips") / "film.mp4", frames, size=(144, 168))


@pytest.mark.slow
@pytest.mark.parametrize("native", [False, True])
def test_a_run_says_what_was_taken(clip, tmp_path, monkeypatch, capsys, native):
    monkeypatch.setattr(checked_precision, "has_bfloat16", lambda device: native)
    options = ["--precision", "auto", "--no-plots", "--no-overlay", "--no-baseline", "--device", "cpu"]
    assert cli.main(["analyze", str(clip), "--out", str(tmp_path), *options]) == 0
    (own,) = json.loads((tmp_path / "film" / "run.json").read_text("utf-8"))["models"].values()
    assert own["precision_check"] in capsys.readouterr().out
    assert own["precision_check"].startswith(f"yolact_compact runs in {own['precision']}: ")
    if not native:
        assert own["precision"] == "float32"
    assert ("first 3 frames" in own["precision_check"]) == native


@pytest.mark.slow
def test_the_noise_of_precision_is_nothing_of_float32_itself(clip, monkeypatch, capsys):
    # A processor takes ten times as long in float16.
    monkeypatch.setattr(precision_noise, "PRECISIONS", ("float32", "bfloat16"))
    figures = run_precision_noise(["yolact_compact"], frames=2, clip=clip, device="cpu")
    assert figures["frames"] == 2
    exact, reduced = (figures["models"]["yolact_compact"][name] for name in ("float32", "bfloat16"))
    assert exact["instances"] > 0
    assert (exact["missing"], exact["added"], exact["boundary_px_max"]) == (0, 0, 0.0)
    assert reduced["instances"] == exact["instances"] - reduced["missing"] + reduced["added"]
    assert reduced["boundary_px_max"] >= reduced["boundary_px_p95"] > 0
    assert set(exact["measured"]) == set(precision_noise.TOLD)
    table = format_precision_noise(figures)
    assert "against float32 on the same frames" in table
    assert table.count("\n") == 4


def test_one_kind_of_benchmark_at_a_time(capsys):
    assert cli.main(["benchmark", "--metrics", "--precision-noise"]) == 2
    assert "--metrics and --precision-noise" in capsys.readouterr().err
