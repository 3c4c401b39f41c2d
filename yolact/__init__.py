"""A frame in, instances out: the YOLACT model, its training, evaluation and weights."""

from typing import TYPE_CHECKING

from yolact_temporal.yolact.lazy import lazy_names

if TYPE_CHECKING:
    from yolact_temporal.yolact.config import PRESETS, YolactConfig
    from yolact_temporal.yolact.model import Yolact, YolactOutput, build_yolact
    from yolact_temporal.yolact.predictor import YolactSegmenter
    from yolact_temporal.yolact.segmenter import Segmenter

__all__ = [
    "PRESETS",
    "Segmenter",
    "Yolact",
    "YolactConfig",
    "YolactOutput",
    "YolactSegmenter",
    "build_yolact",
]

__getattr__ = lazy_names(
    __name__,
    {
        "PRESETS": "config",
        "Segmenter": "segmenter",
        "Yolact": "model",
        "YolactConfig": "config",
        "YolactOutput": "model",
        "YolactSegmenter": "predictor",
        "build_yolact": "model",
    },
)
