"""Table 1 of the paper: which models it has, what stands in it, and that random weights are told."""

import json

import pytest
from clips import write_clip

from yolact_temporal.benchmarking import networks
from yolact_temporal.benchmarking.evaluations import Evaluation, evaluations_data
from yolact_temporal.benchmarking.paper_table import format_paper_table, paper_table, table_models
from yolact_temporal.cli import main as cli
from yolact_temporal.data.photo_film import PhotoFilm
from yolact_temporal.errors import WeightsError
from yolact_temporal.yolact.config import PRESETS


def timed(forward, segment, analyze, weights="own"):
    return {"forward_ms": forward, "segment_ms": segment, "analyze_ms": analyze, "weights": weights}


FIGURES = {
    "device": "cpu",
    "threads": 2,
    "precision": "float32",
    "frame_size": [480, 854],
    "frames": 16,
    "rounds": 5,
    "models": {
        "yolact_base": timed(25, 40, 50),
        "yolact_darknet53": timed(20, 30, 1000, "random"),
        "somebodys": timed(1, 2, 4),
    },
}
CURVE = {"AP": 0.298, "AP50": 0.485, "AP75": None, "AP_by_iou": {"0.50": 0.485}}
EVALUATIONS = [Evaluation(name, "a", {"segm": CURVE, "bbox": CURVE}) for name in ("yolact_base", "another")]


def test_it_has_every_preset_that_was_published_for_coco():
    assert set(PRESETS) - set(table_models()) == {"yolact_compact", "yolact_resnet50_pascal"}
    assert {PRESETS[name].input_size for name in table_models()} == {400, 550, 700}
    assert {PRESETS[name].backbone.title for name in table_models()} == {
        "ResNet-101",
        "ResNet-50",
        "DarkNet-53",
        "ResNet-101, deformable",
        "ResNet-50, deformable",
    }


def test_milliseconds_are_frames_a_second_and_ap_is_of_the_model_that_was_evaluated():
    base, darknet, somebodys = paper_table(FIGURES, EVALUATIONS)
    assert base == {
        "model": "yolact_base",
        "backbone": "ResNet-101",
        "input_size": 550,
        "weights": "own",
        "forward_fps": 40,
        "segment_fps": 25,
        "analyze_fps": 20,
        "AP": 0.298,
        "AP50": 0.485,
        "AP75": None,
    }
    assert (darknet["backbone"], darknet["analyze_fps"], darknet["AP"]) == ("DarkNet-53", 1, None)
    assert (somebodys["backbone"], somebodys["input_size"], somebodys["forward_fps"]) == (None, None, 1000)


def test_what_it_says_beside_the_table():
    told = format_paper_table(FIGURES, paper_table(FIGURES, EVALUATIONS), EVALUATIONS)
    (base,) = (line.split() for line in told.splitlines() if line.split()[0] == "yolact_base")
    assert base == ["yolact_base", "ResNet-101", "550", "40", "25", "20", "29.8", "48.5", "own", "weights"]
    assert "Random weights, where" in told
    assert "Evaluated, but not timed: another." in told


def test_without_evaluations_and_with_its_own_weights_it_says_nothing_of_them():
    own = FIGURES | {"models": {"yolact_base": timed(25, 40, 50)}}
    told = format_paper_table(own, paper_table(own))
    assert "AP" not in told
    assert "andom" not in told


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--evaluations", "x.json"], "expected --evaluations with --table"),
        (["--table", "--engines"], "expected one kind of benchmark"),
        (["--table", "--models", "yolact_bse"], "yolact_bse"),
    ],
)
def test_what_goes_not_together_is_refused(arguments, message, capsys):
    assert cli.main(["benchmark", *arguments]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.slow
def test_a_model_without_weights_is_timed_to_the_end(tmp_path, monkeypatch, capsys):
    def missing(*_, **__):
        raise WeightsError("none here")

    monkeypatch.setattr(networks, "load_model", missing)
    frames = [frame.rgb for _, frame in zip(range(2), PhotoFilm(size=(144, 168)), strict=False)]
    clip = write_clip(tmp_path / "film.mp4", frames, size=(144, 168))
    evaluation = tmp_path / "evaluation.json"
    compact = Evaluation("yolact_compact", "a", EVALUATIONS[0].figures)
    evaluation.write_text(json.dumps(evaluations_data([compact])))
    arguments = ["--models", "yolact_compact", "--frames", "1", "--rounds", "1", "--device", "cpu"]
    arguments += ["--clip", str(clip), "--evaluations", str(evaluation), "--json"]
    assert cli.main(["benchmark", "--table", *arguments]) == 0
    found = json.loads(capsys.readouterr().out)
    (row,) = found["table"]
    assert (row["model"], row["weights"], row["AP"]) == ("yolact_compact", "random", 0.298)
    assert row["analyze_fps"] == pytest.approx(1e3 / found["models"]["yolact_compact"]["analyze_ms"])
