"""Weights of maskrcnn-benchmark, as Mask Scoring R-CNN's authors publish them, under torchvision's names.

The networks are the same but for their names. Two things differ that no weight holds: the authors' boxes count their
last pixel in, so that a box is one pixel wider there than here, and their anchors are rounded to whole pixels; both
move a box by less than a pixel of the input.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeVar

Value = TypeVar("Value")

_PARALLEL = "module."
#: Anchors, which are made anew.
_DROPPED = re.compile(r"rpn\.anchor_generator\.cell_anchors\.\d+")
_RULES = (
    (re.compile(r"backbone\.body\.stem\."), "backbone.body."),
    (
        re.compile(r"backbone\.fpn\.fpn_inner(\d)\."),
        lambda m: f"backbone.fpn.inner_blocks.{int(m[1]) - 1}.0.",
    ),
    (
        re.compile(r"backbone\.fpn\.fpn_layer(\d)\."),
        lambda m: f"backbone.fpn.layer_blocks.{int(m[1]) - 1}.0.",
    ),
    (re.compile(r"rpn\.head\.conv\."), "rpn.head.conv.0.0."),
    (re.compile(r"roi_heads\.box\.feature_extractor\."), "roi_heads.box_head."),
    (re.compile(r"roi_heads\.box\.predictor\."), "roi_heads.box_predictor."),
    (
        re.compile(r"roi_heads\.mask\.feature_extractor\.mask_fcn(\d)\."),
        lambda m: f"roi_heads.mask_head.{int(m[1]) - 1}.0.",
    ),
    (re.compile(r"roi_heads\.mask\.predictor\."), "roi_heads.mask_predictor."),
)


def has_benchmark_names(keys: Mapping[str, Value]) -> bool:
    """Tell whether a state dict is of maskrcnn-benchmark, by the name of its first layer."""
    return any(key.removeprefix(_PARALLEL) == "backbone.body.stem.conv1.weight" for key in keys)


def with_torchvision_names(state: Mapping[str, Value]) -> dict[str, Value]:
    """Rename a state dict of maskrcnn-benchmark; keys that follow no rule stay as they are.

    Args:
        state: tensors, or whatever else, by key; a `module.` before each key is dropped.
    """
    named = {key.removeprefix(_PARALLEL): value for key, value in state.items()}
    return {_renamed(key): value for key, value in named.items() if not _DROPPED.fullmatch(key)}


def _renamed(key: str) -> str:
    for pattern, replacement in _RULES:
        if pattern.match(key):
            return pattern.sub(replacement, key, count=1)
    return key
