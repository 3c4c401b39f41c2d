"""Position-sensitive pooling (Li et al. 2017): each bin of a region is the mean of the maps of its own part.

A region's edges are whole pixels of the input; its bins are divided off in fractions of a cell, and each takes every
cell that it touches. Which cells these are is found in whole numbers, so that no rounding moves a bin. Means come from
an integral image, in double precision, where no gradient is wanted, and from products of matrices where one is:
adding gradients up in an integral image is the work of a single thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from yolact_temporal.yolact.families.fcis.config import BINS, GROUPS, STRIDE

_TENTHS = 10
"""A region has a side of at least a tenth of a cell, as published."""


class Bins(NamedTuple):
    """The cells of each bin of R regions: first and one past the last, int64 (R, BINS) along y and x."""

    top: Tensor
    bottom: Tensor
    left: Tensor
    right: Tensor


def precise(values: Tensor) -> Tensor:
    """Return values in double precision, where the device has it."""
    return values.float() if values.device.type == "mps" else values.double()


def whole_pixels(boxes: Tensor) -> Tensor:
    """Round the edges of boxes (..., 4) to whole pixels, halves up, as int64.

    Example:
        >>> whole_pixels(torch.tensor([[0.4, 0.5, 7.5, 9.0]])).tolist()
        [[0, 1, 8, 9]]
    """
    return torch.floor(boxes + 0.5).long()


def region_bins(boxes: Tensor, grid: tuple[int, int]) -> Bins:
    """Divide regions into bins.

    Args:
        boxes: (R, 4), xyxy in pixels of the input; edges, so that the last pixel lies before x2 and y2.
        grid: rows and columns of the maps.

    Example:
        >>> bins = region_bins(torch.tensor([[0.0, 0.0, 336.0, 168.0]]), (10, 30))
        >>> bins.left[0, :3].tolist(), bins.right[0, :3].tolist(), bins.top[0, :3].tolist(), bins.bottom[0, :3].tolist()
        ([0, 1, 2], [1, 2, 3], [0, 0, 1], [1, 1, 2])
    """
    edges = whole_pixels(boxes)
    lines = []
    for axis, cells in ((1, grid[0]), (0, grid[1])):
        low, high = edges[:, axis], edges[:, axis + 2]
        # All in units of a pixel's 1 / (_TENTHS * BINS).
        extent = (_TENTHS * (high - low)).clamp(min=STRIDE)[:, None]
        steps = torch.arange(BINS + 1, device=boxes.device) * extent + (_TENTHS * BINS * low)[:, None]
        cell = _TENTHS * BINS * STRIDE
        lines.append((steps[:, :-1] // cell).clamp(0, cells))
        lines.append(-(-steps[:, 1:] // cell).clamp(-cells, 0))
    return Bins(*lines)


class PositionMaps:
    """The maps of a batch, ready to be pooled from.

    Args:
        maps: (B, K * GROUPS * GROUPS, h, w): of each of K outputs a map for each part of a region, row by row.
    """

    def __init__(self, maps: Tensor) -> None:
        images, channels, rows, columns = maps.shape
        self.grid = (rows, columns)
        self.outputs = channels // GROUPS**2
        self._parts = maps.view(images, self.outputs, GROUPS, GROUPS, rows, columns)
        self._table: Tensor | None = None

    def pool(self, boxes: Sequence[Tensor], pairs: Tensor | None = None) -> Tensor:
        """Pool the regions of each image, boxes (R_b, 4) in pixels of the input; see `region_bins`.

        Args:
            boxes: of each image.
            pairs: int64 (R,), for each region which pair of neighbouring outputs is wanted; None for all outputs.

        Returns:
            float32 (R, BINS * BINS, K), or (R, BINS * BINS, 2) of pairs, bins row by row; 0 in bins without a cell.
        """
        if torch.is_grad_enabled() and self._parts.requires_grad:
            pooled = self._by_matrices(boxes)
            return pooled if pairs is None else _pair_of(pooled, pairs)
        return self._by_table(boxes, pairs)

    def _by_table(self, boxes: Sequence[Tensor], pairs: Tensor | None) -> Tensor:
        """Add and subtract the corners of each bin in the integral image."""
        flat = torch.cat(list(boxes))
        image = torch.cat([box.new_full((len(box),), index) for index, box in enumerate(boxes)]).long()
        bins = region_bins(flat, self.grid)
        rows, columns = self.grid[0] + 1, self.grid[1] + 1
        part = torch.arange(BINS, device=flat.device) * GROUPS // BINS
        plane = image[:, None, None] * GROUPS**2 + part[:, None] * GROUPS + part
        y = [side[:, :, None] for side in (bins.top, bins.bottom)]
        x = [side[:, None, :] for side in (bins.left, bins.right)]
        corners = [(plane * rows + y[i]) * columns + x[j] for i, j in ((0, 0), (0, 1), (1, 0), (1, 1))]
        index = torch.stack(corners, dim=-1).flatten(0, 2)
        table = self._integral()
        share = _inverse(y[1] - y[0], table.dtype) * _inverse(x[1] - x[0], table.dtype)
        weights = torch.stack((share, -share, -share, share), dim=-1).flatten(0, 2)
        if pairs is not None:
            table = table.view(-1, 2)
            own = pairs.repeat_interleave(BINS**2, output_size=len(index))
            index = index * (self.outputs // 2) + own[:, None]
        pooled = F.embedding_bag(index, table, mode="sum", per_sample_weights=weights)
        return pooled.float().view(len(flat), BINS**2, table.shape[1])

    def _integral(self) -> Tensor:
        """Return the sums of all cells above and left of each corner of the grid, a row a part and corner."""
        if self._table is None:
            last = precise(self._parts.permute(0, 2, 3, 4, 5, 1))
            sums = F.pad(last, (0, 0, 1, 0, 1, 0)).cumsum(dim=3).cumsum(dim=4)
            self._table = sums.reshape(-1, self.outputs)
        return self._table

    def _by_matrices(self, boxes: Sequence[Tensor]) -> Tensor:
        """Weigh rows, then columns, of each image's maps, part by part; in float32, whatever the network runs in."""
        with torch.autocast(self._parts.device.type, enabled=False):
            return torch.cat(
                [self._image_by_matrices(parts, own) for parts, own in zip(self._parts, boxes, strict=True)]
            )

    def _image_by_matrices(self, parts: Tensor, boxes: Tensor) -> Tensor:
        count, own = len(boxes), BINS // GROUPS
        (height, width), outputs = self.grid, self.outputs
        bins = region_bins(boxes, self.grid)
        down = _mean_weights(bins.top, bins.bottom, height).view(count, GROUPS, own, height)
        across = _mean_weights(bins.left, bins.right, width).view(count, GROUPS, own, width)
        # (part row, h, part column * w * K): all regions of the image in one product a part row.
        lines = parts.float().permute(1, 3, 2, 4, 0).reshape(GROUPS, height, -1)
        rows = down.transpose(0, 1).reshape(GROUPS, count * own, height) @ lines
        # (R * part column, w, part row * rows * K): then each region's own columns.
        rows = rows.view(GROUPS, count, own, GROUPS, width, outputs).permute(1, 3, 4, 0, 2, 5)
        cells = across.reshape(count * GROUPS, own, width) @ rows.reshape(
            count * GROUPS, width, GROUPS * own * outputs
        )
        cells = cells.view(count, GROUPS, own, GROUPS, own, outputs)
        return cells.permute(0, 3, 4, 1, 2, 5).reshape(count, BINS**2, outputs)


def _pair_of(pooled: Tensor, pairs: Tensor) -> Tensor:
    """Choose one pair of outputs a region: pooled (R, bins, K), pairs int64 (R,)."""
    split = pooled.view(*pooled.shape[:2], -1, 2)
    return split[torch.arange(len(pairs), device=pairs.device), :, pairs]


def _inverse(cells: Tensor, dtype: torch.dtype) -> Tensor:
    """Return 1 over a count of cells, 0 of none."""
    return (cells > 0).to(dtype) / cells.clamp(min=1)


def _mean_weights(first: Tensor, last: Tensor, cells: int) -> Tensor:
    """Return the weight of each cell of a line in each bin, float32 (R, BINS, cells): what bins take the mean with."""
    at = torch.arange(cells, device=first.device)
    inside = (at >= first[..., None]) & (at < last[..., None])
    return inside * _inverse(last - first, torch.float32)[..., None]
