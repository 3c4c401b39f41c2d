"""What a training run tells: its log, its evaluations, its curve, and the time left."""

import csv
import json

import cv2
import pytest
import torch
from safetensors.torch import load_file
from training_runs import CrashError, crash, losses, options

from yolact_temporal.yolact.training import loop as loop_module
from yolact_temporal.yolact.training import train
from yolact_temporal.yolact.training.curve import draw_curve
from yolact_temporal.yolact.training.log import TrainingLog
from yolact_temporal.yolact.training.progress import TimeLeft
from yolact_temporal.yolact.training.recipe import TrainingRecipe


@pytest.mark.slow
def test_a_mean_over_several_iterations_survives_a_checkpoint_between_them(tmp_path, monkeypatch):
    train(options(tmp_path, output=tmp_path / "whole", log_every=8))
    with monkeypatch.context() as patch:
        save = loop_module.save_checkpoint
        patch.setattr(loop_module, "save_checkpoint", lambda *parts: (save(*parts), crash()))
        with pytest.raises(CrashError):
            train(options(tmp_path, log_every=8))
    train(options(tmp_path, log_every=8, resume=True))
    assert losses(tmp_path / "run") == losses(tmp_path / "whole")


@pytest.mark.slow
def test_the_log_has_stable_columns_and_leaves_out_what_a_model_has_not(tmp_path):
    train(options(tmp_path, iterations=2))
    with (tmp_path / "run/metrics.csv").open() as file:
        header, row, *_ = csv.reader(file)
    assert ",".join(header) == (
        "iteration,images,time_s,input_size,learning_rate,loss,loss_class,loss_box,loss_giou,loss_mask,loss_semantic,"
        "loss_mask_iou,loss_objectness,loss_proposal_box,images_per_s"
    )
    values = dict(zip(header, row, strict=True))
    assert values["loss_mask_iou"] == ""
    parts = sum(float(v) for k, v in values.items() if k.startswith("loss_") and v)
    assert float(values["loss"]) == pytest.approx(parts, rel=1e-6)


@pytest.mark.slow
def test_the_best_weights_are_kept_with_the_evaluation_that_chose_them(tmp_path, monkeypatch):
    figures = iter([0.2, 0.5, 0.3, None])
    seen = []

    def scripted(segmenter, *_, **__):
        seen.append({key: value.clone() for key, value in segmenter.model.state_dict().items()})
        masks = {"AP50": next(figures), "AP": 0.1, "AP50_large": None}
        return {"segm": masks, "bbox": {"AP50": 0.9}}

    monkeypatch.setattr(loop_module, "evaluate", scripted)
    said = []
    result = train(
        options(tmp_path, evaluate_every=2, val_annotations=tmp_path / "annotations.json"), said.append
    )
    assert result.best == 0.5
    best = load_file(tmp_path / "run/best.safetensors")
    assert all(torch.equal(best[key], seen[1][key]) for key in best)
    assert not torch.equal(
        best["prediction_layers.0.conf_layer.weight"], seen[3]["prediction_layers.0.conf_layer.weight"]
    )
    lines = [json.loads(line) for line in (tmp_path / "run/evaluations.jsonl").read_text().splitlines()]
    assert [line["iteration"] for line in lines] == [2, 4, 6, 8]
    assert said[1:3] == [
        "after 8 of 16 images: mask AP50 0.500, AP 0.100, AP50 of large objects -, box AP50 0.900 (best yet)",
        "after 12 of 16 images: mask AP50 0.300, AP 0.100, AP50 of large objects -, box AP50 0.900",
    ]
    assert cv2.imread(str(tmp_path / "run/curve.png")).std() > 10


def test_the_time_left_counts_what_larger_images_will_cost():
    recipe = TrainingRecipe(iterations=30, sizes=((0, 10), (2 / 3, 20)))
    left = TimeLeft(recipe, 20)
    assert left.after(0) is None
    for _ in range(5):
        left.step(1.0, 10)
    assert left.after(5) == pytest.approx(15 + 10 * 4)
    assert left.after(25) == pytest.approx(5 * 4)
    assert left.after(30) == 0


@pytest.mark.slow
def test_a_curve_needs_no_evaluations_but_something_logged(tmp_path):
    log = TrainingLog(tmp_path / "metrics.csv", 0)
    files = (tmp_path / "metrics.csv", tmp_path / "evaluations.jsonl", tmp_path / "curve.png")
    assert not draw_curve(*files)
    assert not files[2].exists()
    for iteration in (1, 2):
        log.append(iteration, 4 * iteration, 1.0, 64 * iteration, 0.1, {"class": 1.0 / iteration}, 4.0)
    assert draw_curve(*files)
    alone = cv2.imread(str(files[2])).shape
    figures = {"iteration": 2, "segm": {"AP50": 0.5, "AP": None}, "bbox": {}}
    files[1].write_text(json.dumps(figures) + "\n" + '{"iteration": 3, "se')
    assert draw_curve(*files)
    assert cv2.imread(str(files[2])).shape[0] > alone[0]
