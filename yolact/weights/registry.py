"""Which models have weights, and where these come from.

YOLACT's addresses are those its authors publish their checkpoints under (github.com/dbolya/yolact, README); Mask
R-CNN's are torchvision's own weight entries. The authors of Mask Scoring R-CNN publish theirs as shared drives, whose
files are to be imported.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType

from torch import nn
from torchvision.models.detection import (
    MaskRCNN_ResNet50_FPN_V2_Weights,
    MaskRCNN_ResNet50_FPN_Weights,
)

from yolact_temporal.errors import UsageError
from yolact_temporal.yolact.families import MODEL_NAMES, build_model

_PUBLISHED = "https://huggingface.co/dbolya/{repository}/resolve/main/{name}_54_800000.pth"
_PUBLISHED_NAMES = (
    "yolact_base",
    "yolact_im700",
    "yolact_resnet50",
    "yolact_darknet53",
    "yolact_plus_base",
    "yolact_plus_resnet50",
)
_TORCHVISION = {
    "mask_rcnn_resnet50_fpn": MaskRCNN_ResNet50_FPN_Weights.COCO_V1,
    "mask_rcnn_resnet50_fpn_v2": MaskRCNN_ResNet50_FPN_V2_Weights.COCO_V1,
}
_BUNDLED_NAMES = ("yolact_compact", "mask_rcnn_compact", "mask_scoring_rcnn_compact")


@dataclass(frozen=True)
class Completion:
    """Weights that complete another model's: only what begins with `prefix` is in their file.

    Attributes:
        name: the model whose bundled weights hold the rest.
        prefix: what the keys of the file begin with.
    """

    name: str
    prefix: str


@dataclass(frozen=True)
class WeightsEntry:
    """What is known of one model's weights.

    Attributes:
        name: the model's name, as in `--model`.
        build: makes the model with random weights; its state dict says which keys and shapes are expected.
        url: where the published file lies; None if it has no address.
        bundled: where the file lies inside the package; None if it is not shipped.
        sha256_prefix: what the published file's SHA-256 begins with; empty if that is not published.
        completes: what the file is an addition to; None if it is whole.
    """

    name: str
    build: Callable[[], nn.Module]
    url: str | None = None
    bundled: Path | None = None
    sha256_prefix: str = ""
    completes: Completion | None = None


def _entry(name: str) -> WeightsEntry:
    build = partial(build_model, name)
    if name in _BUNDLED_NAMES:
        whole = name != "mask_scoring_rcnn_compact"
        completes = None if whole else Completion("mask_rcnn_compact", "roi_heads.maskiou.")
        return WeightsEntry(
            name, build, bundled=Path(__file__).with_name(f"{name}.safetensors"), completes=completes
        )
    if name in _TORCHVISION:
        # torchvision names its files after their digests: <model>-<digest>.pth
        url = _TORCHVISION[name].url
        return WeightsEntry(name, build, url, sha256_prefix=Path(url).stem.rpartition("-")[2])
    if name in _PUBLISHED_NAMES:
        return WeightsEntry(name, build, _PUBLISHED.format(repository=name.replace("_", "-"), name=name))
    return WeightsEntry(name, build)


Registry = Mapping[str, WeightsEntry]

#: Every model that can have weights, by name.
REGISTRY: Registry = MappingProxyType({name: _entry(name) for name in MODEL_NAMES})


def find_entry(name: str, registry: Registry = REGISTRY) -> WeightsEntry:
    """Return what is known of a model's weights.

    Raises:
        UsageError: if there is no such model.
    """
    if name not in registry:
        raise UsageError(f"expected a model out of {', '.join(registry)}, got {name!r}: pass one of these")
    return registry[name]
