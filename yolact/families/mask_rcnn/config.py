"""The baselines as frozen configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal

from yolact_temporal.errors import UsageError, advice_on_name
from yolact_temporal.yolact.classes import COCO_91_CLASSES, COCO_CLASSES, EVERYDAY_CLASSES
from yolact_temporal.yolact.config import PRESETS

KEY_PREFIX = "roi_heads.maskiou."
"""What the keys of the MaskIoU head begin with in a network's state dict."""


@dataclass(frozen=True)
class MaskRcnnConfig:
    """Everything that determines a Mask R-CNN or Mask Scoring R-CNN network.

    Attributes:
        name: as in `--model`.
        class_names: the classes, background excluded.
        architecture: "torchvision" (He et al. 2017 as torchvision builds it), "torchvision_v2" (Li et al. 2021),
            "authors" (as Mask Scoring R-CNN's authors trained it: stride in the 1x1 convolution of a bottleneck, BGR
            input of 0..255 less a mean), or "compact" (on YOLACT compact's backbone, pyramid and anchors).
        depth: of the ResNet; None for the compact models.
        input_size: side of the square input; None where frames keep their aspect, the short side 800 pixels and the
            long one at most 1333.
        mask_scoring: whether the MaskIoU head (Huang et al. 2019) is present.
    """

    name: str
    class_names: tuple[str, ...]
    architecture: Literal["torchvision", "torchvision_v2", "authors", "compact"]
    depth: Literal[50, 101] | None = 50
    input_size: int | None = None
    mask_scoring: bool = False


_TORCHVISION = MaskRcnnConfig("mask_rcnn_resnet50_fpn", COCO_91_CLASSES, "torchvision")
_SCORING = MaskRcnnConfig("mask_scoring_rcnn_resnet50_fpn", COCO_CLASSES, "authors", mask_scoring=True)
_COMPACT = MaskRcnnConfig(
    "mask_rcnn_compact",
    EVERYDAY_CLASSES,
    "compact",
    depth=None,
    input_size=PRESETS["yolact_compact"].input_size,
)

#: Every baseline by name.
BASELINES: Mapping[str, MaskRcnnConfig] = MappingProxyType(
    {
        config.name: config
        for config in (
            _TORCHVISION,
            replace(_TORCHVISION, name="mask_rcnn_resnet50_fpn_v2", architecture="torchvision_v2"),
            _SCORING,
            replace(_SCORING, name="mask_scoring_rcnn_resnet101_fpn", depth=101),
            _COMPACT,
            replace(_COMPACT, name="mask_scoring_rcnn_compact", mask_scoring=True),
        )
    }
)


def baseline(name: str) -> MaskRcnnConfig:
    """Return a baseline by name.

    Raises:
        UsageError: if there is no such baseline.
    """
    if name not in BASELINES:
        known = ", ".join(BASELINES)
        raise UsageError(
            f"expected a baseline out of {known}, got {name!r}: {advice_on_name(name, BASELINES)}"
        )
    return BASELINES[name]
