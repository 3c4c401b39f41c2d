import csv
import json
import multiprocessing
import os
import signal
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from shapes import CLASS_NAMES, write_shapes
from torchvision.models import mobilenet_v2, resnet50
from torchvision.models.detection.image_list import ImageList

from yolact_temporal.data.coco import CocoDataset
from yolact_temporal.errors import InputError, UsageError, WeightsError
from yolact_temporal.yolact import PRESETS, build_yolact
from yolact_temporal.yolact.families import model_names, recipe_for, trainee_for
from yolact_temporal.yolact.families.mask_rcnn import BASELINES
from yolact_temporal.yolact.families.yolact.trainee import at_input_size
from yolact_temporal.yolact.training import (
    TrainingOptions,
    export_half,
    load_backbone,
    train,
)
from yolact_temporal.yolact.training import loop as loop_module
from yolact_temporal.yolact.training.batches import (
    PositionSampler,
    TargetSizes,
    image_repeats,
    training_loader,
)
from yolact_temporal.yolact.training.curve import draw_curve
from yolact_temporal.yolact.training.log import TrainingLog
from yolact_temporal.yolact.training.options import resolve_recipe
from yolact_temporal.yolact.training.progress import TimeLeft
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


# Recipes


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


@pytest.mark.parametrize("name", ["yolact_compact", "mask_rcnn_compact"])
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


@pytest.mark.parametrize("name", ["yolact_compact", "mask_rcnn_compact"])
def test_a_resized_network_finds_what_one_built_for_the_size_finds(name):
    own, other = trainee_for(name), trainee_for(name, 96)
    model, built = own.build(), other.build()
    built.load_state_dict(model.state_dict())
    own.resize(model, 96)
    images = torch.rand(1, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    if name == "yolact_compact":
        first, second = model(images).anchors, built(images).anchors
    else:
        features = list(model.backbone(images).values())
        squares = ImageList(images, [(96, 96)])
        first, second = (net.rpn.anchor_generator(squares, features)[0] for net in (model, built))
    torch.testing.assert_close(first, second)
    assert own.target_sizes(model, 96) == other.target_sizes(built, 96)


# What is trained


def compact(**changes):
    return replace(recipe_for("yolact_compact"), **changes)


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


# What it is trained on


def test_sampling_repeats_images_by_class_and_source(tmp_path):
    path = write_shapes(tmp_path, 4, count=1)
    content = json.loads(path.read_text())
    for index, (category, source) in enumerate([(1, "a"), (2, "a"), (2, "b"), (1, "b")]):
        content["annotations"][index]["category_id"] = category
        content["images"][index]["source"] = source
    content["annotations"][3]["iscrowd"] = 1
    path.write_text(json.dumps(content))
    repeats = image_repeats(CocoDataset(path, tmp_path), Sampling({"vehicle": 3.0}, {"b": 0.5}))
    assert repeats.tolist() == [1.0, 3.0, 1.5, 0.0]


def test_the_sampler_goes_on_from_any_position_as_if_never_stopped():
    repeats = np.array([1.0, 2.5, 0.5, 0.0])

    def take(count, start=0):
        iterator = iter(PositionSampler(repeats, 5, start))
        return [next(iterator) for _ in range(count)]

    run = take(400)
    assert [position for position, _ in run] == list(range(400))
    for start in (1, 4, 17, 123):
        assert take(50, start) == run[start : start + 50]
    counts = np.bincount([index for _, index in run], minlength=4) / 400
    assert counts == pytest.approx([0.25, 0.625, 0.125, 0], abs=0.03)


def test_batches_do_not_depend_on_the_number_of_workers(tmp_path):
    dataset = CocoDataset(write_shapes(tmp_path, 5), tmp_path, cache="encoded")
    sizes = [(0, TargetSizes(64, (16, 16), (8, 8))), (2, TargetSizes(96, (24, 24), (12, 12)))]
    recipe = compact(batch_size=3)

    def batches(workers, start=0):
        loader = iter(training_loader(dataset, recipe, sizes, seed=1, start=start, workers=workers))
        return [next(loader) for _ in range(3)]

    assert [batch.images.shape[1] for batch in batches(0)] == [64, 64, 96]
    for first, second in zip(batches(0), batches(2), strict=True):
        assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    later = batches(0, start=6)[0]
    assert all(torch.equal(a, b) for a, b in zip(batches(0)[2], later, strict=True))


@pytest.mark.parametrize("augmentation", ["ssd", "affine", "none"])
def test_a_batch_holds_targets_at_prototype_and_semantic_resolution(tmp_path, augmentation):
    dataset = CocoDataset(write_shapes(tmp_path, 3), tmp_path)
    recipe = compact(batch_size=3, augmentation=augmentation)
    sizes = [(0, TargetSizes(64, (16, 16), (8, 8)))]
    batch = next(iter(training_loader(dataset, recipe, sizes, seed=0, start=0, workers=0)))
    assert batch.images.shape == (3, 64, 64, 3)
    assert batch.images.dtype == torch.uint8
    assert batch.masks.shape == (len(batch.boxes), 16, 16)
    assert batch.semantic.shape == (3, 3, 8, 8)
    assert batch.boxes.min() >= 0
    assert batch.boxes.max() <= 1
    assert len(batch.boxes) == batch.counts.sum()
    for index, image in enumerate(batch.per_image()):
        for mask, class_id in zip(image.masks, image.class_ids, strict=True):
            # A semantic cell is two by two prototype cells, so a larger mask cannot vanish.
            assert batch.semantic[index, class_id].any() or mask.sum() < 12


# The loop


def options(tmp_path, **changes):
    annotations = tmp_path / "annotations.json"
    if not annotations.exists():
        write_shapes(tmp_path, 6)
    recipe = compact(batch_size=2, iterations=8, schedule=Schedule(kind="cosine", warmup=2))
    defaults = {
        "model": "yolact_compact",
        "annotations": annotations,
        "images": tmp_path,
        "output": tmp_path / "run",
        "recipe": recipe,
        "input_size": 64,
        "checkpoint_every": 4,
        "log_every": 1,
        "workers": 0,
        "device": "cpu",
        "progress": False,
    }
    return TrainingOptions(**(defaults | changes))


def losses(folder):
    """The log's rows but for times and speeds."""
    with (folder / "metrics.csv").open(newline="") as file:
        return [
            {k: v for k, v in row.items() if k not in ("time_s", "images_per_s")}
            for row in csv.DictReader(file)
        ]


def killed_run(options):
    """Train until SIGKILL ends it in its sixth iteration, between two checkpoints; a process's whole work."""
    append = TrainingLog.append

    def killing(self, done, *rest):
        append(self, done, *rest)
        if done == 6:
            os.kill(os.getpid(), signal.SIGKILL)

    TrainingLog.append = killing
    train(options)


@pytest.mark.slow
def test_a_killed_run_resumes_to_the_losses_of_an_unbroken_one(tmp_path):
    changes = growing(at_input_size(PRESETS["yolact_compact"], 96)) | {"checkpoint_every": 2}
    train(options(tmp_path, output=tmp_path / "whole", **changes))
    process = multiprocessing.get_context("spawn").Process(
        target=killed_run, args=(options(tmp_path, **changes),)
    )
    process.start()
    process.join(120)
    assert process.exitcode == -signal.SIGKILL
    (tmp_path / "run/.last.pt.1.tmp").write_bytes(b"half a checkpoint")
    assert torch.load(tmp_path / "run/last.pt", weights_only=True)["iteration"] == 4
    assert train(options(tmp_path, resume=True, **changes)).finished
    assert losses(tmp_path / "run") == losses(tmp_path / "whole")
    first, second = (load_file(tmp_path / name / "final.safetensors") for name in ("whole", "run"))
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert not [path for path in (tmp_path / "run").iterdir() if path.suffix == ".tmp"]


class CrashError(Exception):
    pass


def fail_at(monkeypatch, iteration, action):
    append = TrainingLog.append

    def failing(self, done, *rest):
        append(self, done, *rest)
        if done == iteration:
            action()

    monkeypatch.setattr(TrainingLog, "append", failing)


def crash():
    raise CrashError


def growing(config):
    """A model that is 96 pixels large, and a recipe that trains it at 64 up to its fifth iteration of eight."""
    recipe = compact(
        batch_size=2,
        iterations=8,
        sizes=((0, 64), (5 / 8, 96)),
        schedule=Schedule(kind="cosine", warmup=2),
    )
    return {"model": config, "recipe": recipe, "input_size": None}


@pytest.mark.slow
@pytest.mark.parametrize(
    "config",
    [
        at_input_size(PRESETS["yolact_compact"], 96),
        replace(BASELINES["mask_rcnn_compact"], input_size=96),
    ],
    ids=lambda config: config.name,
)
def test_a_run_that_dies_and_resumes_has_the_losses_of_an_unbroken_one(tmp_path, monkeypatch, config):
    changes = growing(config)
    whole = train(options(tmp_path, output=tmp_path / "whole", **changes))
    assert (whole.iteration, whole.finished, whole.interrupted) == (8, True, False)
    with monkeypatch.context() as patch:
        fail_at(patch, 6, crash)
        with pytest.raises(CrashError):
            train(options(tmp_path, workers=2, **changes))
    assert len(losses(tmp_path / "run")) == 6
    resumed = train(options(tmp_path, resume=True, workers=1, **changes))
    assert resumed.finished
    expected = losses(tmp_path / "whole")
    assert [row["input_size"] for row in expected] == ["64"] * 5 + ["96"] * 3
    assert [row["images"] for row in expected] == [str(2 * i) for i in range(1, 9)]
    assert len({row["loss"] for row in expected}) == 8
    assert losses(tmp_path / "run") == expected
    first, second = (load_file(tmp_path / name / "final.safetensors") for name in ("whole", "run"))
    assert all(torch.equal(first[key], second[key]) for key in first)


@pytest.mark.slow
@pytest.mark.smoke
@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_iteration_and_saves(tmp_path, monkeypatch, number, times):
    before = signal.getsignal(number)
    fail_at(monkeypatch, 3, lambda: [os.kill(os.getpid(), number) for _ in range(times)])
    result = train(options(tmp_path))
    assert (result.iteration, result.finished, result.interrupted) == (3, False, True)
    assert torch.load(tmp_path / "run/last.pt", weights_only=True)["iteration"] == 3
    assert signal.getsignal(number) is before
    assert not [path for path in (tmp_path / "run").iterdir() if path.suffix == ".tmp"]


@pytest.mark.slow
def test_a_signal_some_time_after_the_first_interrupts_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr("yolact_temporal.yolact.training.loop._SAME_WISH_S", 0.0)
    fail_at(monkeypatch, 3, lambda: [os.kill(os.getpid(), signal.SIGINT) for _ in range(2)])
    with pytest.raises(KeyboardInterrupt):
        train(options(tmp_path))


def test_a_run_stops_in_time_and_can_go_on(tmp_path):
    result = train(options(tmp_path, max_minutes=1e-9))
    assert (result.iteration, result.finished, result.interrupted) == (0, False, False)


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


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({}, UsageError, "holds one; resume it"),
        ({"resume": True, "seed": 3}, UsageError, "seed: 0 there, 3 here"),
        (
            {"resume": True, "learning_rate": 0.5},
            UsageError,
            r"optimization\.learning_rate: 0.0015 there, 0.5 here",
        ),
        ({"resume": True, "output": "elsewhere"}, InputError, "found none; train without"),
    ],
    ids=["taken", "another seed", "another rate", "nothing to resume"],
)
def test_a_run_is_neither_overwritten_nor_resumed_as_another(tmp_path, changes, error, message):
    train(options(tmp_path, max_minutes=1e-9))
    if "output" in changes:
        changes = changes | {"output": tmp_path / changes["output"]}
    with pytest.raises(error, match=message):
        train(options(tmp_path, **changes))


def test_a_broken_checkpoint_is_named(tmp_path):
    train(options(tmp_path, max_minutes=1e-9))
    (tmp_path / "run/last.pt").write_bytes(b"broken")
    with pytest.raises(InputError, match="cannot be read"):
        train(options(tmp_path, resume=True))


# Weights


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
