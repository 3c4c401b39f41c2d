"""Mask voting (Dai et al. 2016, as FCIS uses it): regions that overlap a kept one vote for its mask, pixel by pixel.

Each region's own mask is cut at `CUT` in the frame, the votes are weighed by the regions' scores of the kept one's
class, and what gets at least `CUT` of them is the mask. The authors then keep masks as 21x21 cells of their boxes;
here they stay as they were voted, at the frame's size, as the paper describes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor
from torchvision.ops import batched_nms

from yolact_temporal.yolact.boxes import pairwise_iou
from yolact_temporal.yolact.families.fcis.pooling import whole_pixels
from yolact_temporal.yolact.families.fcis.regions import Regions, large_enough
from yolact_temporal.yolact.families.mask_rcnn.paste import line_weights

#: Above this overlap the better-scored of two regions of a class suppresses the other.
_SUPPRESSION = 0.3
#: A class score that is not above it counts for nothing.
_LEAST_SCORE = 1e-3
#: From this overlap on a region votes for a kept one's mask.
_VOTES = 0.5
CUT = 0.4
"""Of a mask's probability, and of the votes."""
#: Masks pasted into the frame at once, where they are pasted whole.
_AT_ONCE = 16


class Kept(NamedTuple):
    """What is kept of the regions of one image, best first.

    Attributes:
        regions: int64 (D,), their indices.
        classes: int64 (D,), 0-based.
        scores: (D,).
        weights: (D, R), of the vote of every region for each; a row adds up to 1.
    """

    regions: Tensor
    classes: Tensor
    scores: Tensor
    weights: Tensor


def kept_regions(regions: Regions, threshold: float, most: int) -> Kept:
    """Suppress within each class, and say who votes for what is left.

    Args:
        regions: of one image.
        threshold: what does not score above it is dropped.
        most: at most so many are kept.
    """
    sized = large_enough(regions.boxes)
    scores = regions.scores[:, 1:] * sized[:, None]
    index, label = torch.nonzero(scores > max(threshold, _LEAST_SCORE), as_tuple=True)
    found = scores[index, label]
    kept = batched_nms(regions.boxes[index], found, label, _SUPPRESSION)[:most]
    index, label, found = index[kept], label[kept], found[kept]
    votes = pairwise_iou(regions.boxes[index], regions.boxes) >= _VOTES
    weights = votes * scores.T[label]
    return Kept(index, label, found, weights / weights.sum(dim=1, keepdim=True).clamp(min=1e-12))


def voted_masks(masks: Tensor, boxes: Tensor, weights: Tensor, size: tuple[int, int]) -> Tensor:
    """Let regions vote: bool (D, H, W).

    Args:
        masks: (R, m, m), probabilities of the regions.
        boxes: (R, 4), xyxy in pixels of the frame.
        weights: (D, R), of each region's vote.
        size: the frame's (height, width).
    """
    places = pixel_places(boxes, size)
    # The host would wait for every box to come from a GPU.
    vote = vote_by_matrices if boxes.is_cuda else _vote_one_by_one
    return vote(masks, places, weights, size)


def pixel_places(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Return the pixels that boxes cover, int64 (R, 4), the last not included; each at least one, inside the frame."""
    height, width = size
    edges = whole_pixels(boxes)
    x1, y1 = (edges[:, axis].clamp(0, side - 1) for axis, side in ((0, width), (1, height)))
    x2, y2 = edges[:, 2].clamp(max=width), edges[:, 3].clamp(max=height)
    return torch.stack((x1, y1, torch.maximum(x2, x1 + 1), torch.maximum(y2, y1 + 1)), dim=1)


def _vote_one_by_one(masks: Tensor, places: Tensor, weights: Tensor, size: tuple[int, int]) -> Tensor:
    """Paste each mask into its box alone."""
    voting = [np.flatnonzero(row) for row in weights.cpu().numpy()]
    used = sorted(set(np.concatenate(voting).tolist())) if voting else []
    pasted = dict(zip(used, cut_masks(masks[used], places[used]), strict=True))
    corners, shares = places.cpu().numpy(), weights.cpu().numpy()
    found = np.zeros((len(weights), *size), np.bool_)
    for row, own in enumerate(voting):
        x, y, mask = counted(corners[own], [pasted[int(each)] for each in own], shares[row, own])
        found[row, y : y + mask.shape[0], x : x + mask.shape[1]] = mask
    return torch.from_numpy(found)


def cut_masks(masks: Tensor, places: Tensor) -> list[NDArray[np.bool_]]:
    """Return masks (R, m, m) resized to the pixels of their places (R, 4) and cut, bool (h, w) each."""
    found = []
    for mask, (x1, y1, x2, y2) in zip(masks.float(), places.tolist(), strict=True):
        soft = F.interpolate(mask[None, None], size=(y2 - y1, x2 - x1), mode="bilinear", align_corners=False)
        found.append((soft[0, 0] >= CUT).cpu().numpy())
    return found


def counted(
    places: NDArray[np.int64], masks: Sequence[NDArray[np.bool_]], weights: NDArray[np.floating]
) -> tuple[int, int, NDArray[np.bool_]]:
    """Count the votes of some regions for one mask.

    Args:
        places: int64 (V, 4), the pixels of each region, the last not included.
        masks: of each region, bool (h, w).
        weights: (V,).

    Returns:
        The mask, bool, and where its upper left pixel lies, (x, y).
    """
    x, y = (int(edge) for edge in places[:, :2].min(axis=0))
    right, bottom = (int(edge) for edge in places[:, 2:].max(axis=0))
    votes = np.zeros((bottom - y, right - x), np.float32)
    for (x1, y1, x2, y2), mask, weight in zip(places, masks, weights, strict=True):
        votes[y1 - y : y2 - y, x1 - x : x2 - x] += np.float32(weight) * mask
    return x, y, votes >= np.float32(CUT)


def vote_by_matrices(masks: Tensor, places: Tensor, weights: Tensor, size: tuple[int, int]) -> Tensor:
    """Vote without a look at the boxes: every mask is pasted into the whole frame by two products of matrices.

    Arguments as of `voted_masks`, but for places: int64 (R, 4), the pixels of each region.
    """
    height, width = size
    votes = weights.new_zeros((len(weights), height * width))
    for mask, place, own in zip(
        *(torch.split(part, _AT_ONCE) for part in (masks, places, weights.T)), strict=True
    ):
        rows = line_weights(place[:, 1], place[:, 3] - 1, mask.shape[-1], height)
        columns = line_weights(place[:, 0], place[:, 2] - 1, mask.shape[-1], width)
        pasted = (rows @ mask.float() @ columns.transpose(1, 2)) >= CUT
        votes += own.T @ pasted.flatten(1).to(votes.dtype)
    return (votes >= CUT).view(-1, height, width)
