"""Every model by name, whatever its family: its configuration, its network, its segmenter."""

from __future__ import annotations

from torch import nn
from torchvision.models.detection import MaskRCNN

from yolact_temporal.errors import UsageError
from yolact_temporal.yolact.baselines import BASELINES, MaskRcnnConfig, MaskRcnnSegmenter, build_mask_rcnn
from yolact_temporal.yolact.config import PRESETS, YolactConfig
from yolact_temporal.yolact.model import Yolact, build_yolact
from yolact_temporal.yolact.predictor import YolactSegmenter

#: Every model, YOLACT's first.
MODEL_NAMES: tuple[str, ...] = (*PRESETS, *BASELINES)


def model_config(name: str) -> YolactConfig | MaskRcnnConfig:
    """Return a model's configuration.

    Raises:
        UsageError: if there is no such model.
    """
    if name in PRESETS:
        return PRESETS[name]
    if name in BASELINES:
        return BASELINES[name]
    raise UsageError(f"expected a model out of {', '.join(MODEL_NAMES)}, got {name!r}: pass one of these")


def build_model(name: str) -> nn.Module:
    """Build a network with random weights, in eval mode.

    Raises:
        UsageError: if there is no such model.
    """
    config = model_config(name)
    return build_yolact(config) if isinstance(config, YolactConfig) else build_mask_rcnn(config)


def segmenter_of(
    network: nn.Module, score_threshold: float = 0.3, precision: str = "float32"
) -> YolactSegmenter | MaskRcnnSegmenter:
    """Return a network that `build_model` built as a `Segmenter`."""
    if isinstance(network, Yolact):
        return YolactSegmenter(network, score_threshold=score_threshold, precision=precision)
    assert isinstance(network, MaskRCNN), "the other family"
    return MaskRcnnSegmenter(network, score_threshold=score_threshold, precision=precision)
