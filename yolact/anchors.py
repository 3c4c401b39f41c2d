"""Anchor boxes of the prediction head."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from yolact_temporal.yolact.config import AnchorConfig


def level_anchors(
    height: int, width: int, scales: Sequence[float], config: AnchorConfig, input_size: int
) -> Tensor:
    """Return the anchors of one pyramid level.

    Args:
        height, width: of the level's feature map.
        scales: anchor sides in pixels of an input of `input_size`.
        config: aspect ratios and the square quirk.
        input_size: the side to which `scales` refer.

    Returns:
        float32 (height * width * A, 4) as (cx, cy, w, h) relative to the image: row by row, then by scale, then
        by aspect ratio.
    """
    shapes = []
    for scale in scales:
        for ratio in config.aspect_ratios:
            anchor_width = scale * math.sqrt(ratio) / input_size
            anchor_height = anchor_width if config.square else scale / math.sqrt(ratio) / input_size
            shapes.append((anchor_width, anchor_height))
    cy, cx = torch.meshgrid(
        (torch.arange(height, dtype=torch.float64) + 0.5) / height,
        (torch.arange(width, dtype=torch.float64) + 0.5) / width,
        indexing="ij",
    )
    centers = torch.stack((cx, cy), dim=-1)[:, :, None, :].expand(-1, -1, len(shapes), -1)
    sizes = torch.tensor(shapes, dtype=torch.float64).expand(height, width, -1, -1)
    return torch.cat((centers, sizes), dim=-1).reshape(-1, 4).float()


def pyramid_anchors(level_sizes: Sequence[tuple[int, int]], config: AnchorConfig, input_size: int) -> Tensor:
    """Return the anchors of all levels one after the other, float32 (P, 4)."""
    return torch.cat(
        [
            level_anchors(height, width, scales, config, input_size)
            for (height, width), scales in zip(level_sizes, config.scales, strict=True)
        ]
    )
