"""What is read off the maps of one image: regions, each with its class scores and its mask."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from yolact_temporal.yolact.families.fcis.config import BINS
from yolact_temporal.yolact.families.fcis.network import (
    LEAST_SIDE,
    Fcis,
    box_offsets,
    class_logits,
    mask_logits,
    moved_boxes,
)
from yolact_temporal.yolact.families.fcis.pooling import PositionMaps

#: Regions pooled at once: of the published network each takes a third of a megabyte in all its maps.
_AT_ONCE = 100


class Regions(NamedTuple):
    """Regions of one image.

    Attributes:
        boxes: (R, 4), xyxy in pixels of the input.
        scores: (R, C + 1), probabilities of background and the classes.
        classes: int64 (R,), 0-based, the likeliest that is no background: the mask is read off its maps.
        masks: (R, BINS, BINS), probabilities inside the box.
    """

    boxes: Tensor
    scores: Tensor
    classes: Tensor
    masks: Tensor

    def select(self, index: Tensor) -> Regions:
        """Return the regions at the given indices."""
        return Regions(*(part[index] for part in self))


def read_regions(network: Fcis, maps: PositionMaps, proposals: Tensor, size: tuple[int, int]) -> Regions:
    """Read every proposal off the maps, and again at the box that it is refined to: twice as many regions.

    Args:
        network: whose maps they are.
        maps: of one image.
        proposals: (P, 4), xyxy in pixels of the input.
        size: (height, width) of the input.

    Returns:
        Proposals first, then the refined ones in the same order; a proposal has at least `LEAST_SIDE` a side, and so
        has what is kept of the refined.
    """
    first, offsets = _read(maps, proposals)
    second, _ = _read(maps, moved_boxes(proposals, offsets, network.deviations, size))
    return Regions(*(torch.cat(parts) for parts in zip(first, second, strict=True)))


def in_frame(boxes: Tensor, seen: tuple[int, int], size: tuple[int, int]) -> Tensor:
    """Bring boxes (R, 4) from an input of (height, width) `seen` to a frame of (height, width) `size`.

    Example:
        >>> in_frame(torch.tensor([[10.0, 20.0, 30.0, 40.0]]), (60, 80), (30, 160)).tolist()
        [[20.0, 10.0, 60.0, 20.0]]
    """
    x, y = boxes[:, 0::2] * (size[1] / seen[1]), boxes[:, 1::2] * (size[0] / seen[0])
    return torch.stack((x, y), dim=2).flatten(1)


def large_enough(boxes: Tensor) -> Tensor:
    """Return which regions have at least `LEAST_SIDE` a side, bool (R,)."""
    return (boxes[:, 2:] - boxes[:, :2] >= LEAST_SIDE).all(dim=1)


def _read(maps: PositionMaps, boxes: Tensor) -> tuple[Regions, Tensor]:
    """Return regions at the given boxes, and the offsets (R, 4) that they are refined by."""
    found, offsets = [], []
    for own in torch.split(boxes, _AT_ONCE):
        pooled = maps.pool([own])
        scores = class_logits(pooled).softmax(dim=1)
        classes = scores[:, 1:].argmax(dim=1)
        masks = mask_logits(pooled, classes + 1).sigmoid().view(-1, BINS, BINS)
        found.append(Regions(own, scores, classes, masks))
        offsets.append(box_offsets(pooled))
    return Regions(*(torch.cat(parts) for parts in zip(*found, strict=True))), torch.cat(offsets)


def masks_again(maps: PositionMaps, boxes: Tensor, classes: Tensor) -> Tensor:
    """Return the masks (R, BINS, BINS) of regions of one image whose classes, int64 (R,), are known.

    Args:
        maps: score maps alone, without box maps.
        boxes: (R, 4), xyxy in pixels of the input.
        classes: 0-based.
    """
    pooled = maps.pool([boxes], pairs=classes + 1)
    return (pooled[..., 1] - pooled[..., 0]).sigmoid().view(-1, BINS, BINS)
