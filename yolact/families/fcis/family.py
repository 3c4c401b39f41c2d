"""Everything that is said of FCIS's models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from yolact_temporal.yolact.families.family import ModelEntry, ModelFamily, small_model
from yolact_temporal.yolact.families.fcis.authors_names import (
    has_chainer_names,
    has_mxnet_names,
    without_chainer_names,
    without_mxnet_names,
)
from yolact_temporal.yolact.families.fcis.config import FCIS, FcisConfig
from yolact_temporal.yolact.families.fcis.recipes import PUBLISHED
from yolact_temporal.yolact.families.options import SegmenterOptions
from yolact_temporal.yolact.families.yolact.recipes import COMPACT

if TYPE_CHECKING:  # what the models are can be told without PyTorch
    from torch import Tensor

    from yolact_temporal.yolact.families.fcis.network import Fcis
    from yolact_temporal.yolact.families.fcis.segmenter import FcisSegmenter
    from yolact_temporal.yolact.families.fcis.trainee import FcisTrainee

BUSY_REGIONS = 10
"""Instances of an image that are voted on by a network with random weights, where it is timed."""


class FcisFamily(ModelFamily):
    """FCIS."""

    config_type = FcisConfig
    published = SegmenterOptions(nms="standard")
    suppressions = ("standard",)
    entries = (
        ModelEntry(
            config=FCIS["fcis_resnet101"],
            note="has the published FCIS architecture.",
            recipe=PUBLISHED,
            counterpart="yolact_base",
        ),
        small_model(
            FCIS["fcis_compact"],
            "fcis_resnet101",
            recipe=COMPACT,
            counterpart="yolact_compact",
        ),
    )

    def build(self, config: FcisConfig) -> Fcis:
        """Build a network with random weights."""
        from yolact_temporal.yolact.families.fcis.network import build_fcis

        return build_fcis(config)

    def segmenter(
        self, network: Fcis, score_threshold: float, precision: str, **options: Any
    ) -> FcisSegmenter:
        """Return a network as a `Segmenter`."""
        from yolact_temporal.yolact.families.fcis.segmenter import FcisSegmenter

        return FcisSegmenter(network, score_threshold=score_threshold, precision=precision, **options)

    def trainee(self, config: FcisConfig, size: int | None) -> FcisTrainee:
        """Return a model in training, on square input."""
        from yolact_temporal.yolact.families.fcis.trainee import FcisTrainee

        return FcisTrainee(config, size)

    def renamed(self, state: Mapping[str, Tensor]) -> dict[str, Tensor] | None:
        """Convert the authors' own weights, and those that ChainerCV converted or trained."""
        if has_mxnet_names(state):
            return without_mxnet_names(state)
        return without_chainer_names(state) if has_chainer_names(state) else None

    def keep_busy(self, network: Fcis) -> None:
        """Make a network, to which no score exceeds the threshold, vote all the same."""
        import torch

        network.most = BUSY_REGIONS
        with torch.no_grad():
            bias = network.score_maps.bias
            assert bias is not None, "built with a bias"
            bias.view(network.config.maps, -1)[3] = 8.0  # the inside of the first class


FAMILY = FcisFamily()
