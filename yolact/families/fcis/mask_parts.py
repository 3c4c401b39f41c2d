"""What a mask of FCIS is assembled from, and the assembly again, for whoever mixes the parts of two frames."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from yolact_temporal.data.crops import MaskCrop
from yolact_temporal.data.mask_parts import MaskParts, Origins, PartMap, Voters
from yolact_temporal.yolact.families.fcis.config import GROUPS, STRIDE
from yolact_temporal.yolact.families.fcis.pooling import PositionMaps
from yolact_temporal.yolact.families.fcis.regions import Regions, in_frame, masks_again
from yolact_temporal.yolact.families.fcis.voting import Kept, counted, cut_masks, pixel_places
from yolact_temporal.yolact.families.mask_rcnn.mask_parts import anchors_of
from yolact_temporal.yolact.families.mask_rcnn.network import Proposals, Size


def vote_parts(
    network: Any,
    maps: Tensor,
    proposals: Proposals,
    index: int,
    regions: Regions,
    kept: Kept,
    seen: Size,
    size: Size,
) -> MaskParts:
    """Return what the masks of one image's kept regions are assembled from, on the host.

    Args:
        network: as it ran.
        maps: (K * 49, h, w), score maps and box maps of the image.
        proposals: of the batch.
        index: the image's place in the batch.
        regions: of the image.
        kept: of the regions.
        seen: the image's (height, width) in the input.
        size: the frame's (height, width).
    """
    ratio = (size[1] / seen[1], size[0] / seen[0])
    scores = maps[: network.config.maps * GROUPS**2].permute(1, 2, 0).contiguous().cpu().numpy()
    cell = (STRIDE * ratio[0], STRIDE * ratio[1])
    # In double precision, so that regions are the same when the boxes are those of the input again.
    boxes = in_frame(regions.boxes.cpu().double(), seen, size).numpy()
    classes, weights = regions.classes.cpu().numpy(), kept.weights.cpu().numpy()
    own = kept.regions.cpu().numpy()
    voting = [np.flatnonzero(row) for row in weights]
    voters = tuple(Voters(boxes[at], row[at], classes[at]) for at, row in zip(voting, weights, strict=True))
    return MaskParts(
        size,
        "score_maps",
        (PartMap(scores, cell),),
        boxes[own],
        voters=voters,
        origins=_origins(network, proposals, index, kept, seen, cell),
    )


def _origins(
    network: Any, proposals: Proposals, index: int, kept: Kept, seen: Size, cell: tuple[float, float]
) -> Origins:
    """Return the anchors of the proposals that the kept regions are, or were refined from."""
    own = kept.regions % max(len(proposals.boxes[index]), 1)
    won = anchors_of(network, proposals, index, own, seen)
    shapes = network.rpn.anchor_generator.num_anchors_per_location()[0]
    corners = proposals.anchors[index][won].cpu().numpy()
    anchors = won.cpu().numpy()
    centers = (corners[:, :2] + corners[:, 2:]) / 2 * np.array(cell, np.float32) / STRIDE
    kinds = np.stack((np.zeros_like(anchors), anchors % shapes), axis=1)
    return Origins(kinds, centers.astype(np.float32), np.tile(np.array(cell, np.float32), (len(anchors), 1)))


def assembled_votes(parts: MaskParts, device: torch.device) -> list[MaskCrop]:
    """Pool the score maps at every voter's box, paste and vote, as the network does.

    Args:
        parts: as `vote_parts` gives them, or mixed. Regions that vote more than once are pooled once.
        device: where they are pooled.
    """
    assert parts.voters is not None, "FCIS's masks are voted on"
    if not len(parts):
        return []
    each, ratio = parts.maps[0], [cell / STRIDE for cell in parts.maps[0].cell_px]
    maps = PositionMaps(torch.from_numpy(each.values).permute(2, 0, 1)[None].to(device))
    ballots = np.concatenate([np.column_stack((own.boxes, own.class_ids)) for own in parts.voters])
    regions, at = np.unique(ballots, axis=0, return_inverse=True)
    boxes = torch.from_numpy(regions[:, :4] / [*ratio, *ratio]).float().to(device)
    classes = torch.from_numpy(regions[:, 4].astype(np.int64)).to(device)
    masks = masks_again(maps, boxes, classes).cpu()
    places = pixel_places(torch.from_numpy(regions[:, :4]), parts.size)
    pasted, corners = cut_masks(masks, places), places.numpy()
    ends = np.cumsum([len(own.weights) for own in parts.voters])
    found = []
    for voters, row in zip(parts.voters, np.split(at.reshape(-1), ends[:-1]), strict=True):
        x, y, mask = counted(corners[row], [pasted[index] for index in row], voters.weights)
        found.append(MaskCrop.from_bitmap(mask, parts.size, x, y))
    return found
