"""Which models have weights, and where these come from.

Addresses are those the authors of YOLACT publish their checkpoints under (github.com/dbolya/yolact, README).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType

from torch import nn

from yolact_temporal.errors import UsageError
from yolact_temporal.yolact.config import PRESETS
from yolact_temporal.yolact.model import build_yolact

_PUBLISHED = "https://huggingface.co/dbolya/{repository}/resolve/main/{name}_54_800000.pth"
_PUBLISHED_NAMES = (
    "yolact_base",
    "yolact_im700",
    "yolact_resnet50",
    "yolact_darknet53",
    "yolact_plus_base",
    "yolact_plus_resnet50",
)
_BUNDLED_NAMES = ("yolact_compact",)


@dataclass(frozen=True)
class WeightsEntry:
    """What is known of one model's weights.

    Attributes:
        name: the model's name, as in `--model`.
        build: makes the model with random weights; its state dict says which keys and shapes are expected.
        url: where the published file lies; None if it has no address.
        bundled: where the file lies inside the package; None if it is not shipped.
    """

    name: str
    build: Callable[[], nn.Module]
    url: str | None = None
    bundled: Path | None = None


def _preset_entry(name: str) -> WeightsEntry:
    url = None
    if name in _PUBLISHED_NAMES:
        url = _PUBLISHED.format(repository=name.replace("_", "-"), name=name)
    bundled = Path(__file__).with_name(f"{name}.safetensors") if name in _BUNDLED_NAMES else None
    return WeightsEntry(name, partial(build_yolact, name), url, bundled)


Registry = Mapping[str, WeightsEntry]

#: Every model that can have weights, by name.
REGISTRY: Registry = MappingProxyType({name: _preset_entry(name) for name in PRESETS})


def find_entry(name: str, registry: Registry = REGISTRY) -> WeightsEntry:
    """Return what is known of a model's weights.

    Raises:
        UsageError: if there is no such model.
    """
    if name not in registry:
        raise UsageError(f"expected a model out of {', '.join(registry)}, got {name!r}: pass one of these")
    return registry[name]
