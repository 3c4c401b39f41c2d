"""The baselines that YOLACT is compared with: Mask R-CNN and Mask Scoring R-CNN, behind the same `Segmenter`."""

from typing import TYPE_CHECKING

from yolact_temporal.yolact.lazy import lazy_names

if TYPE_CHECKING:
    from yolact_temporal.yolact.families.mask_rcnn.config import BASELINES, MaskRcnnConfig, baseline
    from yolact_temporal.yolact.families.mask_rcnn.network import build_mask_rcnn
    from yolact_temporal.yolact.families.mask_rcnn.segmenter import MaskRcnnSegmenter

__all__ = [
    "BASELINES",
    "MaskRcnnConfig",
    "MaskRcnnSegmenter",
    "baseline",
    "build_mask_rcnn",
]

__getattr__ = lazy_names(
    __name__,
    {
        "BASELINES": "config",
        "MaskRcnnConfig": "config",
        "MaskRcnnSegmenter": "segmenter",
        "baseline": "config",
        "build_mask_rcnn": "network",
    },
)
