"""Recipes, and what of a model they train: sizes, schedules, optimisers, frozen parts."""

from dataclasses import replace

import pytest
import torch
from torchvision.models.detection.image_list import ImageList
from training_runs import compact

from yolact_temporal.errors import UsageError
from yolact_temporal.yolact import PRESETS, build_yolact
from yolact_temporal.yolact.families import model_names, recipe_for, trainee_for
from yolact_temporal.yolact.families.yolact.trainee import at_input_size
from yolact_temporal.yolact.training import TrainingOptions
from yolact_temporal.yolact.training.options import resolve_recipe
from yolact_temporal.yolact.training.recipe import (
    LossConfig,
    Matching,
    Optimization,
    Sampling,
    Schedule,
    TrainingRecipe,
)
from yolact_temporal.yolact.training.schedule import (
    WeightAverage,
    build_optimizer,
    freeze,
    learning_rate,
    train_mode,
    training_sizes,
)

PUBLISHED = [name for name in PRESETS if name != "yolact_compact"]


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_recipes_have_the_papers_numbers(name):
    recipe = recipe_for(name)
    assert recipe.batch_size == 8
    assert recipe.augmentation == "ssd"
    assert recipe.copy_paste is None
    assert recipe.matching == Matching(positive_iou=0.5, negative_iou=0.4, crowd_overlap=0.7, best_k=1)
    assert recipe.loss == LossConfig(
        class_loss="ohem",
        class_weight=1.0,
        negatives_per_positive=3,
        box_loss="smooth_l1",
        box_weight=1.5,
        mask_weight=6.125,
        masks_per_image=100,
        semantic_weight=1.0,
        mask_iou_weight=25.0,
        smallest_rescored=25,
    )
    assert recipe.optimization == Optimization(
        kind="sgd",
        learning_rate=1e-3,
        momentum=0.9,
        weight_decay=5e-4,
        backbone_rate=1.0,
        decay_norms=True,
        ema=0.0,
    )
    pascal = name == "yolact_resnet50_pascal"
    steps = (60_000, 100_000) if pascal else (280_000, 600_000, 700_000, 750_000)
    assert recipe.schedule == Schedule(kind="step", steps=steps, gamma=0.1, warmup=500, warmup_rate=1e-4)
    assert recipe.iterations == (120_000 if pascal else 800_000)
    assert (recipe.sampling, recipe.freeze_norms, recipe.frozen_stages) == (Sampling(), "none", 0)


def test_every_model_has_a_recipe():
    assert all(recipe_for(name).iterations for name in model_names())
    with pytest.raises(UsageError, match=r"expected a model out of .*yolact_base.*got 'nothing'"):
        recipe_for("nothing")


def test_another_batch_size_scales_rate_and_schedule():
    recipe = recipe_for("yolact_base").for_batch(16)
    assert (recipe.batch_size, recipe.iterations, recipe.optimization.learning_rate) == (16, 400_000, 2e-3)
    assert recipe.schedule.steps == (140_000, 300_000, 350_000, 375_000)


def test_options_replace_the_recipes_numbers(tmp_path):
    options = TrainingOptions("yolact_base", tmp_path, tmp_path, tmp_path, iterations=8000, learning_rate=0.1)
    recipe = resolve_recipe(options)
    assert recipe.schedule.steps == (2800, 6000, 7000, 7500)
    assert (recipe.iterations, recipe.optimization.learning_rate) == (8000, 0.1)


@pytest.mark.parametrize(
    ("iteration", "rate"),
    [
        (0, 1e-4),
        (250, 5.5e-4),
        (500, 1e-3),
        (279_999, 1e-3),
        (280_000, 1e-4),
        (700_000, 1e-6),
        (799_999, 1e-7),
    ],
)
def test_the_published_schedule_step_by_step(iteration, rate):
    schedule = recipe_for("yolact_base").schedule
    assert learning_rate(schedule, 1e-3, iteration, 800_000) == pytest.approx(rate)


def test_the_cosine_schedule_falls_to_its_final_share():
    schedule = Schedule(kind="cosine", warmup=100, final=0.1)
    rates = [learning_rate(schedule, 1.0, i, 1100) for i in (100, 600, 1100)]
    assert rates == pytest.approx([1.0, 0.55, 0.1])


@pytest.mark.parametrize("name", ["yolact_compact", "mask_rcnn_compact", "fcis_compact"])
def test_the_compact_models_share_a_schedule_that_ends_at_their_own_size(name):
    recipe, own = recipe_for(name), trainee_for(name).size
    assert recipe == recipe_for("yolact_compact")
    assert recipe.iterations * recipe.batch_size >= 80_000
    assert training_sizes(recipe, own) == [(0, 320), (3400, own)]
    longer = replace(recipe.for_batch(8), iterations=30)
    assert training_sizes(longer, own) == [(0, 320), (20, own)]
    assert training_sizes(recipe_for("mask_scoring_rcnn_compact"), own) == [(0, own)]


def test_a_size_that_is_asked_for_is_the_size_all_along(tmp_path):
    options = TrainingOptions("yolact_compact", tmp_path, tmp_path, tmp_path, input_size=96)
    assert training_sizes(resolve_recipe(options), 96) == [(0, 96)]


@pytest.mark.parametrize(
    "sizes", [((0.1, 64),), ((0, 64), (0, 96)), ((0, 64), (0.6, 96), (0.5, 128)), ((0, 64), (1, 96))]
)
def test_sizes_must_cover_the_run_in_order(sizes):
    with pytest.raises(ValueError, match="expected sizes from shares that rise"):
        TrainingRecipe(sizes=sizes)


@pytest.mark.parametrize("name", ["yolact_compact", "mask_rcnn_compact", "fcis_compact"])
def test_a_resized_network_finds_what_one_built_for_the_size_finds(name):
    own, other = trainee_for(name), trainee_for(name, 96)
    model, built = own.build(), other.build()
    built.load_state_dict(model.state_dict())
    own.resize(model, 96)
    images = torch.rand(1, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    if name == "yolact_compact":
        first, second = model(images).anchors, built(images).anchors
    else:
        features = list((model(images)[0] if name == "fcis_compact" else model.backbone(images)).values())
        squares = ImageList(images, [(96, 96)])
        first, second = (net.rpn.anchor_generator(squares, features)[0] for net in (model, built))
    torch.testing.assert_close(first, second)
    assert own.target_sizes(model, 96) == other.target_sizes(built, 96)


def test_frozen_norms_and_stages_neither_learn_nor_follow_the_data():
    model = build_yolact("yolact_compact")
    recipe = compact(freeze_norms="backbone", frozen_stages=2)
    trainee = trainee_for("yolact_compact")
    freeze(trainee, model, recipe)
    train_mode(trainee, model, recipe)
    norm = model.backbone.features[10].conv[0][1]
    assert not norm.training
    assert not norm.weight.requires_grad
    assert model.backbone.features[10].conv[0][0].weight.requires_grad
    trained = {
        name for name, p in model.named_parameters() if p.requires_grad and name.startswith("backbone")
    }
    assert trained
    assert all(int(name.split(".")[2]) >= 7 for name in trained)
    assert model.training
    assert model.proto_net.training


def test_frozen_stages_of_a_resnet_take_the_stem_with_them():
    model = build_yolact("yolact_resnet50")
    freeze(trainee_for("yolact_resnet50"), model, replace(recipe_for("yolact_resnet50"), frozen_stages=1))
    frozen = {
        name.split(".")[1] + name.split(".")[2] for name, p in model.named_parameters() if not p.requires_grad
    }
    assert {part[:7] for part in frozen} == {"conv1we", "bn1weig", "bn1bias", "layers0"}


def test_the_compact_optimiser_slows_the_backbone_and_spares_norms_and_biases():
    model = build_yolact("yolact_compact")
    optimizer = build_optimizer(model, recipe_for("yolact_compact").optimization, torch.device("cpu"))
    of = {id(p): group for group in optimizer.param_groups for p in group["params"]}
    for name, parameter in model.named_parameters():
        group = of[id(parameter)]
        assert group["rate"] == (0.3 if name.startswith("backbone.") else 1.0)
        assert (group["weight_decay"] == 0) == (parameter.ndim == 1), name


def test_the_published_optimiser_treats_all_weights_alike():
    model = build_yolact("yolact_resnet50")
    optimizer = build_optimizer(model, recipe_for("yolact_resnet50").optimization, torch.device("cpu"))
    assert isinstance(optimizer, torch.optim.SGD)
    groups = [(g["rate"], g["weight_decay"], g["momentum"]) for g in optimizer.param_groups]
    assert set(groups) == {(1.0, 5e-4, 0.9)}


def test_the_average_forgets_its_start_and_then_follows_slowly():
    live, average = torch.nn.BatchNorm2d(1), torch.nn.BatchNorm2d(1)
    mean = WeightAverage(live, average, 0.9)
    with torch.no_grad():
        live.weight.fill_(11.0)
    live.num_batches_tracked.fill_(7)
    mean.update(0)
    # The first decay is 1/10: a tenth of 1, nine tenths of 11.
    assert average.weight.item() == pytest.approx(10.0)
    assert average.num_batches_tracked.item() == 7
    mean.update(10_000)
    assert average.weight.item() == pytest.approx(0.9 * 10 + 0.1 * 11)


def test_another_input_size_keeps_anchors_relative_to_the_image():
    config = PRESETS["yolact_compact"]
    small = at_input_size(config, config.input_size // 2)
    model, other = build_yolact(config), build_yolact(small)
    images = torch.zeros(1, 3, 64, 64)
    assert torch.allclose(model(images).anchors, other(images).anchors)
    assert other.config.input_size == config.input_size // 2
