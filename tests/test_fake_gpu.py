"""The whole path on a GPU that is not there: every tensor on its device, and what the host waits for."""

import pytest
import torch
from fake_gpu import GUESSED, fake_batch, fake_frames, fake_gpu, moved
from model_names import small_ones_first

from yolact_temporal.yolact import config
from yolact_temporal.yolact.families import (
    SegmenterOptions,
    family_of,
    find_model,
    model_entries,
    model_names,
    segmenter_of,
    trainee_for,
)
from yolact_temporal.yolact.training.schedule import build_optimizer, freeze, gradient_norm, train_mode

YOLACTS = [name for name in model_names() if name.startswith("yolact")]
BASELINES = [name for name in model_names() if name not in YOLACTS]
TRAINABLE = [entry.name for entry in model_entries() if entry.recipe is not None]
FRAMES, SLOTS = 2, 100
SIDE = 320
"""Of the training square: enough for the rescoring network, whose convolutions are not padded."""
FRAME_BYTES, MASK_BYTES = 48 * 64 * 3, 40 + 48 * 64 // 8
"""Of a frame; of a mask with its box, score, class and rectangle."""
CONSTANT_BYTES = 16
"""So much a step of torchvision's may bring along, such as a ratio of sizes."""


@pytest.fixture(autouse=True)
def nothing_fake_is_kept():
    config._on_device.cache_clear()
    yield
    config._on_device.cache_clear()


def on_gpu(name):
    entry = find_model(name).config
    return moved(family_of(entry).build(entry))


def second_launch(traffic, name, precision, **options):
    """Segment twice, and account for the second time: what is computed once was computed before."""
    segmenter = segmenter_of(on_gpu(name), precision=precision, options=SegmenterOptions(**options))
    for _ in range(2):
        traffic.clear()
        segmenter.launch(fake_frames(FRAMES))


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float32", "float16"])
@pytest.mark.parametrize("name", small_ones_first(YOLACTS))
def test_frames_go_up_once_and_masks_come_down_once_and_nobody_waits(monkeypatch, name, precision):
    with fake_gpu(monkeypatch) as traffic:
        second_launch(traffic, name, precision)
    assert traffic.up == [FRAMES * FRAME_BYTES]
    assert traffic.down == [FRAMES * SLOTS * MASK_BYTES]
    assert traffic.waits == []


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float32", "float16"])
@pytest.mark.parametrize("name", small_ones_first(BASELINES))
def test_a_baseline_too_moves_frames_and_masks_once(monkeypatch, name, precision):
    with fake_gpu(monkeypatch) as traffic:
        second_launch(traffic, name, precision)
    assert [size for size in traffic.up if size > CONSTANT_BYTES] == [FRAMES * FRAME_BYTES]
    assert len(traffic.down) == 1
    assert traffic.down[0] in (FRAMES * GUESSED * MASK_BYTES, GUESSED * MASK_BYTES)
    # Regions are chosen by their values; but no mask and no box is read for itself.
    assert not any("scalar" in wait for wait in traffic.waits)


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [{"crop": "fine"}, {"crop": "fine", "crop_margin": 0.1}, {"crop_margin": 0.1}, {"nms": "cross-class"}],
)
@pytest.mark.parametrize("name", ["yolact_compact", "yolact_plus_resnet50"])
def test_what_is_chosen_of_a_segmenter_costs_no_transfer(monkeypatch, name, options):
    with fake_gpu(monkeypatch) as traffic:
        second_launch(traffic, name, "float32", **options)
    assert traffic.up == [FRAMES * FRAME_BYTES]
    assert traffic.down == [FRAMES * SLOTS * MASK_BYTES]
    assert traffic.waits == []


@pytest.mark.slow
def test_suppression_across_classes_moves_frames_and_masks_once(monkeypatch):
    with fake_gpu(monkeypatch) as traffic:
        second_launch(traffic, "mask_rcnn_compact", "float32", nms="cross-class")
    assert [size for size in traffic.up if size > CONSTANT_BYTES] == [FRAMES * FRAME_BYTES]
    assert len(traffic.down) == 1
    assert not any("scalar" in wait for wait in traffic.waits)


@pytest.mark.slow
@pytest.mark.parametrize("truth", [True, False])
@pytest.mark.parametrize("name", small_ones_first(TRAINABLE))
def test_a_training_step_stays_on_the_device(monkeypatch, name, truth):
    with fake_gpu(monkeypatch, truth):
        recipe, trainee = find_model(name).recipe, trainee_for(name, size=SIDE)
        model = trainee.build()
        sizes = trainee.target_sizes(model, SIDE)
        freeze(trainee, moved(model), recipe)
        device = torch.device("cuda", 0)
        optimizer = build_optimizer(model, recipe.optimization, device, trainee.backbone_prefix)
        train_mode(trainee, model, recipe)
        batch = fake_batch(sizes, classes=len(trainee.config.class_names)).to(device)
        losses = trainee.losses(model, batch, recipe, seed=0)
        total = torch.stack(list(losses.values())).sum()
        assert total.device == device
        assert total.requires_grad
        # PyTorch's engine walks back only where there is a driver; each gradient lies where its weight does.
        trained = [weight for weight in model.parameters() if weight.requires_grad]
        assert trained
        for weight in trained:
            weight.grad = torch.zeros_like(weight)
            assert weight.grad.device == device
        gradient_norm(model, 10.0)
        optimizer.step()


def test_a_tensor_that_stayed_on_the_host_is_found(monkeypatch):
    with fake_gpu(monkeypatch):
        segmenter = segmenter_of(on_gpu("yolact_compact"))
        layer = segmenter.model.proto_net[0]
        convolution = next(part for part in layer.modules() if isinstance(part, torch.nn.Conv2d))
        convolution.weight = torch.nn.Parameter(torch.zeros(convolution.weight.shape))
        with pytest.raises(Exception, match=r"device.*cpu|cpu.*device"):
            segmenter.launch(fake_frames())
