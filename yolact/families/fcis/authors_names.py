"""Weights of FCIS under its authors' names (MXNet), and under ChainerCV's, as they are named and ordered here.

The order here is the authors': of every four numbers of a box x, y, width, height; of the proposal network's scores
those of background before all of objects. ChainerCV orders y, x, height, width, and its scores anchor by anchor.

Two things differ that no weight holds. The authors' boxes end at their last pixel, and grow by one where they are
measured; here they end behind it, which is the same. ChainerCV's anchors are not rounded to whole pixels; here they
are, as the authors'.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from yolact_temporal.yolact.families.fcis.config import GROUPS

if TYPE_CHECKING:
    from torch import Tensor

_MXNET_LAYERS = {
    "conv1": "backbone.conv1",
    "bn_conv1": "backbone.bn1",
    "rpn_conv_3x3": "rpn.head.conv",
    "rpn_cls_score": "rpn.head.score",
    "rpn_bbox_pred": "rpn.head.box",
    "conv_new_1": "reduce",
    "fcis_cls_seg": "score_maps",
    "fcis_bbox": "box_maps",
}
_CHAINER_LAYERS = {
    "rpn/conv1": "rpn.head.conv",
    "rpn/score": "rpn.head.score",
    "rpn/loc": "rpn.head.box",
    "head/conv1": "reduce",
    "head/cls_seg": "score_maps",
    "head/ag_loc": "box_maps",
}
_PARTS = {
    "weight": "weight",
    "bias": "bias",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_var": "running_var",
    "W": "weight",
    "b": "bias",
    "avg_mean": "running_mean",
    "avg_var": "running_var",
}
#: A block of a stage: "a" is the first; the others are b, c, or b1, b2, and so on.
_MXNET_BLOCK = re.compile(r"(res|bn)([2-5])(a|b\d*|c)_branch(1|2[abc])")
_CHAINER_BLOCK = re.compile(r"extractor/res([2-5])/(a|b\d+)/(conv[123]|residual_conv)/(conv|bn)")
_BRANCHES = {"1": "downsample", "2a": "1", "2b": "2", "2c": "3", "residual_conv": "downsample"}
#: Offsets as the authors multiply them out for other programs; the plain ones stand beside them.
_MULTIPLIED_OUT = "_test"


def has_mxnet_names(keys: Mapping[str, object]) -> bool:
    """Tell whether a state dict is the authors', by the names of two layers."""
    return {"arg:conv1_weight", "arg:fcis_cls_seg_weight"} <= keys.keys()


def has_chainer_names(keys: Mapping[str, object]) -> bool:
    """Tell whether a state dict is ChainerCV's, by the names of two layers."""
    return {"extractor/conv1/conv/W", "head/cls_seg/W"} <= keys.keys()


def without_mxnet_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename the authors' state dict; keys that follow no rule stay as they are."""
    return dict(_mxnet_renamed(state))


def _mxnet_renamed(state: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    for key, value in state.items():
        kind, _, name = key.partition(":")
        if name.endswith(_MULTIPLIED_OUT):
            continue
        layer, part = _split(name)
        place = _MXNET_LAYERS.get(layer) or _mxnet_block(layer)
        known = kind in ("arg", "aux") and place is not None and part is not None
        yield (f"{place}.{part}" if known else key), value


def _split(name: str) -> tuple[str, str | None]:
    """Return the layer that a name of MXNet's begins with, and what part of it the name is for."""
    for part, own in _PARTS.items():
        if name.endswith(f"_{part}"):
            return name.removesuffix(f"_{part}"), own
    return name, None


def _mxnet_block(layer: str) -> str | None:
    found = _MXNET_BLOCK.fullmatch(layer)
    if found is None:
        return None
    kind, stage, block, branch = found.groups()
    number = {"a": 0, "b": 1, "c": 2}.get(block)
    return _place(int(stage), int(block[1:]) if number is None else number, _BRANCHES[branch], kind == "bn")


def _place(stage: int, block: int, layer: str, norm: bool) -> str:
    """Return where a layer of a block lies, stages counted from 2 and blocks from 0."""
    inside = f"downsample.{int(norm)}" if layer == "downsample" else f"{'bn' if norm else 'conv'}{layer}"
    return f"backbone.layers.{stage - 2}.{block}.{inside}"


def without_chainer_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename ChainerCV's state dict and bring its boxes and scores in order; keys that follow no rule stay."""
    return dict(_chainer_renamed(state))


def _chainer_renamed(state: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    for key, value in state.items():
        layer, _, name = key.rpartition("/")
        if name == "N":  # how many batches a normalisation has seen
            continue
        place = _CHAINER_LAYERS.get(layer) or _chainer_block(layer)
        part = _PARTS.get(name)
        if place is None or part is None:
            yield key, value
        else:
            yield f"{place}.{part}", _reordered(place, value)


def _chainer_block(layer: str) -> str | None:
    if layer in ("extractor/conv1/conv", "extractor/conv1/bn"):
        return "backbone.bn1" if layer.endswith("bn") else "backbone.conv1"
    found = _CHAINER_BLOCK.fullmatch(layer)
    if found is None:
        return None
    stage, block, name, kind = found.groups()
    number = 0 if block == "a" else int(block[1:])
    return _place(int(stage), number, _BRANCHES.get(name) or name.removeprefix("conv"), kind == "bn")


def _reordered(place: str, value: Tensor) -> Tensor:
    """Return a tensor of ChainerCV's in the authors' order; one of another size as it is, to be refused."""
    rest = value.shape[1:]
    if place == "rpn.head.score" and len(value) % 2 == 0:
        return value.reshape(-1, 2, *rest).transpose(0, 1).reshape(value.shape)
    group = {"rpn.head.box": 1, "box_maps": GROUPS**2}.get(place)
    if group is None or len(value) % (4 * group):
        return value
    return value.reshape(-1, 4, group, *rest)[:, [1, 0, 3, 2]].reshape(value.shape)
