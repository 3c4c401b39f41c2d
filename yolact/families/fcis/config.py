"""FCIS's models as frozen configuration.

Numbers are those of the paper and of its authors' configuration for COCO (github.com/msracver/FCIS).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from yolact_temporal.yolact.classes import COCO_CLASSES, EVERYDAY_CLASSES
from yolact_temporal.yolact.config import PRESETS, Normalization

STRIDE = 16
"""Pixels of the input a cell of the maps."""
GROUPS = 7
"""Parts that a region is divided into along each side, each with score maps of its own."""
BINS = 21
"""Bins that a region is pooled into along each side, three a part: the cells of its mask."""

_BASE = 16
"""Side of the square that the published anchors are scaled and stretched from."""
_RATIOS, _SCALES = (0.5, 1.0, 2.0), (4, 8, 16, 32)


@dataclass(frozen=True)
class FcisConfig:
    """Everything that determines an FCIS network.

    Attributes:
        name: as in `--model`.
        class_names: the classes, background excluded.
        architecture: "resnet101", as published, or "compact", on YOLACT compact's backbone.
        input_size: side of the square input; None where frames keep their aspect, the short side 600 pixels and the
            long one at most 1000.

    Example:
        >>> FCIS["fcis_resnet101"].maps, FCIS["fcis_compact"].maps
        (162, 8)
    """

    name: str
    class_names: tuple[str, ...]
    architecture: Literal["resnet101", "compact"]
    input_size: int | None = None

    @property
    def maps(self) -> int:
        """Score maps a part of a region: one of the inside and one of the outside of each class, and of background."""
        return 2 * (len(self.class_names) + 1)

    @property
    def normalization(self) -> Normalization:
        """How RGB values become the network's input."""
        compact = self.architecture == "compact"
        return PRESETS["yolact_compact"].normalization if compact else _PUBLISHED_MEAN

    def anchors(self, size: int) -> tuple[tuple[float, float], ...]:
        """Return the width and height of the anchors of a cell, in pixels of the input, ratio by ratio.

        Args:
            size: of the square input, to which the compact model's anchors are relative; as large as YOLACT compact's.

        Example:
            >>> FCIS["fcis_resnet101"].anchors(600)[:2], len(FCIS["fcis_resnet101"].anchors(600))
            (((92.0, 48.0), (184.0, 96.0)), 12)
        """
        if self.architecture == "resnet101":
            return tuple((width * scale, height * scale) for width, height in _based() for scale in _SCALES)
        own = PRESETS["yolact_compact"]
        factor = size / own.input_size
        return tuple(
            (factor * side * math.sqrt(ratio), factor * side / math.sqrt(ratio))
            for ratio in own.anchors.aspect_ratios
            for level in own.anchors.scales
            for side in level
        )


def _based() -> list[tuple[float, float]]:
    """Return the base square at each ratio of height to width, sides rounded to whole pixels as published."""
    widths = [round(math.sqrt(_BASE**2 / ratio)) for ratio in _RATIOS]
    return [(float(width), float(round(width * ratio))) for width, ratio in zip(widths, _RATIOS, strict=True)]


#: RGB means, and no deviation, as published.
_PUBLISHED_MEAN = Normalization(mean=(123.15, 115.90, 103.06), std=(1.0, 1.0, 1.0))

#: Every FCIS by name.
FCIS: Mapping[str, FcisConfig] = MappingProxyType(
    {
        config.name: config
        for config in (
            FcisConfig("fcis_resnet101", COCO_CLASSES, "resnet101"),
            FcisConfig("fcis_compact", EVERYDAY_CLASSES, "compact", PRESETS["yolact_compact"].input_size),
        )
    }
)
