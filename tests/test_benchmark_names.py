"""Checkpoints of Mask Scoring R-CNN's authors: every tensor of a stand-in ends where it belongs."""

import pytest
import torch

from yolact_temporal.errors import WeightsError
from yolact_temporal.yolact.families import build_model
from yolact_temporal.yolact.families.mask_rcnn.benchmark_names import (
    has_benchmark_names,
    with_torchvision_names,
)
from yolact_temporal.yolact.weights import REGISTRY, find_weights, import_file, load_weights
from yolact_temporal.yolact.weights.checkpoint import expected_shapes

NORM = ("weight", "bias", "running_mean", "running_var")
BLOCKS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}
NAMES = {50: "mask_scoring_rcnn_resnet50_fpn", 101: "mask_scoring_rcnn_resnet101_fpn"}


def destinations(depth):
    """Every key of maskrcnn-benchmark's Mask Scoring R-CNN: where its tensor belongs, and its shape."""
    table = {"backbone.body.stem.conv1.weight": ("backbone.body.conv1.weight", (64, 3, 7, 7))}
    table |= {f"backbone.body.stem.bn1.{part}": (f"backbone.body.bn1.{part}", (64,)) for part in NORM}
    entering = 64
    for stage, blocks in enumerate(BLOCKS[depth], start=1):
        width = 64 * 2 ** (stage - 1)
        for block in range(blocks):
            place = f"backbone.body.layer{stage}.{block}"
            convolutions = {
                "conv1": (width, entering, 1, 1),
                "conv2": (width, width, 3, 3),
                "conv3": (4 * width, width, 1, 1),
            }
            if block == 0:
                convolutions["downsample.0"] = (4 * width, entering, 1, 1)
            for name, shape in convolutions.items():
                norm = "downsample.1" if name == "downsample.0" else name.replace("conv", "bn")
                table[f"{place}.{name}.weight"] = (f"{place}.{name}.weight", shape)
                table |= {f"{place}.{norm}.{part}": (f"{place}.{norm}.{part}", (shape[0],)) for part in NORM}
            entering = 4 * width
        for ours, theirs, side, channels in (("inner", "inner", 1, 4 * width), ("layer", "layer", 3, 256)):
            there, here = f"backbone.fpn.fpn_{theirs}{stage}", f"backbone.fpn.{ours}_blocks.{stage - 1}.0"
            table[f"{there}.weight"] = (f"{here}.weight", (256, channels, side, side))
            table[f"{there}.bias"] = (f"{here}.bias", (256,))
    layers = {
        "rpn.head.conv": ("rpn.head.conv.0.0", (256, 256, 3, 3)),
        "rpn.head.cls_logits": ("rpn.head.cls_logits", (3, 256, 1, 1)),
        "rpn.head.bbox_pred": ("rpn.head.bbox_pred", (12, 256, 1, 1)),
        "roi_heads.box.feature_extractor.fc6": ("roi_heads.box_head.fc6", (1024, 256 * 7 * 7)),
        "roi_heads.box.feature_extractor.fc7": ("roi_heads.box_head.fc7", (1024, 1024)),
        "roi_heads.box.predictor.cls_score": ("roi_heads.box_predictor.cls_score", (81, 1024)),
        "roi_heads.box.predictor.bbox_pred": ("roi_heads.box_predictor.bbox_pred", (324, 1024)),
        "roi_heads.mask.predictor.conv5_mask": ("roi_heads.mask_predictor.conv5_mask", (256, 256, 2, 2)),
        "roi_heads.mask.predictor.mask_fcn_logits": (
            "roi_heads.mask_predictor.mask_fcn_logits",
            (81, 256, 1, 1),
        ),
        "roi_heads.maskiou.predictor.maskiou": ("roi_heads.maskiou.predictor.maskiou", (81, 1024)),
    }
    for number in range(1, 5):
        there = f"roi_heads.mask.feature_extractor.mask_fcn{number}"
        layers[there] = (f"roi_heads.mask_head.{number - 1}.0", (256, 256, 3, 3))
        there = f"roi_heads.maskiou.feature_extractor.maskiou_fcn{number}"
        layers[there] = (there, (256, 257 if number == 1 else 256, 3, 3))
    for number, inputs in ((1, 256 * 7 * 7), (2, 1024)):
        there = f"roi_heads.maskiou.feature_extractor.maskiou_fc{number}"
        layers[there] = (there, (1024, inputs))
    for there, (here, shape) in layers.items():
        table[f"{there}.weight"] = (f"{here}.weight", shape)
        outputs = shape[1] if there.endswith("conv5_mask") else shape[0]
        table[f"{there}.bias"] = (f"{here}.bias", (outputs,))
    return table


def stand_in(depth, prefix=""):
    """A state dict of the authors' names and shapes, tensor number i full of i, and a value a tensor in memory."""
    state = {
        f"{prefix}{key}": torch.tensor(float(number)).expand(shape)
        for number, (key, (_, shape)) in enumerate(destinations(depth).items())
    }
    cells = {f"{prefix}rpn.anchor_generator.cell_anchors.{level}": torch.zeros(3, 4) for level in range(5)}
    return state | cells


def written_out(state):
    """The same with every number written out, as a file of weights has them; half of float32's size."""
    return {key: value.half().contiguous() for key, value in state.items()}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("YOLACT_TEMPORAL_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("depth", [50, 101])
def test_every_tensor_gets_the_name_of_its_destination_and_none_is_left_over(depth, prefix):
    state = stand_in(depth, prefix)
    assert has_benchmark_names(state)
    renamed = with_torchvision_names(state)
    expected = {here: float(number) for number, (here, _) in enumerate(destinations(depth).values())}
    assert {key: float(value.flatten()[0]) for key, value in renamed.items()} == expected
    shapes = {key: tuple(value.shape) for key, value in renamed.items()}
    assert shapes == expected_shapes(REGISTRY[NAMES[depth]])


def test_other_checkpoints_are_not_taken_for_the_authors():
    assert not has_benchmark_names({"backbone.body.conv1.weight": 0, "module.backbone.conv1.weight": 0})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("prefix", "wrap", "name"),
    [
        ("module.", lambda state: {"model": state, "optimizer": {"state": {}}, "iteration": 3}, None),
        ("", lambda state: state, "mask_scoring_rcnn_resnet50_fpn"),
    ],
    ids=["training checkpoint, model guessed", "bare state dict, model named"],
)
def test_an_imported_checkpoint_is_loaded_tensor_by_tensor(tmp_path, prefix, wrap, name):
    path = tmp_path / "authors.pth"
    torch.save(wrap(written_out(stand_in(50, prefix))), path)
    before = path.read_bytes()
    found = import_file(path, name)
    assert found.name == "mask_scoring_rcnn_resnet50_fpn"
    assert found.origin == str(path)
    assert path.read_bytes() == before
    model = build_model(found.name)
    assert load_weights(found.name, model).source == "cached"
    state = model.state_dict()
    for number, (here, shape) in enumerate(destinations(50).values()):
        assert tuple(state[here].shape) == shape
        assert bool((state[here] == number).all()), here
    find_weights(found.name).path.unlink()  # a quarter of a gigabyte


@pytest.mark.slow
def test_a_checkpoint_of_another_depth_is_refused_in_one_sentence(tmp_path):
    path = tmp_path / "authors.pth"
    torch.save(written_out(stand_in(50)), path)
    with pytest.raises(
        WeightsError, match=r"keys and shapes of mask_scoring_rcnn_resnet101_fpn.*differences"
    ):
        import_file(path, "mask_scoring_rcnn_resnet101_fpn")
