"""How a box crops a mask of YOLACT: by whole cells of the prototypes' grid, as published, or finely at frame size.

Cropped by whole cells, an edge of the mask stays where it is while the box's edge moves within a cell, and then jumps
by one: 8.9 px of a frame 854 pixels wide on a grid of 96.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from yolact_temporal.yolact.families.options import CROPS, MOST_MARGIN, Crop

#: Cells that a box is widened by on each side, as published.
PADDING_CELLS = 1


@dataclass(frozen=True)
class Cropping:
    """How boxes crop masks.

    Attributes:
        edges: "cells" or "fine".
        margin: by which share of its width and height a box is widened on each side, before all else.

    Raises:
        ValueError: if there are no such edges, or the margin is not in 0..1.
    """

    edges: Crop = "cells"
    margin: float = 0.0

    def __post_init__(self) -> None:
        if self.edges not in CROPS:
            raise ValueError(f"expected crop out of {', '.join(CROPS)}, got {self.edges!r}")
        if not 0 <= self.margin <= MOST_MARGIN:
            raise ValueError(f"expected a crop margin in 0..{MOST_MARGIN:g}, got {self.margin}")

    @property
    def fine(self) -> bool:
        """Whether masks are cropped at frame size, once they were upsampled whole."""
        return self.edges == "fine"

    def widened(self, boxes: Tensor) -> Tensor:
        """Return boxes (N, 4) xyxy, widened by the margin.

        Example:
            >>> Cropping(margin=0.25).widened(torch.tensor([[2.0, 4.0, 6.0, 5.0]])).tolist()
            [[1.0, 3.75, 7.0, 5.25]]
        """
        if not self.margin:
            return boxes
        reach = (boxes[:, 2:] - boxes[:, :2]) * self.margin
        return torch.cat((boxes[:, :2] - reach, boxes[:, 2:] + reach), dim=1)


PUBLISHED = Cropping()


def coverage(boxes: Tensor, cells: tuple[int, int], size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Return the share of each row and each column of a frame that lies inside boxes, which pad themselves by a cell.

    Args:
        boxes: (N, 4) xyxy relative to the image, in any order of their ends.
        cells: (rows, columns) of the grid whose cells boxes are widened by, as a crop by whole cells has it.
        size: the frame's (height, width).

    Returns:
        (N, height) and (N, width), in 0..1.

    Example:
        >>> rows, columns = coverage(torch.tensor([[0.5, 0.5, 0.625, 1.0]]), cells=(4, 4), size=(4, 8))
        >>> rows.tolist(), columns.tolist()
        ([[0.0, 1.0, 1.0, 1.0]], [[0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0]])
    """
    x = _inside(boxes[:, 0::2], cells[1], size[1])
    return _inside(boxes[:, 1::2], cells[0], size[0]), x


def _inside(ends: Tensor, cells: int, count: int) -> Tensor:
    """Return (N, count): the share of each pixel of a line between two relative ends (N, 2)."""
    scale = count / cells
    low = ends.amin(dim=1, keepdim=True) * count - PADDING_CELLS * scale
    high = ends.amax(dim=1, keepdim=True) * count + PADDING_CELLS * scale
    pixels = torch.arange(count, device=ends.device, dtype=ends.dtype)
    return (torch.minimum(pixels + 1, high) - torch.maximum(pixels, low)).clamp(0, 1)
