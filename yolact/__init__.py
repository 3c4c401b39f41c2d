"""A frame in, instances out: the YOLACT model, its training, evaluation and weights."""

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
