"""Weights that training starts from, keeps and ends with, and that it learns."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from shapes import CLASS_NAMES, write_shapes
from torchvision.models import mobilenet_v2, resnet50
from training_runs import losses, options

from yolact_temporal.errors import WeightsError
from yolact_temporal.yolact import PRESETS, build_yolact
from yolact_temporal.yolact.families import recipe_for
from yolact_temporal.yolact.training import (
    export_half,
    load_backbone,
    train,
)


@pytest.mark.slow
def test_a_run_in_mixed_precision_stays_near_one_in_full_precision(tmp_path):
    for precision in ("float32", "bfloat16"):
        train(options(tmp_path, output=tmp_path / precision, precision=precision, iterations=2))
    full, mixed = (losses(tmp_path / precision)[0] for precision in ("float32", "bfloat16"))
    assert full["loss"] != mixed["loss"]
    assert float(mixed["loss"]) == pytest.approx(float(full["loss"]), rel=0.05)


@pytest.mark.slow
def test_a_published_model_trains_with_its_own_recipe(tmp_path):
    model = replace(PRESETS["yolact_plus_resnet50"], class_names=CLASS_NAMES)
    recipe = replace(recipe_for("yolact_plus_resnet50"), batch_size=1, iterations=1, freeze_norms="all")
    result = train(options(tmp_path, model=model, recipe=recipe, input_size=256))
    assert result.finished
    (row,) = losses(tmp_path / "run")
    assert all(
        np.isfinite(float(row[f"loss_{part}"])) for part in ("class", "box", "mask", "semantic", "mask_iou")
    )
    assert row["loss_giou"] == ""


@pytest.mark.slow
def test_backbones_start_from_the_usual_imagenet_files(tmp_path):
    features = mobilenet_v2(weights=None).features.state_dict()
    save_file(features, tmp_path / "mobilenet.safetensors")
    backbone = build_yolact("yolact_compact").backbone
    load_backbone(backbone, tmp_path / "mobilenet.safetensors")
    assert torch.equal(backbone.features[5].conv[0][0].weight, features["5.conv.0.0.weight"])

    residual = resnet50(weights=None).state_dict()
    torch.save(residual, tmp_path / "resnet.pth")
    for name in ("yolact_resnet50", "yolact_plus_resnet50"):
        backbone = build_yolact(name).backbone
        load_backbone(backbone, tmp_path / "resnet.pth")
        for block in (0, 2):
            conv = backbone.layers[3][block].conv2
            assert torch.equal(conv.weight, residual[f"layer4.{block}.conv2.weight"])
    with pytest.raises(WeightsError, match="missing"):
        load_backbone(build_yolact("yolact_base").backbone, tmp_path / "resnet.pth")
    with pytest.raises(WeightsError, match="cannot be read"):
        load_backbone(backbone, tmp_path / "nothing.pth")


@pytest.mark.slow
def test_training_starts_from_given_weights(tmp_path):
    model = build_yolact("yolact_compact")
    with torch.no_grad():
        model.semantic_seg_conv.bias.fill_(0.25)
    export_half(model.state_dict(), tmp_path / "start.safetensors")
    train(options(tmp_path, init_weights=tmp_path / "start.safetensors", iterations=1, learning_rate=1e-4))
    trained = load_file(tmp_path / "run/final.safetensors")
    assert trained["semantic_seg_conv.bias"].tolist() == pytest.approx([0.25] * 3, abs=1e-3)
    average = torch.load(tmp_path / "run/last.pt", weights_only=True)["average"]["semantic_seg_conv.bias"]
    train(
        options(
            tmp_path,
            output=tmp_path / "next",
            init_weights=tmp_path / "run/last.pt",
            iterations=1,
            learning_rate=1e-9,
        )
    )
    continued = load_file(tmp_path / "next/final.safetensors")["semantic_seg_conv.bias"]
    torch.testing.assert_close(continued, average, rtol=0, atol=5e-4)
    with pytest.raises(WeightsError, match="differences"):
        train(
            options(
                tmp_path,
                model="yolact_resnet50_pascal",
                output=tmp_path / "x",
                init_weights=tmp_path / "start.safetensors",
            )
        )


def test_half_precision_weights_keep_values_names_and_metadata(tmp_path):
    state = {"weight": torch.tensor([0.1, 1e6, -1e6]), "steps": torch.tensor(7)}
    export_half(state, tmp_path / "half.safetensors", {"model": "x"})
    halved = load_file(tmp_path / "half.safetensors")
    assert halved["weight"].dtype == torch.float16
    assert halved["steps"].item() == 7
    assert halved["weight"].float().tolist() == pytest.approx([0.1, 65504, -65504], rel=1e-3)


@pytest.mark.slow
@pytest.mark.thorough
def test_a_handful_of_images_is_learnt_by_heart(tmp_path):
    annotations = write_shapes(tmp_path, 4, size=96)
    recipe = recipe_for("yolact_compact")
    optimization = replace(recipe.optimization, learning_rate=2e-3, ema=0.9, backbone_rate=1.0)
    # Random instead of pretrained backbone weights leave frozen statistics meaningless.
    recipe = replace(
        recipe,
        batch_size=4,
        iterations=110,
        augmentation="none",
        freeze_norms="none",
        frozen_stages=0,
        schedule=replace(recipe.schedule, warmup=10),
        optimization=optimization,
    )
    result = train(
        options(
            tmp_path,
            recipe=recipe,
            input_size=96,
            val_annotations=annotations,
            evaluate_every=110,
            checkpoint_every=1000,
            log_every=10,
        )
    )
    assert result.best > 0.9
    rows = losses(tmp_path / "run")
    assert float(rows[-1]["loss"]) < 0.05 * float(rows[0]["loss"])
