"""Everything that is said of Mask R-CNN's models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from yolact_temporal.yolact.families.family import (
    Completion,
    ModelEntry,
    ModelFamily,
    WeightsSource,
    bundled_weights,
    small_model,
)
from yolact_temporal.yolact.families.mask_rcnn.benchmark_names import (
    has_benchmark_names,
    with_torchvision_names,
)
from yolact_temporal.yolact.families.mask_rcnn.config import BASELINES, KEY_PREFIX, MaskRcnnConfig
from yolact_temporal.yolact.families.mask_rcnn.recipes import PUBLISHED, SCORING_COMPACT
from yolact_temporal.yolact.families.options import SegmenterOptions
from yolact_temporal.yolact.families.yolact.recipes import COMPACT

if TYPE_CHECKING:  # what the models are can be told without PyTorch
    from torch import Tensor
    from torchvision.models.detection import MaskRCNN

    from yolact_temporal.yolact.families.mask_rcnn.segmenter import MaskRcnnSegmenter
    from yolact_temporal.yolact.families.mask_rcnn.trainee import MaskRcnnTrainee

BUSY_REGIONS = 10
"""Regions an image that go through the mask head of a network with random weights, where it is timed."""

_MASK_RCNN = "has the published Mask R-CNN architecture."
_MASK_SCORING = "has the published Mask Scoring R-CNN architecture."


_TORCHVISION = "https://download.pytorch.org/models/{file}-{digest}.pth"
"""Where torchvision publishes its weights; it names files after their digests."""


def _torchvision(file: str, digest: str) -> WeightsSource:
    return WeightsSource(url=_TORCHVISION.format(file=file, digest=digest), sha256_prefix=digest)


class MaskRcnnFamily(ModelFamily):
    """Mask R-CNN and Mask Scoring R-CNN."""

    config_type = MaskRcnnConfig
    published = SegmenterOptions(nms="standard")
    suppressions = ("standard", "cross-class")
    entries = (
        ModelEntry(
            config=BASELINES["mask_rcnn_resnet50_fpn"],
            note=_MASK_RCNN,
            weights=_torchvision("maskrcnn_resnet50_fpn_coco", "bf2d0c1e"),
            recipe=PUBLISHED,
            counterpart="yolact_base",
            timed=True,
        ),
        ModelEntry(
            config=BASELINES["mask_rcnn_resnet50_fpn_v2"],
            note=_MASK_RCNN,
            weights=_torchvision("maskrcnn_resnet50_fpn_v2_coco", "73cbd019"),
            recipe=PUBLISHED,
            counterpart="mask_rcnn_resnet50_fpn",
        ),
        # Mask Scoring R-CNN's authors publish their weights as shared drives, whose files are to be imported.
        ModelEntry(
            config=BASELINES["mask_scoring_rcnn_resnet50_fpn"],
            note=_MASK_SCORING,
            recipe=PUBLISHED,
            counterpart="mask_rcnn_resnet50_fpn",
        ),
        ModelEntry(
            config=BASELINES["mask_scoring_rcnn_resnet101_fpn"],
            note=_MASK_SCORING,
            recipe=PUBLISHED,
            counterpart="mask_rcnn_resnet50_fpn",
        ),
        # The thresholds are where precision and recall are equal on the validation images, as `evaluate` prints it.
        small_model(
            BASELINES["mask_rcnn_compact"],
            "mask_rcnn_resnet50_fpn",
            weights=WeightsSource(bundled=bundled_weights("mask_rcnn_compact")),
            recipe=COMPACT,
            score_threshold=0.45,
            counterpart="yolact_compact",
            timed=True,
        ),
        small_model(
            BASELINES["mask_scoring_rcnn_compact"],
            "mask_rcnn_resnet50_fpn",
            weights=WeightsSource(
                bundled=bundled_weights("mask_scoring_rcnn_compact"),
                completes=Completion("mask_rcnn_compact", KEY_PREFIX),
            ),
            recipe=SCORING_COMPACT,
            score_threshold=0.26,
            counterpart="mask_rcnn_compact",
        ),
    )

    def build(self, config: MaskRcnnConfig) -> MaskRCNN:
        """Build a network with random weights."""
        from yolact_temporal.yolact.families.mask_rcnn.network import build_mask_rcnn

        return build_mask_rcnn(config)

    def segmenter(
        self, network: MaskRCNN, score_threshold: float, precision: str, **options: Any
    ) -> MaskRcnnSegmenter:
        """Return a network as a `Segmenter`."""
        from yolact_temporal.yolact.families.mask_rcnn.segmenter import MaskRcnnSegmenter

        return MaskRcnnSegmenter(network, score_threshold=score_threshold, precision=precision, **options)

    def trainee(self, config: MaskRcnnConfig, size: int | None) -> MaskRcnnTrainee:
        """Return a model in training, on square input."""
        from yolact_temporal.yolact.families.mask_rcnn.trainee import MaskRcnnTrainee

        return MaskRcnnTrainee(config, size)

    def renamed(self, state: Mapping[str, Tensor]) -> dict[str, Tensor] | None:
        """Convert a checkpoint of maskrcnn-benchmark, as Mask Scoring R-CNN's authors publish theirs."""
        return with_torchvision_names(state) if has_benchmark_names(state) else None

    def keep_busy(self, network: MaskRCNN) -> None:
        """Make a network, to which no score exceeds the threshold, run its mask head all the same."""
        import torch

        heads = network.roi_heads
        heads.detections_per_img = BUSY_REGIONS
        with torch.no_grad():
            heads.box_predictor.cls_score.bias[1] = 8.0


FAMILY = MaskRcnnFamily()
