"""What a mask of Mask R-CNN is assembled from, and the assembly again, for whoever mixes the parts of two frames."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.ops import clip_boxes_to_image

from yolact_temporal.data.crops import MaskCrop
from yolact_temporal.data.mask_parts import MaskParts, Origins, PartMap
from yolact_temporal.data.soft_masks import Edges, SoftMask, quantized
from yolact_temporal.yolact.families.mask_rcnn.network import Proposals, Size, of_class, region_masks
from yolact_temporal.yolact.families.mask_rcnn.paste import padded_masks


class RegionInputs(NamedTuple):
    """What the masks of a batch were made from.

    Attributes:
        features: the pyramid, (B, c, h, w) a level.
        proposals: of the region proposal network.
        regression: (R, 4 * (C + 1)), of all proposals, one image after the other.
        input_size: (height, width) of the batch, padding included.
    """

    features: OrderedDict[str, Tensor]
    proposals: Proposals
    regression: Tensor
    input_size: Size


def region_parts(
    network: Any, inputs: RegionInputs, index: int, boxes: Tensor, labels: Tensor, seen: Size, size: Size
) -> MaskParts:
    """Return what the masks of one image's detections are assembled from, on the host.

    Args:
        network: as it ran.
        inputs: what it made the masks from.
        index: the image's place in the batch.
        boxes: float (N, 4), xyxy in pixels of the input.
        labels: int64 (N,), 1-based.
        seen: the image's (height, width) in the input.
        size: the frame's (height, width).
    """
    ratio = _ratio(seen, size)
    maps = []
    for name in network.roi_heads.mask_roi_pool.featmap_names:
        level = inputs.features[name][index]
        values = level.permute(1, 2, 0).contiguous().cpu().numpy()
        maps.append(PartMap(values, _cell(level, inputs.input_size, ratio)))
    # In double precision, so that regions are the same when the boxes are those of the input again.
    frame_boxes = boxes.double().cpu().numpy() * [*ratio, *ratio]
    return MaskParts(
        size,
        "features",
        tuple(maps),
        frame_boxes,
        pasted=frame_boxes,
        class_ids=labels.cpu().numpy() - 1,
        origins=_origins(network, inputs, index, boxes, labels, seen, ratio),
    )


def _ratio(seen: Size, size: Size) -> tuple[float, float]:
    """Return pixels of the frame a pixel of the input, (x, y)."""
    return size[1] / seen[1], size[0] / seen[0]


def _cell(level: Tensor, input_size: Size, ratio: tuple[float, float]) -> tuple[float, float]:
    """Return width and height of a level's cells in pixels of the frame."""
    return input_size[1] / level.shape[-1] * ratio[0], input_size[0] / level.shape[-2] * ratio[1]


def _origins(
    network: Any,
    inputs: RegionInputs,
    index: int,
    boxes: Tensor,
    labels: Tensor,
    seen: Size,
    ratio: tuple[float, float],
) -> Origins:
    """Return the anchors of the proposals that the detections were regressed from."""
    chosen = _proposals_of(network, inputs, index, boxes, labels, seen)
    won = anchors_of(network, inputs.proposals, index, chosen, seen)
    shapes = network.rpn.anchor_generator.num_anchors_per_location()
    levels = list(inputs.features.values())
    counts = [level.shape[-2] * level.shape[-1] * count for level, count in zip(levels, shapes, strict=True)]
    ends = np.cumsum(counts)
    anchors = won.cpu().numpy()
    level = np.searchsorted(ends, anchors, side="right")
    within = anchors - (ends - counts)[level]
    cells = np.array([_cell(each, inputs.input_size, ratio) for each in levels], np.float32)
    corners = inputs.proposals.anchors[index][won].cpu().numpy()
    centers = (corners[:, :2] + corners[:, 2:]) / 2 * np.array(ratio, np.float32)
    return Origins(
        np.stack((level, within % np.array(shapes)[level]), axis=1).astype(np.int64),
        centers.astype(np.float32),
        cells[level],
        _pooled_levels(network.roi_heads.mask_roi_pool, boxes).cpu().numpy(),
    )


def _pooled_levels(pool: Any, boxes: Tensor) -> Tensor:
    """Return the index of the level that each box is pooled from, int64 (N,)."""
    if not len(boxes):  # nothing was pooled, and torchvision's pooling knows no levels before it is
        return torch.zeros(0, dtype=torch.int64)
    own = getattr(pool, "levels_of", None)
    levels: Tensor = pool.map_levels([boxes]) if own is None else own(boxes)
    return levels


def _proposals_of(
    network: Any, inputs: RegionInputs, index: int, boxes: Tensor, labels: Tensor, seen: Size
) -> Tensor:
    """Return the index of the proposal that each detection was regressed from, int64 (N,).

    torchvision's suppression does not say; the box that a proposal leads to does.
    """
    counts = [len(each) for each in inputs.proposals.boxes]
    own = torch.split(inputs.regression, counts)[index]
    decoded = network.roi_heads.box_coder.decode(own, [inputs.proposals.boxes[index]])
    decoded = clip_boxes_to_image(decoded, seen)
    return _nearest([decoded[:, int(label)] for label in labels], boxes)


def anchors_of(network: Any, said: Proposals, index: int, chosen: Tensor, seen: Size) -> Tensor:
    """Return the index of the anchor that each of some proposals was regressed from, int64 (N,).

    Args:
        network: whose proposal network it was.
        said: what that said of the batch.
        index: the image's place in the batch.
        chosen: int64 (N,), the indices of the proposals.
        seen: the image's (height, width) in the input.
    """
    deltas = said.regression.view(len(said.anchors), -1, 4)[index]
    decoded = network.rpn.box_coder.decode(deltas, [said.anchors[index]]).view(-1, 4)
    decoded = clip_boxes_to_image(decoded, seen)
    boxes = said.boxes[index][chosen]
    return _nearest([decoded] * len(boxes), boxes)


def _nearest(candidates: list[Tensor], boxes: Tensor) -> Tensor:
    """Return the index of the candidate that equals each box, or comes nearest where rounding differs."""
    found = [(own - box).abs().amax(dim=1).argmin() for own, box in zip(candidates, boxes, strict=True)]
    return torch.stack(found) if found else torch.zeros(0, dtype=torch.int64, device=boxes.device)


def assembled_regions(network: Any, parts: MaskParts) -> list[MaskCrop]:
    """Pool, run the mask head and paste, as the network does.

    Args:
        network: as it ran.
        parts: as `region_parts` gives them, or mixed. Regions that are named more than once are computed once.
    """
    padded, places = _padded_regions(network, parts)
    return [_pasted(mask, place, parts.size) for mask, place in zip(padded, places.tolist(), strict=True)]


def soft_regions(network: Any, parts: MaskParts) -> list[SoftMask]:
    """Pool and run the mask head, as the network does; arguments as of `assembled_regions`."""
    padded, places = _padded_regions(network, parts)
    return [
        SoftMask(quantized(mask.numpy()), _stretched(place), parts.size)
        for mask, place in zip(padded, places.tolist(), strict=True)
    ]


def _stretched(place: list[int]) -> Edges:
    """Return the rectangle of pixels, both ends included, as edges; at least one pixel wide, as it is pasted."""
    x1, y1, x2, y2 = place
    return float(x1), float(y1), float(max(x2, x1) + 1), float(max(y2, y1) + 1)


def _padded_regions(network: Any, parts: MaskParts) -> tuple[Tensor, Tensor]:
    """Return the masks of parts with a cell of nothing around, and the pixels that they are stretched over."""
    assert parts.class_ids is not None, "Mask R-CNN's masks are one a class"
    assert parts.pasted is not None, "Mask R-CNN's masks are pasted into a box"
    if not len(parts):
        return torch.zeros(0, 1, 1), torch.zeros(0, 4, dtype=torch.int64)
    pool = network.roi_heads.mask_roi_pool
    device = next(network.parameters()).device
    features = OrderedDict(
        (name, torch.from_numpy(each.values).permute(2, 0, 1)[None].to(device))
        for name, each in zip(pool.featmap_names, parts.maps, strict=True)
    )
    stride = getattr(pool, "strides", None) or [1 / pool.scales[0]]
    ratio = tuple(cell / stride[0] for cell in parts.maps[0].cell_px)
    regions, own = np.unique(parts.boxes / [*ratio, *ratio], axis=0, return_inverse=True)
    seen = (round(parts.size[0] / ratio[1]), round(parts.size[1] / ratio[0]))
    masks = region_masks(network, features, [torch.from_numpy(regions).float().to(device)], [seen])
    labels = torch.from_numpy(np.asarray(parts.class_ids) + 1).to(device)
    logits = masks.logits[torch.from_numpy(own.reshape(-1)).to(device)]
    probabilities = of_class(logits, labels).sigmoid().cpu()
    return padded_masks(probabilities.float(), torch.from_numpy(parts.pasted).float())


def _pasted(mask: Tensor, place: list[int], size: Size) -> MaskCrop:
    """Resize one mask to its place, a box of whole pixels, both ends included, and threshold it in the frame."""
    x1, y1, x2, y2 = place
    shape = (max(y2 - y1 + 1, 1), max(x2 - x1 + 1, 1))
    soft = F.interpolate(mask[None, None], size=shape, mode="bilinear", align_corners=False)[0, 0]
    top, left = max(y1, 0), max(x1, 0)
    bottom, right = min(y2 + 1, size[0]), min(x2 + 1, size[1])
    if bottom <= top or right <= left:
        return MaskCrop.from_bitmap(np.zeros((0, 0), np.uint8), size)
    inside = soft[top - y1 : bottom - y1, left - x1 : right - x1] > 0.5
    return MaskCrop.from_bitmap(inside.numpy(), size, left, top)
