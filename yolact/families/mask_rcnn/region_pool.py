"""Pooling of regions from a feature pyramid, quick to train through on a CPU."""

from __future__ import annotations

import torch
from torch import Tensor
from torchvision.ops import MultiScaleRoIAlign, roi_align

#: Samples a bin and axis, as Mask R-CNN takes them.
_SAMPLES = 2


class RegionPool(MultiScaleRoIAlign):  # type: ignore[misc]  # torchvision says no types
    """RoIAlign (He et al. 2017) from the pyramid level that suits each region's size (Lin et al. 2017).

    The values are torchvision's. Where a gradient is wanted they are computed as matrix products: the gradient of
    torchvision's kernel is scattered by a single thread, and took half the time of a training step.

    Args:
        names: of the levels, finest first.
        strides: of the levels, in pixels of the input.
        output_size: bins a side.
        canonical_side: side of the smallest region that is pooled from the second level, in pixels of the input.
    """

    def __init__(
        self, names: tuple[str, ...], strides: tuple[int, ...], output_size: int, canonical_side: float
    ) -> None:
        super().__init__(list(names), output_size, _SAMPLES)
        self.strides = strides
        self.canonical_side = canonical_side

    def forward(
        self, x: dict[str, Tensor], boxes: list[Tensor], image_shapes: list[tuple[int, int]]
    ) -> Tensor:
        """Pool regions, boxes xyxy (R, 4) an image in pixels of the input, to (N, channels, side, side)."""
        bins = self.output_size[0]
        flat = torch.cat(boxes)
        images = torch.cat([box.new_full((len(box), 1), index) for index, box in enumerate(boxes)])
        rois = torch.cat((images, flat), dim=1)
        levels = self.levels_of(flat)
        align = separable_roi_align if torch.is_grad_enabled() else _roi_align
        parts, order = [], []
        for level, (name, stride) in enumerate(zip(self.featmap_names, self.strides, strict=True)):
            chosen = (levels == level).nonzero()[:, 0]
            parts.append(align(x[name], rois[chosen], bins, 1 / stride))
            order.append(chosen)
        return torch.cat(parts).index_select(0, torch.cat(order).argsort())

    def levels_of(self, boxes: Tensor) -> Tensor:
        """Return the index of the level that suits each box, int64 (N,)."""
        sides = ((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])).clamp(min=1e-6).sqrt()
        level = (sides / self.canonical_side).log2().floor() + 1
        return level.clamp(0, len(self.strides) - 1).long()


def separable_roi_align(features: Tensor, rois: Tensor, bins: int, scale: float) -> Tensor:
    """RoIAlign as products with interpolation matrices: every bin is a weighted sum of rows, then of columns.

    Args:
        features: (B, C, H, W).
        rois: (N, 5): index of the image, then xyxy in pixels of the input.
        bins: bins a side.
        scale: cells a pixel.

    Returns:
        (N, C, bins, bins), as `torchvision.ops.roi_align` with two samples a bin and axis gives it.
    """
    count, channels, height, width = features.shape
    corners = rois[:, 1:] * scale
    rows = _interpolation(corners[:, 1], corners[:, 3], bins, height)
    columns = _interpolation(corners[:, 0], corners[:, 2], bins, width)
    parts, order = [], []
    for image in range(count):
        chosen = (rois[:, 0] == image).nonzero()[:, 0]
        # (N * bins, W) x (H, W, C): all regions of the image in one product; then each region's own rows.
        across = columns[chosen].reshape(-1, width) @ features[image].permute(1, 2, 0)
        across = across.view(height, len(chosen), bins * channels).transpose(0, 1)
        parts.append((rows[chosen] @ across).view(-1, bins, bins, channels).to(features.dtype))
        order.append(chosen)
    return torch.cat(parts).index_select(0, torch.cat(order).argsort()).permute(0, 3, 1, 2)


def _interpolation(start: Tensor, end: Tensor, bins: int, cells: int) -> Tensor:
    """Return the weight of each cell in each bin between `start` and `end`, (N, bins, cells), in cells."""
    length = (end - start).clamp(min=1)
    steps = (torch.arange(bins * _SAMPLES, device=start.device) + 0.5) / (bins * _SAMPLES)
    at = start[:, None] + length[:, None] * steps
    inside = (at >= -1) & (at <= cells)
    at = at.clamp(0, cells - 1)
    weights = (1 - (at[..., None] - torch.arange(cells, device=start.device)).abs()).clamp(min=0)
    return (weights * inside[..., None]).view(len(start), bins, _SAMPLES, cells).mean(dim=2)


def _roi_align(features: Tensor, rois: Tensor, bins: int, scale: float) -> Tensor:
    pooled: Tensor = roi_align(features, rois, (bins, bins), scale, sampling_ratio=_SAMPLES)
    return pooled
