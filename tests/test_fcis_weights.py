"""Weights of FCIS's authors (MXNet) and of ChainerCV: every tensor of a stand-in ends where it belongs, in order."""

import numpy as np
import pytest
import torch
from foreign_weights import list_bytes

from yolact_temporal.errors import WeightsError
from yolact_temporal.yolact.families import build_model
from yolact_temporal.yolact.families.fcis.authors_names import (
    has_chainer_names,
    has_mxnet_names,
    without_chainer_names,
    without_mxnet_names,
)
from yolact_temporal.yolact.weights import REGISTRY, find_weights, import_file, load_weights, verify
from yolact_temporal.yolact.weights.checkpoint import expected_shapes

NAME = "fcis_resnet101"
BLOCKS = {2: "abc", 3: ("a", "b1", "b2", "b3"), 4: ("a", *(f"b{n}" for n in range(1, 23))), 5: "abc"}
"""As the authors name the blocks of each stage."""
MXNET_NORM = {
    "arg:{}_gamma": "weight",
    "arg:{}_beta": "bias",
    "aux:{}_moving_mean": "running_mean",
    "aux:{}_moving_var": "running_var",
}
CHAINER_NORM = {"gamma": "weight", "beta": "bias", "avg_mean": "running_mean", "avg_var": "running_var"}
LAYERS = {
    ("rpn_conv_3x3", "rpn/conv1"): ("rpn.head.conv", (512, 1024, 3, 3)),
    ("rpn_cls_score", "rpn/score"): ("rpn.head.score", (24, 512, 1, 1)),
    ("rpn_bbox_pred", "rpn/loc"): ("rpn.head.box", (48, 512, 1, 1)),
    ("conv_new_1", "head/conv1"): ("reduce", (1024, 2048, 1, 1)),
    ("fcis_cls_seg", "head/cls_seg"): ("score_maps", (2 * 81 * 49, 1024, 1, 1)),
    ("fcis_bbox", "head/ag_loc"): ("box_maps", (2 * 4 * 49, 1024, 1, 1)),
}


def convolutions():
    """Every normalised convolution: MXNet's names of it and of its norm, ChainerCV's, where both belong, its shape."""
    yield "conv1", "bn_conv1", "extractor/conv1", ("backbone.conv1", "backbone.bn1"), (64, 3, 7, 7)
    entering = 64
    for stage, names in BLOCKS.items():
        width = 64 * 2 ** (stage - 2)
        for number, name in enumerate(names):
            here = f"backbone.layers.{stage - 2}.{number}"
            there = f"extractor/res{stage}/{'a' if number == 0 else f'b{number}'}"
            parts = {
                "2a": ("conv1", "conv1", "bn1", (width, entering, 1, 1)),
                "2b": ("conv2", "conv2", "bn2", (width, width, 3, 3)),
                "2c": ("conv3", "conv3", "bn3", (4 * width, width, 1, 1)),
            }
            if number == 0:
                parts["1"] = ("residual_conv", "downsample.0", "downsample.1", (4 * width, entering, 1, 1))
            for branch, (chainer, conv, norm, shape) in parts.items():
                mxnet = f"{stage}{name}_branch{branch}"
                yield (
                    f"res{mxnet}",
                    f"bn{mxnet}",
                    f"{there}/{chainer}",
                    (f"{here}.{conv}", f"{here}.{norm}"),
                    shape,
                )
            entering = 4 * width


def mxnet_destinations():
    """Every key of the authors' parameters: where its tensor belongs, and its shape."""
    table = {}
    for conv, norm, _, (own, own_norm), shape in convolutions():
        table[f"arg:{conv}_weight"] = (f"{own}.weight", shape)
        table |= {key.format(norm): (f"{own_norm}.{part}", shape[:1]) for key, part in MXNET_NORM.items()}
    for (name, _), (own, shape) in LAYERS.items():
        table[f"arg:{name}_weight"] = (f"{own}.weight", shape)
        table[f"arg:{name}_bias"] = (f"{own}.bias", shape[:1])
    return table


def chainer_destinations():
    """Every key of ChainerCV's archive that is used: where its array belongs, and its shape."""
    table = {}
    for _, _, name, (own, own_norm), shape in convolutions():
        table[f"{name}/conv/W"] = (f"{own}.weight", shape)
        table |= {f"{name}/bn/{key}": (f"{own_norm}.{part}", shape[:1]) for key, part in CHAINER_NORM.items()}
    for (_, name), (own, shape) in LAYERS.items():
        table[f"{name}/W"] = (f"{own}.weight", shape)
        table[f"{name}/b"] = (f"{own}.bias", shape[:1])
    return table


def stand_in(table):
    """Tensor number i full of i, and a value a tensor in memory."""
    return {key: torch.tensor(float(i)).expand(shape) for i, (key, (_, shape)) in enumerate(table.items())}


def mxnet_stand_in():
    """With the offsets multiplied out beside the plain ones, as the authors' training leaves them."""
    state = stand_in(mxnet_destinations())
    return state | {f"{key}_test": state[key] + 999 for key in ("arg:fcis_bbox_weight", "arg:fcis_bbox_bias")}


def chainer_stand_in():
    state = stand_in(chainer_destinations())
    counters = {f"{key.rpartition('/')[0]}/N": torch.tensor(7) for key in state if key.endswith("gamma")}
    return state | counters


CASES = {
    "mxnet": (mxnet_destinations, mxnet_stand_in, has_mxnet_names, without_mxnet_names),
    "chainer": (chainer_destinations, chainer_stand_in, has_chainer_names, without_chainer_names),
}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("YOLACT_TEMPORAL_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize("case", CASES)
def test_every_tensor_gets_the_name_of_its_destination_and_none_is_left_over(case):
    table, make, recognises, rename = CASES[case]
    state = make()
    assert [has(state) for _, _, has, _ in CASES.values()] == [name == case for name in CASES]
    assert recognises(state)
    renamed = rename(state)
    expected = {here: float(number) for number, (here, _) in enumerate(table().values())}
    assert {key: float(value.flatten()[0]) for key, value in renamed.items()} == expected
    wanted = {
        key: shape
        for key, shape in expected_shapes(REGISTRY[NAME]).items()
        if not key.endswith("batches_tracked")
    }
    assert {key: tuple(value.shape) for key, value in renamed.items()} == wanted


def counted(*shape):
    return torch.arange(np.prod(shape), dtype=torch.float32).view(shape)


@pytest.mark.parametrize("rest", [(), (3, 1, 1)])
def test_boxes_and_scores_of_chainercv_are_brought_in_the_authors_order(rest):
    anchors, groups = 12, 49
    names = ("W", "weight") if rest else ("b", "bias")
    loc, score, maps = counted(anchors * 4, *rest), counted(anchors * 2, *rest), counted(8 * groups, *rest)
    key = names[0]
    renamed = without_chainer_names(
        {f"rpn/loc/{key}": loc, f"rpn/score/{key}": score, f"head/ag_loc/{key}": maps}
    )
    box, told, own = (
        renamed[f"{layer}.{names[1]}"] for layer in ("rpn.head.box", "rpn.head.score", "box_maps")
    )
    theirs = {"x": 1, "y": 0, "w": 3, "h": 2}  # ChainerCV's places of what is here x, y, w, h
    for place, name in enumerate("xywh"):
        for anchor in range(anchors):
            assert torch.equal(box[anchor * 4 + place], loc[anchor * 4 + theirs[name]])
        for which in range(2):
            for group in range(groups):
                mine = own[(which * 4 + place) * groups + group]
                assert torch.equal(mine, maps[(which * 4 + theirs[name]) * groups + group])
    for anchor in range(anchors):
        for which in range(2):
            assert torch.equal(told[which * anchors + anchor], score[anchor * 2 + which])


def test_the_authors_boxes_and_scores_are_in_order_as_they_are():
    state = {
        "arg:rpn_bbox_pred_bias": counted(48),
        "arg:rpn_cls_score_bias": counted(24),
        "arg:fcis_bbox_bias": counted(392),
    }
    for value in without_mxnet_names(state).values():
        assert torch.equal(value, counted(len(value)))


def test_what_follows_no_rule_keeps_its_name_so_that_it_is_told():
    mxnet = {"arg:fc1_weight": 1, "aux:other": 2, "res2a_branch1_weight": 3, "arg:res2a_branch3_weight": 4}
    assert without_mxnet_names(mxnet) == mxnet
    chainer = {"extractor/res6/a/conv1/conv/W": 1, "head/conv1/other": 2, "fc/W": 3}
    assert without_chainer_names(chainer) == chainer


def written_mxnet(state, path):
    path.write_bytes(list_bytes({key: value.half().numpy() for key, value in state.items()}))


def written_chainer(state, path):
    np.savez_compressed(path, **{key: value.numpy() for key, value in state.items()})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("case", "write", "file", "model"),
    [
        ("mxnet", written_mxnet, "fcis_coco-0000.params", None),
        pytest.param("chainer", written_chainer, "converted.npz", NAME, marks=pytest.mark.thorough),
    ],
)
def test_an_imported_file_is_loaded_tensor_by_tensor(tmp_path, case, write, file, model):
    table, make, _, _ = CASES[case]
    write(make(), tmp_path / file)
    found = import_file(tmp_path / file, model)
    assert (found.name, found.origin) == (NAME, str(tmp_path / file))
    network = build_model(NAME)
    assert load_weights(NAME, network).source == "cached"
    state = network.state_dict()
    for number, (here, shape) in enumerate(table().values()):
        assert tuple(state[here].shape) == shape
        assert bool((state[here] == number).all()), here
    assert verify(NAME).ok
    find_weights(NAME).path.unlink()  # a quarter of a gigabyte


@pytest.mark.slow
def test_weights_for_other_classes_are_refused_in_one_sentence(tmp_path):
    state = chainer_stand_in()
    for name, value in (
        ("cls_seg", torch.zeros(2 * 21 * 49, 1024, 1, 1)),
        ("ag_loc", torch.zeros(392, 1024, 1, 1)),
    ):
        state[f"head/{name}/W"] = value
    written_chainer(state, tmp_path / "sbd.npz")
    with pytest.raises(
        WeightsError, match=r"keys and shapes of fcis_resnet101.*score_maps\.weight is \(2058, 1024, 1, 1\)"
    ):
        import_file(tmp_path / "sbd.npz", NAME)
