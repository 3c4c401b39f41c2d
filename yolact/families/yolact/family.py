"""Everything that is said of YOLACT's models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from yolact_temporal.yolact.config import PRESETS, YolactConfig
from yolact_temporal.yolact.families.family import (
    ModelEntry,
    ModelFamily,
    WeightsSource,
    bundled_weights,
    small_model,
)
from yolact_temporal.yolact.families.options import SUPPRESSIONS, SegmenterOptions
from yolact_temporal.yolact.families.yolact.recipes import COMPACT, PASCAL, PUBLISHED
from yolact_temporal.yolact.how_to_run import ENGINES

if TYPE_CHECKING:  # what the models are can be told without PyTorch
    from yolact_temporal.yolact.families.yolact.trainee import YolactTrainee
    from yolact_temporal.yolact.model import Yolact
    from yolact_temporal.yolact.predictor import YolactSegmenter

_ADDRESS = "https://huggingface.co/dbolya/{repository}/resolve/main/{name}_54_800000.pth"
"""Where the authors publish their checkpoints (github.com/dbolya/yolact, README)."""


def _published(name: str, address: bool = True, **changes: Any) -> ModelEntry:
    url = _ADDRESS.format(repository=name.replace("_", "-"), name=name) if address else None
    fields: dict[str, Any] = {
        "config": PRESETS[name],
        "note": "has the published YOLACT architecture.",
        "weights": WeightsSource(url=url),
        "recipe": PUBLISHED,
        "counterpart": "mask_rcnn_resnet50_fpn",
    }
    return ModelEntry(**fields | changes)


class YolactFamily(ModelFamily):
    """YOLACT and YOLACT++."""

    config_type = YolactConfig
    published = SegmenterOptions(crop="cells", crop_margin=0.0, nms="fast")
    suppressions = SUPPRESSIONS
    entries = (
        _published("yolact_base"),
        _published("yolact_im400", address=False),
        _published("yolact_im700"),
        _published("yolact_resnet50", timed=True),
        _published("yolact_darknet53"),
        _published("yolact_resnet50_pascal", address=False, recipe=PASCAL),
        _published("yolact_plus_base"),
        _published("yolact_plus_resnet50"),
        small_model(
            PRESETS["yolact_compact"],
            "yolact_base",
            weights=WeightsSource(bundled=bundled_weights("yolact_compact")),
            recipe=COMPACT,
            # Where precision and recall are equal on the validation images (mask IoU 0.5), as `evaluate` prints it.
            score_threshold=0.26,
            counterpart="mask_rcnn_compact",
            timed=True,
        ),
    )

    def build(self, config: YolactConfig) -> Yolact:
        """Build a network with random weights."""
        from yolact_temporal.yolact.model import build_yolact

        return build_yolact(config)

    def segmenter(
        self, network: Yolact, score_threshold: float, precision: str, **options: Any
    ) -> YolactSegmenter:
        """Return a network as a `Segmenter`."""
        from yolact_temporal.yolact.predictor import YolactSegmenter

        return YolactSegmenter(network, score_threshold=score_threshold, precision=precision, **options)

    def engines(self, config: YolactConfig) -> Sequence[str]:
        """Return all of them, or PyTorch's own where there are deformable convolutions."""
        return ENGINES[:2] if any(config.backbone.deformable) else ENGINES

    def onnx(self, network: Yolact) -> bytes:
        """Return a network without deformable convolutions as an ONNX file."""
        from yolact_temporal.yolact.onnx_export import onnx_bytes

        return super().onnx(network) if any(network.config.backbone.deformable) else onnx_bytes(network)

    def trainee(self, config: YolactConfig, size: int | None) -> YolactTrainee:
        """Return a model in training."""
        from yolact_temporal.yolact.families.yolact.trainee import YolactTrainee

        return YolactTrainee(config, size)


FAMILY = YolactFamily()
